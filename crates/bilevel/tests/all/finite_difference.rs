//! One step ahead against closed forms: what it is, how far the difference is from the product, and what is refused.
use crate::aid::Quadratic;
use hypertape_autodiff::record::constant;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, Result, shape};
use hypertape_bilevel::{Ask, Bilevel, Estimate, Estimator, FiniteDifference, Memory};
use hypertape_solvers::{GradientDescent, Method, Objective};
use hypertape_testkit::random;
use ndarray::{Array1, arr1};

type Problem = Bilevel<Objective<Leaf, Leaf>>;
type Descent = GradientDescent<hypertape_bilevel::Counted<Objective<Leaf, Leaf>>>;

fn descent(problem: &Problem, steps: usize) -> Descent {
    GradientDescent::new(problem).step_size(0.3).tolerance(0.0).max_iterations(steps)
}

fn at(problem: &Problem, e: &FiniteDifference<Descent>, x: &Array1<f64>, memory: &mut Memory) -> Result<Estimate> {
    e.prepare(problem)?.at(x.as_slice().unwrap(), memory, Ask::default())
}

#[test]
fn it_is_the_derivative_of_one_step_from_where_the_weights_stand() -> Result<()> {
    let q = Quadratic::new(9, 4, 10.0);
    let problem = q.problem();
    let (x, z, xi): (Array1<f64>, Array1<f64>, f64) = (random::sym(3, 4), random::sym(4, 9), 0.2);
    for steps in [0, 1, 3] {
        let mut fixed = z.clone();
        for _ in 0..steps {
            fixed = &fixed - 0.3 * (&q.d * &fixed - q.a.dot(&x));
        }
        let ahead = &fixed - xi * (&q.d * &fixed - q.a.dot(&x));
        let v = &ahead - &q.c;
        let expected = q.rho * &x + xi * q.a.t().dot(&v);
        let of = FiniteDifference::new(&descent(&problem, steps), xi).start(z.clone());
        for e in [of.clone(), of.exact()] {
            let mut memory = Memory::default();
            let found = at(&problem, &e, &x, &mut memory)?;
            // ∇_x g = −Aᵀz is linear in z, so the difference is wrong by rounding over ε‖v‖ alone.
            for (g, e) in found.gradient.iter().zip(&expected) {
                assert!((g - e).abs() < 100.0 * f64::EPSILON / (2.0 * f64::EPSILON.cbrt()), "{steps}: {g} {e}");
            }
            assert!((found.value - 0.5 * v.dot(&v) - 0.5 * q.rho * x.dot(&x)).abs() < 1e-13);
            assert!(memory.solution.iter().zip(&fixed).all(|(a, b)| (a - b).abs() < 1e-14));
            assert!(found.phases.inner.gradients > steps as u64 && found.phases.outer == 1, "{:?}", found.phases);
            assert_eq!(found.phases.adjoint.gradients + 2 * found.phases.adjoint.crosses, 2);
        }
        // Without the look ahead it is h_x.
        let found = at(&problem, &FiniteDifference::new(&descent(&problem, steps), 0.0).start(z.clone()), &x, &mut Memory::default())?;
        assert!(found.gradient.iter().zip(&x).all(|(g, x)| (g - q.rho * x).abs() < 1e-15));
    }
    Ok(())
}

#[test]
fn weights_go_on_from_the_memory() -> Result<()> {
    let q = Quadratic::new(5, 2, 3.0);
    let problem = q.problem();
    let x = arr1(&[0.4, -0.7]);
    let e = FiniteDifference::new(&descent(&problem, 2), 0.1).start(Array1::from_elem(5, 1.0));
    let mut oracle = e.prepare(&problem)?;
    let mut memory = Memory::default();
    oracle.at(x.as_slice().unwrap(), &mut memory, Ask::default())?;
    oracle.at(x.as_slice().unwrap(), &mut memory, Ask::default())?;
    let whole = FiniteDifference::new(&descent(&problem, 4), 0.1).start(Array1::from_elem(5, 1.0));
    let mut other = Memory::default();
    at(&problem, &whole, &x, &mut other)?;
    assert!(memory.solution.iter().zip(&other.solution).all(|(a, b)| (a - b).abs() < 1e-15));
    Ok(())
}

/// g = Σ x sin(z), h = Σ c z: v = c, and the mixed derivative times v is Σ cos(z) c.
fn sines(n: usize) -> Result<Problem> {
    let c: Array1<f64> = random::sym(5, n);
    let c = c.into_shared();
    let inner = Function::record((shape![n], shape![]), |(z, x)| (x * z.sin()).sum())?;
    let outer = Function::record((shape![n], shape![]), |(z, _)| (constant(&c) * z).sum())?;
    Ok(Bilevel::new(&inner, &outer))
}

#[test]
fn the_difference_is_wrong_by_the_square_of_the_displacement() -> Result<()> {
    let (problem, z) = (sines(6)?, random::sym(6, 6));
    let c: Array1<f64> = random::sym(5, 6);
    let closed: f64 = -0.5 * z.iter().zip(&c).map(|(z, c): (&f64, &f64)| z.cos() * c).sum::<f64>();
    let x = Array1::from_elem(1, 0.8);
    let error =
        |e: FiniteDifference<Descent>| -> Result<f64> { Ok((at(&problem, &e, &x, &mut Memory::default())?.gradient[0] - closed).abs()) };
    let of = FiniteDifference::new(&descent(&problem, 0), 0.5).start(z.clone());
    assert!(error(of.clone().exact())? < 1e-15);
    let errors = [0.1, 0.01].map(|r| error(of.clone().displacement(r)));
    let [coarse, fine] = errors;
    let (coarse, fine) = (coarse?, fine?);
    assert!((coarse / fine - 100.0).abs() < 1.0 && fine < 1e-4 * closed.abs(), "{coarse} {fine}");
    Ok(())
}

#[test]
fn long_weights_are_displaced_by_more_than_their_rounding() -> Result<()> {
    // At weights of 10⁹ the spacing of numbers is 10⁻⁷; the objective is one whose difference has no other error.
    let q = Quadratic::new(4, 2, 1.0);
    let problem = q.problem();
    let x = arr1(&[0.5, 0.25]);
    let z = Array1::from_elem(4, 1e9);
    let of = FiniteDifference::new(&descent(&problem, 0), 0.2).start(z);
    let exact = at(&problem, &of.clone().exact(), &x, &mut Memory::default())?.gradient;
    let found = at(&problem, &of, &x, &mut Memory::default())?.gradient;
    let bound = f64::EPSILON.cbrt().powi(2) * 10.0;
    assert!(found.iter().zip(&exact).all(|(a, b)| (a - b).abs() < bound * b.abs().max(1e8)), "{found:?} {exact:?}");
    Ok(())
}

#[test]
fn a_slope_of_zero_has_no_second_order_term_and_bad_settings_are_refused() -> Result<()> {
    let inner = Function::record((shape![2], shape![1]), |(z, x)| (x * z.square()).sum())?;
    let outer = Function::record((shape![2], shape![1]), |(_, x)| x.square().sum())?;
    let problem = Bilevel::new(&inner, &outer);
    let x = Array1::from_elem(1, 1.5);
    let of = FiniteDifference::new(&descent(&problem, 1), 0.1).start(arr1(&[1.0, 2.0]));
    for e in [of.clone(), of.clone().exact()] {
        assert_eq!(at(&problem, &e, &x, &mut Memory::default())?.gradient, [3.0]);
    }
    let fixed = descent(&problem, 1);
    for (e, word) in [
        (FiniteDifference::new(&fixed, -0.1), "step size"),
        (FiniteDifference::new(&fixed, f64::NAN), "step size"),
        (of.clone().displacement(0.0), "displacement"),
        (FiniteDifference::new(&fixed, 0.1).start(arr1(&[1.0])), "start"),
    ] {
        let refused = e.prepare(&problem).err().expect("it cannot work").to_string();
        assert!(refused.contains(word), "{refused}");
    }
    Ok(())
}
