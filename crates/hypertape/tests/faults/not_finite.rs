//! What is computed and not finite: one rule for outputs and derivatives.
