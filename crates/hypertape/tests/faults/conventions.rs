//! A convention at a point is not taken for a derivative when it is differentiated further.
