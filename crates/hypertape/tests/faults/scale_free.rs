//! A question without a scale is not asked absolutely.
