//! Sparse derivatives that are made by their diagonals: chains, stencils and differences against the dense derivative, and what is not made so.
use hypertape_autodiff::record::{Csr, Var, concat, constant};
use hypertape_autodiff::{Allow, Function, Result, index, shape};
use hypertape_testkit::random::{bits, sym};
use ndarray::{Array1, Array2, ArrayD, Ix2, arr1};

fn dense(a: &Csr<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.rows(), a.columns()));
    a.entries().for_each(|(i, j, v)| out[[i, j]] += v);
    out
}

#[track_caller]
fn same(found: &Csr<f64>, wanted: ArrayD<f64>, tolerance: f64) {
    let wanted = wanted.into_dimensionality::<Ix2>().unwrap();
    let (found, size) = (dense(found), wanted.iter().fold(1.0, |m: f64, v| m.max(v.abs())));
    assert_eq!(found.dim(), wanted.dim());
    assert!((&found - &wanted).iter().all(|d| d.abs() <= tolerance * size), "{found}\n{wanted}");
}

/// A smooth total variation of an image, with its fidelity: a Hessian of seven diagonals.
fn total_variation(x: Var, [h, w]: [usize; 2]) -> Var {
    let d0 = (x.slice_axis(0, 1, h) - x.slice_axis(0, 0, h - 1)).pad(&[0, 0], &[1, 0]);
    let d1 = (x.slice_axis(1, 1, w) - x.slice_axis(1, 0, w - 1)).pad(&[0, 0], &[0, 1]);
    (d0.square() + d1.square() + 1e-2).sqrt().sum() + x.square().sum()
}

#[test]
fn images_and_images_in_a_row() -> Result<()> {
    for [h, w] in [[1, 1], [1, 5], [4, 1], [2, 2], [5, 7]] {
        let x = sym(11, (h, w));
        let f = Function::record(shape![h, w], |x| total_variation(x, [h, w]))?;
        let mut sparse = f.wrt(|x| x).hessian_sparse()?;
        same(&sparse.at(&x)?, f.wrt(|x| x).hessian().eval(&x)?, 1e-14);
        assert_eq!(sparse.products(), 0);
        let flat = Function::record(shape![h * w], |x| total_variation(x.reshape(&[h, w]), [h, w]))?;
        let mut sparse = flat.wrt(|x| x).hessian_sparse()?;
        let row = Array1::from_iter(x.iter().copied());
        same(&sparse.at(&row)?, f.wrt(|x| x).hessian().eval(&x)?, 1e-14);
        assert_eq!(sparse.products(), 0);
    }
    Ok(())
}

/// Differences with edges that repeat, and joins that turn around.
#[test]
fn rings() -> Result<()> {
    for n in [1, 2, 3, 8] {
        let f = Function::record(shape![n], |x| {
            let next = concat(0, &[x.slice_last(1, n), x.slice_last(0, 1)]);
            (x.exp() * next, x * next.square())
        })?;
        let mut j = f.wrt(|x| x).jacobian_sparse()?;
        let x = sym(3, n);
        same(&j.at(&x)?, f.wrt(|x| x).jacobian().eval(&x)?, 1e-14);
        assert_eq!(j.products(), 0);
    }
    Ok(())
}

#[test]
fn several_variables_in_any_order_and_both_precisions() -> Result<()> {
    let f = Function::record((shape![6], shape![f32; 6], shape![6], shape![5]), |(x, y, still, z)| {
        let inner = x.slice_last(0, 5) * z.sin() + x.slice_last(1, 6) * still.slice_last(0, 5);
        (inner.square() * z, (y * y.flip(&[0]).flip(&[0])).cast::<f64>() * x, z.exp())
    })?;
    let at = (sym(1, 6), sym(2, 6).mapv(|v| v as f32), sym(4, 6), sym(5, 5));
    let picked = f.wrt(|(x, y, _, z)| (z, y, x));
    let mut j = picked.jacobian_sparse()?;
    same(&j.at(&at)?, picked.jacobian().eval(&at)?, 1e-6);
    Ok(())
}

/// Elementwise programs of slices and joins at random, Jacobian and Hessian.
#[test]
fn random_stencils() -> Result<()> {
    let mut by_diagonals = 0;
    for seed in 0..60 {
        let n = 4 + (bits(seed, 0) % 9) as usize;
        let draw = |k: u64, below: usize| (bits(seed, k + 1) % below as u64) as usize;
        let stencil = move |x: Var| {
            let mut made = x;
            for step in 0..4 {
                let k = 10 * step;
                let len = made.shape()[0];
                let (a, b) = (draw(k, 2.min(len)), draw(k + 1, 3.min(len)));
                let m = len - a.max(b);
                let (here, there) = (made.slice_last(a, a + m), made.slice_last(b, b + m));
                made = match draw(k + 2, 6) {
                    0 => here * there,
                    1 => here.sin() - there,
                    2 => (here * 0.5).exp() * there.relu(),
                    3 => concat(0, &[there.square(), here.slice_last(0, 1)]),
                    4 => here.pad(&[draw(k + 3, 3)], &[b]) * 0.75,
                    _ => (here.abs() + 1.0).ln() + there.pad(&[1], &[0]).slice_last(0, m),
                };
            }
            made
        };
        let f = Function::record(shape![n], stencil)?;
        let g = Function::record(shape![n], |x| stencil(x).square().sum())?;
        let (mut j, mut h) = (f.wrt(|x| x).jacobian_sparse()?, g.wrt(|x| x).hessian_sparse()?);
        for at in [sym(seed, n), sym(seed + 100, n) * 3.0, Array1::zeros(n)] {
            same(&j.at(&at)?, f.wrt(|x| x).jacobian().eval(&at)?, 1e-13);
            same(&h.at(&at)?, g.wrt(|x| x).hessian().eval(&at)?, 1e-13);
        }
        by_diagonals += u32::from(j.products() == 0) + u32::from(h.products() == 0);
    }
    assert!(by_diagonals > 60, "{by_diagonals} of 120");
    Ok(())
}

/// Sums, products with matrices and steps keep no distances; a diagonal with two entries far apart would be mostly 0.
#[test]
fn others_take_products() -> Result<()> {
    let n = 40;
    let sum = Function::record(shape![n], |x| x * x.sum())?;
    let apart = Function::record(shape![n], |x| {
        let one = |i: usize| x.slice_last(i, i + 1).square().pad(&[i], &[n - 1 - i]);
        one(0) + one(n - 1)
    })?;
    let steps = Function::record(shape![n], |x| x.slice_step(0, 0, n, 2).square())?;
    for f in [sum, apart, steps] {
        let mut j = f.wrt(|x| x).jacobian_sparse()?;
        let x = sym(9, n);
        same(&j.at(&x)?, f.wrt(|x| x).jacobian().eval(&x)?, 1e-13);
        assert!(j.products() > 0);
    }
    Ok(())
}

#[test]
fn a_point_that_is_not_finite_is_an_error_there_alone() -> Result<()> {
    let f = Function::record(shape![4], |x| (x.slice_last(1, 4) * x.slice_last(0, 3).sqrt()).sum())?;
    let mut h = f.wrt(|x| x).hessian_sparse()?;
    let at = arr1(&[1.0, 4.0, 9.0, 2.0]);
    same(&h.at(&at)?, f.wrt(|x| x).hessian().eval(&at)?, 1e-14);
    let e = h.at(arr1(&[1.0, 0.0, 9.0, 2.0])).unwrap_err().to_string();
    assert!(e.contains("diagonals.rs"), "{e}");
    same(&h.at(&at)?, f.wrt(|x| x).hessian().eval(&at)?, 1e-14);
    Ok(())
}

/// Indices among the inputs and outputs, an output that stands still, three axes, parts of length 0, and the largest and smallest scales.
#[test]
fn edges() -> Result<()> {
    let f = Function::record((shape![2, 3, 4], index![2]), |(x, i)| {
        let still = constant(arr1(&[1.0, 2.0]));
        let inner = x.slice_axis(0, 1, 2) * x.slice_axis(0, 0, 1).slice_axis(1, 0, 3);
        (inner, i, still, x.slice_axis(2, 2, 2), x.slice_axis(1, 2, 3).pad(&[1, 0, 0], &[0, 2, 1]))
    })?;
    let at = (sym(6, (2, 3, 4)), ndarray::arr1(&[1_u32, 0]));
    let picked = f.wrt(|(x, _)| x);
    let mut j = picked.jacobian_sparse()?;
    let found = j.at(&at)?;
    // Of the real outputs: 12, 2, 0 and 2 + 1 planes of 3 by 5 rows. Each row of the first has two entries; of the last 2 times 4 rows have one.
    assert_eq!((found.rows(), found.columns(), found.nonzeros(), j.products()), (12 + 2 + 45, 24, 24 + 8, 0));
    let real = f.output(|(a, _, b, c, d)| (a, b, c, d));
    same(&found, real.wrt(|(x, _)| x).jacobian().eval(&at)?, 1e-15);
    for scale in [1e-150, 1e150] {
        let f = Function::record(shape![5], |x| ((x.slice_last(1, 5) - x.slice_last(0, 4)).square() * scale).sum())?;
        let h = f.wrt(|x| x).hessian_sparse()?.at(sym(2, 5))?;
        assert_eq!((h.nonzeros(), h.values()[0], h.values()[1]), (13, 2.0 * scale, -2.0 * scale));
    }
    Ok(())
}

/// More diagonals than are kept, and an image that goes back to a row in between, take products; the values are the same.
#[test]
fn limits() -> Result<()> {
    let n = 80;
    let f = Function::record(shape![n], |x| (1..70).fold(x.square(), |sum, k| sum + x.slice_last(k, n).exp().pad(&[0], &[k])))?;
    let mut j = f.wrt(|x| x).jacobian_sparse()?;
    same(&j.at(sym(1, n))?, f.wrt(|x| x).jacobian().eval(sym(1, n))?, 1e-13);
    assert!(j.products() > 0);
    let f = Function::record(shape![n], |x| {
        let image = x.reshape(&[8, 10]);
        let d = (image.slice_axis(1, 1, 10) * image.slice_axis(1, 0, 9)).pad(&[0, 0], &[0, 1]);
        d.reshape(&[n]) * x
    })?;
    let mut j = f.wrt(|x| x).jacobian_sparse()?;
    same(&j.at(sym(1, n))?, f.wrt(|x| x).jacobian().eval(sym(1, n))?, 1e-13);
    Ok(())
}

/// An entry that may be infinite is refused by the matrix, at the caller's line.
#[test]
fn an_infinite_entry_that_is_allowed() -> Result<()> {
    let f = Function::record(shape![3], |x| x.asin())?.allow(Allow::Everything);
    let e = f.wrt(|x| x).jacobian_sparse()?.at(arr1(&[0.5, 1.0, 0.0])).unwrap_err().to_string();
    assert!(e.contains("entry 1") && e.contains("diagonals.rs"), "{e}");
    Ok(())
}
