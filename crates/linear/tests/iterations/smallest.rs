//! The estimate of the smallest singular value, against matrices whose singular values are known.
use crate::support::*;
use hypertape_autodiff::ops::sparse::Csr;
use hypertape_linear::*;
use hypertape_testkit::random;
use ndarray::{Array1, Array2, Axis, arr1};

/// From 1 to `condition`: a few that are small and well separated, and the others evenly in the upper half.
fn spectrum(n: usize, condition: f64) -> Vec<f64> {
    let upper = |i: usize| condition * (0.5 + 0.5 * i as f64 / (n - 1) as f64);
    (0..n).map(|i| if i < 4 { condition.powf(i as f64 / 5.0) } else { upper(i) }).collect()
}

/// A symmetric matrix with these eigenvalues.
fn with_eigenvalues(values: &[f64]) -> Array2<f64> {
    let n = values.len();
    let v: Array1<f64> = random::normal(21, n);
    let v = &v / v.dot(&v).sqrt();
    let q = Array2::<f64>::eye(n) - 2.0 * v.clone().insert_axis(Axis(1)).dot(&v.insert_axis(Axis(0)));
    let a = q.dot(&Array2::from_diag(&arr1(values))).dot(&q);
    (&a + &a.t()) / 2.0
}

fn found(s: &dyn LinearSolver, a: &mut dyn Operator, side: Side) -> Outcome {
    let n = a.len();
    let mut w = Workspace::new(s, n);
    w.prepare(a, &Hints { step: Some(1.0) }).unwrap();
    let (b, mut x) = (random::normal(33, n).to_vec(), vec![0.0; n]);
    let first = w.solve(a, side, &b, &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap();
    // The same of a second solve, which need not look at the operator again.
    x.fill(0.0);
    let mut again = w.solve(a, side, &b, &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap();
    assert!(again.products.plain <= first.products.plain, "{}", s.name());
    again.products = first.products;
    assert_eq!(first, again, "{}", s.name());
    first
}

/// That an estimate is one from above, up to `rounding`, and within a tenth.
fn near(what: &str, o: &Outcome, exact: f64, rounding: f64) {
    let share = o.smallest.map_or(f64::NAN, |s| s / exact);
    assert!(share >= 1.0 - rounding && share <= 1.1, "{what}: {share} of {exact:e}, {o:?}");
}

fn symmetric_methods() -> Vec<Box<dyn LinearSolver>> {
    vec![Box::new(Cg::default()), Box::new(Minres::default()), Box::new(Cholesky), Box::new(Ldlt), Box::new(Auto::default())]
}

fn general_methods() -> Vec<Box<dyn LinearSolver>> {
    vec![
        Box::new(Gmres::default().restart(200)),
        Box::new(Gmres::default()),
        Box::new(NormalCg::default()),
        Box::new(Lsmr::default()),
        Box::new(Lu),
        Box::new(Qr),
        Box::new(Svd::default()),
        Box::new(Auto::default()),
    ]
}

#[test]
fn smallest_singular_values_at_any_scale() {
    for n in [1, 2, 9, 40, 150] {
        for scale in [1.0, 1e150, 1e-150] {
            let values = spectrum(n.max(2), 60.0)[..n].to_vec();
            for sign in [scale, -scale] {
                for s in symmetric_methods() {
                    near(&format!("{} n = {n}", s.name()), &found(&*s, &mut (with_eigenvalues(&values) * sign), Side::Plain), scale, 1e-8);
                }
            }
            let mut both = values.clone();
            both.iter_mut().skip(1).step_by(2).for_each(|v| *v = -*v);
            for s in [&Minres::default() as &dyn LinearSolver, &Ldlt] {
                near(
                    &format!("{} n = {n}, indefinite", s.name()),
                    &found(s, &mut (with_eigenvalues(&both) * scale), Side::Plain),
                    scale,
                    1e-8,
                );
            }
            for side in [Side::Plain, Side::Transposed] {
                for s in general_methods() {
                    let o = found(&*s, &mut (with_singular_values(&values) * scale), side);
                    near(&format!("{} n = {n} {side:?}", s.name()), &o, scale, 1e-8);
                }
            }
        }
    }
}

#[test]
fn the_probe_and_the_factors_know_it_too() {
    // By the second Krylov space, which is that of A itself.
    let values = spectrum(50, 60.0);
    let (symmetric, general) = (with_eigenvalues(&values) * 1e-150, with_singular_values(&values) * 1e150);
    near("CG", &found(&Cg::default().preconditioner(Jacobi), &mut symmetric.clone(), Side::Plain), 1e-150, 1e-8);
    for s in [&Gmres::default().preconditioner(Jacobi) as &dyn LinearSolver, &Bicgstab::default()] {
        near(&s.name(), &found(s, &mut general.clone(), Side::Transposed), 1e150, 1e-8);
    }
    // Above the size of the probe nothing is known of A with a preconditioner.
    for s in [
        &Cg::default().preconditioner(Jacobi).probe_up_to(0) as &dyn LinearSolver,
        &Minres::default().preconditioner(Jacobi).probe_up_to(0),
        &Gmres::default().preconditioner(Jacobi).probe_up_to(0),
    ] {
        assert_eq!(found(s, &mut symmetric.clone(), Side::Plain).smallest, None, "{}", s.name());
    }
    let mut sparse = Csr::from_dense(&(with_eigenvalues(&values) * -1e150).view()).unwrap();
    for s in [&SparseLu::default() as &dyn LinearSolver, &SparseCholesky::default()] {
        near(&s.name(), &found(s, &mut sparse, Side::Plain), 1e150, 1e-8);
    }
    // The smallest that does not count as 0.
    let o = found(&Svd::default().cutoff(1e-3), &mut with_singular_values(&[7.0, 2.0, 1e-5]), Side::Plain);
    near("SVD", &o, 2.0, 1e-14);
    assert_eq!(found(&Svd::default(), &mut Array2::zeros((3, 3)), Side::Plain).smallest, None);
    assert_eq!(solve(&Lu, &mut general.clone(), &[0.0; 50], &mut [0.0; 50], 1e-9).unwrap().smallest, None);
    // Another operator is another estimate.
    let mut lu = Workspace::new(&Lu, 2);
    for at in [3.0, 0.5, 7.0] {
        let mut a = Diagonal(vec![at, 10.0]);
        lu.prepare(&mut a, &Hints::default()).unwrap();
        near("again", &lu.solve(&mut a, Side::Plain, &[1.0, 1.0], &mut [0.0; 2], Tolerance::default()).unwrap(), at, 1e-14);
    }
}

#[test]
fn from_above_where_the_solve_has_seen_little() {
    let values = spectrum(150, 1e6);
    let (symmetric, general) = (with_eigenvalues(&values), with_singular_values(&values));
    for k in [1, 2, 5, 20, 60] {
        let with: [(Box<dyn LinearSolver>, &Array2<f64>); 5] = [
            (Box::new(Cg::default().max_iterations(k)), &symmetric),
            (Box::new(Minres::default().max_iterations(k)), &symmetric),
            (Box::new(Gmres::default().max_iterations(k)), &general),
            (Box::new(NormalCg::default().max_iterations(k)), &general),
            (Box::new(Lsmr::default().max_iterations(k)), &general),
        ];
        for (s, a) in with {
            let o = found(&*s, &mut a.clone(), Side::Plain);
            assert!(o.smallest.is_some_and(|s| (1.0 - 1e-8..=2e6).contains(&s)), "{} {k}: {o:?}", s.name());
        }
    }
    // A diagonal matrix, and a bound that is that of its subspace: b is no part of the smallest.
    let mut a = Diagonal(vec![1e-3, 2.0, 3.0, 5.0]);
    for s in [&Cg::default().probe_up_to(0) as &dyn LinearSolver, &Minres::default().probe_up_to(0), &Lsmr::default().probe_up_to(0)] {
        near(&s.name(), &solve(s, &mut a, &[0.0, 1.0, 1.0, 1.0], &mut [0.0; 4], 1e-10).unwrap(), 2.0, 1e-8);
    }
}

#[test]
fn smallest_singular_values_in_single_precision() {
    let values = spectrum(100, 20.0);
    let rounding = 64.0 * 20.0 * f64::from(f32::EPSILON);
    let single = |a: Array2<f64>| Single::new(a.mapv(|v| v as f32));
    let of = |s: &dyn LinearSolver, a: Array2<f64>| {
        let (b, mut x) = (random::normal(33, 100).to_vec(), vec![0.0; 100]);
        near(&s.name(), &solve(s, &mut single(a), &b, &mut x, 1e-5).unwrap(), 1.0, rounding);
    };
    for s in symmetric_methods() {
        of(&*s, with_eigenvalues(&values));
    }
    for s in general_methods() {
        of(&*s, with_singular_values(&values));
    }
}
