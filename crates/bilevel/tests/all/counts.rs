//! Counts against what runs: a problem whose own code counts.
use crate::aid::Quadratic;
use hypertape_autodiff::array::{AnyView, AnyViewMut, LeafType};
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::record::{DynVar, Var, constant};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{ErrorKind, Function, Primitive, Result, apply_primitive, apply_shared, shape};
use hypertape_bilevel::{
    Aid, Ask, Bilevel, Descent, Estimator, FiniteDifference, Folds, Game, Hoag, Maid, Memory, OuterLoop, Phases, Recorded, Run, Tolerances,
};
use hypertape_implicit::ImplicitExt;
use hypertape_linear::{Cg, Cholesky, Gmres, LinearSolver, Lu, Neumann, OneStep};
use hypertape_solvers::{Equation, GradientDescent, Lbfgs, Method, NewtonCg, Problem, Scale, Smooth, Solve};
use ndarray::{ArcArray1, Array1};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Evaluations and products.
type Seen = Arc<[AtomicU64; 2]>;

fn read(seen: &Seen) -> [u64; 2] {
    seen.each_ref().map(|n| n.load(Ordering::Relaxed))
}

/// The identity, which counts its runs and those of its derivative.
#[derive(Debug, Clone)]
struct Probe(Seen, usize);

impl Primitive for Probe {
    type Scratch = ();
    fn name(&self) -> &'static str {
        "probe"
    }
    fn outputs(&self, inputs: &[LeafType]) -> std::result::Result<Vec<LeafType>, ErrorKind> {
        Ok(inputs.to_vec())
    }
    fn scratch(&self, _: &[LeafType]) {}
    fn value(&self, (): &mut (), from: &[AnyView<'_>], to: &mut [AnyViewMut<'_>]) -> std::result::Result<Option<Report>, ErrorKind> {
        self.0[self.1].fetch_add(1, Ordering::Relaxed);
        to.iter_mut().zip(from).for_each(|(to, from)| assert!(to.assign(from)));
        Ok(None)
    }
    fn tangent(&self, _: &[DynVar], _: &[DynVar], t: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        t.iter().map(|t| t.map(|t| apply_primitive(Probe(self.0.clone(), 1), &[t])[0])).collect()
    }
    fn cotangent(&self, _: &[DynVar], _: &[DynVar], c: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
        c.iter().map(|c| c.map(|c| apply_primitive(Probe(self.0.clone(), 1), &[c])[0])).collect()
    }
}

/// d z − x = 0 entry by entry: the gradient of ½ zᵀ D z − zᵀ x. Equal evaluations at one point are one, as those of real functions are: they share a probe.
#[derive(Clone)]
struct Diagonal {
    d: ArcArray1<f64>,
    probes: [Arc<Probe>; 2],
}

impl Diagonal {
    fn slope(&self, z: &Var, x: &Var) -> Var {
        let z = Var::from_dyn(apply_shared(self.probes[0].clone(), &[z.to_dyn()])[0]);
        constant(&self.d) * z - *x
    }
}

impl Problem for Diagonal {
    type Unknown = Leaf;
    type Params = Leaf;
    type Solution = Leaf;
    fn shapes(&self) -> Result<(Leaf, Leaf)> {
        Ok((shape![self.d.len()], shape![self.d.len()]))
    }
    fn solution(&self, z: &Var, _: &Var, _: Scale) -> Var {
        *z
    }
}

impl Smooth for Diagonal {
    fn gradient(&self, z: &Var, x: &Var) -> Var {
        self.slope(z, x)
    }
    fn value_and_gradient(&self, z: &Var, x: &Var) -> (Var, Var) {
        (0.5 * (constant(&self.d) * z.square()).sum() - z.dot(*x), self.slope(z, x))
    }
    fn hessian_product(&self, _: &Var, _: &Var, v: &Var) -> Var {
        constant(&self.d) * Var::from_dyn(apply_shared(self.probes[1].clone(), &[v.to_dyn()])[0])
    }
}

impl Equation for Diagonal {
    fn residual(&self, z: &Var, x: &Var, _: Scale) -> Var {
        self.slope(z, x)
    }
}

const N: usize = 7;

fn problem() -> Result<(Bilevel<Diagonal>, Seen)> {
    let seen = Seen::default();
    let d = Array1::from_shape_fn(N, |i| 1.0 / (1.0 + 0.4 * i as f64)).into_shared();
    let outer = Function::record((shape![N], shape![N]), |(z, _)| 0.5 * (z - 1.0).square().sum())?;
    Ok((Bilevel::new(&Diagonal { d, probes: [0, 1].map(|k| Arc::new(Probe(seen.clone(), k))) }, &outer), seen))
}

/// What an estimator books, and what ran.
fn both(e: &impl Estimator<Diagonal>, problem: &Bilevel<Diagonal>, seen: &Seen) -> Result<(Phases, [u64; 2])> {
    let mut oracle = e.prepare(problem)?;
    let before = read(seen);
    let found = oracle.at(&[0.3; N], &mut Memory::default(), Ask::default())?;
    let after = read(seen);
    Ok((found.phases, [after[0] - before[0], after[1] - before[1]]))
}

fn same((phases, [evaluations, products]): (Phases, [u64; 2]), what: &str) {
    let all = phases.inner + phases.adjoint;
    assert_eq!((all.gradients, all.products), (evaluations, products), "{what}: {phases:?}");
}

#[test]
fn adjoint_solves_book_every_product_and_the_residual() -> Result<()> {
    let solvers: [(Arc<dyn LinearSolver>, u64); 5] = [
        (Arc::new(Lu), N as u64),
        (Arc::new(Cholesky), N as u64),
        (Arc::new(Cg::tolerance(1e-10)), 4),
        (Arc::new(Gmres::default()), 4),
        (Arc::new(Neumann::terms(5).step(1.0)), 5),
    ];
    for (solver, least) in solvers {
        let (problem, seen) = problem()?;
        let name = solver.name();
        let made = both(&Aid::new(&Lbfgs::new(&problem)).adjoint(solver.clone()), &problem, &seen)?;
        assert!(made.0.adjoint.products >= least, "{name}: {made:?}");
        // The residual at z.
        assert_eq!((made.0.adjoint.gradients, made.0.adjoint.crosses), (1, 1), "{name}");
        same(made, &name);
        let recorded = Recorded::new(Lbfgs::new(&problem).tolerance(1e-12).implicit(solver));
        let made = both(&recorded, &problem, &seen)?;
        assert!(made.0.adjoint.products >= least && made.0.adjoint.gradients == 0, "{name}: {made:?}");
        same(made, &name);
    }
    let (problem, seen) = problem()?;
    let newton = NewtonCg::new(&problem).tolerance(1e-12);
    let made = both(&Aid::new(&newton).adjoint(OneStep::step(1.0)), &problem, &seen)?;
    assert!(made.0.inner.products > 0, "{made:?}");
    same(made, "Newton's method and one step");
    Ok(())
}

#[test]
fn recordings_tell_methods_from_derivatives() -> Result<()> {
    let (problem, seen) = problem()?;
    let descent = || GradientDescent::new(&problem).step_size(0.5).unroll(6);
    let made = both(&Recorded::new(descent()), &problem, &seen)?;
    assert_eq!((made.0.inner.products, made.0.adjoint.products, made.0.outer), (0, 6, 1));
    same(made, "unrolled");
    // Once for each outer variable.
    let made = both(&Recorded::new(descent()).forward(), &problem, &seen)?;
    assert_eq!(made.0.outer, N as u64);
    same(made, "forward mode");
    let made = both(&Recorded::new(NewtonCg::new(&problem).unroll(2)), &problem, &seen)?;
    assert!(made.0.inner.products > 0 && made.0.adjoint.products > 0, "{made:?}");
    same(made, "Newton's method");
    Ok(())
}

/// The first measure costs what the estimator makes of it, and steps what they make of the rest.
#[test]
fn loops_book_their_first_measure() -> std::result::Result<(), hypertape_bilevel::Error> {
    let loops: [fn() -> Box<dyn OuterLoop>; 3] =
        [|| Box::new(Hoag::new(Tolerances::Quadratic)), || Box::new(Maid::new()), || Box::new(Descent::new(0.1))];
    for made in loops {
        let (first, seen) = problem()?;
        let second = Bilevel::new(first.inner().inner(), &Function::record((shape![N], shape![N]), |(z, _)| z.square().sum())?);
        let part = |p: &Bilevel<Diagonal>| (p.clone(), Aid::new(&Lbfgs::new(p)).adjoint(Cg::default()).warm_start());
        let folds = Folds::new([part(&first), part(&second)]);
        let run = Run::new(&first, &folds, made())?.steps(1).start(Array1::from_elem(N, 0.3))?;
        let before = read(&seen);
        let found = run.go()?;
        let after = read(&seen);
        let all = found.phases().inner + found.phases().adjoint;
        // Second derivatives of a certificate read no probe: it is linear.
        assert_eq!(all.gradients, after[0] - before[0], "{}", made().name());
        assert!(all.products >= after[1] - before[1], "{}", made().name());
    }
    Ok(())
}

/// A loop that sets tolerances needs an estimator that has them.
fn refused(made: std::result::Result<Run<Leaf>, hypertape_bilevel::Error>) {
    let e = made.unwrap_err().to_string();
    assert!(e.contains("tolerances of the inner and the adjoint solve") && e.contains("`Aid`") && e.contains("counts.rs"), "{e}");
}

#[test]
fn loops_that_set_tolerances_need_them() -> std::result::Result<(), hypertape_bilevel::Error> {
    macro_rules! none_of {
        ($problem:expr, $($estimator:expr),*) => {$(
            refused(Run::new($problem, &$estimator, Hoag::new(Tolerances::Quadratic)));
            refused(Run::new($problem, &$estimator, Maid::new()));
            assert!(Run::new($problem, &$estimator, Descent::new(0.1)).is_ok());
        )*};
    }
    let problem = Quadratic::new(5, 2, 3.0).problem();
    let method = Lbfgs::new(&problem);
    let unrolled = Recorded::new(GradientDescent::new(&problem).step_size(0.5).unroll(5));
    none_of!(
        &problem,
        unrolled,
        Aid::new(&method).adjoint(OneStep::step(1.0)),
        Aid::new(&method).adjoint(Neumann::terms(3).step(1.0)),
        FiniteDifference::new(&method, 0.1),
        Folds::new([(problem.clone(), unrolled.clone())])
    );
    let f = Function::record((shape![], shape![]), |(x, y)| x * y)?;
    let e = Run::play(&Game::zero_sum(&f), Maid::new()).unwrap_err().to_string();
    assert!(e.contains("`game`") && e.contains("counts.rs"), "{e}");
    Ok(())
}
