//! Sizes that fit no memory are named errors.
