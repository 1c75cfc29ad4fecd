//! At a fold of the solution the derivative is an error, with the conditioning.
