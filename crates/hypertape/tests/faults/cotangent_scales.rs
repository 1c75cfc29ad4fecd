//! Linear solvers do not depend on the scale of the right-hand side.
