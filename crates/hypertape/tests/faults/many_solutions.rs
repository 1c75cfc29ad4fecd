//! A linear system with many solutions is an error, or gives the minimum norm where that was asked for.
