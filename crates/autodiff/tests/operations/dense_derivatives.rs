//! Dense Jacobians and Hessians against closed forms: in one block, in several, and one direction at a time where code takes no more.
use super::twice::Twice;
use hypertape_autodiff::record::{Var, constant};
use hypertape_autodiff::{Allow, Function, Result, apply_primitive, index, shape};
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2, ArrayD, Ix2, arr1};

fn matrix(a: ArrayD<f64>) -> Array2<f64> {
    a.into_dimensionality::<Ix2>().unwrap()
}

fn close(what: &str, found: &Array2<f64>, wanted: &Array2<f64>) {
    assert_eq!(found.shape(), wanted.shape(), "{what}");
    assert!(found.iter().zip(wanted).all(|(f, w)| (f - w).abs() <= 1e-13 * (1.0 + w.abs())), "{what}");
}

/// The Jacobian of tanh(A x), where A is large enough that directions go in two blocks, equal or not; and its transpose.
#[test]
fn a_layer_in_one_block_and_in_several() -> Result<()> {
    for (m, n) in [(0, 3), (3, 0), (1, 1), (7, 5), (5, 7), (70_000, 10), (70_000, 11), (11, 70_000)] {
        let (a, x) = (sym(1, (m, n)).into_shared(), sym(2, n));
        let f = Function::record(shape![n], |x| constant(&a).dot(x).tanh())?;
        let slope = a.dot(&x).mapv(|t: f64| 1.0 - t.tanh().powi(2));
        let wanted = Array2::from_shape_fn((m, n), |(i, j)| slope[i] * a[[i, j]]);
        close(&format!("{m} x {n}"), &matrix(f.wrt(|x| x).jacobian().eval(&x)?), &wanted);
        if m * n < 100 {
            let half = Function::record(shape![n], |x| constant(&a).dot(x).exp().sum())?;
            let slope = a.dot(&x).mapv(f64::exp);
            let wanted = Array2::from_shape_fn((n, n), |(j, k)| (0..m).map(|i| slope[i] * a[[i, j]] * a[[i, k]]).sum());
            close(&format!("Hessian of {m} x {n}"), &matrix(half.wrt(|x| x).hessian().eval(&x)?), &wanted);
        }
    }
    Ok(())
}

/// A product with a unit vector is a slice: what the vector does not choose takes no part, not even an infinity.
#[test]
fn a_column_is_a_slice() -> Result<()> {
    let f = Function::record((shape![2, 3], shape![3]), |(a, x)| a.dot(x))?.allow(Allow::Everything);
    let a = ndarray::arr2(&[[1.0, f64::INFINITY, 2.0], [3.0, 4.0, 5.0]]);
    let j = matrix(f.wrt(|(_, x)| x).jacobian().eval((&a, arr1(&[1.0, 1.0, 1.0])))?);
    assert_eq!(j, a);
    let single = Function::record((shape![f32; 2, 3], shape![f32; 3]), |(a, x)| a.dot(x).square())?;
    let j = single.wrt(|(_, x)| x).jacobian().eval((Array2::<f32>::ones((2, 3)), Array1::<f32>::ones(3)))?;
    assert_eq!(j, ArrayD::from_elem(vec![2, 3], 6.0));
    Ok(())
}

/// A Jacobian is a function: its derivative by the matrix, through blocks of slices.
#[test]
fn a_jacobian_has_derivatives() -> Result<()> {
    let f = Function::record((shape![4, 3], shape![3]), |(a, x)| a.dot(x).sin())?;
    let (a, x) = (sym(3, (4, 3)), sym(4, 3));
    let second = matrix(f.wrt(|(_, x)| x).jacobian().wrt(|(a, _)| a).jacobian().eval((&a, &x))?);
    let z = a.dot(&x);
    let wanted = Array2::from_shape_fn((12, 12), |(ij, kl)| {
        let [(i, j), (k, l)] = [(ij / 3, ij % 3), (kl / 3, kl % 3)];
        let slope: f64 = if j == l { z[i].cos() } else { 0.0 };
        if i == k { slope - z[i].sin() * x[l] * a[[i, j]] } else { 0.0 }
    });
    close("by the matrix", &second, &wanted);
    Ok(())
}

/// Consecutive indices are a slice, others are looked up.
#[test]
fn constant_indices() -> Result<()> {
    let x = Array1::from_iter((0..6).map(f64::from));
    for at in [vec![0_u32, 1, 2], vec![3, 4, 5], vec![5], vec![2, 1], vec![1, 3], vec![]] {
        let of = Array1::from(at.clone()).into_shared();
        let f = Function::record(shape![6], |x: Var| x.take(constant(&of), 0))?;
        let wanted: Vec<f64> = at.iter().map(|i| f64::from(*i)).collect();
        assert_eq!(f.eval(&x)?.into_raw_vec_and_offset().0, wanted);
        let j = matrix(f.wrt(|x| x).jacobian().eval(&x)?);
        assert!(j.indexed_iter().all(|((k, i), v)| *v == f64::from(u8::from(at[k] as usize == i))));
    }
    let far = Function::record((shape![6], index![2]), |(x, i)| x.take(i, 0))?;
    assert!(far.eval((&x, arr1(&[5_u32, 6]))).is_err());
    let far = Function::record(shape![6], |x: Var| x.take(constant(arr1(&[5_u32, 6])), 0)).and_then(|f| f.eval(&x));
    assert!(far.unwrap_err().to_string().contains('6'));
    Ok(())
}

#[test]
fn code_that_takes_one_direction() -> Result<()> {
    let f = Function::record((shape![9], shape![2]), |(x, y)| {
        Var::<f64>::from_dyn(apply_primitive(Twice, &[x.square().to_dyn()])[0]) * x.slice_last(0, 1) * y.sum()
    })?;
    let (x, y) = (sym(5, 9), arr1(&[0.5, 1.0]));
    let wanted = Array2::from_shape_fn((9, 9), |(i, j)| {
        let diagonal = if i == j { 4.0 * x[i] * x[0] } else { 0.0 };
        1.5 * (diagonal + if j == 0 { 2.0 * x[i] * x[i] } else { 0.0 })
    });
    let by_x = f.wrt(|(x, _)| x);
    close("dense", &matrix(by_x.jacobian().eval((&x, &y))?), &wanted);
    let mut sparse = by_x.jacobian_sparse()?;
    for _ in 0..2 {
        let mut found = Array2::zeros((9, 9));
        sparse.at((&x, &y))?.entries().for_each(|(i, j, v)| found[[i, j]] += v);
        close("sparse", &found, &wanted);
    }
    assert_eq!((sparse.colours(), sparse.pattern().unwrap().nonzeros()), (2, 17));
    Ok(())
}
