//! Solvers that run outside a recording and unroll inside it.
