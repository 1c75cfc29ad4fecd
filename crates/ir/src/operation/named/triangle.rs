//! Which triangle of a matrix is read.

/// Which triangle of a matrix is read, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Triangle {
    /// The upper triangle rather than the lower.
    pub upper: bool,
    /// Its transpose stands in the equation.
    pub transpose: bool,
    /// The diagonal is 1, whatever is stored.
    pub unit: bool,
}

impl Triangle {
    /// The lower triangle with its diagonal.
    pub const LOWER: Triangle = Triangle { upper: false, transpose: false, unit: false };
    /// The upper triangle with its diagonal.
    pub const UPPER: Triangle = Triangle { upper: true, transpose: false, unit: false };
    /// The same triangle of the stored matrix, whose transpose stands in the equation.
    #[must_use]
    pub const fn transposed(self) -> Triangle {
        Triangle { transpose: !self.transpose, ..self }
    }
    /// The same triangle with 1 on the diagonal, whatever is stored.
    #[must_use]
    pub const fn unit_diagonal(self) -> Triangle {
        Triangle { unit: true, ..self }
    }
}
