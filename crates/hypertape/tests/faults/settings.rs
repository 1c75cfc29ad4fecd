//! Settings that are wrong only when they run are named errors with their value.
