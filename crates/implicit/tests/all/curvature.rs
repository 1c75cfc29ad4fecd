//! Curvatures of objectives, against their dense Hessians.
use hypertape_autodiff::record::constant;
use hypertape_autodiff::{Function, Result, shape};
use hypertape_implicit::curvature;
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr0, arr1};

#[test]
fn of_a_logistic_regression_with_respect_to_some_inputs() -> Result<()> {
    let x = random::normal(1, (40, 12)).into_shared();
    let f = Function::record((shape![12], shape![], shape![]), |(w, b, p)| {
        (constant(&x).dot(w) + b).softplus().sum() + 0.5 * p.exp() * w.square().sum()
    })?;
    let at = (random::normal(2, 12) * 0.3, arr0(0.1), arr0(-1.0));
    // The value and the intercept have nothing to do with what is looked for: two leaves, in another order.
    let by = f.wrt(|(w, b, _)| (b, w));
    let dense = by.hessian().eval(&at)?.into_dimensionality().unwrap_or_else(|_| Array2::zeros((0, 0)));
    let found = curvature(&by).tolerance(1e-12).at(&at)?;
    let exact = hypertape_linear::eigenvalues(&mut dense.clone(), 1e-13, 13).unwrap();
    assert!(found.converged && (found.smallest - exact.smallest).abs() < 1e-11 && (found.largest - exact.largest).abs() < 1e-11);
    assert!(found.smallest > (-1.0_f64).exp() * 0.01 && found.products.plain <= 13);
    Ok(())
}

#[test]
fn saddles_single_precision_and_settings() -> Result<()> {
    let saddle = Function::record(shape![f32; 3], |z| (constant(&arr1(&[1.0_f32, -2.0, 0.5]).into_shared()) * z.square()).sum())?;
    let found = curvature(&saddle.wrt(|z| z)).at(arr1(&[1.0_f32, 2.0, 3.0]))?;
    assert!((found.smallest + 4.0).abs() < 1e-6 && (found.largest - 2.0).abs() < 1e-6, "{found:?}");
    let empty = Function::record(shape![0], |z| z.square().sum())?;
    assert!(curvature(&empty.wrt(|z| z)).at(Array1::<f64>::zeros(0))?.largest < 0.0);
    for t in [-1.0, f64::NAN] {
        let e = curvature(&saddle.wrt(|z| z)).tolerance(t).at(arr1(&[1.0_f32, 2.0, 3.0])).unwrap_err();
        assert!(e.to_string().contains("tolerance"), "{e}");
    }
    // Another shape, and a point where the product is not finite: the function's own words.
    assert!(curvature(&saddle.wrt(|z| z)).at(Array1::<f32>::zeros(2)).is_err());
    let root = Function::record(shape![2], |z| z.sqrt().sum())?;
    let e = curvature(&root.wrt(|z| z)).at(arr1(&[0.0, 1.0])).unwrap_err();
    assert!(e.to_string().contains("finite"), "{e}");
    // The limit of products is one.
    let many = Function::record(shape![300], |z| (z.square() * z.square()).sum())?;
    let found = curvature(&many.wrt(|z| z)).max_products(5).tolerance(0.0).at(random::normal(4, 300))?;
    assert!(!found.converged && found.products.plain == 5, "{found:?}");
    Ok(())
}
