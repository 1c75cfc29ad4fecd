//! Extreme counts and sizes neither panic nor run for ever.
