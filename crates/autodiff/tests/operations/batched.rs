//! Functions for many items at once: values, derivatives, and what is refused.
use super::twice::Twice;
use hypertape_autodiff::error::Result;
use hypertape_autodiff::record::{Var, cond, map, scan, scan_until, zeros};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, apply_primitive, shape};
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2, ArrayD, Axis, IxDyn, arr1};

fn close(what: &str, a: &ArrayD<f64>, b: &ArrayD<f64>) {
    assert_eq!(a.shape(), b.shape(), "{what}");
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f64::max);
    assert!(worst <= 1e-13, "{what}: {worst:e} apart");
}

/// A loop with its own number of steps for each item, a branch of its own, and a matrix that all share.
fn step(w: Var, x: Var) -> Var {
    let size = |x: &Var| x.square().sum();
    let x = scan_until(x, 12, |x| size(x).less_than(0.5), |x, _| 0.7 * w.dot(x.tanh()) + 0.1 * x);
    let y = cond(x.sum().less_than(0.0), || x.exp(), || x.square());
    scan(zeros(shape![]), x, |s: Var, x| (s + x.sin(), ())).0 + y.sum()
}

fn one() -> Function<(Leaf, Leaf), Leaf> {
    Function::record((shape![3, 3], shape![3]), |(w, x)| step(w, x)).unwrap()
}

#[test]
fn values_and_gradients_are_those_of_a_map() -> Result<()> {
    let n = 9;
    let many = one().batched(n, |(_, x)| x);
    let mapped = Function::record((shape![3, 3], shape![n, 3]), |(w, x)| map(x, |x| step(w, x)))?;
    let (w, x, c): (Array2<f64>, Array2<f64>, Array1<f64>) = (sym(1, (3, 3)) * 2.0, sym(2, (n, 3)) * 6.0, sym(3, n));
    close("values", &many.eval((&w, &x))?, &mapped.eval((&w, &x))?);
    let ((y, (dw, dx)), (z, (ew, ex))) = (many.vjp((&w, &x), &c)?, mapped.vjp((&w, &x), &c)?);
    close("values", &y, &z);
    close("by what items share", &dw, &ew);
    close("by each item's own", &dx, &ex);
    let (v, u): (Array2<f64>, Array2<f64>) = (sym(4, (3, 3)), sym(5, (n, 3)));
    close("tangents", &many.jvp((&w, &x), (&v, &u))?.1, &mapped.jvp((&w, &x), (&v, &u))?.1);
    // Item by item.
    for (k, x) in x.outer_iter().enumerate() {
        let (value, (_, g)) = one().value_and_gradient((&w, &x))?;
        assert!((y[[k]] - value).abs() <= 1e-13 * (1.0 + value.abs()));
        close("an item", &dx.index_axis(Axis(0), k).to_owned(), &(g * c[k]));
    }
    Ok(())
}

#[test]
fn derivatives_are_batched_too() -> Result<()> {
    let n = 4;
    let gradient = one().wrt(|(_, x)| x).gradient();
    let (many, w, x): (_, Array2<f64>, Array2<f64>) = (gradient.batched(n, |(_, x)| x), sym(1, (3, 3)), sym(2, (n, 3)));
    let all = many.eval((&w, &x))?;
    for (k, x) in x.outer_iter().enumerate() {
        close("a gradient", &all.index_axis(Axis(0), k).to_owned(), &gradient.eval((&w, &x))?);
    }
    // All inputs, and twice.
    let twice = one().batched(2, |(w, x)| (w, x)).batched(3, |(_, x)| x);
    let (w, x) = (
        ArrayD::from_shape_fn(IxDyn(&[2, 3, 3]), |i| (i[0] + i[1] * i[2]) as f64 / 5.0),
        ArrayD::from_shape_fn(IxDyn(&[3, 2, 3]), |i| (i[0] as f64 - i[1] as f64 + i[2] as f64) / 3.0),
    );
    let y = twice.eval((&w, &x))?;
    assert_eq!(y.shape(), [3, 2]);
    for (k, j) in [(0, 0), (1, 1), (2, 0)] {
        let (w, x) = (w.index_axis(Axis(0), j), x.index_axis(Axis(0), k));
        assert!((y[[k, j]] - one().eval((&w, x.index_axis(Axis(0), j)))?[[]]).abs() < 1e-13);
    }
    Ok(())
}

#[test]
fn what_has_no_rule_is_named() -> Result<()> {
    let f = Function::record((shape![2], shape![2]), |(w, x)| (w + Var::<f64>::from_dyn(apply_primitive(Twice, &[x.to_dyn()])[0])).sum())?;
    let e = f.batched(3, |(_, x)| x).eval((arr1(&[0.0; 2]), Array2::ones((3, 2)))).expect_err("no rule").to_string();
    assert!(e.contains("`twice`") && e.contains("no rule") && e.contains("batched.rs:"), "{e}");
    // What items share needs none.
    let y = f.batched(3, |(w, _)| w).eval((Array2::ones((3, 2)), arr1(&[1.0, 2.0])))?;
    assert_eq!(y, arr1(&[8.0; 3]).into_dyn());
    Ok(())
}

#[test]
fn shapes_and_choices_are_named() {
    let f = one();
    let e = f.batched(3, |(_, x)| x).eval((Array2::eye(3), Array2::ones((4, 3)))).expect_err("four items").to_string();
    assert!(e.contains("[3,3]") && e.contains("[4,3]"), "{e}");
    let e = f.batched(3, |(_, x)| x).eval((Array2::eye(3), arr1(&[1.0; 3]))).expect_err("no axis").to_string();
    assert!(e.contains("[3,3]"), "{e}");
    let e = f.batched(3, |(_, x)| 2.0 * x).eval((Array2::eye(3), Array2::ones((3, 3)))).expect_err("computed").to_string();
    assert!(e.contains("`batched`"), "{e}");
}
