//! The table: every problem by every solver, and every linear solver by every kind of system.

/// How a problem is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Solver {
    GradientDescent,
    Backtracking,
    Sgd,
    Adam,
    Ista,
    Fista,
    CondatVu,
    FixedPoint,
    Lbfgs,
    NewtonCg,
    OwnRoot,
    OwnFixedPoint,
    OwnArgmin,
}

impl Solver {
    pub(crate) const ALL: [Solver; 13] = [
        Solver::GradientDescent,
        Solver::Backtracking,
        Solver::Sgd,
        Solver::Adam,
        Solver::Ista,
        Solver::Fista,
        Solver::CondatVu,
        Solver::FixedPoint,
        Solver::Lbfgs,
        Solver::NewtonCg,
        Solver::OwnRoot,
        Solver::OwnFixedPoint,
        Solver::OwnArgmin,
    ];
}

/// How the linear systems of the implicit function theorem are solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adjoint {
    Cg,
    Gmres,
    Bicgstab,
    NormalCg,
    Lu,
    Cholesky,
    /// So many terms.
    Neumann(usize),
    OneStep,
}

impl Adjoint {
    /// All of them; the series with so many terms.
    pub(crate) fn all(terms: usize) -> [Adjoint; 8] {
        use Adjoint::{Bicgstab, Cg, Cholesky, Gmres, Lu, Neumann, NormalCg, OneStep};
        [Cg, Gmres, Bicgstab, NormalCg, Lu, Cholesky, Neumann(terms), OneStep]
    }
}

/// What F_z is at the solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Symmetric positive definite.
    Definite,
    /// Symmetric negative definite.
    Negative,
    /// Symmetric, with eigenvalues of both signs.
    Indefinite,
    /// Not symmetric.
    General,
}

/// What I − αF_z is, where the solver says which α makes it the Jacobian of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is no such α.
    Unknown,
    /// Its powers vanish.
    Contracts,
    /// It is 0.
    Vanishes,
    /// Its powers grow.
    Expands,
}

/// One problem by one solver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Every differentiation, as `linear` and `series` say for such a system and step.
    Runs(System, Step),
    /// The numbers are known of the solver's iterates, not of a solution.
    Iterates,
    /// Not at all, and why. The test of the cell tries it all the same: it must not reach the known numbers.
    Not(&'static str),
}

/// One linear solver on one kind of system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Exact up to its tolerance.
    Exact,
    /// Another number by design: it is the first term of a series.
    Approximates,
    /// An error that says these words.
    Refuses(&'static str),
}

/// The verdict of a linear solver that knows nothing of steps.
pub(crate) fn linear(adjoint: Adjoint, system: System) -> Option<Verdict> {
    use Verdict::{Exact, Refuses};
    //                                     Definite Negative                     Indefinite                    General
    const TABLE: [(Adjoint, [Verdict; 4]); 6] = [
        (Adjoint::Cg, [Exact, Exact, Refuses("not positive definite"), Refuses("not symmetric")]),
        (Adjoint::Gmres, [Exact, Exact, Exact, Exact]),
        (Adjoint::Bicgstab, [Exact, Exact, Exact, Exact]),
        (Adjoint::NormalCg, [Exact, Exact, Exact, Exact]),
        (Adjoint::Lu, [Exact, Exact, Exact, Exact]),
        (Adjoint::Cholesky, [Exact, Exact, Refuses("not positive definite"), Refuses("not symmetric")]),
    ];
    TABLE.iter().find(|row| row.0 == adjoint).map(|row| row.1[system as usize])
}

/// The verdict of the Neumann series (with enough terms) and of its first term.
pub(crate) fn series(adjoint: Adjoint, step: Step) -> Option<Verdict> {
    use Verdict::{Approximates, Exact, Refuses};
    match adjoint {
        //                             Unknown                  Contracts     Vanishes Expands
        Adjoint::Neumann(_) => Some([Refuses("needs a step"), Exact, Exact, Refuses("diverges")][step as usize]),
        Adjoint::OneStep => Some([Refuses("needs a step"), Approximates, Exact, Approximates][step as usize]),
        _ => None,
    }
}

/// What is known of the derivatives of so many steps of a solver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unrolling {
    /// They converge to those of the solution.
    Converges,
    /// They are those of the steps that were accepted, and need not converge to those of the solution; why.
    OfItsSteps(&'static str),
    /// There are no steps in the tape.
    Never,
}

/// What is known of the derivatives of so many steps of a solver.
pub(crate) fn unrolling(solver: Solver) -> Unrolling {
    match solver {
        Solver::NewtonCg => {
            Unrolling::OfItsSteps("its inner iteration stops early, and the derivative of that does not vanish with the gradient")
        }
        Solver::OwnRoot | Solver::OwnFixedPoint | Solver::OwnArgmin => Unrolling::Never,
        _ => Unrolling::Converges,
    }
}

const KINK: &str = "the objective has a kink at the solution, which its gradient does not see";
const BOUNDED: &str = "the constraint is no part of the smooth objective, whose minimum lies elsewhere";
const SADDLE: &str = "the solution is a saddle of the Lagrangian: steps along its gradient leave it";
const OTHER: &str = "the numbers are those of plain gradient steps, and this solver makes others";
const NO_STEPS: &str = "the numbers are those of steps through the tape, and a user's own code makes none there";
const DUAL: &str = "total variation is a norm of differences, which has a kink, and whose proximal operator is a problem of its own: it takes a primal-dual method";
const SLOW: &str = "it is not near the solution after 300 steps, and a test of real data cannot make many more";

const I: Cell = Cell::Iterates;
const K: Cell = Cell::Not(KINK);
const B: Cell = Cell::Not(BOUNDED);
const S: Cell = Cell::Not(SADDLE);
const O: Cell = Cell::Not(OTHER);
const N: Cell = Cell::Not(NO_STEPS);
const V: Cell = Cell::Not(DUAL);
const W: Cell = Cell::Not(SLOW);

// System: D definite, N negative, I indefinite, G general. Step: _ unknown, C contracts, V vanishes, X expands.
const D_: Cell = Cell::Runs(System::Definite, Step::Unknown);
const DC: Cell = Cell::Runs(System::Definite, Step::Contracts);
const DV: Cell = Cell::Runs(System::Definite, Step::Vanishes);
const NC: Cell = Cell::Runs(System::Negative, Step::Contracts);
const NV: Cell = Cell::Runs(System::Negative, Step::Vanishes);
const I_: Cell = Cell::Runs(System::Indefinite, Step::Unknown);
const IX: Cell = Cell::Runs(System::Indefinite, Step::Expands);
const G_: Cell = Cell::Runs(System::General, Step::Unknown);
const GC: Cell = Cell::Runs(System::General, Step::Contracts);

/// Every problem by every solver, in the order of `Solver::ALL`.
#[rustfmt::skip] // A table is read by columns.
pub(crate) const TABLE: [(&str, [Cell; 13]); 19] = [
    // GradientDescent, Backtracking, Sgd, Adam, Ista, Fista, CondatVu, FixedPoint, Lbfgs, NewtonCg, OwnRoot, OwnFixedPoint, OwnArgmin
    ("ridge",               [DC, D_, D_, D_, DC, DC, GC, NC, D_, D_, D_, NC, D_]),
    ("heron",               [DV, D_, D_, D_, DV, DV, GC, NV, D_, D_, D_, NV, D_]),
    ("cube_root",           [DC, D_, D_, D_, DC, DC, GC, NV, D_, D_, D_, NV, D_]),
    ("linear_root",         [DC, D_, D_, D_, DC, DC, GC, NC, D_, D_, D_, NC, D_]),
    ("contraction",         [DC, D_, D_, D_, DC, DC, GC, NC, D_, D_, D_, NC, D_]),
    ("contraction_terms",   [I,  I,  I, O,  I,  O,  O,  I,  O,  O,  N,  N,  N ]),
    ("quadratic_iterate",   [I,  I,  I, O,  I,  O,  O,  I,  O,  O,  N,  N,  N ]),
    ("soft_threshold",      [K,  K,  K, K,  DV, DV, GC, NV, K,  K,  D_, NV, K ]),
    ("group_threshold",     [DC, D_, D_, D_, DV, DV, GC, NV, D_, D_, D_, NV, D_]),
    ("lasso_full_support",  [DC, D_, D_, D_, DC, DC, GC, NC, D_, D_, D_, NC, D_]),
    ("lasso_one_feature",   [K,  K,  K, K,  GC, GC, GC, GC, K,  K,  G_, GC, K ]),
    ("simplex_projection",  [B,  B,  B, B,  DV, DV, GC, NV, B,  B,  D_, NV, B ]),
    ("quadratic_program",   [S,  S,  S, S,  GC, GC, GC, S,  S,  S,  I_, IX, I_]),
    ("box_argmin",          [B,  B,  B, B,  DC, DC, GC, NC, B,  B,  D_, NC, B ]),
    ("neumann_truncation",  [I,  I,  I, O,  I,  O,  O,  I,  O,  O,  N,  N,  N ]),
    ("min_min",             [DC, D_, D_, D_, DC, DC, GC, NC, D_, D_, D_, NC, D_]),
    ("min_min_slopes",      [I,  I,  I, O,  I,  O,  O,  I,  O,  O,  N,  N,  N ]),
    ("denoising",           [V,  V,  V, V,  V,  V,  I,  V,  V,  V,  V,  V,  V ]),
    ("digits",              [I,  I,  I, D_, I,  W,  W,  I,  D_, D_, D_, NC, D_]),
];

/// The cell of a problem and a solver.
pub(crate) fn cell(problem: &str, solver: Solver) -> Cell {
    let row = TABLE.iter().find(|row| row.0 == problem).unwrap_or_else(|| panic!("the table has no row for {problem}"));
    row.1[solver as usize]
}

/// The other half of being total: the tables of linear solvers, and reasons that are sentences.
pub(crate) fn every_linear_solver_has_a_verdict_and_every_exclusion_a_reason() {
    let systems = [System::Definite, System::Negative, System::Indefinite, System::General];
    let steps = [Step::Unknown, Step::Contracts, Step::Vanishes, Step::Expands];
    for adjoint in Adjoint::all(1) {
        for system in systems {
            for step in steps {
                let verdicts = [linear(adjoint, system), series(adjoint, step)];
                assert_eq!(verdicts.iter().flatten().count(), 1, "{adjoint:?} on {system:?}, {step:?}: one verdict");
            }
        }
    }
    let mut reasons: Vec<&str> = vec![];
    for (_, row) in TABLE {
        reasons.extend(row.iter().filter_map(|cell| match cell {
            Cell::Not(reason) => Some(*reason),
            Cell::Runs(..) | Cell::Iterates => None,
        }));
    }
    reasons.extend(Solver::ALL.iter().filter_map(|solver| match unrolling(*solver) {
        Unrolling::OfItsSteps(reason) => Some(reason),
        Unrolling::Converges | Unrolling::Never => None,
    }));
    for reason in reasons {
        assert!(reason.split_whitespace().count() > 5, "a reason is a sentence: {reason}");
    }
}
