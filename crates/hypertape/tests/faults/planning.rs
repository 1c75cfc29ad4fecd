//! A planning pass never changes a value.
//!
//! Places that were looked at:
//! - `plan/accumulate.rs`: a product of rank above 2 that a sum read transposed was not turned, but its reader was. Mended: the plan of the
//!   product says its rows and columns, whatever axes of length 1 its array has.
//! - `plan/transposed_products.rs` turns by permutation of any rank; `plan/matrix_passes.rs`, `batching.rs`, `sinking.rs`, `peephole.rs`,
//!   `carry_donation.rs`, `loop_invariant.rs`: right.
//! - `crates/autodiff/tests/planned/shapes.rs` draws random programs with axes of length 1, ranks 0 to 5 and permuted readers, and their
//!   cotangents, for all passes.
use hypertape::Result;
use hypertape::prelude::*;
use ndarray::{Array, Array1, Array2, ArrayD, IxDyn};

fn counted(shape: &[usize]) -> ArrayD<f64> {
    let n = shape.iter().product::<usize>();
    Array::from_iter((1..=n).map(|v| v as f64)).into_shape_with_order(IxDyn(shape)).expect("as many elements")
}

/// Σ x·x over one axis, weighted: x[1,2,2] = [[a, b], [c, d]]; Σ_k x_ik x_kj by (1, 1) is xᵀx of the 2 x 2 part.
#[test]
fn an_array_contracted_with_itself() -> Result<()> {
    let f = Function::record(shape![1, 2, 2], |x| {
        let weights = constant(&ArrayD::from_shape_vec(IxDyn(&[1, 2, 1, 2]), vec![1.0, 0.0, 1.0, 0.0]).expect("four").into_shared());
        (x.contract(x, &[(1, 1)], &[]) * weights).sum()
    })?;
    let x = counted(&[1, 2, 2]).into_dimensionality::<ndarray::Ix3>().expect("rank 3");
    let g = f.gradient(x)?;
    // f = Σ_i Σ_k x_ki x_k0 = (a + b) a + (c + d) c: gradient [2a + b, a, 2c + d, c] = [4, 1, 10, 3].
    assert_eq!(g.iter().copied().collect::<Vec<_>>(), [4.0, 1.0, 10.0, 3.0]);
    Ok(())
}

/// A Bᵀ + (C Dᵀ)ᵀ with axes of length 1 around, against sums written out.
#[test]
fn sums_of_products_with_axes_of_length_one() -> Result<()> {
    let f = Function::record((shape![1, 2, 1, 2], shape![1, 3, 2]), |(x, y)| {
        // [1, 2, 1, 1, 3], and the transposed [1, 3, 1, 1, 2] read in the other order.
        let p = x.contract(y, &[(3, 2)], &[]);
        let q = y.contract(x, &[(2, 3)], &[]);
        p.reshape(&[2, 1, 3]) + q.reshape(&[3, 1, 2]).permute(&[2, 1, 0]) * 2.0 + q.reshape(&[3, 1, 2]).permute(&[2, 1, 0])
    })?;
    let (x, y) = (counted(&[1, 2, 1, 2]), counted(&[1, 3, 2]));
    let z = f.eval((x.into_dimensionality::<ndarray::Ix4>().expect("rank 4"), y.into_dimensionality::<ndarray::Ix3>().expect("rank 3")))?;
    // x_ik y_jk with x = [[1, 2], [3, 4]], y = [[1, 2], [3, 4], [5, 6]], times 1 + 2 + 1.
    let expected = [5.0, 11.0, 17.0, 11.0, 25.0, 39.0].map(|v| 4.0 * v);
    assert_eq!(z.iter().copied().collect::<Vec<_>>(), expected);
    Ok(())
}

/// The gradient of ½‖x xᵀ‖² is 2 x xᵀ x: two products meet in a sum, one read transposed; here with axes of length 1 in the middle.
#[test]
fn the_gradient_of_a_gram_matrix() -> Result<()> {
    let f = Function::record(shape![3, 1, 2], |x| {
        let gram = x.contract(x, &[(2, 2)], &[]);
        0.5 * gram.square().sum()
    })?;
    let x = counted(&[3, 1, 2]);
    let m: Array2<f64> = x.clone().into_shape_with_order((3, 2)).expect("six");
    let expected = m.dot(&m.t()).dot(&m) * 2.0;
    let g = f.gradient(x.into_dimensionality::<ndarray::Ix3>().expect("rank 3"))?;
    assert_eq!(g.iter().copied().collect::<Vec<_>>(), expected.iter().copied().collect::<Vec<_>>());
    Ok(())
}

/// Solves in maps whose items may fail: blocks of one loop hold a loop over the items of the other, and so in turn.
#[test]
fn plans_of_solves_in_maps_end() -> Result<()> {
    let n = 7;
    let (d, wide) = (3, Array2::from_shape_fn((n, 3), |(i, j)| 1.0 + 0.1 * (i + 2 * j) as f64));
    let m = ndarray::Array3::from_shape_fn((n, d, d), |(i, j, k)| if j == k { 2.0 + 0.1 * i as f64 } else { 0.1 });
    let f = Function::record((shape![d], shape![n, d, d], shape![n, d]), |(w, m, x)| {
        map((x, m), |(x, m)| m.t().dot(m).solve(w * x)).square().sum()
    })?;
    // Σᵢ ‖(MᵢᵀMᵢ)⁻¹ diag(xᵢ) w‖² by w: twice Σᵢ Bᵢᵀ Bᵢ, and the other variables are not asked for.
    let h = f.wrt(|(w, ..)| w).hessian().eval((Array1::ones(d), &m, &wide))?;
    let h = h.d2();
    let g = f.wrt(|(w, ..)| w).gradient();
    for j in 0..d {
        let mut unit = Array1::zeros(d);
        unit[j] = 1.0;
        // The gradient is linear in w.
        let column = g.eval((unit, &m, &wide))?;
        let column = column.d1();
        assert!(column.iter().zip(h.column(j)).all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs().max(1e-3)), "{column} {h}");
    }
    assert_eq!(f.wrt(|v| v).hessian().eval((Array1::ones(d), &m, &wide))?.shape(), [87, 87]);
    Ok(())
}
