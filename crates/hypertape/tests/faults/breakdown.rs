//! BiCGStab solves regular systems.
