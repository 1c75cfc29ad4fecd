//! Sparse LU factorisation.
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::sparse::{self, Columns, Places, places_setting};
use crate::stop::{Goal, Stop};
use crate::system::System;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::sparse::linalg::LuError;
use faer::sparse::linalg::lu::{LuRef, LuSymbolicParams, NumericLu, SymbolicLu, factorize_symbolic_lu};
use faer::{Conj, MatMut, Par, Spec};
use hypertape_autodiff::outcome::{Failed, Need, Reached};
use std::sync::Arc;

/// Sparse LU with partial pivoting and columns ordered for little fill (COLAMD: Davis, Gilbert, Larimore and Ng 2004), of any regular sparse matrix: of an operator that has
/// its sparse matrix, or whose entries' places are given with [`places`](SparseLu::places). The factors serve both sides.
///
/// The order is found once for the same places. How many bytes the factors take depends on the pivots, and is known when they are made. Where places are given,
/// [`state_bytes`](LinearSolver::state_bytes) counts a bound: the entries of both factors are at the most those of R in A = Q R, whatever the pivots (George and Ng 1985), often far more than there are. What is
/// unknown is beside it: the zeros that blocks of columns keep, and the room that buffers have grown to. A bound above 10⁸ entries a factor is left out, and the factors are not counted then. To say so, it analyses the places at its first
/// call, and nothing does that again. Of an operator that has its sparse matrix, the factors are not in the bytes that are planned.
///
/// ```
/// use hypertape_autodiff::ops::sparse::Csr;
/// use hypertape_linear::{Prepare, SparseLu};
/// let a = Csr::new([2, 2], vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 1.0, 2.0, 3.0]).unwrap();
/// let x = SparseLu::default().prepare(a)?.solve(&[1.0, 2.0])?.x;
/// assert!((x[0] - 0.1).abs() < 1e-15 && (x[1] - 0.6).abs() < 1e-15);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SparseLu {
    places: Places<Analysis>,
}

places_setting!(SparseLu);

impl LinearSolver for SparseLu {
    fn name(&self) -> String {
        "sparse LU".into()
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn needs(&self) -> Vec<Need> {
        self.places.needs()
    }
    fn any_size(&self) -> bool {
        self.places.any_size()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        let factors = self.places.found(n, with_fill).map_or(0, |s| s.bytes());
        self.places.bytes(n) + factors
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Factors {
            places: self.places.clone(),
            columns: Columns::new(n),
            symbolic: None,
            numeric: NumericLu::new(),
            memory: MemBuffer::new(StackReq::EMPTY),
        })
    }
}

/// Entries beyond which the bound on a factor is left out: it says little, and takes long.
const MOST: usize = 100_000_000;

/// The order of the columns, and what is known of the fill.
struct Analysis {
    symbolic: SymbolicLu<usize>,
    /// The most entries of U, and of L, where that is asked for and no more than [`MOST`].
    fill: Option<usize>,
}

fn analyse(columns: &Columns) -> Result<Analysis, Failed> {
    let symbolic =
        factorize_symbolic_lu(columns.symbolic(), LuSymbolicParams::default()).map_err(|_| Failed::Memory { bytes: u64::MAX })?;
    Ok(Analysis { symbolic, fill: None })
}

fn with_fill(columns: &Columns) -> Result<Analysis, Failed> {
    let made = analyse(columns)?;
    Ok(Analysis { fill: columns.fill(made.symbolic.col_perm().arrays().0, MOST), ..made })
}

impl Analysis {
    /// What factorisation and solves work in.
    fn scratch(&self) -> StackReq {
        let s = &self.symbolic;
        s.factorize_numeric_lu_scratch::<f64>(Par::Seq, Spec::default())
            .or(s.solve_in_place_scratch::<f64>(1, Par::Seq))
            .or(s.solve_transpose_in_place_scratch::<f64>(1, Par::Seq))
    }
    /// Bytes at the most of the entries of both factors and their places, of the orders and of scratch.
    fn bytes(&self) -> u64 {
        let orders = 8 * 8 * self.symbolic.ncols();
        (32 * self.fill.unwrap_or(0) + orders + self.scratch().size_bytes()) as u64
    }
}

struct Factors {
    places: Places<Analysis>,
    columns: Columns,
    symbolic: Option<Arc<Analysis>>,
    numeric: NumericLu<usize, f64>,
    memory: MemBuffer,
}

impl std::fmt::Debug for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factors").field("n", &self.columns.n).finish_non_exhaustive()
    }
}

impl State for Factors {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        if self.columns.n == 0 {
            return Ok(());
        }
        let new = self.columns.read(a, &self.places)?;
        if new || self.symbolic.is_none() {
            self.symbolic = None;
            let made = self.places.of_columns(&self.columns, with_fill, analyse)?;
            self.memory = sparse::memory(made.scratch())?;
            self.symbolic = Some(made);
        }
        let Some(symbolic) = &self.symbolic else { return Err(Failed::NotPrepared) };
        let stack = MemStack::new(&mut self.memory);
        let made = symbolic.symbolic.factorize_numeric_lu(&mut self.numeric, self.columns.matrix(), Par::Seq, stack, Spec::default());
        made.map(|_| ()).map_err(|e| match e {
            LuError::SymbolicSingular { .. } => Failed::Singular { at: Reached::default(), flat: None },
            LuError::Generic(_) => Failed::Memory { bytes: u64::MAX },
        })
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Factors { columns, symbolic, numeric, memory, .. } = self;
        let Some(symbolic) = symbolic else { return Err(Failed::NotPrepared) };
        let factors = LuRef::new_unchecked(&symbolic.symbolic, numeric);
        let n = columns.n;
        columns.solve(a, b, x, goal, &mut |v, transposed| {
            let (v, stack) = (MatMut::from_column_major_slice_mut(v, n, 1), MemStack::new(memory));
            if transposed {
                factors.solve_transpose_in_place_with_conj(Conj::No, v, Par::Seq, stack);
            } else {
                factors.solve_in_place_with_conj(Conj::No, v, Par::Seq, stack);
            }
        })
    }
}
