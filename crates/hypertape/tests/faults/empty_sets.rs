//! An empty set is refused, and a tiny one is not taken for empty.
