//! Sparse LU factorisation.
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::sparse::{self, Columns, Places, places_setting};
use crate::stop::{Goal, Stop};
use crate::system::System;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::LuError;
use faer::sparse::linalg::lu::{LuRef, LuSymbolicParams, NumericLu, SymbolicLu, factorize_symbolic_lu};
use faer::{Conj, MatMut, Par, Spec};
use hypertape_autodiff::outcome::{Failed, Need, Reached};

/// Sparse LU with partial pivoting and columns ordered for little fill (COLAMD: Davis, Gilbert, Larimore and Ng 2004), of any regular sparse matrix: of an operator that has
/// its sparse matrix, or whose entries' places are given with [`places`](SparseLu::places). The factors serve both sides.
///
/// The order is found once for the same places. How many bytes the factors take is known when they are made, and is not in the bytes that are planned.
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
    places: Places,
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
    fn state_bytes(&self, n: usize) -> u64 {
        sparse::bytes(n)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Factors {
            places: self.places.clone(),
            columns: Columns::new(n),
            symbolic: None,
            numeric: NumericLu::new(),
            memory: MemBuffer::new(faer::dyn_stack::StackReq::EMPTY),
        })
    }
}

struct Factors {
    places: Places,
    columns: Columns,
    symbolic: Option<SymbolicLu<usize>>,
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
            let made = factorize_symbolic_lu(self.columns.symbolic(), LuSymbolicParams::default())
                .map_err(|_| Failed::Memory { bytes: u64::MAX })?;
            let scratch = made
                .factorize_numeric_lu_scratch::<f64>(Par::Seq, Spec::default())
                .or(made.solve_in_place_scratch::<f64>(1, Par::Seq))
                .or(made.solve_transpose_in_place_scratch::<f64>(1, Par::Seq));
            self.memory = sparse::memory(scratch)?;
            self.symbolic = Some(made);
        }
        let Some(symbolic) = &self.symbolic else { return Err(Failed::NotPrepared) };
        let stack = MemStack::new(&mut self.memory);
        let made = symbolic.factorize_numeric_lu(&mut self.numeric, self.columns.matrix(), Par::Seq, stack, Spec::default());
        made.map(|_| ()).map_err(|e| match e {
            LuError::SymbolicSingular { .. } => Failed::Singular { at: Reached::default() },
            LuError::Generic(_) => Failed::Memory { bytes: u64::MAX },
        })
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], _: &Goal) -> Result<Ended, Failed> {
        let Factors { columns, symbolic, numeric, memory, .. } = self;
        let Some(symbolic) = symbolic else { return Err(Failed::NotPrepared) };
        let factors = LuRef::new_unchecked(symbolic, numeric);
        let n = columns.n;
        columns.solve(a, b, x, &mut |v, transposed| {
            let (v, stack) = (MatMut::from_column_major_slice_mut(v, n, 1), MemStack::new(memory));
            if transposed {
                factors.solve_transpose_in_place_with_conj(Conj::No, v, Par::Seq, stack);
            } else {
                factors.solve_in_place_with_conj(Conj::No, v, Par::Seq, stack);
            }
        })
    }
}
