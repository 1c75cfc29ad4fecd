//! A convention at a point is not taken for a derivative when it is differentiated further.
//!
//! Looked at, in the engine:
//! - `norm_l2`, `sqrt` at 0: the 0 was differentiated as a constant. Even powers, products of equal ones, powers above 2 are now written as what
//!   they are; otherwise the second derivative is infinite or NaN.
//! - x^1.5: its slope went through `sqrt`; infinite now, as it is. `pow` with exponents at base 0: mixed derivatives likewise.
//! - `asin`, `acos` at ±1: the slope's own root; infinite.
//! - |x|²: 2 at 0, was 0. |x|³ and other kinks that are flat on both sides: right.
//! - `relu`, `clamp`, `maximum`, `soft_threshold`: one of two sides, both finite: left. `prod`, `select`, masks: exact.
use hypertape::prelude::*;
use ndarray::{arr1, arr2};

/// All numbers of a result.
fn list<A: Arrays + Feed<A::Structure>>(arrays: &A) -> Vec<f64> {
    let mut all = vec![];
    arrays.feed(&mut |v| all.extend(v.to_owned().to_f64()));
    all
}

fn is_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(f, e)| assert!((f - e).abs() <= 1e-12 * (1.0 + e.abs()), "{found:?}, expected {expected:?}"));
}

/// An error, or a result that is not finite: never a finite number.
fn refused<A: Arrays + Feed<A::Structure>>(found: Result<A>) {
    if let Ok(found) = found {
        let found = list(&found);
        assert!(found.iter().any(|v| !v.is_finite()), "{found:?} is wrong without a word");
    }
}

#[test]
fn the_kernel_of_a_distance_at_one_point() -> Result<()> {
    let forms: [fn(Var) -> Var; 7] = [
        |d| d.norm_l2().square(),
        |d| d.norm_l2() * d.norm_l2(),
        |d| d.norm_l2().powf(2.0),
        |d| 4.0 * (d.norm_l2() / 2.0).square(),
        |d| d.norm_l2_keep(&[0]).powi(2).sum(),
        |d| (d * d).sum().sqrt().powi(2),
        |d| (2.0 * d.norm_l2()) * (0.5 * d.norm_l2()),
    ];
    for form in forms {
        let f = Function::record((shape![2], shape![2]), |(a, b)| (-form(a - b)).exp())?;
        let at = arr1(&[0.3, -1.2]);
        let v = arr1(&[1.0, 2.0]);
        let (own, cross) = f.hvp((&at, &at), (&v, arr1(&[0.0, 0.0])))?;
        is_close(&list(&own), &[-2.0, -4.0]);
        is_close(&list(&cross), &[2.0, 4.0]);
        // Reverse over reverse.
        let gradient = f.wrt(|(a, _)| a).gradient();
        let w = constant_free(&gradient, &at, &v)?;
        is_close(&w, &[-2.0, -4.0]);
    }
    Ok(())
}

/// The cotangent of a for ∇ₐf·v.
fn constant_free(gradient: &Function<(Leaf, Leaf), Leaf>, at: &ndarray::Array1<f64>, v: &ndarray::Array1<f64>) -> Result<Vec<f64>> {
    Ok(list(&gradient.vjp((at, at), v)?.1.0))
}

#[test]
fn all_pairs_of_points() -> Result<()> {
    // Σ exp(−‖x_i − x_j‖²/2): at equal points each pair i ≠ j gives −(I) twice.
    let f = Function::record(shape![2, 1], |x| {
        let d = x.reshape(&[2, 1, 1]) - x.reshape(&[1, 2, 1]);
        (-0.5 * d.norm_l2_axis(2).square()).exp().sum()
    })?;
    is_close(&list(&f.hvp(arr2(&[[0.5], [0.5]]), arr2(&[[1.0], [0.0]]))?), &[-2.0, 2.0]);
    Ok(())
}

#[test]
fn squares_of_roots() -> Result<()> {
    let forms: [fn(Var) -> Var; 5] = [
        |u| u.sqrt().square(),
        |u| u.sqrt() * u.sqrt(),
        |u| u.powf(0.5).powi(2),
        |u| u.sqrt().powi(4),
        |u| (3.0 * u.sqrt()).square() / 9.0,
    ];
    for (k, form) in forms.into_iter().enumerate() {
        let f = Function::record(shape![], form)?;
        let second = k == 3;
        is_close(&[f.gradient(0.0)?.number().unwrap()], &[if second { 0.0 } else { 1.0 }]);
        is_close(&[f.hvp(0.0, 1.0)?.number().unwrap()], &[if second { 2.0 } else { 0.0 }]);
        is_close(&[f.eval(2.0)?.number().unwrap()], &[if second { 4.0 } else { 2.0 }]);
        // Outside the domain there is still no value.
        if !second {
            refused(f.eval(-1.0));
        }
    }
    Ok(())
}

#[test]
fn sizes_and_powers() -> Result<()> {
    for form in [(|x| x.abs() * x.abs()) as fn(Var) -> Var, |x| x.abs().square(), |x| x.square().sqrt().powi(2)] {
        let f = Function::record(shape![], form)?;
        is_close(&[f.gradient(0.0)?.number().unwrap(), f.hvp(0.0, 1.0)?.number().unwrap()], &[0.0, 2.0]);
    }
    let cube = Function::record(shape![2], |x| x.norm_l2().powi(3))?;
    is_close(&list(&cube.hvp(arr1(&[0.0, 0.0]), arr1(&[1.0, 0.0]))?), &[0.0, 0.0]);
    let fourth = Function::record(shape![2], |x| x.norm_l2().powi(4))?;
    is_close(&list(&fourth.hvp(arr1(&[0.0, 0.0]), arr1(&[1.0, 0.0]))?), &[0.0, 0.0]);
    // ∂²‖x‖⁴ = 4‖x‖² I + 8 x xᵀ.
    is_close(&list(&fourth.hvp(arr1(&[1.0, 2.0]), arr1(&[1.0, 0.0]))?), &[28.0, 16.0]);
    Ok(())
}

#[test]
fn second_derivatives_that_cannot_be_had_are_no_numbers() -> Result<()> {
    let zero = arr1(&[0.0, 0.0]);
    let forms: [fn(Var) -> Var; 5] =
        [|x| x.norm_l2(), |x| x.norm_l2().cosh(), |x| x.norm_l2().cos(), |x| x.norm_l2().powf(1.5), |x| x.sqrt().sum()];
    let written_out: [fn(Var) -> Var; 6] = [
        |x| x.square().mean().sqrt().cosh(),
        |x| (0.5 * x.square().sum()).sqrt(),
        |x| (x.slice_last(0, 1).square() + x.slice_last(1, 2).square()).sqrt().sum(),
        |x| (x.slice_last(0, 1).square() + x.slice_last(1, 2).square()).sqrt().cos().sum(),
        |x| (iota(2).real::<f64>() * x.square()).sum().sqrt(),
        |x| (2.0 * x.slice_last(0, 1).square() + x.slice_last(0, 1) * x.slice_last(1, 2) + x.slice_last(1, 2).square()).sqrt().sum(),
    ];
    for form in forms.into_iter().chain(written_out) {
        let f = Function::record(shape![2], form)?;
        // The first derivative keeps its convention.
        is_close(&list(&f.gradient(&zero)?), &[0.0, 0.0]);
        refused(f.hvp(&zero, arr1(&[1.0, 0.0])));
        refused(f.wrt(|x| x).gradient().vjp(&zero, arr1(&[1.0, 0.0])).map(|(_, c)| c));
    }
    let power = Function::record(shape![], |x| x.powf(1.5))?;
    is_close(&[power.gradient(0.0)?.number().unwrap()], &[0.0]);
    refused(power.hvp(0.0, 1.0));
    Ok(())
}

#[test]
fn means_and_multiples_of_squares() -> Result<()> {
    // (mean x²)² = (Σx²)²/n², and √ of a multiple of squares is one of a norm: its even powers are smooth.
    for (form, factor) in [
        ((|x| x.square().mean().sqrt().square()) as fn(Var) -> Var, 0.5),
        (|x| (3.0 * x.square().sum()).sqrt().powi(2), 3.0),
        (|x| (x.square().sum() / 4.0).sqrt() * (x.square().sum() / 4.0).sqrt(), 0.25),
    ] {
        let f = Function::record(shape![2], form)?;
        is_close(&list(&f.hvp(arr1(&[0.0, 0.0]), arr1(&[1.0, -2.0]))?), &[2.0 * factor, -4.0 * factor]);
        is_close(&[f.eval(arr1(&[3.0, 4.0]))?.number().unwrap()], &[25.0 * factor]);
    }
    // Beyond the range of squares.
    let f = Function::record(shape![2], |x| (0.25 * x.square().sum()).sqrt())?;
    is_close(&[f.eval(arr1(&[3e200, 4e200]))?.number().unwrap() / 1e200], &[2.5]);
    Ok(())
}

#[test]
fn an_inner_problem_without_second_derivatives_names_the_operation() -> Result<()> {
    let objective = Function::record((shape![2], shape![2]), |(z, t)| 0.5 * (z - t).square().sum() + 4.0 * z.norm_l2().cosh())?;
    let method = GradientDescent::new(&objective).step_size(0.1).max_iterations(500);
    let inner = method.clone().implicit(Cg::default());
    let f = Function::record(shape![2], |t| inner.solve(zeros(shape![2]), t).sum())?;
    let e = f.gradient(arr1(&[0.0, 0.0])).expect_err("the Hessian cannot be had at 0").to_string();
    assert!(e.contains("gave NaN from finite operands") && e.contains("conventions.rs"), "{e}");
    let f = Function::record(shape![2], |t| method.unroll(20).solve(zeros(shape![2]), t).sum())?;
    let e = f.gradient(arr1(&[0.0, 0.0])).expect_err("the Hessian cannot be had at 0").to_string();
    assert!(e.contains("gave NaN from finite operands") && e.contains("away from 0"), "{e}");
    Ok(())
}

#[test]
fn masks_and_absent_directions_stay_exact() -> Result<()> {
    // A group at 0 under a mask, and one away from it.
    let f = Function::record(shape![2, 2], |x| {
        let size = x.norm_l2_axis(1);
        size.greater_than(0.5).select(size.square() * size, 0.0).sum()
    })?;
    let h = list(&f.hvp(arr2(&[[0.0, 0.0], [1.0, 0.0]]), arr2(&[[1.0, 0.0], [1.0, 1.0]]))?);
    is_close(&h, &[0.0, 0.0, 6.0, 3.0]);
    // Nothing moves where the norm is 0.
    let sum = Function::record(shape![2, 2], |x| x.norm_l2_axis(1).sum())?;
    let h = list(&sum.hvp(arr2(&[[0.0, 0.0], [2.0, 0.0]]), arr2(&[[0.0, 0.0], [1.0, 1.0]]))?);
    is_close(&h, &[0.0, 0.0, 0.0, 0.5]);
    Ok(())
}

#[test]
fn a_factor_that_happens_to_be_zero_is_no_mask() -> Result<()> {
    // x√x has the second derivative ¾/√x; the gradients of ‖x‖Σx and ‖x‖x₀ are continuous and have none at 0.
    let forms: [fn(Var) -> Var; 5] = [
        |x| (x * x.sqrt()).sum(),
        |x| (x.sqrt() * x).sum(),
        |x| x.norm_l2() * x.sum(),
        |x| (x.norm_l2() * x).sum(),
        |x| (x.norm_l2() * x.slice_last(0, 1)).sum(),
    ];
    let (at, v) = (arr1(&[0.0, 0.0]), arr1(&[1.0, 1.0]));
    for form in forms {
        let f = Function::record(shape![2], form)?;
        is_close(&list(&f.gradient(&at)?), &[0.0, 0.0]);
        refused(f.hvp(&at, &v));
        refused(f.wrt(|x| x).gradient().vjp(&at, &v).map(|(_, c)| c));
        // Nothing depends on what a direction of 0 moves.
        is_close(&list(&f.hvp(&at, arr1(&[0.0, 0.0]))?), &[0.0, 0.0]);
    }
    Ok(())
}

#[test]
fn the_square_of_a_root_has_no_slope_where_it_has_no_value() -> Result<()> {
    for form in [|x: Var| x.sqrt().square().sum(), |x: Var| (x.sqrt() * x.sqrt()).sum(), |x: Var| (2.0 * x.sqrt()).square().sum()] {
        let f = Function::record(shape![2], form)?;
        let at = arr1(&[-1.0, 1.0]);
        refused(f.eval(&at));
        refused(f.wrt(|x| x).gradient().eval(&at));
        refused(f.jvp(&at, arr1(&[1.0, 0.0])).map(|(_, t)| t));
    }
    Ok(())
}

#[test]
fn a_power_of_itself_at_zero() -> Result<()> {
    // xˣ → 1 with the slope xˣ(ln x + 1) → −∞.
    let f = Function::record(shape![], |x| x.pow(x))?;
    assert_eq!(f.eval(0.0)?.number()?, 1.0);
    let e = f.gradient(0.0).expect_err("−∞").to_string();
    assert!(e.contains("pow") && e.contains("inf"), "{e}");
    is_close(&[f.gradient(1.0)?.number().unwrap()], &[1.0]);
    // 0ᵇ falls from 1 to 0 at b = 0; it is 0 for b > 0, and flat there.
    let f = Function::record((shape![], shape![]), |(a, b)| a.pow(b))?;
    let (value, (by_a, by_b)) = f.value_and_gradient((0.0, 2.5))?;
    is_close(&[value, by_a.number().unwrap(), by_b.number().unwrap()], &[0.0, 0.0, 0.0]);
    assert!(f.gradient((0.0, 0.0)).is_err());
    // a⁰ is 1 for every a.
    let of_base = f.wrt(|(a, _)| a);
    is_close(&[of_base.gradient().eval((0.0, 0.0))?.number()?], &[0.0]);
    Ok(())
}

#[test]
fn the_least_exponent_has_its_own_slope() -> Result<()> {
    // xⁿ at −1 for an even n has the slope −n, and n(n − 1) at 1 is its second derivative.
    let n = f64::from(i32::MIN);
    let f = Function::record(shape![], |x| x.powi(i32::MIN))?;
    assert_eq!(f.gradient(-1.0)?.number()?, -n);
    let second = f.hvp(1.0, 1.0)?.number()?;
    assert!((second / (n * (n - 1.0)) - 1.0).abs() < 1e-15, "{second}");
    Ok(())
}
