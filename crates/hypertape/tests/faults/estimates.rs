//! An estimate does not depend on powers of the scale.
//!
//! Looked at:
//! - `operator_norm`: squares of K x, recorded, left the range; an error named the library's line. Lengths are now measured outside, by scaled norms.
//! - `norm_bound` of matrices, dense and sparse: ‖A‖₁‖A‖_∞ was multiplied before the root; a NaN among the entries was passed over.
//! - `norm_bound` of differences and compositions: constants, and a product of two bounds; right.
//! - Krylov solvers: ratios of squares (‖A d‖²/‖d‖², dᵀA d/dᵀd, 1/α, β) are taken of a system that is scaled by powers of two.
//! - Singular values of a triangle (GMRES): in units of its largest column.
use crate::linear_solves::solve;
use hypertape::linear::Diagonal;
use hypertape::prelude::*;
use ndarray::{Array2, arr2};

fn norm(a: Array2<f64>) -> Result<f64> {
    let n = a.ncols();
    operator_norm(&Matrix::fixed::<f64>(a), &shape![n], &shape![], 0.0, 60)
}

fn close(found: f64, exact: f64, what: &str) {
    assert!((found - exact).abs() <= 1e-12 * exact, "{what}: {found:e} instead of {exact:e}");
}

#[test]
fn the_norm_of_a_scaled_identity_is_its_scale() {
    for scale in [1e-300, 1e-200, 1e-170, 1.0, 1e150, 1e200, 1e300] {
        for n in [1, 2, 7] {
            close(norm(scale * Array2::eye(n)).unwrap(), scale, &format!("{scale:e}, n = {n}"));
        }
    }
}

#[test]
fn the_norm_of_other_matrices() {
    for scale in [1e-200, 1.0, 1e200] {
        // Diagonal; one row; rank 1: ‖u vᵀ‖ = ‖u‖‖v‖.
        close(norm(scale * arr2(&[[3.0, 0.0], [0.0, -4.0]])).unwrap(), 4.0 * scale, "diagonal");
        close(norm(scale * arr2(&[[3.0, 4.0]])).unwrap(), 5.0 * scale, "row");
        close(norm(scale * arr2(&[[3.0, 4.0], [6.0, 8.0]])).unwrap(), 5.0 * 5f64.sqrt() * scale, "rank 1");
    }
    assert_eq!(norm(Array2::zeros((2, 2))).unwrap(), 0.0);
    assert_eq!(norm(Array2::zeros((0, 0))).unwrap(), 0.0);
}

#[test]
fn the_norm_in_single_precision_and_of_sparse_matrices() {
    for scale in [1e-30_f32, 1e-18, 1.0, 1e18, 1e30] {
        let a: Array2<f32> = scale * arr2(&[[3.0_f32, 0.0], [0.0, -4.0]]);
        let found = operator_norm(&Matrix::fixed::<f32>(a), &Leaf::<f32>::new([2]), &shape![], 0.0, 60).unwrap();
        assert!((found / f64::from(4.0 * scale) - 1.0).abs() < 1e-6, "{scale:e}: {found:e}");
    }
    for scale in [1e-200, 1e200] {
        let a: Array2<f64> = scale * arr2(&[[3.0, 0.0], [0.0, -4.0]]);
        close(operator_norm(&Csr::from_dense(&a.view()).unwrap(), &shape![2], &shape![], 0.0, 60).unwrap(), 4.0 * scale, "sparse");
    }
}

#[test]
fn bounds_of_norms_stay_in_the_range() {
    for scale in [1e-200, 1.0, 1e200] {
        // ‖A‖₁ = 3, ‖A‖_∞ = 3.
        let a: Array2<f64> = scale * arr2(&[[1.0, 2.0], [2.0, 1.0]]);
        let sparse = Csr::from_dense(&a.view()).unwrap();
        let dense = Matrix::fixed::<f64>(a);
        close(LinearOperator::<Leaf, Leaf, ()>::norm_bound(&dense).unwrap(), 3.0 * scale, "dense");
        close(LinearOperator::<Leaf, Leaf, ()>::norm_bound(&sparse).unwrap(), 3.0 * scale, "sparse");
    }
    let unknown = Matrix::fixed::<f64>(arr2(&[[1.0, f64::NAN], [2.0, 1.0]]));
    assert_eq!(LinearOperator::<Leaf, Leaf, ()>::norm_bound(&unknown), None);
}

#[test]
fn an_operator_beyond_the_range_is_named_on_the_users_line() {
    let line = line!() + 1;
    let e = norm_here(Matrix::fixed::<f64>(arr2(&[[1.5e308, 1.5e308], [1.5e308, 1.5e308]]))).unwrap_err();
    let text = e.to_string();
    assert!(text.contains("finite") && e.site().is_some_and(|s| s.file() == file!() && s.line() == line), "{text}");
}

#[track_caller]
fn norm_here(a: impl LinearOperator<Leaf, Leaf, Leaf>) -> Result<f64> {
    operator_norm(&a, &shape![2], &shape![], 0.0, 60)
}

#[test]
fn krylov_solvers_estimate_norms_at_any_scale() {
    // diag(3, 1): norm 3, condition 3.
    for scale in [1e-250, 1e-150, 1.0, 1e150, 1e250] {
        let solvers: [&dyn LinearSolver; 7] = [
            &Cg::default(),
            &Minres::default(),
            &Gmres::default(),
            &Bicgstab::default(),
            &NormalCg::default(),
            &Lsmr::default(),
            &Svd::default(),
        ];
        for s in solvers {
            let mut x = [0.0; 2];
            let o = solve(s, &mut Diagonal(vec![3.0 * scale, scale]), &[1.0, 1.0], &mut x, 1e-12).unwrap();
            let (norm, condition) = (o.norm.unwrap(), o.condition.unwrap());
            assert!(
                o.converged() && (x[0] * scale * 3.0 - 1.0).abs() < 1e-12 && (x[1] * scale - 1.0).abs() < 1e-12,
                "{}: {o:?} {x:?}",
                s.name()
            );
            assert!((norm / scale - 3.0).abs() < 0.1 && (condition - 3.0).abs() < 0.1, "{} at {scale:e}: {norm:e} {condition}", s.name());
        }
    }
}
