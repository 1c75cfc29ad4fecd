//! `check_gradient` allows for the accuracy of the inner solution.
