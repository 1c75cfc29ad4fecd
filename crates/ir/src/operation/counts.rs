//! How often each kind of instruction ran, and which constants products read.
use crate::array::Shared;

/// What a contraction is, after axes of length 1 are gone and others merged; batches come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing is summed or nothing comes out: zeros.
    Zero,
    /// Σ a_k b_k.
    Dot,
    /// Rows of a matrix, each dotted with the same vector.
    MatVec,
    /// Rows of a matrix, each times a number, added up.
    VecMat,
    /// a_i b_j, and products element by element: nothing is summed.
    Outer,
    /// Matrix by matrix.
    Gemm,
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Class::Zero => "zero",
            Class::Dot => "dot",
            Class::MatVec => "matvec",
            Class::VecMat => "vecmat",
            Class::Outer => "outer",
            Class::Gemm => "gemm",
        })
    }
}

/// Executions since the executor was made, or since it was told to count anew.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counts {
    /// Fused groups.
    pub groups: u64,
    /// Passes: readings of a matrix that several products share. Their groups and products are counted with the others.
    pub passes: u64,
    /// Folds by themselves.
    pub folds: u64,
    /// Copies and placements.
    pub copies: u64,
    /// Dense kernels.
    pub kernels: u64,
    /// External code.
    pub externals: u64,
    /// Steps of loops.
    pub steps: u64,
    /// Steps of loops made again, because states were not stored.
    pub again: u64,
    /// Products, one entry for each place in the program that ran.
    pub products: Vec<Products>,
}

/// Products at one place of a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Products {
    /// What kind.
    pub class: Class,
    /// Addresses of the operands that are constant arrays, as [`Shared`] holds them.
    pub constants: [Option<usize>; 2],
    /// Multiplications of one.
    pub work: usize,
    /// How often.
    pub times: u64,
}

impl Counts {
    /// How often products of this class read a constant array, or any if `None`.
    #[must_use]
    pub fn products(&self, class: Class, constant: Option<&Shared>) -> u64 {
        let address = constant.map(|c| crate::each_kind!(Shared, c, a => a.as_ptr() as usize));
        let reads = |p: &&Products| p.class == class && (address.is_none() || p.constants.contains(&address));
        self.products.iter().filter(reads).map(|p| p.times).sum()
    }
    /// How often products of any class ran.
    #[must_use]
    pub fn all_products(&self) -> u64 {
        self.products.iter().map(|p| p.times).sum()
    }
    /// How often products of each class ran, for those that did.
    #[must_use]
    pub fn by_class(&self) -> Vec<(Class, u64)> {
        let all = [Class::Dot, Class::MatVec, Class::VecMat, Class::Outer, Class::Gemm];
        all.into_iter().map(|class| (class, self.products(class, None))).filter(|(_, times)| *times > 0).collect()
    }
    /// Adds other counts.
    pub fn add(&mut self, other: &Counts) {
        self.groups += other.groups;
        self.passes += other.passes;
        self.folds += other.folds;
        self.copies += other.copies;
        self.kernels += other.kernels;
        self.externals += other.externals;
        self.steps += other.steps;
        self.again += other.again;
        self.products.extend(other.products.iter().cloned());
    }
}
