//! Doors do not drop what does not fit.
