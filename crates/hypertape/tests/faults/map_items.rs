//! An item of a `map` that is not finite is named.
