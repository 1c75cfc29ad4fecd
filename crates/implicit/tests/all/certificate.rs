//! Certificates against derivatives in closed form: bounds hold, reasons are right, at any scale and size.
use hypertape_autodiff::outcome::Uncertified;
use hypertape_autodiff::record::{Var, constant, scalar, zeros};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{ErrorKind, Function, Result, shape};
use hypertape_implicit::{Certificate, Certify, ImplicitExt, Limit, Standing, Term, certify};
use hypertape_linear::{Auto, Cg, Gmres, LinearSolver, Lu, Neumann, OneStep};
use hypertape_solvers::{Composite, Equilibrium, GradientDescent, Ista, Method, Objective, Root, Scale, Solve, prox};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, ArrayD, arr0, arr1};
use std::sync::Arc;

/// min ½ Σ dᵢ zᵢ² + ¼ q Σ zᵢ⁴ − t Σ zᵢ, and ½‖z‖²; coordinates are apart from each other.
fn separate(d: &[f64], q: f64) -> (Function<(Leaf, Leaf), Leaf>, Function<(Leaf, Leaf), Leaf>) {
    let n = d.len();
    let d = arr1(d).into_shared();
    let inner = Function::record((shape![n], shape![]), |(z, t)| (0.5 * constant(&d) * z.square() + 0.25 * q * z.powi(4) - t * z).sum());
    let outer = Function::record((shape![n], shape![]), |(z, _)| 0.5 * z.square().sum());
    (inner.unwrap(), outer.unwrap())
}

/// The solution and the derivative, coordinate by coordinate.
fn exact(d: &[f64], q: f64, t: f64) -> (Array1<f64>, f64) {
    let z: Array1<f64> =
        d.iter().map(|d| (0..200).fold(t / d, |z: f64, _| z - (d * z + q * z * z * z - t) / (d + 3.0 * q * z * z))).collect();
    let slope = z.iter().zip(d).map(|(z, d)| z / (d + 3.0 * q * z * z)).sum();
    (z, slope)
}

fn number(g: &ArrayD<f64>) -> f64 {
    g.number().unwrap()
}

/// Bounds hold where they are given; the estimate is near.
fn holds(c: &Certificate<Leaf>, truth: f64) {
    let (error, left) = ((number(&c.gradient) - truth).abs(), (number(&c.corrected) - truth).abs());
    assert!(c.bound.is_some_and(|b| b >= error), "{error:e}\n{c}");
    assert!(c.corrected_bound.is_some_and(|b| b >= left), "{left:e}\n{c}");
    if error > 10.0 * c.rounding {
        assert!(c.estimate <= 3.0 * error && error <= 3.0 * c.estimate, "{error:e}\n{c}");
    }
}

#[test]
fn inner_and_adjoint_errors_apart_and_together() {
    let d = [1.0, 2.0, 5.0, 30.0];
    let (inner, outer) = separate(&d, 0.3);
    let (z, truth) = exact(&d, 0.3, 1.5);
    for shift in [0.3, 1e-2, 1e-5, 1e-9, 0.0] {
        for tolerance in [0.5, 1e-2, 1e-6, 1e-13] {
            let at = z.mapv(|z| z * (1.0 + shift));
            let mut c = certify(&inner, &outer).adjoint(Cg::tolerance(tolerance)).prepare().unwrap();
            let found = c.at(&at, 1.5).unwrap();
            holds(&found, truth);
            if shift == 0.3 && tolerance == 1e-13 {
                assert_eq!(found.dominant, Term::Inner);
            }
            if shift == 0.0 && tolerance == 0.5 {
                assert_eq!(found.dominant, Term::Adjoint);
            }
        }
    }
}

#[test]
fn with_constants_it_is_proven() {
    // G(z) = Σ z/(d + 3qz²) for |z| ≤ 2 has slopes of at most 1/d each.
    let d = [1.0, 2.0, 5.0];
    let (inner, outer) = separate(&d, 0.3);
    let (z, truth) = exact(&d, 0.3, 1.5);
    let lipschitz = d.iter().map(|d| 1.0 / (d * d)).sum::<f64>().sqrt();
    let asked = certify(&inner, &outer).adjoint(Cg::tolerance(1e-3)).smallest_singular_value(1.0).lipschitz(lipschitz);
    let found = asked.prepare().unwrap().at(z.mapv(|z| 1.01 * z), 1.5).unwrap();
    assert_eq!(found.standing, Standing::Proven);
    assert_eq!(found.measured.lanczos, 0);
    holds(&found, truth);
}

#[test]
fn an_accuracy_that_is_asked_for_is_met_or_refused_by_name() {
    let d = [1.0, 2.0, 5.0];
    let (inner, outer) = separate(&d, 0.3);
    let (z, truth) = exact(&d, 0.3, 1.5);
    let mut c = certify(&inner, &outer).adjoint(Cg::default()).prepare().unwrap();
    for e in [1e-2, 1e-6, 1e-12] {
        let found = c.require(e, z.mapv(|z| 1.1 * z), 1.5).unwrap();
        assert!((number(&found.corrected) - truth).abs() <= e * truth.abs());
        assert!(found.relative_bound().is_some_and(|r| r <= e));
    }
    let refused = |e: hypertape_autodiff::Error| match e.kind() {
        ErrorKind::NotCertified { reason, asked, .. } => (*reason, *asked),
        other => panic!("{other}"),
    };
    // Conditioning of 1e12 in 16 digits.
    let d = [1.0, 1e-12];
    let (inner, outer) = separate(&d, 0.0);
    let (z, _) = exact(&d, 0.0, 1.5);
    let error = certify(&inner, &outer).adjoint(Lu).prepare().unwrap().require(1e-6, &z, 1.5).unwrap_err();
    assert!(matches!(refused(error), (Uncertified::RoundingFloor | Uncertified::Remainder, _)));
    // A derivative that is 0: at t = 0 the solution is 0.
    let (inner, outer) = separate(&[1.0, 2.0], 0.3);
    let near = arr1(&[1e-3, -1e-3]);
    let asked = certify(&inner, &outer).adjoint(Cg::default());
    let error = asked.prepare().unwrap().require(1e-6, &near, 0.0);
    assert!(error.is_err() || error.is_ok_and(|c| number(&c.corrected) == 0.0 && c.corrected_bound == Some(0.0)));
    let found = asked.absolute(1e-9).prepare().unwrap().require(1e-6, &near, 0.0).unwrap();
    assert!(number(&found.corrected).abs() <= 1e-9);
}

#[test]
fn scales() {
    for s in [1e-150, 1e-30, 1.0, 1e30, 1e140] {
        // min ½ s Σ d z² − s t Σ z: the equation has the scale s, the solution does not.
        let d = arr1(&[1.0, 3.0, 10.0]).into_shared();
        let inner = Function::record((shape![3], shape![]), |(z, t)| s * (0.5 * constant(&d) * z.square() - t * z).sum()).unwrap();
        let outer = Function::record((shape![3], shape![]), |(z, _)| z.square().sum()).unwrap();
        let (z, slope) = exact(&[1.0, 3.0, 10.0], 0.0, 1.5);
        let mut c = certify(&inner, &outer).adjoint(Cg::tolerance(1e-2)).prepare().unwrap();
        holds(&c.at(z.mapv(|z| 1.01 * z), 1.5).unwrap(), 2.0 * slope);
        // The outer objective has it.
        let (inner, _) = separate(&[1.0, 3.0, 10.0], 0.0);
        let outer = Function::record((shape![3], shape![]), |(z, _)| s * z.square().sum()).unwrap();
        let mut c = certify(&inner, &outer).adjoint(Cg::tolerance(1e-2)).prepare().unwrap();
        holds(&c.at(z.mapv(|z| 1.01 * z), 1.5).unwrap(), 2.0 * s * slope);
    }
}

#[test]
fn nothing_and_one() {
    let inner = Function::record((shape![0], shape![]), |(z, t)| (z * t).sum()).unwrap();
    let outer = Function::record((shape![0], shape![]), |(z, t)| z.sum() + t.square()).unwrap();
    let found = certify(&inner, &outer).prepare().unwrap().at(Array1::<f64>::zeros(0), 3.0).unwrap();
    holds(&found, 6.0);
    // No parameters.
    let inner = Function::record((shape![2], shape![0]), |(z, _)| (0.5 * z.square() - z).sum()).unwrap();
    let outer = Function::record((shape![2], shape![0]), |(z, _)| z.sum()).unwrap();
    let found = certify(&inner, &outer).prepare().unwrap().at(arr1(&[1.1, 0.9]), Array1::<f64>::zeros(0)).unwrap();
    assert!(found.certified() && found.estimate == 0.0, "{found}");
    // One unknown, far from the root: z³ = 8.
    let residual = Function::record((shape![], shape![]), |(z, x)| z * z * z - x).unwrap();
    let value = Function::record((shape![], shape![]), |(z, _)| z).unwrap();
    for z in [2.0, 1.9, 3.0, 1.0] {
        holds(&certify(&Root::new(&residual), &value).adjoint(Lu).prepare().unwrap().at(z, 8.0).unwrap(), 1.0 / 12.0);
    }
}

#[test]
fn single_precision() {
    let inner =
        Function::record((shape![f32; 3], shape![f32;]), |(z, t)| (0.5 * z.square() * 2.0 + 0.25 * z.powi(4) - t * z).sum()).unwrap();
    let outer = Function::record((shape![f32; 3], shape![f32;]), |(z, _)| z.square().sum()).unwrap();
    let z = (0..100).fold(0.5_f64, |z, _| z - (2.0 * z + z * z * z - 1.5) / (2.0 + 3.0 * z * z));
    let truth = 6.0 * z / (2.0 + 3.0 * z * z);
    let at = arr1(&[1.05 * z as f32; 3]);
    let found = certify(&inner, &outer).adjoint(Cg::tolerance(1e-2)).prepare().unwrap().at(&at, 1.5f32).unwrap();
    let errors = [&found.gradient, &found.corrected].map(|g| (f64::from(g.number().unwrap()) - truth).abs());
    assert!(found.bound.is_some_and(|b| b >= errors[0]) && found.corrected_bound.is_some_and(|b| b >= errors[1]), "{errors:?}\n{found}");
}

#[test]
fn unrolled_derivatives_and_given_adjoints() -> Result<()> {
    let d = [1.0, 2.0, 5.0];
    let (inner, outer) = separate(&d, 0.3);
    let (_, truth) = exact(&d, 0.3, 1.5);
    let solver = GradientDescent::new(&inner).step_size(0.1);
    let through = Function::record(shape![], |t| outer.call((solver.unroll(25).solve(zeros(shape![3]), t), t)))?;
    let unrolled = through.gradient(1.5)?;
    let z = solver.max_iterations(25).tolerance(0.0).solve(Array1::<f64>::zeros(3), 1.5)?.solution;
    let mut c = certify(&inner, &outer).adjoint(Cg::default()).prepare()?;
    let found = c.with_derivative(&z, 1.5, &unrolled)?;
    holds(&found, truth);
    assert_eq!(found.gradient, unrolled);
    // An adjoint of zeros: the whole derivative is missing.
    let found = c.with_adjoint(&z, 1.5, Array1::<f64>::zeros(3))?;
    holds(&found, truth);
    assert_eq!(number(&found.gradient), 0.0);
    assert_eq!(found.dominant, Term::Adjoint);
    Ok(())
}

/// The lasso where a coefficient is at 0 with |bᵢ| = λ: min ½ Σ (zᵢ − bᵢ)² + λ‖z‖₁.
#[test]
fn a_solution_on_a_kink_has_two_derivatives() -> Result<()> {
    let b = arr1(&[2.0, 0.5, -1.0]).into_shared();
    let fit = Function::record((shape![3], shape![]), |(z, _)| 0.5 * (z - constant(&b)).square().sum())?;
    let outer = Function::record((shape![3], shape![]), |(z, _)| z.sum())?;
    let lasso = Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w));
    let certify = |scale: f64| certify(&lasso, &outer).scale(Scale { primal: scale.into(), dual: 1.0.into() }).adjoint(Lu);
    let mut c = certify(0.7).prepare()?;
    // Away from the kink: d/dλ Σ z = −1 − 1 + 1.
    let found = c.at(arr1(&[1.7, 0.1, -0.8]), 0.4)?;
    holds(&found, -1.0);
    assert!(found.measured.margin > 0.01 && found.one_sided.is_none());
    // On it the second coefficient is in or out.
    let found = c.at(arr1(&[1.6, 0.01, -0.4]), 0.5)?;
    assert_eq!(found.standing, Standing::Uncertified(Uncertified::WeaklyActive), "{found}");
    let mut sides = found.one_sided.unwrap().map(|g| number(&g));
    sides.sort_by(f64::total_cmp);
    assert!((sides[0] + 1.0).abs() < 1e-6 && sides[1].abs() < 1e-6, "{sides:?}");
    assert!(found.bound.is_none() && found.corrected_bound.is_none());
    // Smooth problems have no kinks.
    let (inner, outer) = separate(&[1.0, 2.0], 0.3);
    let found = hypertape_implicit::certify(&inner, &outer).prepare()?.at(arr1(&[1.0, 0.5]), 1.5)?;
    assert_eq!(found.measured.margin, f64::INFINITY);
    Ok(())
}

/// The same where all coefficients are 0: nothing but the kinks gives a length.
#[test]
fn a_solution_of_zeros_on_a_kink_has_two_derivatives() -> Result<()> {
    for (b, start) in [(vec![0.5, -0.2], 0.0), (vec![0.5, -0.2], 1e-3), (vec![-0.5], 0.0), (vec![0.5; 3], 0.0), (vec![5e99, -2e99], 0.0)] {
        let (n, lambda) = (b.len(), f64::abs(b[0]));
        let near = |b: &f64| f64::from(u8::from(b.abs() == lambda)) * -b.signum();
        let (first, all): (f64, f64) = (near(&b[0]), b.iter().map(near).sum());
        let b = Array1::from_vec(b).into_shared();
        let fit = Function::record((shape![n], shape![]), |(z, _)| 0.5 * (z - constant(&b)).square().sum())?;
        let outer = Function::record((shape![n], shape![]), |(z, _)| z.sum())?;
        let lasso = Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w));
        let mut c = certify(&lasso, &outer).scale(Scale { primal: 0.7.into(), dual: 1.0.into() }).adjoint(Lu).prepare()?;
        let found = c.at(Array1::from_elem(n, start), lambda)?;
        assert_eq!(found.standing, Standing::Uncertified(Uncertified::WeaklyActive), "{found}");
        let sides = found.one_sided.unwrap().map(|g| number(&g));
        let expected = if first < 0.0 { [0.0, all] } else { [all, 0.0] };
        let matches = |a: [f64; 2]| sides.iter().zip(a).all(|(s, a)| (s - a).abs() < 1e-9);
        assert!(matches(expected) || matches([expected[1], expected[0]]), "{sides:?} {expected:?}");
    }
    Ok(())
}

/// A lasso of more columns than rows, stopped where more coefficients are active than there are rows: no derivative is there.
#[test]
fn a_set_larger_than_the_rows_has_not_settled() -> Result<()> {
    let (rows, columns, lambda) = (15, 60, 0.2);
    let x: Array2<f64> = random::sym(3, (rows, columns));
    let y: Array1<f64> = random::sym(4, rows);
    let fit = {
        let (x, y) = (x.clone().into_shared(), y.clone().into_shared());
        Function::record((shape![columns], shape![]), |(z, _)| 0.5 * (constant(&x).dot(z) - constant(&y)).square().sum())?
    };
    let outer = Function::record((shape![columns], shape![]), |(z, _)| z.square().sum())?;
    let lasso = Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w));
    let step = 0.01;
    let mut c = certify(&lasso, &outer).scale(Scale { primal: step.into(), dual: 1.0.into() }).prepare()?;
    let mut z = Array1::<f64>::zeros(columns);
    let mut seen = 0;
    for k in 0..20_000 {
        if [2, 5, 10, 20, 40].contains(&k) {
            let e = c.require(1e-6, &z, lambda).unwrap_err();
            assert!(matches!(e.kind(), ErrorKind::NotCertified { reason: Uncertified::SetNotSettled, .. }), "{k}: {e}");
            if let Err(e) = c.at(&z, lambda) {
                seen += 1;
                assert!(
                    matches!(e.kind(), ErrorKind::SetNotSettled { .. }) && e.to_string().contains("solve the inner problem further"),
                    "{k}: {e}"
                );
                // The plain derivative says it too.
                let stopped = Ista::new(&lasso).step_size(step).tolerance(1e-14).max_iterations(k);
                let stopped = stopped.implicit(Auto::default()).residual_tolerance(1e9);
                let f = Function::record(shape![], |t| stopped.solve(zeros(shape![columns]), t).square().sum())?;
                let e = f.gradient(lambda).unwrap_err().to_string();
                assert!(e.contains("the active set has not settled"), "{k}: {e}");
            }
        }
        let moved = &z - &(step * x.t().dot(&(x.dot(&z) - &y)));
        z = moved.mapv(|v| v.signum() * (v.abs() - step * lambda).max(0.0));
    }
    assert!(seen > 0);
    assert!(c.require(1e-6, &z, lambda)?.standing.certified());
    Ok(())
}

#[test]
fn refusals_say_why() -> Result<()> {
    let value = Function::record((shape![], shape![]), |(z, _)| z)?;
    // z² = −1 has no root: Newton's steps wander.
    let residual = Function::record((shape![], shape![]), |(z, t)| z * z - t)?;
    let found = certify(&Root::new(&residual), &value).adjoint(Lu).prepare()?.at(0.7, -1.0)?;
    assert!(matches!(found.standing, Standing::Uncertified(_)), "{found}");
    assert!(found.bound.is_none() && found.corrected_bound.is_none() && found.estimate.is_finite());
    // Approximations of the adjoint are certified with other solves in the rounds.
    let map = Function::record((shape![2], shape![]), |(z, t)| 0.5 * z.tanh() + t)?;
    let outer = Function::record((shape![2], shape![]), |(z, _)| z.sum())?;
    let z = (0..200).fold(0.0, |z: f64, _| 0.5 * z.tanh() + 0.3);
    let truth = 2.0 / (1.0 - 0.5 * (1.0 - z.tanh().powi(2)));
    let at = arr1(&[z, z]);
    holds(&certify(&Equilibrium::new(&map), &outer).adjoint(OneStep::default()).prepare()?.at(&at, 0.3)?, truth);
    holds(&certify(&Equilibrium::new(&map), &outer).adjoint(Neumann::terms(3)).prepare()?.at(&at, 0.3)?, truth);
    Ok(())
}

#[test]
fn wrong_settings_and_inputs_are_named() -> Result<()> {
    let (inner, outer) = separate(&[1.0, 2.0], 0.3);
    let asked = || certify(&inner, &outer);
    type Asked = Certify<Objective<Leaf, Leaf>>;
    let wrong: [(Asked, &str); 8] = [
        (asked().rounds(1), "number of rounds"),
        (asked().lanczos(0, 10), "Lanczos steps"),
        (asked().lanczos(20, 10), "Lanczos steps"),
        (asked().smallest_singular_value(0.0), "smallest singular value"),
        (asked().smallest_singular_value(f64::NAN), "smallest singular value"),
        (asked().lipschitz(-1.0), "Lipschitz constant"),
        (asked().absolute(f64::INFINITY), "absolute error"),
        (asked().adjoint(Gmres::tolerance(2.0)), "tolerance"),
    ];
    for (asked, named) in wrong {
        let e = asked.prepare().unwrap_err().to_string();
        assert!(e.contains(named), "{e}");
    }
    let mut c = asked().prepare()?;
    let z = arr1(&[1.0, 0.5]);
    for e in [
        c.at(arr1(&[1.0]), 1.5).unwrap_err(),
        c.at(&z, arr1(&[1.0])).unwrap_err(),
        c.at(arr1(&[f64::NAN, 1.0]), 1.5).unwrap_err(),
        c.at(&z, f64::INFINITY).unwrap_err(),
        c.require(0.0, &z, 1.5).unwrap_err(),
        c.require(f64::NAN, &z, 1.5).unwrap_err(),
        c.with_adjoint(&z, 1.5, arr1(&[1.0])).unwrap_err(),
        c.with_adjoint(&z, 1.5, arr1(&[f64::INFINITY, 0.0])).unwrap_err(),
        c.with_derivative(&z, 1.5, arr1(&[1.0])).unwrap_err(),
        c.with_derivative(&z, 1.5, arr0(f64::NAN)).unwrap_err(),
    ] {
        assert!(!e.to_string().is_empty());
    }
    // It goes on after errors, and gives the same bits again.
    let (a, b) = (c.at(&z, 1.5)?, c.at(&z, 1.5)?);
    assert_eq!((a.corrected, a.estimate.to_bits(), a.measured), (b.corrected, b.estimate.to_bits(), b.measured));
    // A Neumann series needs a contraction.
    assert!(asked().adjoint(Neumann::terms(3)).prepare().is_err());
    let _ = scalar::<f64>;
    Ok(())
}

/// Several roots: the certificate is of the one that Newton's method reaches.
#[test]
fn of_several_minima_the_nearest() -> Result<()> {
    let inner = Function::record((shape![], shape![]), |(z, t): (Var, Var)| 0.25 * z.powi(4) - 0.5 * z.square() - t * z)?;
    let outer = Function::record((shape![], shape![]), |(z, _)| z)?;
    for start in [1.1, -0.9] {
        let z = (0..100).fold(start, |z: f64, _| z - (z * z * z - z - 0.1) / (3.0 * z * z - 1.0));
        let mut c = certify(&inner, &outer).adjoint(Lu).prepare()?;
        holds(&c.at(start, 0.1)?, 1.0 / (3.0 * z * z - 1.0));
    }
    Ok(())
}

/// Plain steps settle; momentum has complex factors, so there is no estimate, or a right one.
#[test]
fn of_a_loop_whose_equation_is_not_known() -> Result<()> {
    let d = [1.0, 4.0];
    let (inner, outer) = separate(&d, 0.0);
    let (_, truth) = exact(&d, 0.0, 1.5);
    let solver = GradientDescent::new(&inner).step_size(0.2).tolerance(0.0);
    let gradient = |k| Function::record(shape![], |t| outer.call((solver.unroll(k).solve(zeros(shape![2]), t), t)))?.gradient(1.5);
    let at = |k| solver.clone().max_iterations(k).solve(Array1::<f64>::zeros(2), 1.5).map(|s| s.solution);
    for k in [20, 40, 60] {
        let points = (k - 11..=k).map(at).collect::<Result<Vec<_>>>()?;
        let g = [gradient(k - 1)?, gradient(k)?];
        let error = (number(&g[1]) - truth).abs();
        let found = Limit::of::<Leaf, Leaf>(&points, g.each_ref().map(|g| g))?;
        assert!((found.factor - 0.8).abs() < 1e-6, "{found:?}");
        assert!(found.estimate.is_some_and(|e| e <= 3.0 * error && error <= 3.0 * e), "{k} {error:e} {found:?}");
        let more = found.steps_to(1e-9).unwrap() as usize;
        assert!((number(&gradient(k + more)?) - truth).abs() <= 3e-9 * truth, "{more}");
        assert_eq!(found.steps_to(1.0), Some(0));
    }
    // The iterates of a rotation that shrinks: the factors over few steps are those of its angle.
    let spiral = |k: i32| arr1(&[0.9f64.powi(k) * (2.0 * f64::from(k)).cos() * 3.0, 0.9f64.powi(k) * (2.0 * f64::from(k)).sin()]);
    let points: Vec<_> = (0..12).map(spiral).collect();
    let found = Limit::of::<Leaf, Leaf>(&points, [&arr0(1.0), &arr0(1.1)])?;
    assert_eq!((found.estimate, found.steps_to(1e-3)), (None, None), "{found:?}");
    assert!(Limit::of::<Leaf, Leaf>(&points[..11], [&arr0(1.0), &arr0(1.1)]).is_err());
    // What stands still has arrived.
    let found = Limit::of::<Leaf, Leaf>(&vec![arr1(&[1.0]); 12], [&arr0(1.0), &arr0(1.0)])?;
    assert_eq!((found.estimate, found.steps_to(1e-9)), (Some(0.0), Some(0)));
    Ok(())
}

/// dL/dθ = z/(1 + z²) is stationary at z = 1: the slope at the end of a step says nothing there.
#[test]
fn a_derivative_that_is_stationary_at_the_point() -> Result<()> {
    let f = Function::record((shape![], shape![]), |(z, t)| z + z.powi(3) / 3.0 - t)?;
    let outer = Function::record((shape![], shape![]), |(z, _)| 0.5 * z.square())?;
    let mut certifier = certify(&Root::new(&f), &outer).adjoint(Lu).prepare()?;
    let (mut certified, mut accepted) = (0, 0);
    for i in 0..40 {
        for j in 0..40 {
            let (root, start) = (0.9 + 0.005 * f64::from(i), 0.1 + 0.06 * f64::from(j));
            let (theta, truth) = (root + root.powi(3) / 3.0, root / (1.0 + root * root));
            let found = certifier.at(start, theta)?;
            if let (Some(bound), Some(after)) = (found.bound, found.corrected_bound) {
                certified += 1;
                let errors = [(found.gradient.number()? - truth).abs(), (found.corrected.number()? - truth).abs()];
                assert!(errors[0] <= bound && errors[1] <= after, "from {start} to {root}: {errors:?}\n{found}");
            }
            if let Ok(right) = certifier.require(1e-4, start, theta) {
                accepted += 1;
                let error = (right.corrected.number()? - truth).abs();
                assert!(error <= 1e-4 * truth, "from {start} to {root}: {error:e}\n{right}");
            }
        }
    }
    assert!(certified > 1200 && accepted > 1200, "{certified} certified, {accepted} accepted");
    Ok(())
}

/// A direction of curvature 10⁻⁶ that neither the loose solves of the rounds nor the residual shows.
#[test]
fn a_small_singular_value_that_loose_solves_do_not_see() -> Result<()> {
    let n = 120;
    for seed in 0..4 {
        let noise: Array1<f64> = random::sym(500 + seed, n);
        let (w, b): (Array1<f64>, Array1<f64>) = (random::sym(510 + seed, n), random::sym(520 + seed, n));
        let d = Array1::from_shape_fn(n, |i| if i == 0 { 1e-6 } else { 1.0 + 0.2 * (i as f64 / n as f64) });
        let q = Array1::from_shape_fn(n, |i| if i == 0 { 1e-7 } else { d[i] });
        let c = Array1::from_shape_fn(n, |i| d[i] * b[i] * if i == 0 { 0.1 } else { 1.0 });
        let inner = Function::record((shape![n], shape![]), |(z, t)| {
            let [d, q, c] = [&d, &q, &c].map(|v| constant(v.to_shared()));
            (0.5 * d * z.square() + 0.25 * q * z.powi(4) - t * c * z).sum()
        })?;
        let outer = Function::record((shape![n], shape![]), |(z, _)| (constant(w.to_shared()) * z.square()).sum())?;
        let theta = 1.5;
        // Each coordinate has its own root.
        let root = Array1::from_shape_fn(n, |i| {
            (0..200).fold(theta * c[i] / d[i], |z: f64, _| z - (d[i] * z + q[i] * z.powi(3) - theta * c[i]) / (d[i] + 3.0 * q[i] * z * z))
        });
        let truth: f64 = (0..n).map(|i| 2.0 * w[i] * root[i] * c[i] / (d[i] + 3.0 * q[i] * root[i] * root[i])).sum();
        let point = Array1::from_shape_fn(n, |i| root[i] + noise[i] * if i == 0 { 0.5 } else { 0.01 });
        for solver in [Arc::new(Auto::default()) as Arc<dyn LinearSolver>, Arc::new(Cg::default()), Arc::new(Gmres::tolerance(1e-2))] {
            let name = solver.name();
            let found = certify(&inner, &outer).adjoint(solver).prepare()?.at(&point, theta)?;
            if let (Some(bound), Some(after)) = (found.bound, found.corrected_bound) {
                let errors = [(found.gradient.number()? - truth).abs(), (found.corrected.number()? - truth).abs()];
                assert!(errors[0] <= bound && errors[1] <= after, "{name}, {seed}: {errors:?}\n{found}");
            }
        }
    }
    Ok(())
}

/// A lower bound that every solve refutes proves nothing.
#[test]
fn constants_that_a_solve_refutes_are_no_theorem() -> Result<()> {
    let f = Function::record((shape![], shape![]), |(z, t)| z + z.powi(3) / 3.0 - t)?;
    let outer = Function::record((shape![], shape![]), |(z, _)| 0.5 * z.square())?;
    let certify = certify(&Root::new(&f), &outer).adjoint(Lu).smallest_singular_value(1e6).lipschitz(1.0);
    let found = certify.prepare()?.at(1.2, 4.0 / 3.0)?;
    assert!(found.standing != Standing::Proven, "{found}");
    Ok(())
}

/// A switch that the parameters alone decide is a kink of the derivative by them.
#[test]
fn a_kink_of_the_parameters_alone() -> Result<()> {
    let inner = Function::record((shape![2], shape![]), |(z, t)| (0.5 * z.square() - t.relu() * z).sum())?;
    let outer = Function::record((shape![2], shape![]), |(z, _)| (z - 1.0).square().sum())?;
    let mut certifier = certify(&inner, &outer).prepare()?;
    let at = certifier.at(arr1(&[0.0, 0.0]), 0.0)?;
    assert_eq!(at.standing, Standing::Uncertified(Uncertified::WeaklyActive), "{at}");
    assert!(certifier.at(arr1(&[0.5, 0.5]), 0.5)?.certified());
    assert!(certifier.at(arr1(&[0.0, 0.0]), -0.5)?.certified());
    Ok(())
}
