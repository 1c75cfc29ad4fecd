//! Second derivatives of an unrolled quasi-Newton method.
