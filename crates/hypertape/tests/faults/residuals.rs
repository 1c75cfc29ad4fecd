//! Residuals neither vanish nor overflow by squaring.
