//! Implicit solutions inside of loops, maps, branches and other inner problems: first and second derivatives against closed forms.
use hypertape_autodiff::record::{Var, cond, map, scan, zeros};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{Function, Result, shape};
use hypertape_implicit::*;
use hypertape_linear::*;
use hypertape_solvers::{FixedPoint, Method, NewtonCg, Objective};
use ndarray::{arr0, arr1};

type Objectives = Function<(Leaf, Leaf), Leaf>;

/// The minimiser of ½z² + ¼z⁴ − θz: z + z³ = θ.
fn cubic() -> Objectives {
    Function::record((shape![], shape![]), |(z, t)| 0.5 * z.square() + 0.25 * z.powi(4) - t * z).unwrap()
}

fn solver(objective: &Objectives) -> Implicit<NewtonCg<Objective<Leaf, Leaf>>> {
    NewtonCg::new(objective).tolerance(1e-14).max_iterations(100).on_own(Auto::default())
}

trait OnOwn: Method + Sized {
    /// What is minimised here is solved to what rounding leaves.
    fn on_own(self, adjoint: impl LinearSolver) -> Implicit<Self>
    where
        Self::Problem: hypertape_solvers::Equation,
    {
        self.implicit(adjoint).on_residual(OnResidual::Refine).relative_tolerance(1e-13)
    }
}
impl<M: Method> OnOwn for M {}

/// z with z + z³ = θ, and its first three derivatives.
fn root(t: f64) -> [f64; 4] {
    let z = (0..100).fold(t, |z: f64, _| z - (z + z * z * z - t) / (1.0 + 3.0 * z * z));
    let s = 1.0 / (1.0 + 3.0 * z * z);
    [z, s, -6.0 * z * s.powi(3), -6.0 * s.powi(4) + 108.0 * z * z * s.powi(5)]
}

/// That value, first and second derivative of a function of one number are these, forward and reverse.
fn holds(f: &Function<Leaf, Leaf>, at: f64, expected: [f64; 3]) -> Result<()> {
    let at = arr0(at);
    let close = |what: &str, found: f64, expected: f64| {
        assert!((found - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{what}: {found} instead of {expected}");
    };
    let (value, slope) = f.value_and_gradient(&at)?;
    close("value", value, expected[0]);
    close("gradient", slope.number()?, expected[1]);
    close("jvp", f.jvp(&at, arr0(1.0))?.1.number()?, expected[1]);
    close("hvp", f.hvp(&at, arr0(1.0))?.number()?, expected[2]);
    close("hessian", f.wrt(|t| t).hessian().eval(&at)?.number()?, expected[2]);
    // Forward over forward.
    let slope = f.wrt(|t| t).jvp().output(|(_, t)| t);
    let twice = slope.wrt(|(t, _)| t).jvp().output(|(_, t)| t);
    close("forward over forward", twice.eval(((&at, &arr0(1.0)), &arr0(1.0)))?.number()?, expected[2]);
    Ok(())
}

#[test]
fn alone() -> Result<()> {
    let inner = solver(&cubic());
    let f = Function::record(shape![], |t| inner.solve(0.5, t).square())?;
    let [z, z1, z2, _] = root(1.7);
    holds(&f, 1.7, [z * z, 2.0 * z * z1, 2.0 * (z1 * z1 + z * z2)])
}

/// An inner problem whose objective holds another one's solution: min ½y² + ½z(y)² − θy.
#[test]
fn an_inner_problem_in_an_inner_problem() -> Result<()> {
    let inner = solver(&cubic());
    let middle = Function::record((shape![], shape![]), |(y, t)| 0.5 * y.square() + 0.5 * inner.solve(0.5, y).square() - t * y)?;
    let outer = solver(&middle);
    let f = Function::record(shape![], |t| outer.solve(0.5, t))?;
    // y + z z′ = θ.
    let (t, mut y) = (1.3, 0.5);
    for _ in 0..100 {
        let [z, z1, z2, _] = root(y);
        y -= (y + z * z1 - t) / (1.0 + z1 * z1 + z * z2);
    }
    let [z, z1, z2, z3] = root(y);
    let slope = 1.0 / (1.0 + z1 * z1 + z * z2);
    holds(&f, t, [y, slope, -(3.0 * z1 * z2 + z * z3) * slope.powi(3)])
}

/// Steps of a recursion, each a solution: s ← z(s + θ).
#[test]
fn inside_a_scan() -> Result<()> {
    let inner = solver(&cubic());
    let f = Function::record(shape![], |t| scan(t, 4, |s, _| (inner.solve(0.5, s + t), ())).0)?;
    let t = 0.8;
    let mut s = [t, 1.0, 0.0];
    for _ in 0..4 {
        let [z, z1, z2, _] = root(s[0] + t);
        s = [z, z1 * (s[1] + 1.0), z2 * (s[1] + 1.0).powi(2) + z1 * s[2]];
    }
    holds(&f, t, s)
}

#[test]
fn inside_a_map() -> Result<()> {
    let inner = solver(&cubic());
    let items = arr1(&[-1.0, 0.0, 0.4, 2.0]);
    let f = Function::record((shape![4], shape![]), |(v, t)| map(v, |v: Var| inner.solve(0.5, v * t)).square().sum())?;
    let fixed = Function::record(shape![], |t| f.call((hypertape_autodiff::record::constant(items.to_shared()), t)))?;
    let mut expected = [0.0; 3];
    for v in &items {
        let [z, z1, z2, _] = root(v * 1.2);
        [z * z, 2.0 * z * z1 * v, 2.0 * (z1 * z1 + z * z2) * v * v].iter().zip(&mut expected).for_each(|(n, e)| *e += n);
    }
    holds(&fixed, 1.2, expected)
}

#[test]
fn inside_of_branches() -> Result<()> {
    let inner = solver(&cubic());
    let f = Function::record(shape![], |t| cond(t.less_than(0.0), || inner.solve(-0.5, 3.0 * t), || inner.solve(0.5, t * t)))?;
    let [z, z1, z2, _] = root(-2.1);
    holds(&f, -0.7, [z, 3.0 * z1, 9.0 * z2])?;
    let [z, z1, z2, _] = root(0.81);
    holds(&f, 0.9, [z, 1.8 * z1, 3.24 * z2 + 2.0 * z1])
}

/// Fixed points by other linear solvers, in a scan in a map.
#[test]
fn a_fixed_point_inside_a_scan_inside_a_map() -> Result<()> {
    // x = ½ cos x + θ.
    let map_of = Function::record((shape![], shape![]), |(x, t)| 0.5 * x.cos() + t)?;
    let truth = |t: f64| {
        let x = (0..200).fold(t, |x: f64, _| 0.5 * x.cos() + t);
        let s = 1.0 / (1.0 + 0.5 * x.sin());
        [x, s, -0.5 * x.cos() * s.powi(3)]
    };
    let solvers: [std::sync::Arc<dyn LinearSolver>; 4] = [
        std::sync::Arc::new(Gmres::default()),
        std::sync::Arc::new(Lu),
        std::sync::Arc::new(Neumann::tolerance(1e-13)),
        std::sync::Arc::new(Auto::default()),
    ];
    for adjoint in solvers {
        let inner = FixedPoint::new(&map_of).tolerance(1e-14).max_iterations(500).implicit(adjoint);
        let f = Function::record(shape![], |t| {
            let items = hypertape_autodiff::record::constant(arr1(&[0.5, 1.5]).to_shared());
            map(items, |v: Var| scan(v * t, 2, |s, _| (inner.solve(zeros(shape![]), s), ())).0).sum()
        })?;
        let mut expected = [0.0; 3];
        for v in [0.5, 1.5] {
            let mut s = [v * 0.6, v, 0.0];
            for _ in 0..2 {
                let [x, x1, x2] = truth(s[0]);
                s = [x, x1 * s[1], x2 * s[1] * s[1] + x1 * s[2]];
            }
            s.iter().zip(&mut expected).for_each(|(n, e)| *e += n);
        }
        holds(&f, 0.6, expected)?;
    }
    Ok(())
}
