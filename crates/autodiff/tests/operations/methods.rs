//! Methods of variables that gather, scatter, difference, convolve, factor and draw: values, derivatives, mistakes.
use hypertape_autodiff::record::{Boundary, Csr, Edge, Triangle, Var, constant, csr, iota, map, normal, random_index, scan, uniform};
use hypertape_autodiff::tree::{Feed, Leaf, Ranked, Structure};
use hypertape_autodiff::{Error, Function, Result, index, shape};
use hypertape_testkit::differences::{self, STEP, assert_close, rounding, tolerance};
use hypertape_testkit::random;
use ndarray::{ArrayD, IxDyn, arr1, arr2};

/// A gradient of Σ f(x)·c against central differences, for fixed c.
#[track_caller]
fn differentiates(shape: &[usize], f: impl Fn(Var) -> Var) {
    let weighted = Function::record(Leaf::new(shape), |x| {
        let y = f(x);
        (y * constant(random::sym(9, IxDyn(&y.shape())))).sum()
    })
    .unwrap();
    let x: ArrayD<f64> = random::sym(1, IxDyn(shape));
    let point: Vec<f64> = x.iter().copied().collect();
    let at = |v: &[f64]| ArrayD::from_shape_vec(IxDyn(shape), v.to_vec()).unwrap();
    let expected = differences::gradient(|v| weighted.eval(at(v)).unwrap().number().unwrap(), &point);
    let found = weighted.gradient(&x).unwrap();
    assert_close("gradient", found.iter(), &expected, tolerance(100, 10.0, STEP));
}

/// What a function says of these inputs when it runs.
#[track_caller]
fn complaint<I: Structure, O: Structure>(f: &Function<I, O>, at: impl Feed<I>) -> String {
    f.eval(at).err().expect("an error").to_string()
}

/// What recording a function of one array says.
#[track_caller]
fn refused(shape: &[usize], f: impl Fn(Var) -> Var) -> Error {
    Function::record(Leaf::new(shape), f).expect_err("an error")
}

#[test]
fn gathers() {
    let (twice, pairs) = (arr1(&[2_u32, 0, 2]).into_shared(), arr2(&[[1_u32, 0], [0, 1]]).into_shared());
    differentiates(&[3, 2], |x| x.square().rows(constant(&twice)));
    differentiates(&[3, 2], |x| x.square().rows(&twice));
    differentiates(&[3, 2], |x| x.sin().take(&pairs, 1));
    differentiates(&[3, 2], |x| x.sin().rows(2));
    differentiates(&[5], |x| x.square().slice_at(1, 3));
    differentiates(&[2, 3], |x| x.square().place_at(3, 5));
    // The index may come from the values.
    differentiates(&[4], |x| x.exp().rows((x.slice_axis(0, 0, 1).sum() * 0.0 + 3.0).index()));
    let f = Function::record((shape![4], index![2]), |(x, i)| (x.rows(i), i.rows(1), iota(3))).unwrap();
    let (x, one, all) = f.eval((arr1(&[5.0, 6.0, 7.0, 8.0]), arr1(&[3, 1]))).unwrap();
    assert_eq!((x.as_slice(), one.number().unwrap(), all.as_slice()), (Some(&[8.0, 6.0][..]), 1, Some(&[0, 1, 2][..])));
}

#[test]
fn scatters() {
    let groups = arr1(&[1_u32, 0, 1, 3]).into_shared();
    differentiates(&[4, 2], |x| x.square().scatter_add(&groups, 0, 5));
    differentiates(&[2, 4], |x| x.square().scatter_add(&groups, 1, 4));
    let f = Function::record((shape![2], index![]), |(x, i)| x.scatter_add(i, 0, 3)).unwrap();
    assert_eq!(f.eval((arr1(&[1.0, 2.0]), 1)).unwrap().as_slice(), Some(&[0.0, 0.0, 1.0, 2.0, 0.0, 0.0][..]));
    let e = refused(&[3], |x| x.scatter_add(&groups, 0, 5)).to_string();
    assert!(e.contains("scatter_add") && e.contains("methods.rs") && e.contains("must be those of the indices"), "{e}");
}

#[test]
fn indices_out_of_range_and_missing_axes() {
    let f = Function::record((shape![3, 2], index![]), |(x, i)| x.rows(i)).unwrap();
    let e = complaint(&f, (random::sym(1, (3, 2)), 3));
    assert!(e.contains("index 3") && e.contains("axis 0 has length 3") && e.contains("methods.rs"), "{e}");
    let f = Function::record((shape![3], index![]), |(x, i)| x.slice_at(i, 2)).unwrap();
    assert!(complaint(&f, (random::sym(1, 3), 2)).contains("rows 2 to 4 are out of range"));
    assert!(refused(&[3], |x| x.take(0, 1)).to_string().contains("f64[3] has no axis 1"));
    assert!(refused(&[], |x| x.rows(0)).to_string().contains("has no axis 0"));
    assert!(refused(&[3], |x| x.slice_at(0, 4)).to_string().contains("4 rows are more than"));
    assert!(refused(&[3], |x| x.difference(1, Edge::Zero)).to_string().contains("has no axis 1"));
}

#[test]
fn labels_one_hot() {
    let f = Function::record((shape![2, 3], index![2]), |(x, labels)| (x.log_softmax(1) * labels.one_hot(3)).sum()).unwrap();
    let x = random::sym(1, (2, 3));
    let (value, _) = f.value_and_gradient((&x, arr1(&[2, 0]))).unwrap();
    let log = |i: usize, j: usize| x[[i, j]] - x.row(i).mapv(f64::exp).sum().ln();
    assert!((value - log(0, 2) - log(1, 0)).abs() <= rounding(6, 2.0));
}

#[test]
fn differences_and_convolutions() {
    for edge in [Edge::Zero, Edge::Periodic] {
        differentiates(&[3, 4], |x| x.square().difference(1, edge));
        differentiates(&[3, 4], |x| x.square().difference_adjoint(0, edge));
    }
    let filter = random::sym(3, (2, 1, 3, 3)).into_shared();
    for boundary in [Boundary::Valid, Boundary::Zero, Boundary::Periodic, Boundary::Symmetric, Boundary::Replicate] {
        differentiates(&[1, 5, 4], |x| x.square().convolve(constant(&filter), boundary, [2, 1]));
        differentiates(&[3, 3], |w| constant(random::sym(4, (5, 4))).convolve(w, boundary, [1, 1]));
    }
    assert!(refused(&[2, 2], |x| x.convolve(constant(random::sym(1, (3, 3))), Boundary::Valid, [1, 1])).to_string().contains("boundary"));
    assert!(refused(&[4], |x| x.convolve(x, Boundary::Zero, [1, 1])).to_string().contains("convolve"));
}

/// A positive definite matrix that depends on a square one.
fn positive(x: Var) -> Var {
    x.dot(x.t()) + constant(arr2(&[[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]))
}

#[test]
fn triangles_inverses_and_determinants() {
    let rhs = random::sym(2, 3).into_shared();
    let ways = [Triangle::LOWER, Triangle::UPPER, Triangle::LOWER.transposed(), Triangle::UPPER.transposed().unit_diagonal()];
    for triangle in ways {
        differentiates(&[3, 3], |x| positive(x).solve_triangular(constant(&rhs), triangle));
    }
    differentiates(&[3, 3], |x| positive(x).inverse());
    differentiates(&[3, 3], |x| positive(x).log_det_positive());
    differentiates(&[3, 3], |x| x.square().lower_triangle() + x.upper_triangle());
    differentiates(&[2, 3, 3], |x| x.matmul(x.square()));
    differentiates(&[3, 4], |x| x.norm_max_axis(1) + x.norm_max());
    let f = Function::record(shape![3, 3], |x| (positive(x).log_det_positive(), positive(x).log_det().0, x.inverse().dot(x))).unwrap();
    let (positive, general, one) = f.eval(random::sym(1, (3, 3))).unwrap();
    assert!((positive.number().unwrap() - general.number().unwrap()).abs() <= rounding(9, 10.0));
    assert!(one.indexed_iter().all(|(at, v)| (v - f64::from(u8::from(at[0] == at[1]))).abs() <= rounding(9, 100.0)));
    for method in [Var::inverse, Var::log_det_positive, Var::lower_triangle] {
        for shape in [&[2, 3][..], &[3], &[]] {
            assert!(refused(shape, method).site().is_some(), "{shape:?}");
        }
    }
    assert!(refused(&[3, 3], |x| x.solve_triangular(x.slice_axis(0, 0, 2), Triangle::LOWER)).to_string().contains("solve_triangular"));
}

#[test]
fn sparse_products() {
    let dense = arr2(&[[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]);
    let a = Csr::from_dense(&dense.view()).unwrap();
    differentiates(&[3, 2], |x| csr(&a).dot(x.square()));
    differentiates(&[2], |x| csr(&a).t().dot(x.square()));
    let f = Function::record((shape![3], shape![2]), |(x, u)| (csr(&a).dot(x), csr(&a).t().dot(u), csr(&a).t().t().dot(x))).unwrap();
    let (ax, atu, again) = f.eval((arr1(&[1.0, 2.0, 3.0]), arr1(&[1.0, 2.0]))).unwrap();
    assert_eq!((ax.as_slice(), atu.as_slice()), (Some(&[7.0, 9.0][..]), Some(&[1.0, 0.0, 8.0][..])));
    assert_eq!(ax, again);
    // The matrix counts as a constant once, however often and which way it is read.
    assert_eq!(f.plan().unwrap().memory().constants, a.bytes() as u64);
    let single = Csr::<f32>::new([1, 2], vec![0, 1], vec![1], vec![3.0]).unwrap();
    let f = Function::record(shape![f32; 2], |x| csr(&single).dot(x).sum()).unwrap();
    assert_eq!(f.gradient(arr1(&[1.0_f32, 1.0])).unwrap().as_slice(), Some(&[0.0_f32, 3.0][..]));
    let e = refused(&[4], |x| csr(&a).dot(x));
    assert!(e.to_string().contains("vector of 3 elements") && e.to_string().contains("methods.rs"), "{e}");
    let e = Csr::new([2, 3], vec![0, 1], vec![0], vec![1.0]).unwrap_err().to_string();
    assert!(e.contains("Csr::new") && e.contains("must be 3 numbers") && e.contains("methods.rs"), "{e}");
}

#[test]
fn random_numbers_are_functions_of_key_and_counter() -> Result<()> {
    let f = Function::record(index![], |k| {
        let (z, u): (Var, Var<f32>) = (normal(1, k, shape![50]), uniform(1, k, shape![f32; 50]));
        (z, u, random_index(1, k, index![50], 3))
    })?;
    let ((z, u, i), again, other) = (f.eval(5)?, f.eval(5)?, f.eval(6)?);
    assert_eq!((&z, &u, &i), (&again.0, &again.1, &again.2));
    assert!(z != other.0 && u != other.1 && i != other.2);
    assert!(u.iter().all(|u| (0.0..1.0).contains(u)) && i.iter().all(|i| *i < 3));
    // In a loop, in a map and outside: the same counter gives the same numbers.
    let f = Function::record((), |()| {
        let looped: Var = scan((), 4, |(), k| ((), normal(2, k, shape![]))).1;
        let mapped = map(iota(4), |k| normal(2, k, shape![]));
        let alone: Var = normal(2, 3, shape![]);
        (looped, mapped, alone)
    })?;
    let (looped, mapped, alone) = f.eval(())?;
    assert_eq!(looped, mapped);
    assert_eq!(looped[[3]], alone.number().unwrap());
    // A variable that noise multiplies is differentiated.
    let f = Function::record(shape![], |s| (s * normal(3, 0, shape![4])).sum())?;
    let (value, slope) = f.value_and_gradient(2.0)?;
    assert!((value - 2.0 * slope.number().unwrap()).abs() <= rounding(4, 10.0));
    assert!(Function::record(shape![2], |x| normal(1, x.index(), shape![2]) + x).is_err());
    Ok(())
}
