//! A small residual of an ill-conditioned system is not called a solution.
//!
//! Looked at:
//! - CG, normal CG: stopped at the residual, whatever the next step would have moved. Now one step more, and as many as move x; and the
//!   condition number from the coefficients.
//! - GMRES: the same by one more vector, and by the singular values of its triangle.
//! - BiCGStab: has no such matrix; up to 64 unknowns the second Krylov space gives the condition number.
//! - LU, Cholesky: judged by the residual alone (√ε); now by LAPACK's estimates of condition number and forward error.
//! - Neumann: reports its residual, no conditioning.
//! - `prox::affine`: AAᵀ squared the conditioning; rows are made orthonormal in three rounds, and rows that depend on each other are refused.
use crate::linear_solves::{condition, solve, solved};
use hypertape::array::Element;
use hypertape::linear::{Diagonal, Single};
use hypertape::prelude::*;
use ndarray::arr1;
use std::convert::Infallible;

fn all() -> [Box<dyn LinearSolver>; 6] {
    [
        Box::new(Cg::default()),
        Box::new(Minres::default()),
        Box::new(Gmres::default()),
        Box::new(Bicgstab::default()),
        Box::new(NormalCg::default()),
        Box::new(Lsmr::default()),
    ]
}

/// x = 1 of diag(d), or a report that does not call it right and names the conditioning.
fn honest(s: &dyn LinearSolver, d: &[f64], tolerance: f64, exact: f64, right: bool) {
    let mut x = vec![0.0; d.len()];
    let o = solve(s, &mut Diagonal(d.to_vec()), d, &mut x, tolerance);
    let close = x.iter().all(|x| (x - 1.0).abs() < 1e-2);
    assert!(close || !solved(&o), "{} at {tolerance:e}: {o:?} {x:?}", s.name());
    assert!(close || !right, "{} at {tolerance:e}: {o:?} {x:?}", s.name());
    let named = condition(&o).unwrap();
    assert!((named / exact - 1.0).abs() < 0.2, "{}: condition {named:e} of {exact:e}: {o:?}", s.name());
}

#[test]
fn a_diagonal_of_condition_1e12() {
    for tolerance in [1e-15, 1e-14, 1e-13, 1e-12, 1e-10, 1e-6, 1e-2] {
        for s in all() {
            let cg = s.name() == "CG";
            honest(&*s, &[1e12, 1.0], tolerance, 1e12, cg && tolerance < 1e-12);
        }
    }
}

#[test]
fn other_diagonals() {
    for s in all() {
        honest(&*s, &[1e9, 1.0], 1e-8, 1e9, false);
        honest(&*s, &[1e-150, 1e-160], 1e-8, 1e10, false);
        honest(&*s, &[1e10, 1.0, 1.0, 1e10, 1.0], 1e-6, 1e10, false);
        honest(&*s, &[1e150, 1e145, 1e141], 1e-3, 1e9, false);
    }
    // Beyond what is explored from a second vector: the step beyond the tolerance finds it.
    let mut d = vec![1.0; 200];
    d[17] = 1e12;
    honest(&Cg::default(), &d, 1e-10, 1e12, true);
}

#[test]
fn single_precision() {
    for s in all() {
        let mut x = [0.0; 2];
        let mut a = Single::new(ndarray::arr2(&[[1e5_f32, 0.0], [0.0, 1.0]]));
        let o = solve(&*s, &mut a, &[1e5, 1.0], &mut x, 1e-4);
        assert!((x[1] - 1.0).abs() < 1e-2 || !solved(&o), "{}: {o:?} {x:?}", s.name());
        assert!((condition(&o).unwrap() / 1e5 - 1.0).abs() < 0.2, "{}: {o:?}", s.name());
    }
}

#[test]
fn a_warm_start_is_judged_too() {
    let mut x = [1.0, 0.0];
    let o = solve(&Cg::default(), &mut Diagonal(vec![1e12, 1.0]), &[1e12, 1.0], &mut x, 1e-10);
    assert_eq!(o.unwrap().status, Status::IllConditioned);
}

#[test]
fn what_is_known_in_spite_of_the_condition_is_accepted() {
    // x = (1e-12, 1) is determined well: the residual is measured against the small part of b.
    for s in all() {
        let mut x = [0.0; 2];
        let o = solve(&*s, &mut Diagonal(vec![1e12, 1.0]), &[1.0, 1.0], &mut x, 1e-10);
        assert!((x[1] - 1.0).abs() < 1e-9 || !solved(&o), "{}: {o:?} {x:?}", s.name());
    }
    // A condition number of 1e6 is an everyday one.
    for s in all() {
        let mut x = [0.0; 3];
        let o = solve(&*s, &mut Diagonal(vec![1e6, 1e3, 1.0]), &[1e6, 1e3, 1.0], &mut x, 1e-12);
        assert!(solved(&o) && x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{}: {o:?} {x:?}", s.name());
    }
}

/// dz/dt of D z = t d.
fn derivative(d: [f64; 2], solver: impl linear::LinearSolver) -> Result<Vec<f64>> {
    let d = arr1(&d).into_shared();
    let residual = Function::record((shape![2], shape![]), |(z, t)| constant(&d) * (z - t))?;
    let root = implicit::root(&residual, |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        Ok::<_, Infallible>(arr1(&[t.sum(), t.sum()]))
    });
    let root = root.adjoint(solver);
    let f = Function::record(shape![], |t| root.solve(zeros(shape![2]), t))?;
    Ok(f.jvp(1.0, 1.0)?.1.iter().copied().collect())
}

#[test]
fn derivatives_through_ill_conditioned_equations() {
    fn honest(d: [f64; 2], solver: impl linear::LinearSolver) {
        let name = solver.name();
        match derivative(d, solver) {
            Ok(v) => assert!(v.iter().all(|v| (v - 1.0).abs() < 1e-2), "{name}: {v:?}"),
            Err(e) => assert!(e.to_string().contains("condition number about 1.00e12"), "{name}: {e}"),
        }
    }
    for d in [[1e12, 1.0], [1e-3, 1e-15], [-1e12, -1.0]] {
        honest(d, Cg::default());
        honest(d, Cg::tolerance(1e-6));
        honest(d, Gmres::tolerance(1e-6));
        honest(d, Bicgstab::tolerance(1e-6));
        honest(d, NormalCg::tolerance(1e-6));
    }
    // Rows of other scales are nothing to elimination.
    for d in [[1e12, 1.0], [1e20, 1.0], [1e150, 1e-150]] {
        let exact = |v: Vec<f64>| assert!(v.iter().all(|v| (v - 1.0).abs() < 1e-14), "{v:?}");
        exact(derivative(d, Lu).unwrap());
        exact(derivative(d, Cholesky).unwrap());
        exact(derivative(d, Qr).unwrap());
        exact(derivative(d, Ldlt).unwrap());
    }
}

/// The projection onto {x: A x = b}.
fn project<T: Real>(a: &ndarray::Array2<f64>, b: &[f64], v: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    let (a, n) = (a.clone().into_shared(), v.len());
    let plane = prox::affine::<Leaf, _>(move |b| (constant(&a), *b));
    let f = Function::record((Leaf::<T>::new([n]), shape![b.len()]), |(v, b)| plane.prox(v, scalar(1.0), &b))?;
    let v = ndarray::Array1::from_iter(v.iter().map(|v| <T as Element>::from_f64(*v)));
    let c = ndarray::Array1::from_shape_fn(n, |i| <T as Element>::from_f64(i as f64 + 1.0));
    let (x, (_, by_b)) = f.vjp((&v, arr1(b)), &c)?;
    Ok((x.iter().map(|x| Element::to_f64(*x)).collect(), by_b.iter().copied().collect()))
}

#[test]
fn a_projection_onto_planes_that_are_nearly_parallel() {
    // Two planes in two dimensions meet in one point, whatever is projected: x = A⁻¹b, and A⁻ᵀc by b. The condition number is about 4/δ.
    for delta in [1e-1, 1e-5, 1e-7, 2f64.powi(-30), 2f64.powi(-40)] {
        let a = ndarray::arr2(&[[1.0, 1.0], [1.0, 1.0 + delta]]);
        let (x, by_b) = project::<f64>(&a, &[1.5, 1.5 + 0.5 * delta], &[3.0, -7.0]).unwrap_or_else(|e| panic!("{delta:e}: {e}"));
        // The entry 1 + δ and what is added up to 1.5 + δ/2 are rounded.
        let slack = 64.0 * f64::EPSILON * 4.0 / delta;
        assert!((x[0] - 1.0).abs() < slack && (x[1] - 0.5).abs() < slack, "{delta:e}: {x:?}");
        // Aᵀu = c = (1, 2): u = (c₀ − u₁, u₁) with δu₁ = c₁ − c₀.
        let (u, size) = (1.0 / delta, 1.0 / delta);
        assert!((by_b[1] - u).abs() < slack * size && (by_b[0] - (1.0 - u)).abs() < slack * size, "{delta:e}: {by_b:?}");
    }
    let a = ndarray::arr2(&[[1.0, 1.0], [1.0, 1.0 + 1e-3]]);
    let (x, _) = project::<f32>(&a, &[1.5, 1.5 + 0.5e-3], &[3.0, -7.0]).unwrap();
    assert!((x[0] - 1.0).abs() < 0.05 && (x[1] - 0.5).abs() < 0.05, "{x:?}");
}

#[test]
fn a_projection_onto_planes_of_any_scale() {
    // x₀ + 2x₁ = 5s on one row of scale s, 2x₀ − x₁ = 0 on one of scale 1/s: x = (1, 2), and v₂ stays.
    for s in [1e-160, 1e-300, 1e155, 1e300, 1.0] {
        let a = ndarray::arr2(&[[s, 2.0 * s, 0.0], [2.0 / s, -1.0 / s, 0.0]]);
        let (x, by_b) = project::<f64>(&a, &[5.0 * s, 0.0], &[3.0, -7.0, 4.0]).unwrap_or_else(|e| panic!("{s:e}: {e}"));
        let want = [1.0, 2.0, 4.0];
        assert!(x.iter().zip(want).all(|(x, w)| (x - w).abs() < 1e-14), "{s:e}: {x:?}");
        // AAᵀ = 5 diag(s², s⁻²), so A(1, 2, 3)/5 over the squares is (1/s, 0).
        assert!((by_b[0] * s - 1.0).abs() < 1e-14 && (by_b[1] / s).abs() < 1e-14, "{s:e}: {by_b:?}");
    }
    for s in [1e18, 1e-18, 1e20, 1e-20] {
        let (x, _) = project::<f32>(&ndarray::arr2(&[[s, 2.0 * s]]), &[5.0 * s], &[3.0, -7.0]).unwrap();
        // (3, −7) + (16/5)(1, 2).
        assert!((x[0] - 6.2).abs() < 1e-5 && (x[1] + 0.6).abs() < 1e-5, "{s:e}: {x:?}");
    }
}

#[test]
fn planes_that_depend_on_each_other_but_for_rounding() {
    let sines = |i: usize| (i as f64 + 1.0).sin();
    let twice = |n: usize| ndarray::Array2::from_shape_fn((2, n), |(_, j)| sines(j));
    let cases = [
        ndarray::arr2(&[[0.1, 0.2, 0.7], [0.1 / 3.0, 0.2 / 3.0, 0.7 / 3.0]]),
        twice(3),
        twice(5),
        twice(200),
        ndarray::arr2(&[[1.0, 2.0, 3.0], [0.5, 0.1, -0.3], [1.5, 2.1, 2.7]]),
        ndarray::arr2(&[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
        ndarray::arr2(&[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]),
        ndarray::arr2(&[[1.0, 2.0], [2.0, 0.3], [0.7, 0.1]]),
        ndarray::arr2(&[[0.0, 0.0], [1.0, 0.3]]),
        ndarray::arr2(&[[1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]),
        ndarray::arr2(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [3.0, -4.0, 0.0]]),
        ndarray::Array2::from_shape_fn(
            (6, 40),
            |(i, j)| if i == 5 { sines(j) - 2.0 * (sines(2 * j) + sines(4 * j)) } else { sines(j * i + j) },
        ),
        ndarray::Array2::zeros((1, 0)),
    ];
    for a in cases {
        let (b, v) = ([0.3, -0.2, 4.0, 1.0, 2.0, 0.7], vec![0.5; a.ncols()]);
        let e = project::<f64>(&a, &b[..a.nrows()], &v).expect_err("its rows depend on each other").to_string();
        assert!(e.contains("independent part of element") || e.contains("depend on each other"), "{e}");
        let e = project::<f32>(&a, &b[..a.nrows()], &v).expect_err("its rows depend on each other").to_string();
        assert!(e.contains("independent part of element") || e.contains("depend on each other"), "{e}");
    }
}

#[test]
fn points_far_from_a_plane() {
    // What is left of the point itself is its rounding, which a second projection takes away.
    for far in [1.0, 1e6, 1e12, 1e16] {
        let (x, _) = project::<f64>(&ndarray::arr2(&[[3.0, 4.0]]), &[2.0], &[3.0 * far, 4.0 * far]).expect("its row is independent");
        assert!((3.0 * x[0] + 4.0 * x[1] - 2.0).abs() < 1e-14, "{far:e}: {x:?}");
        let (x, _) = project::<f64>(&ndarray::arr2(&[[1.0]]), &[2.0], &[far]).expect("its row is independent");
        assert!((x[0] - 2.0).abs() < 1e-14, "{far:e}: {x:?}");
    }
    let eps = f64::from(f32::EPSILON);
    for far in [1e3, 1e6, 1e9] {
        let (x, _) = project::<f32>(&ndarray::arr2(&[[1.0, 0.0]]), &[2.3], &[far, 3.0]).expect("its row is independent");
        assert!((x[0] - 2.3).abs() < 4.0 * eps * (1.0 + far * eps) && x[1] == 3.0, "{far:e}: {x:?}");
    }
}
