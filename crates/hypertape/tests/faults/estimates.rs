//! An estimate does not depend on powers of the scale.
