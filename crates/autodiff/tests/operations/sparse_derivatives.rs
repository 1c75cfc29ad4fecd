//! Sparse Jacobians and Hessians against dense ones, and their number of products.
use hypertape_autodiff::record::{Csr, concat, constant};
use hypertape_autodiff::{Function, Result, index, shape};
use ndarray::{Array1, Array2, ArrayD, Ix2, arr1, arr2};

fn dense(a: &Csr<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.rows(), a.columns()));
    a.entries().for_each(|(i, j, v)| out[[i, j]] += v);
    out
}

fn matrix(a: ArrayD<f64>) -> Array2<f64> {
    a.into_dimensionality::<Ix2>().unwrap()
}

fn points(n: usize) -> [Array1<f64>; 2] {
    [0.3, -1.7].map(|s| Array1::from_shape_fn(n, |i| s * (1.0 + (i as f64 * 0.7).sin())))
}

#[test]
fn a_hessian_is_the_dense_one() -> Result<()> {
    for n in [2, 3, 17, 64, 65] {
        // A chain, and one variable that meets every seventh.
        let f = Function::record(shape![n], |x| {
            let (here, next) = (x.slice_last(0, n - 1), x.slice_last(1, n));
            let far = x.slice_step(0, 0, n, 7);
            (here * next.exp()).sum() + (far * x.slice_last(0, 1)).square().sum()
        })?;
        let (mut sparse, whole) = (f.wrt(|x| x).hessian_sparse()?, f.wrt(|x| x).hessian());
        for at in points(n) {
            let (found, wanted) = (dense(&sparse.at(&at)?), whole.eval(&at)?);
            let wanted = matrix(wanted);
            assert!((&found - &wanted).iter().all(|d: &f64| d.abs() <= 1e-13 * 100.0), "{n}: {found}\n{wanted}");
        }
    }
    Ok(())
}

#[test]
fn variables_are_those_that_were_picked_in_their_order() -> Result<()> {
    let f = Function::record((shape![3], shape![2, 2], index![2], shape![2]), |(x, y, i, z)| {
        (x.take(i, 0) * y.sum_axis(1) * z.square()).sum() * x.sum()
    })?;
    let at = (arr1(&[1.0, 2.0, 3.0]), ndarray::arr2(&[[1.0, 0.5], [0.25, 2.0]]), ndarray::arr1(&[2_u32, 0]), arr1(&[0.5, -1.5]));
    let picked = f.wrt(|(x, _, _, z)| (z, x));
    let (found, wanted) = (dense(&picked.hessian_sparse()?.at(&at)?), matrix(picked.hessian().eval(&at)?));
    assert!((&found - &wanted).iter().all(|d: &f64| d.abs() < 1e-12), "{found}\n{wanted}");
    let found = dense(&picked.jacobian_sparse()?.at(&at)?);
    let wanted = matrix(picked.jacobian().eval(&at)?);
    assert!((&found - &wanted).iter().all(|d: &f64| d.abs() < 1e-12), "{found}\n{wanted}");
    Ok(())
}

#[test]
fn another_branch_is_another_pattern() -> Result<()> {
    let n = 12;
    let f = Function::record(shape![n], |x| {
        let (here, next) = (x.slice_last(0, n - 1), x.slice_last(1, n));
        (here * next).relu().square()
    })?;
    let (mut sparse, whole) = (f.wrt(|x| x).jacobian_sparse()?, f.wrt(|x| x).jacobian());
    let at = |k: usize| Array1::from_shape_fn(n, |i| if (i / 2) % k == 0 { 1.5 } else { -0.5 - i as f64 });
    let mut places = vec![];
    for k in [2, 3, 1] {
        let (found, wanted) = (sparse.at(at(k))?, matrix(whole.eval(at(k))?));
        assert!((&dense(&found) - &wanted).iter().all(|d: &f64| d.abs() < 1e-12), "{k}");
        places.push(found.nonzeros());
    }
    assert!(places[0] < places[2], "{places:?}");
    Ok(())
}

/// An entry that a branch brings is seen beside entries that are far larger, and at every scale.
#[test]
fn another_branch_is_seen_beside_larger_entries() -> Result<()> {
    for scale in [1e-150, 1.0, 1e150] {
        let f = Function::record(shape![3], |x| {
            let [a, b, c] = [0, 1, 2].map(|i| x.slice_last(i, i + 1));
            concat(0, &[scale * (1e9 * a + a.square()), scale * (b + c.relu()), scale * c])
        })?;
        let mut j = f.wrt(|x| x).jacobian_sparse()?;
        assert_eq!(j.at(arr1(&[1.0, 1.0, -1.0]))?.nonzeros(), 3);
        let found = dense(&j.at(arr1(&[1.0, 1.0, 1.0]))?) / scale;
        let wanted = ndarray::arr2(&[[1e9 + 2.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]);
        assert!(found.iter().zip(&wanted).all(|(f, w)| (f - w).abs() <= 1e-14 * w.abs()), "{scale}: {found}");
    }
    Ok(())
}

#[test]
fn nothing_one_and_single_precision() -> Result<()> {
    let nothing = Function::record(shape![0], |x| x.square().sum())?;
    let h = nothing.wrt(|x| x).hessian_sparse()?.at(arr1(&[]))?;
    assert_eq!((h.rows(), h.columns(), h.nonzeros()), (0, 0, 0));
    let one = Function::record(shape![1], |x| x.square().sum())?;
    assert_eq!(one.wrt(|x| x).hessian_sparse()?.at(arr1(&[3.0]))?.values(), [2.0]);
    let line = Function::record(shape![5], |x| (constant(arr1(&[1.0, 2.0, 3.0, 4.0, 5.0])) * x).sum())?;
    assert_eq!(line.wrt(|x| x).hessian_sparse()?.at(arr1(&[3.0; 5]))?.nonzeros(), 0);
    let single = Function::record(shape![f32; 40], |x| (x * x.square()).sum())?;
    let h = single.wrt(|x| x).hessian_sparse()?.at(Array1::<f32>::from_elem(40, 0.5))?;
    assert_eq!((h.nonzeros(), h.values()[7]), (40, 3.0));
    Ok(())
}

/// None for a chain, which is made by its diagonals; and the same number for a band that is not.
#[test]
fn products_of_a_band_do_not_grow_with_it() -> Result<()> {
    let products = |n: usize, step: isize| -> Result<[u64; 2]> {
        let f = Function::record(shape![n], |x| {
            let (here, next) = (x.slice_step(0, 0, n - 1, step), x.slice_step(0, 1, n, step));
            100.0 * (next - here.square()).square().sum()
        })?;
        let mut h = f.wrt(|x| x).hessian_sparse()?;
        let [a, b] = points(n);
        h.at(&a)?;
        let before = h.products();
        h.at(&b)?;
        Ok([h.colours() as u64, h.products() - before])
    };
    assert_eq!((products(100, 1)?, products(3000, 1)?), ([3, 0], [3, 0]));
    assert_eq!((products(101, 2)?, products(3001, 2)?), ([2, 3], [2, 3]));
    Ok(())
}

/// So many colours that directions go in blocks, two results, and both precisions.
#[test]
fn colours_in_several_blocks() -> Result<()> {
    let (n, band) = (70_000, 9);
    let f = Function::record((shape![n], shape![f32; 3]), |(x, y)| {
        let terms = (1..band).fold(x.square(), |sum, k| {
            let product = x.slice_last(k, n) * x.slice_last(0, n - k);
            sum + product.pad(&[0], &[k])
        });
        (terms, y.square(), x.slice_last(n - 1, n).exp())
    })?;
    let mut j = f.wrt(|all| all).jacobian_sparse()?;
    for [x, y] in [[0.5, 2.0], [-1.5, 3.0]] {
        let at = Array1::from_shape_fn(n, |i| x + (i % 100) as f64 / 64.0);
        let found = j.at((&at, Array1::<f32>::from_elem(3, y as f32)))?;
        assert_eq!((j.colours(), found.rows(), found.columns()), (9, n + 4, n + 3));
        for (i, k, v) in found.entries() {
            let wanted = match i {
                _ if i < n && i == k => at[i] * 2.0 + (1..band).filter(|b| i + b < n).map(|b| at[i + b]).sum::<f64>(),
                _ if i < n => at[i],
                _ if i < n + 3 => 2.0 * y,
                _ => at[n - 1].exp(),
            };
            assert!((v - wanted).abs() <= 1e-14 * wanted.abs(), "{i} {k}: {v} {wanted}");
        }
        assert_eq!(found.nonzeros(), (0..band).map(|b| n - b).sum::<usize>() + 4);
    }
    Ok(())
}

/// An entry that a kink brings, far smaller than others, in a row of its own and in one of theirs.
#[test]
fn entries_that_appear_beside_larger_ones() -> Result<()> {
    let f = Function::record(shape![6], |x| {
        (x.slice_last(0, 3).square() * 1e9).sum() + ((x.slice_last(3, 6) - 1.0).relu().square() * 1e-4).sum()
    })?;
    let mut h = f.wrt(|x| x).hessian_sparse()?;
    assert_eq!(h.at(Array1::from_elem(6, 0.5))?.nonzeros(), 3);
    let after = h.at(Array1::from_elem(6, 1.5))?;
    assert_eq!((after.nonzeros(), after.values()[5]), (6, 2e-4));
    let f = Function::record(shape![f32; 12], |x| {
        x.slice_last(0, 10).square().sum() + (x.slice_last(10, 11).relu() * x.slice_last(11, 12) * 1e-4).sum()
    })?;
    let mut j = f.wrt(|x| x).jacobian_sparse()?;
    // In a row that has the same colour as another, of another size.
    let f =
        Function::record(shape![f32; 2], |x| concat(0, &[x.slice_last(0, 1) * 1e8, x.slice_last(1, 2) + x.slice_last(0, 1).relu() * 3.0]))?;
    let mut steps = f.wrt(|x| x).jacobian_sparse()?;
    assert_eq!(steps.at(arr1(&[-1f32, 1.0]))?.nonzeros(), 2);
    assert_eq!(dense(&steps.at(arr1(&[1f32, 1.0]))?), arr2(&[[f64::from(1e8_f32), 0.0], [3.0, 1.0]]));
    let f = Function::record(shape![3], |x| {
        let part = |i: usize| x.slice_last(i, i + 1);
        (part(0).square() * 1e15 + part(1).square() + (part(1) * part(2)).relu()).sum()
    })?;
    let mut h = f.wrt(|x| x).hessian_sparse()?;
    h.at(arr1(&[1.0, 1.0, -1.0]))?;
    assert_eq!(dense(&h.at(arr1(&[1.0, 1.0, 1.0]))?), arr2(&[[2e15, 0.0, 0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 0.0]]));
    let mut x = Array1::<f32>::ones(12);
    x[10] = -1.0;
    assert_eq!(j.at(&x)?.nonzeros(), 10);
    x[10] = 1.0;
    let row = j.at(&x)?;
    assert!(row.nonzeros() == 12 && (row.values()[0] - 2.0).abs() < 1e-6, "{:?}", row.values());
    Ok(())
}

/// A program that rounds more than its results say: the pattern is found once, not at every point.
#[test]
fn rounding_does_not_look_like_new_entries() -> Result<()> {
    let n = 50;
    // Second differences of a sum with terms that cancel.
    let f = Function::record(shape![n], |x| {
        let far = (x * 1e4).sin() * 1e4 + x.square();
        ((far - (x * 1e4).sin() * 1e4) * (x + x.slice_last(1, n).pad(&[0], &[1]))).sum()
    })?;
    let mut h = f.wrt(|x| x).hessian_sparse()?;
    let mut point = Array1::from_shape_fn(n, |i| 0.3 + (i as f64 * 0.37).sin());
    h.at(&point)?;
    let (colours, mut searches) = (h.colours() as u64, 0);
    for k in 0..40 {
        point += 0.01 * f64::from(k);
        let before = h.products();
        h.at(&point)?;
        searches += u32::from(h.products() - before > colours + 1);
    }
    assert!(searches <= 8, "the pattern was found {searches} times again");
    Ok(())
}

#[test]
fn a_wrong_input_is_an_error() -> Result<()> {
    let f = Function::record(shape![4], |x| x.square().sum())?;
    let mut h = f.wrt(|x| x).hessian_sparse()?;
    assert!(h.at(arr1(&[1.0, 2.0])).unwrap_err().to_string().contains('4'));
    assert!(h.at(arr1(&[1.0, 2.0, f64::NAN, 0.0])).is_err());
    assert_eq!(h.at(arr1(&[1.0; 4]))?.nonzeros(), 4);
    // Finite at the point, but not the derivative: as the dense one, it is an error that names the line.
    let angle = Function::record(shape![3], |x| x.asin())?;
    let (mut j, whole) = (angle.wrt(|x| x).jacobian_sparse()?, angle.wrt(|x| x).jacobian());
    assert_eq!(j.at(arr1(&[0.0, 0.6, 0.8]))?.values()[0], 1.0);
    for e in [j.at(arr1(&[0.0, 1.0, 0.5])).map(|_| ()), whole.eval(arr1(&[0.0, 1.0, 0.5])).map(|_| ())] {
        let e = e.unwrap_err().to_string();
        assert!(e.contains("sparse_derivatives.rs") && e.contains("inf"), "{e}");
    }
    assert_eq!(j.at(arr1(&[0.5, 0.0, 0.25]))?.values()[1], 1.0);
    Ok(())
}
