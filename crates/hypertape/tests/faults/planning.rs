//! A planning pass never changes a value.
