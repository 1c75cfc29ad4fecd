//! Sparse Cholesky factorisation.
use crate::cg::symmetric;
use crate::operator::{Operator, Side};
use crate::scratch::split;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::sparse::{self, Columns, Places, places_setting};
use crate::stop::{Goal, Stop};
use crate::system::System;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::cholesky::llt::factor::LltRegularization;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, LltRef, SymbolicCholesky, SymbolicCholeskyRaw, SymmetricOrdering, factorize_symbolic_cholesky,
};
use faer::{Conj, MatMut, Par, Spec};
use hypertape_autodiff::outcome::{Failed, Need};
use std::sync::Arc;

/// Sparse Cholesky with rows ordered for little fill (AMD: Amestoy, Davis and Duff 1996), of symmetric positive definite sparse matrices, and of negative definite ones: −A x = −b.
/// Of an operator that has its sparse matrix, or whose entries' places are given with [`places`](SparseCholesky::places).
///
/// The order is found once for the same places. Where they are given, so are the bytes of the factor, and [`state_bytes`](LinearSolver::state_bytes) counts places, values and the
/// factor; to say so, it analyses the places at its first call, and nothing does that again. Of an operator that has its sparse matrix, the factor is not in the
/// bytes that are planned.
///
/// ```
/// use hypertape_autodiff::ops::sparse::Csr;
/// use hypertape_linear::{Prepare, SparseCholesky};
/// let a = Csr::new([2, 2], vec![0, 2, 4], vec![0, 1, 0, 1], vec![2.0, 1.0, 1.0, 3.0]).unwrap();
/// let x = SparseCholesky::default().prepare(a)?.solve(&[3.0, 4.0])?.x;
/// assert!((x[0] - 1.0).abs() < 1e-15 && (x[1] - 1.0).abs() < 1e-15);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SparseCholesky {
    places: Places<SymbolicCholesky<usize>>,
}

places_setting!(SparseCholesky);

impl LinearSolver for SparseCholesky {
    fn name(&self) -> String {
        "sparse Cholesky".into()
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
        let vectors = 24 * n as u64;
        let factor = self.places.found(n, analyse).map_or(0, |s| bytes(&s) + 8 * s.len_val() as u64 + scratch(&s).size_bytes() as u64);
        self.places.bytes(n) + vectors + factor
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Factors {
            places: self.places.clone(),
            columns: Columns::new(n),
            symbolic: None,
            values: vec![],
            negative: false,
            scratch: vec![],
            memory: MemBuffer::new(StackReq::EMPTY),
        })
    }
}

/// The order of the rows, and where the factor has entries.
fn analyse(columns: &Columns) -> Result<SymbolicCholesky<usize>, Failed> {
    let (order, settings) = (SymmetricOrdering::Amd, CholeskySymbolicParams::default());
    factorize_symbolic_cholesky(columns.symbolic(), faer::Side::Lower, order, settings).map_err(|_| Failed::Memory { bytes: u64::MAX })
}

/// What factorisation and solve work in.
fn scratch(s: &SymbolicCholesky<usize>) -> StackReq {
    s.factorize_numeric_llt_scratch::<f64>(Par::Seq, Spec::default()).or(s.solve_in_place_scratch::<f64>(1, Par::Seq))
}

/// Bytes of the order and of the places of the factor.
fn bytes(s: &SymbolicCholesky<usize>) -> u64 {
    let n = s.nrows();
    let numbers = match s.raw() {
        SymbolicCholeskyRaw::Simplicial(s) => s.row_idx().len() + 2 * n,
        // The rows of supernodes, by column and by row, and a few numbers for each supernode.
        SymbolicCholeskyRaw::Supernodal(s) => 2 * s.row_idx().len() + 6 * s.n_supernodes(),
    };
    8 * (numbers + 2 * n) as u64
}

struct Factors {
    places: Places<SymbolicCholesky<usize>>,
    columns: Columns,
    symbolic: Option<Arc<SymbolicCholesky<usize>>>,
    /// Of the factor.
    values: Vec<f64>,
    negative: bool,
    scratch: Vec<f64>,
    memory: MemBuffer,
}

impl std::fmt::Debug for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factors").field("n", &self.columns.n).finish_non_exhaustive()
    }
}

impl State for Factors {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        let n = self.columns.n;
        if n == 0 {
            return Ok(());
        }
        if !a.known().symmetric {
            symmetric(&mut System::new(a, Side::Plain), split::<3>(&mut self.scratch, n))?;
        }
        let new = self.columns.read(a, &self.places)?;
        if new || self.symbolic.is_none() {
            self.symbolic = None;
            let made = self.places.of_columns(&self.columns, analyse, analyse)?;
            self.memory = sparse::memory(scratch(&made))?;
            self.values.clear();
            let more = made.len_val();
            self.values.try_reserve_exact(more).map_err(|_| Failed::Memory { bytes: (more as u64).saturating_mul(8) })?;
            self.values.resize(more, 0.0);
            self.symbolic = Some(made);
        }
        let first = self.columns.first_of_diagonal();
        self.negative = first < 0.0;
        if self.negative {
            self.columns.values.iter_mut().for_each(|v| *v = -*v);
        }
        let Some(symbolic) = &self.symbolic else { return Err(Failed::NotPrepared) };
        let stack = MemStack::new(&mut self.memory);
        let none = LltRegularization::default();
        let made = symbolic.factorize_numeric_llt(
            &mut self.values,
            self.columns.matrix(),
            faer::Side::Lower,
            none,
            Par::Seq,
            stack,
            Spec::default(),
        );
        made.map(|_| ()).map_err(|_| Failed::NotDefinite { curvature: None })
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Factors { columns, symbolic, values, negative, memory, .. } = self;
        let Some(symbolic) = symbolic else { return Err(Failed::NotPrepared) };
        let factor = LltRef::new(symbolic, values);
        let (n, negative) = (columns.n, *negative);
        let mut ended = columns.solve(a, b, x, goal, &mut |v, _| {
            factor.solve_in_place_with_conj(Conj::No, MatMut::from_column_major_slice_mut(v, n, 1), Par::Seq, MemStack::new(memory));
            if negative {
                v.iter_mut().for_each(|v| *v = -*v);
            }
        })?;
        if negative {
            ended.remark = Some("the operator is negative definite: −A x = −b was solved");
        }
        Ok(ended)
    }
}
