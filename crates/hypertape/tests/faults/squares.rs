//! Squares do not leave the range: norms, and what is divided by them, at every scale.
//!
//! Looked at, in the engine:
//! - `norm_l2` and its forms over axes: squares were added up unscaled. Now right at every scale, by both modes, to second order.
//! - √Σx² and √(x·x), written out, and √x²: the same; they are now the norm, and |x|.
//! - `atan2`: its slopes divided by x² + y². Now over the larger of both first.
//! - even powers of norms: a factor goes inside the squares.
//! - division, `recip`, `powi`, `atan`, `log_det`, Cholesky, LU: squares there are the result's own, or are compared only.
//!
//! In solvers: Adam's second moment, unrolled and on arrays, is kept as its root; Condat-Vu's measure adds up two norms by `hypot`.
use hypertape::prelude::*;
use ndarray::{ArrayD, arr1, arr2};

/// All numbers of a result.
fn list<A: Arrays + Feed<A::Structure>>(arrays: &A) -> Vec<f64> {
    let mut all = vec![];
    arrays.feed(&mut |v| all.extend(v.to_owned().to_f64()));
    all
}

fn near(found: f64, expected: f64, epsilon: f64) {
    let close = if expected == 0.0 { found == 0.0 } else { ((found - expected) / expected).abs() <= epsilon };
    assert!(close, "{found:e}, expected {expected:e}");
}

fn norm() -> Function<Leaf, Leaf> {
    Function::record(shape![2], |x| x.norm_l2()).expect("it records")
}

#[test]
fn norms_at_every_scale() -> Result<()> {
    let f = norm();
    for scale in [1e160, 3e307, 1e-160, 1e-170, 1e150, 1e-150, 1e-300, 1.0] {
        let x = arr1(&[3.0 * scale / 5.0, 4.0 * scale / 5.0]);
        near(f.eval(&x)?.number().unwrap(), scale, 4e-16);
        let gradient = list(&f.gradient(&x)?);
        near(gradient[0], 0.6, 1e-15);
        near(gradient[1], 0.8, 1e-15);
        near(f.jvp(&x, arr1(&[1.0, 2.0]))?.1.number().unwrap(), 2.2, 1e-15);
        // (I − u uᵀ) v / ‖x‖, where it is a number.
        if scale < 1e300 && scale > 1e-300 {
            let h = list(&f.hvp(&x, &arr1(&[1.0, 0.0]))?);
            near(h[0], 0.64 / scale, 4e-15);
            near(h[1], -0.48 / scale, 4e-15);
        }
    }
    // Subnormal numbers: 3, 4 and 5 units of the last place.
    let unit = f64::from_bits(1);
    let x = arr1(&[3.0 * unit, -4.0 * unit]);
    assert_eq!(f.eval(&x)?.number().unwrap(), 5.0 * unit);
    let gradient = list(&f.gradient(&x)?);
    near(gradient[0], 0.6, 1e-15);
    near(gradient[1], -0.8, 1e-15);
    Ok(())
}

#[test]
fn norms_of_zeros_and_infinities() -> Result<()> {
    let f = norm();
    assert_eq!(f.eval(arr1(&[0.0, 0.0]))?.number().unwrap(), 0.0);
    assert_eq!(list(&f.gradient(arr1(&[0.0, 0.0]))?), [0.0, 0.0]);
    assert_eq!(f.jvp(arr1(&[0.0, 0.0]), arr1(&[1.0, 1.0]))?.1.number().unwrap(), 0.0);
    let infinite = Function::record(shape![2], |x| x.greater_than(1.0).select(f64::NEG_INFINITY, x).norm_l2())?;
    assert_eq!(infinite.eval(arr1(&[2.0, 1.0]))?.number().unwrap(), f64::INFINITY);
    assert_eq!(f.eval(arr1(&[3e200, 0.0]))?.number().unwrap(), 3e200);
    let none = Function::record(shape![0], |x: Var| x.norm_l2())?;
    assert_eq!(none.eval(arr1(&[]))?.number().unwrap(), 0.0);
    let one = Function::record(shape![1], |x: Var| x.norm_l2())?;
    assert_eq!(one.eval(arr1(&[-1e200]))?.number().unwrap(), 1e200);
    assert_eq!(list(&one.gradient(arr1(&[-1e200]))?), [-1.0]);
    Ok(())
}

#[test]
fn norms_in_single_precision() -> Result<()> {
    let f = Function::record(Leaf::<f32>::new([2]), |x| x.norm_l2())?;
    for scale in [1e-25f32, 1e25, 6e37, 1e-18, 1e18, 1e-40, 1.0] {
        let x = arr1(&[3.0 * scale, 4.0 * scale]);
        let epsilon = if scale < 1e-38 { 1e-4 } else { 3e-7 };
        near(list(&f.eval(&x)?)[0], 5.0 * f64::from(scale), epsilon);
        let gradient = list(&f.gradient(&x)?);
        near(gradient[0], 0.6, epsilon);
        near(gradient[1], 0.8, epsilon);
    }
    Ok(())
}

#[test]
fn norms_over_axes_each_at_its_own_scale() -> Result<()> {
    let x = arr2(&[[3e160, 4e160, 0.0], [3e-170, 0.0, 4e-170], [0.0, 0.0, 0.0], [3.0, 4.0, 0.0]]);
    let rows = Function::record(shape![4, 3], |x| x.norm_l2_axis(1))?;
    let columns = Function::record(shape![3, 4], |x| x.norm_l2_keep(&[0]))?;
    let outer = Function::record(shape![3, 4, 1], |x| x.permute(&[0, 2, 1]).norm_l2_axes(&[0, 1]))?;
    let apart = Function::record(shape![1, 4, 3], |x| x.norm_l2_axes(&[0, 2]))?;
    let expected = [5e160, 5e-170, 0.0, 5.0];
    let turned = x.t().as_standard_layout().into_owned();
    let found = [
        list(&rows.eval(&x)?),
        list(&columns.eval(&turned)?),
        list(&outer.eval(turned.clone().into_shape_with_order((3, 4, 1)).expect("it fits"))?),
        list(&apart.eval(x.clone().into_shape_with_order((1, 4, 3)).expect("it fits"))?),
    ];
    for found in found {
        found.iter().zip(expected).for_each(|(f, e)| near(*f, e, 4e-16));
    }
    let sum = Function::record(shape![4, 3], |x| x.norm_l2_axis(1).sum())?;
    let gradient = list(&sum.gradient(&x)?);
    let expected = [0.6, 0.8, 0.0, 0.6, 0.0, 0.8, 0.0, 0.0, 0.0, 0.6, 0.8, 0.0];
    gradient.iter().zip(expected).for_each(|(f, e)| near(*f, e, 1e-15));
    Ok(())
}

#[test]
fn norms_written_out() -> Result<()> {
    let x = arr1(&[3e160, 4e160]);
    let forms: [fn(Var) -> Var; 4] =
        [|x| (x * x).sum().sqrt(), |x| x.dot(x).sqrt(), |x| x.square().sum_keep(&[0]).powf(0.5).sum(), |x| x.square().sqrt().norm_l2()];
    for form in forms {
        let f = Function::record(shape![2], form)?;
        near(f.eval(&x)?.number().unwrap(), 5e160, 4e-16);
        let gradient = list(&f.gradient(&x)?);
        near(gradient[0], 0.6, 1e-15);
        near(gradient[1], 0.8, 1e-15);
    }
    Ok(())
}

#[test]
fn what_is_divided_by_norms() -> Result<()> {
    let unit = Function::record(shape![2], |x| x / x.norm_l2())?;
    let x = arr1(&[3e160, 4e160]);
    let u = list(&unit.eval(&x)?);
    near(u[0], 0.6, 1e-15);
    near(u[1], 0.8, 1e-15);
    // Distances, and a factor that brings a norm back into the range.
    let distance = Function::record((shape![2], shape![2]), |(a, b)| (a - b).norm_l2())?;
    near(distance.eval((arr1(&[3e-170, 0.0]), arr1(&[0.0, 4e-170])))?.number().unwrap(), 5e-170, 4e-16);
    let factor = Function::record(shape![2], |x| (1e-160 * x.norm_l2()).square())?;
    near(factor.eval(&x)?.number().unwrap(), 25.0, 1e-14);
    Ok(())
}

#[test]
fn angles_at_every_scale() -> Result<()> {
    let f = Function::record((shape![], shape![]), |(y, x)| y.atan2(x))?;
    for scale in [1e160, 1e-160, 1e-300, 1e300, 1.0] {
        let (y, x) = f.gradient((3.0 * scale, 4.0 * scale))?;
        near(list(&y)[0], 0.16 / scale, 4e-15);
        near(list(&x)[0], -0.12 / scale, 4e-15);
    }
    let single = Function::record((Leaf::<f32>::new([]), Leaf::<f32>::new([])), |(y, x)| y.atan2(x))?;
    for scale in [1e25f32, 1e-25] {
        let (y, _) = single.gradient((ArrayD::from_elem(vec![], 3.0 * scale), ArrayD::from_elem(vec![], 4.0 * scale)))?;
        near(list(&y)[0], 0.16 / f64::from(scale), 1e-6);
    }
    Ok(())
}

#[test]
fn adam_with_gradients_of_any_scale() -> Result<()> {
    // f = s (z − t): the first step is −η, whatever the slope s, and the derivative by the start is 1.
    for s in [1e160, 1e300, 1e-3, 1.0] {
        let f = Function::record((shape![2], shape![2]), |(z, t)| s * (z - t).sum())?;
        let adam = AdamDescent::new(&f).step_size(0.1);
        let run = Function::record((shape![2], shape![2]), |(z, t)| adam.unroll(3).solve(z, t))?;
        let z = run.eval((arr1(&[1.0, 5.0]), arr1(&[0.0, 0.0])))?;
        near(z[[0]], 0.7, 2e-5);
        near(z[[1]], 4.7, 2e-5);
        let mut arrays = hypertape::solvers::Optimiser::adam(&shape![2], |m| m.step_size(0.1));
        let mut x = arr1(&[1.0, 5.0]).into_dyn();
        for _ in 0..3 {
            arrays.update(&mut x, &arr1(&[s, s]).into_dyn())?;
        }
        near(x[[0]], 0.7, 2e-5);
        near(x[[1]], 4.7, 2e-5);
    }
    // f = s z²/2 without an ε to speak of: z' = z − η sign(z), so steps are −η and their derivative by z is 0: m/√v does not change with z.
    for s in [1e200, 1e-200, 1.0] {
        let f = Function::record((shape![], shape![0]), |(z, _)| 0.5 * s * z * z)?;
        let adam = AdamDescent::new(&f).step_size(0.1).epsilon(1e-290);
        let none = ArrayD::<f64>::zeros(vec![0]).into_shared();
        let run = Function::record(shape![], |z| adam.unroll(1).solve(z, constant(&none)))?;
        let (z, dz) = run.value_and_gradient(3.0)?;
        near(z, 2.9, 1e-15);
        near(dz.number().unwrap(), 1.0, 1e-12);
    }
    let f = Function::record((Leaf::<f32>::new([1]), Leaf::<f32>::new([0])), |(z, _)| (z * scalar::<f32>(1e25)).sum())?;
    let adam = AdamDescent::new(&f).step_size(0.1);
    let none = ndarray::Array1::<f32>::zeros(0).into_shared();
    let run = Function::record(Leaf::<f32>::new([1]), |z| adam.unroll(2).solve(z, constant(&none)))?;
    near(f64::from(run.eval(arr1(&[1f32]))?[[0]]), 0.8, 1e-5);
    Ok(())
}
