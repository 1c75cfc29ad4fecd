//! Reverse- and forward-mode differentiation of recorded array programs.
