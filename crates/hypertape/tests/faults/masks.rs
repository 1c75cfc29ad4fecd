//! A mask selects: it never multiplies, so that nothing becomes 0·∞.
