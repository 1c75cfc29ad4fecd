//! The table: every problem by every solver, and every linear solver by every kind of system. It follows from what a problem is and what a solver asks of
//! one; only exceptions are written down, each with its reason.

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
    /// Whether the derivative of the last k steps is k terms of the series. Momentum makes them depend on the steps before.
    pub(crate) fn last_steps_are_terms(self) -> bool {
        self != Solver::Fista
    }
}

/// How the linear systems of the implicit function theorem are solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adjoint {
    Cg,
    Minres,
    Gmres,
    Bicgstab,
    NormalCg,
    Lsmr,
    Lu,
    Qr,
    Svd,
    Cholesky,
    Ldlt,
    Auto,
    /// So many terms.
    Neumann(usize),
    OneStep,
    Anderson,
    Broyden,
}

impl Adjoint {
    /// All of them; the series with so many terms.
    pub(crate) fn all(terms: usize) -> Vec<Adjoint> {
        use Adjoint::*;
        let known = [Cg, Minres, Gmres, Bicgstab, NormalCg, Lsmr, Lu, Qr, Svd, Cholesky, Ldlt, Auto];
        known.into_iter().chain([Neumann(terms), OneStep, Anderson, Broyden]).collect()
    }
}

/// What F_z is at the solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Symmetric positive definite.
    Definite,
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
    //                            Definite Indefinite                     General
    const TABLE: [(Adjoint, [Verdict; 3]); 12] = [
        (Adjoint::Cg, [Exact, Refuses("not positive definite"), Refuses("not symmetric")]),
        (Adjoint::Minres, [Exact, Exact, Refuses("not symmetric")]),
        (Adjoint::Gmres, [Exact, Exact, Exact]),
        (Adjoint::Bicgstab, [Exact, Exact, Exact]),
        (Adjoint::NormalCg, [Exact, Exact, Exact]),
        (Adjoint::Lsmr, [Exact, Exact, Exact]),
        (Adjoint::Lu, [Exact, Exact, Exact]),
        (Adjoint::Qr, [Exact, Exact, Exact]),
        (Adjoint::Svd, [Exact, Exact, Exact]),
        (Adjoint::Cholesky, [Exact, Refuses("not positive definite"), Refuses("not symmetric")]),
        (Adjoint::Ldlt, [Exact, Exact, Refuses("not symmetric")]),
        (Adjoint::Auto, [Exact, Exact, Exact]),
    ];
    TABLE.iter().find(|row| row.0 == adjoint).map(|row| row.1[system as usize])
}

/// The verdict of the Neumann series (with enough terms), of its first term, and of methods that accelerate it: these need no contraction.
pub(crate) fn series(adjoint: Adjoint, step: Step) -> Option<Verdict> {
    use Verdict::{Approximates, Exact, Refuses};
    match adjoint {
        //                             Unknown                  Contracts     Vanishes Expands
        Adjoint::Neumann(_) => Some([Refuses("needs a step"), Exact, Exact, Refuses("diverges")][step as usize]),
        Adjoint::OneStep => Some([Refuses("needs a step"), Approximates, Exact, Approximates][step as usize]),
        Adjoint::Anderson | Adjoint::Broyden => Some([Refuses("needs a step"), Exact, Exact, Exact][step as usize]),
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

const NEWTONS: &str = "its map is a step of Newton's method, whose slope vanishes at the root";
const LAGRANGIAN: &str = "its own equation is that of the Lagrangian, whose stationary point is a saddle";
const FEW: &str = "real data allow few steps, so the numbers are those of the steps that it makes";

/// What is known of a problem.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// The solution, and its derivatives.
    Solution {
        /// What a step along the gradient of the objective does at the solution; or why that has no step which leads there.
        gradient: Result<Step, &'static str>,
        /// F_z of z − prox(z − t∇f(z)), and what its step does.
        proximal: (System, Step),
    },
    /// The iterates of plain gradient steps.
    Iterates,
    /// The iterates of one solver, and why no other one is tried.
    IteratesOf(Solver, &'static str),
}

const DEFINITE: System = System::Definite;

/// A smooth problem, whose gradient steps contract.
const fn smooth(step: Step) -> Known {
    Known::Solution { gradient: Ok(step), proximal: (DEFINITE, step) }
}
/// A problem whose proximal steps lead to the solution, and gradient steps do not.
const fn proximal(reason: &'static str, system: System, step: Step) -> Known {
    Known::Solution { gradient: Err(reason), proximal: (system, step) }
}

/// Every problem.
pub(crate) const PROBLEMS: [(&str, Known); 19] = [
    ("ridge", smooth(Step::Contracts)),
    ("heron", smooth(Step::Vanishes)),
    ("cube_root", smooth(Step::Contracts)),
    ("linear_root", smooth(Step::Contracts)),
    ("contraction", smooth(Step::Contracts)),
    ("contraction_terms", Known::Iterates),
    ("quadratic_iterate", Known::Iterates),
    ("soft_threshold", proximal(KINK, DEFINITE, Step::Vanishes)),
    ("group_threshold", Known::Solution { gradient: Ok(Step::Contracts), proximal: (DEFINITE, Step::Vanishes) }),
    ("lasso_full_support", smooth(Step::Contracts)),
    ("lasso_one_feature", proximal(KINK, System::General, Step::Contracts)),
    ("simplex_projection", proximal(BOUNDED, DEFINITE, Step::Vanishes)),
    ("quadratic_program", proximal(SADDLE, System::General, Step::Contracts)),
    ("box_argmin", proximal(BOUNDED, DEFINITE, Step::Contracts)),
    ("neumann_truncation", Known::Iterates),
    ("min_min", smooth(Step::Contracts)),
    ("min_min_slopes", Known::Iterates),
    ("denoising", Known::IteratesOf(Solver::CondatVu, DUAL)),
    ("digits", smooth(Step::Contracts)),
];

/// Where a cell is another one than follows, and why.
const EXCEPTIONS: [(&str, Solver, Cell, &str); 13] = {
    use Solver::{Backtracking, CondatVu, Fista, FixedPoint, GradientDescent, Ista, OwnArgmin, OwnFixedPoint, OwnRoot, Sgd};
    let newtons = Cell::Runs(DEFINITE, Step::Vanishes);
    [
        ("cube_root", FixedPoint, newtons, NEWTONS),
        ("cube_root", OwnFixedPoint, newtons, NEWTONS),
        ("quadratic_program", FixedPoint, Cell::Not(SADDLE), LAGRANGIAN),
        ("quadratic_program", OwnRoot, Cell::Runs(System::Indefinite, Step::Unknown), LAGRANGIAN),
        ("quadratic_program", OwnFixedPoint, Cell::Runs(System::Indefinite, Step::Expands), LAGRANGIAN),
        ("quadratic_program", OwnArgmin, Cell::Runs(System::Indefinite, Step::Unknown), LAGRANGIAN),
        ("digits", GradientDescent, Cell::Iterates, FEW),
        ("digits", Backtracking, Cell::Iterates, FEW),
        ("digits", Sgd, Cell::Iterates, FEW),
        ("digits", Ista, Cell::Iterates, FEW),
        ("digits", FixedPoint, Cell::Iterates, FEW),
        ("digits", Fista, Cell::Not(SLOW), SLOW),
        ("digits", CondatVu, Cell::Not(SLOW), SLOW),
    ]
};

/// The cell that follows from the problem and from what the solver asks of one.
fn derived(known: Known, solver: Solver) -> Cell {
    use Solver::*;
    match known {
        Known::IteratesOf(one, reason) => {
            if solver == one {
                Cell::Iterates
            } else {
                Cell::Not(reason)
            }
        }
        Known::Iterates => match solver {
            GradientDescent | Backtracking | Sgd | Ista | FixedPoint => Cell::Iterates,
            OwnRoot | OwnFixedPoint | OwnArgmin => Cell::Not(NO_STEPS),
            _ => Cell::Not(OTHER),
        },
        Known::Solution { gradient, proximal: (system, step) } => match (solver, gradient) {
            // They ask for a gradient. Plain steps are a map of the point; the others hand on no step.
            (GradientDescent, Ok(step)) => Cell::Runs(DEFINITE, step),
            (Backtracking | Sgd | Adam | Lbfgs | NewtonCg | OwnArgmin, Ok(_)) => Cell::Runs(DEFINITE, Step::Unknown),
            (GradientDescent | Backtracking | Sgd | Adam | Lbfgs | NewtonCg | OwnArgmin, Err(reason)) => Cell::Not(reason),
            // A gradient and a proximal operator.
            (Ista | Fista, _) => Cell::Runs(system, step),
            // A primal and a dual variable side by side: never symmetric.
            (CondatVu, _) => Cell::Runs(System::General, Step::Contracts),
            // The map itself: its equation is z − T(z).
            (FixedPoint | OwnFixedPoint, _) => Cell::Runs(system, step),
            (OwnRoot, _) => Cell::Runs(system, Step::Unknown),
        },
    }
}

/// The cell of a problem and a solver.
pub(crate) fn cell(problem: &str, solver: Solver) -> Cell {
    let known = PROBLEMS.iter().find(|row| row.0 == problem).unwrap_or_else(|| panic!("nothing is known of {problem}")).1;
    let exception = EXCEPTIONS.iter().find(|e| e.0 == problem && e.1 == solver);
    exception.map_or_else(|| derived(known, solver), |e| e.2)
}

/// The other half of being total: the tables of linear solvers, and reasons that are sentences.
pub(crate) fn every_linear_solver_has_a_verdict_and_every_exclusion_a_reason() {
    let systems = [System::Definite, System::Indefinite, System::General];
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
    for (problem, known) in PROBLEMS {
        reasons.extend(Solver::ALL.iter().filter_map(|solver| match cell(problem, *solver) {
            Cell::Not(reason) => Some(reason),
            Cell::Runs(..) | Cell::Iterates => None,
        }));
        for (_, solver, cell, reason) in EXCEPTIONS.iter().filter(|e| e.0 == problem) {
            assert_ne!(derived(known, *solver), *cell, "{problem} by {solver:?} is no exception");
            reasons.push(reason);
        }
    }
    reasons.extend(Solver::ALL.iter().filter_map(|solver| match unrolling(*solver) {
        Unrolling::OfItsSteps(reason) => Some(reason),
        Unrolling::Converges | Unrolling::Never => None,
    }));
    for reason in reasons {
        assert!(reason.split_whitespace().count() > 5, "a reason is a sentence: {reason}");
    }
}
