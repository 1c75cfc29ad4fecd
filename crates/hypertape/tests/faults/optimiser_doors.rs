//! Optimisers that a user steps refuse what does not fit.
