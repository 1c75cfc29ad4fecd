//! AID against derivatives in closed form, and its counts.
use hypertape_autodiff::record::constant;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Error, Function, Result, shape};
use hypertape_bilevel::{Aid, Ask, Bilevel, Estimator, Memory};
use hypertape_linear::{Cg, Lu, Neumann};
use hypertape_solvers::{GradientDescent, Lbfgs, Method, NewtonCg, Objective};
use hypertape_testkit::random;
use ndarray::{Array1, Array2};

/// min ½ Σ dᵢ zᵢ² − zᵀ A x, so z = D⁻¹ A x; h = ½‖z − c‖² + ½ ρ‖x‖², so ∇h = Aᵀ D⁻¹ (z − c) + ρ x.
pub(crate) struct Quadratic {
    pub(crate) d: Array1<f64>,
    pub(crate) a: Array2<f64>,
    pub(crate) c: Array1<f64>,
    pub(crate) rho: f64,
}

impl Quadratic {
    pub(crate) fn new(n: usize, p: usize, condition: f64) -> Self {
        let d = Array1::from_shape_fn(n, |i| condition.powf(-(i as f64) / (n.max(2) - 1) as f64));
        Quadratic { d, a: random::sym(1, (n, p)), c: random::sym(2, n), rho: 0.1 }
    }
    pub(crate) fn problem(&self) -> Bilevel<Objective<Leaf, Leaf>> {
        let (n, p) = self.a.dim();
        let (d, a, c) = (self.d.clone().into_shared(), self.a.clone().into_shared(), self.c.clone().into_shared());
        let inner = Function::record((shape![n], shape![p]), |(z, x)| (0.5 * constant(&d) * z.square()).sum() - z.dot(constant(&a).dot(x)));
        let outer =
            Function::record((shape![n], shape![p]), |(z, x)| 0.5 * (z - constant(&c)).square().sum() + 0.5 * self.rho * x.square().sum());
        Bilevel::new(&inner.unwrap(), &outer.unwrap())
    }
    pub(crate) fn gradient(&self, x: &Array1<f64>) -> Array1<f64> {
        let z = self.a.dot(x) / &self.d;
        self.a.t().dot(&((z - &self.c) / &self.d)) + self.rho * x
    }
}

#[test]
fn any_inner_method_and_any_adjoint_give_the_closed_form() -> Result<()> {
    let q = Quadratic::new(12, 5, 30.0);
    let problem = q.problem();
    let x: Array1<f64> = random::sym(3, 5);
    let exact = q.gradient(&x);
    let descent = GradientDescent::new(&problem).step_size(1.0).tolerance(1e-13).max_iterations(5000);
    let estimators: [Box<dyn Estimator<_>>; 3] = [
        Box::new(Aid::new(&Lbfgs::new(&problem).tolerance(1e-13)).adjoint(Cg::tolerance(1e-13))),
        Box::new(Aid::new(&NewtonCg::new(&problem).tolerance(1e-12)).adjoint(Lu)),
        Box::new(Aid::new(&descent)),
    ];
    for e in estimators {
        let mut oracle = e.prepare(&problem)?;
        let found = oracle.at(x.as_slice().unwrap(), &mut Memory::default(), Ask { certify: true, ..Ask::default() })?;
        for (g, e) in found.gradient.iter().zip(&exact) {
            assert!((g - e).abs() < 1e-9, "{}: {g} {e}", oracle.name());
        }
        let certified = found.certified.unwrap();
        assert!(certified.bound.is_some_and(|b| b < 1e-6), "{certified:?}");
        assert!(found.phases.inner.gradients > 0 && found.phases.adjoint.products > 0 && found.phases.outer >= 1);
    }
    Ok(())
}

#[test]
fn calls_are_what_the_method_says() -> Result<()> {
    let q = Quadratic::new(8, 3, 10.0);
    let problem = q.problem();
    let x: Array1<f64> = random::sym(3, 3);
    let descent = GradientDescent::new(&problem).step_size(0.5).tolerance(0.0).max_iterations(25);
    let mut oracle = Aid::new(&descent).adjoint(Cg::tolerance(0.0).max_iterations(4)).prepare(&problem)?;
    let found = oracle.at(x.as_slice().unwrap(), &mut Memory::default(), Ask::default())?;
    // One gradient a step, and one for the measure at the end.
    assert_eq!(found.phases.inner.gradients, 26);
    assert_eq!(found.inner.unwrap().iterations, 25);
    assert!(!found.inner.unwrap().converged && !found.adjoint.unwrap().converged);
    assert_eq!(found.adjoint.unwrap().iterations, 4);
    // Four iterations, and the true residual.
    assert!((4..=8).contains(&found.phases.adjoint.products), "{:?}", found.phases);
    Ok(())
}

#[test]
fn warm_starts_are_apart_from_each_other() -> Result<()> {
    let q = Quadratic::new(20, 4, 100.0);
    let problem = q.problem();
    let x: Array1<f64> = random::sym(3, 4);
    let x = x.as_slice().unwrap();
    let method = GradientDescent::new(&problem).step_size(1.0).tolerance(1e-10).max_iterations(10_000);
    for (warm, warm_adjoint) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut aid = Aid::new(&method).adjoint(Cg::tolerance(1e-10));
        if warm {
            aid = aid.warm_start();
        }
        if warm_adjoint {
            aid = aid.warm_adjoint();
        }
        let (mut oracle, mut memory) = (aid.prepare(&problem)?, Memory::default());
        oracle.at(x, &mut memory, Ask::default())?;
        let again = oracle.at(x, &mut memory, Ask::default())?;
        assert_eq!(again.inner.unwrap().iterations <= 1, warm);
        assert_eq!(again.adjoint.unwrap().iterations <= 1, warm_adjoint);
        // Tolerances that are asked for replace those of the settings.
        let loose = oracle.at(x, &mut Memory::default(), Ask { inner: Some(0.1), adjoint: Some(0.1), certify: false })?;
        assert!(loose.inner.unwrap().residual > 1e-10 && loose.adjoint.unwrap().residual > 1e-10);
    }
    Ok(())
}

#[test]
fn a_warm_neumann_series_goes_on_where_it_ended() -> Result<()> {
    let q = Quadratic::new(12, 4, 10.0);
    let problem = q.problem();
    let x: Array1<f64> = random::sym(3, 4);
    let exact = q.gradient(&x);
    let method = Lbfgs::new(&problem).tolerance(1e-13);
    // 200 asks of two terms each: 400 steps of gradient descent on the adjoint, or the same two terms again and again.
    let error = |series: Neumann| {
        let (mut oracle, mut memory) = (Aid::new(&method).adjoint(series).warm_adjoint().prepare(&problem)?, Memory::default());
        let mut found = vec![];
        for _ in 0..200 {
            found = oracle.at(x.as_slice().unwrap(), &mut memory, Ask::default())?.gradient;
        }
        Ok::<_, Error>(found.iter().zip(&exact).map(|(g, e)| (g - e).abs()).fold(0.0, f64::max))
    };
    let (warm, cold) = (error(Neumann::terms(2).step(1.0).from_start())?, error(Neumann::terms(2).step(1.0))?);
    assert!(warm < 1e-9 && cold > 1e-2, "{warm} {cold}");
    Ok(())
}
