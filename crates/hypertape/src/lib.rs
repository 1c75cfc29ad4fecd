//! Differentiate through solvers: unrolled or implicit, exact, fast and clear about memory.
