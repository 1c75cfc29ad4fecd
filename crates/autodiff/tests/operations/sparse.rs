//! Rows of sparse matrices that indices name, and sparse matrices whose values are variables, against dense ones.
use hypertape_autodiff::array::{Element, Real};
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::record::{Csr, Pattern, SparseVar, Var, constant, csr, csr_with, scan};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Error, Function, Result, index, shape};
use hypertape_testkit::differences::{assert_close, rounding};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, ArrayD, arr1};

/// A matrix of which a third is not 0, with an empty row, and the same as a dense one.
fn matrix<T: Real>(rows: usize, columns: usize) -> (Csr<T>, Array2<T>) {
    let all: Array2<f64> = random::sym(5, (rows, columns));
    let dense = Array2::from_shape_fn((rows, columns), |(i, j)| {
        T::from_f64(if i != 1 && random::unit(6, (i * columns + j) as u64) < 0.34 { all[[i, j]] } else { 0.0 })
    });
    (Csr::from_dense(&dense.view()).unwrap(), dense)
}

fn numbers<T: Real>(seed: u64, shape: &[usize]) -> ArrayD<T> {
    random::sym(seed, shape).mapv(|v: f64| T::from_f64(v))
}

#[track_caller]
fn close<T: Real>(found: &ArrayD<T>, expected: &ArrayD<T>) {
    assert_eq!(found.shape(), expected.shape());
    let expected: Vec<f64> = expected.iter().map(|v| Element::to_f64(*v)).collect();
    let scale = expected.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    let epsilon = Element::to_f64(T::epsilon()) / f64::EPSILON;
    let found: Vec<f64> = found.iter().map(|v| Element::to_f64(*v)).collect();
    assert_close("sparse and dense", found.iter(), &expected, epsilon * rounding(64, scale));
}

/// Values and gradients of both products with rows of a matrix, of a vector or a matrix, against the dense one.
fn rows_as_dense<T: Real>() {
    let (rows, columns) = (7, 5);
    let (a, dense) = matrix::<T>(rows, columns);
    let dense = dense.into_shared();
    for batch in [&[3, 0, 1, 3, 6, 3][..], &[1], &[]] {
        for k in [&[][..], &[1], &[3], &[8], &[0]] {
            let b = batch.len();
            let (v, u) = ([&[columns][..], k].concat(), [&[b][..], k].concat());
            let inputs = || (Leaf::<T>::new(&v[..]), Leaf::<T>::new(&u[..]), index![b]);
            let outer = |y: Var<T>, z: Var<T>, v: Var<T>, u: Var<T>| ((y.sin() * u).sum() + (z.sin() * v).sum(), y, z);
            let sparse = Function::record(inputs(), |(v, u, i)| {
                let batch = csr(&a).rows(i);
                outer(batch.dot(v), batch.t().dot(u), v, u)
            });
            let full = Function::record(inputs(), |(v, u, i)| {
                let x = constant(&dense).rows(i);
                outer(x.dot(v), x.t().dot(u), v, u)
            });
            let (sparse, full) = (sparse.unwrap(), full.unwrap());
            let at = || (numbers::<T>(1, &v), numbers::<T>(2, &u), Array1::from(batch.to_vec()));
            let (found, expected) = (sparse.eval(at()).unwrap(), full.eval(at()).unwrap());
            close(&found.1, &expected.1);
            close(&found.2, &expected.2);
            let gradient = |f: &Function<_, (Leaf<T>, Leaf<T>, Leaf<T>)>| f.output(|o| o.0).wrt(|(v, u, _)| (v, u)).gradient();
            let (found, expected) = (gradient(&sparse).eval(at()).unwrap(), gradient(&full).eval(at()).unwrap());
            close(&found.0, &expected.0);
            close(&found.1, &expected.1);
        }
    }
}

#[test]
fn rows_are_those_of_the_dense_matrix() {
    rows_as_dense::<f64>();
    rows_as_dense::<f32>();
}

#[test]
fn rows_of_a_product_are_products_of_rows_to_the_bit() -> Result<()> {
    let (a, _) = matrix::<f64>(90, 40);
    let batch = Array1::from_shape_fn(50, |b| (7 * b as u32) % 90);
    for k in [&[][..], &[2], &[5]] {
        let v = [&[40][..], k].concat();
        let f = Function::record((Leaf::new(&v[..]), index![50]), |(v, i)| (csr(&a).rows(i).dot(v), csr(&a).dot(v).rows(i)))?;
        let (rows, all) = f.eval((numbers(1, &v), &batch))?;
        assert_eq!(rows, all);
        // Each row named once, in order, is the whole matrix, both ways.
        let f =
            Function::record((Leaf::new([&[90][..], k].concat()), index![90]), |(u, i)| (csr(&a).rows(i).t().dot(u), csr(&a).t().dot(u)))?;
        let (rows, all) = f.eval((numbers(2, &[&[90][..], k].concat()), Array1::from_iter(0..90)))?;
        assert_eq!(rows, all);
    }
    Ok(())
}

/// Values, gradients by values and by what is multiplied, and Hessian-vector products of a function of a sparse matrix, against the dense one.
fn values_as_dense<T: Real>(
    body: impl Fn(&dyn Fn(Var<T>) -> Var<T>, &dyn Fn(Var<T>) -> Var<T>, Var<T>) -> Var<T>,
    batch: Option<&[u32]>,
    k: &[usize],
) {
    let (a, _) = matrix::<T>(6, 5);
    let places: Vec<u32> = a.entries().map(|(i, j, _)| (i * 5 + j) as u32).collect();
    let places = Array1::from(places).into_shared();
    let rows = batch.map(|r| Array1::from(r.to_vec()).into_shared());
    let (n, x) = (a.nonzeros(), [&[5][..], k].concat());
    let inputs = || (Leaf::<T>::new([n]), Leaf::<T>::new(&x[..]));
    let sparse = Function::record(inputs(), |(values, x)| {
        let a: SparseVar<T> = csr_with(a.pattern(), values);
        let a = rows.as_ref().map_or(a.clone(), |rows| a.rows(rows));
        body(&|x| a.dot(x), &|u| a.t().dot(u), x)
    });
    let dense = Function::record(inputs(), |(values, x)| {
        let a = values.scatter_add(&places, 0, 30).reshape(&[6, 5]);
        let a = rows.as_ref().map_or(a, |rows| a.rows(rows));
        body(&|x| a.dot(x), &|u| a.t().dot(u), x)
    });
    let (sparse, dense) = (sparse.unwrap(), dense.unwrap());
    let at = || (numbers::<T>(1, &[n]), numbers::<T>(2, &x));
    let (found, expected) = (sparse.value_and_gradient(at()).unwrap(), dense.value_and_gradient(at()).unwrap());
    close(&found.1.0, &expected.1.0);
    close(&found.1.1, &expected.1.1);
    let hvp = |f: &Function<_, Leaf<T>>| f.wrt(|i| i).hvp().eval((at(), (numbers::<T>(3, &[n]), numbers::<T>(4, &x)))).unwrap();
    let (found, expected) = (hvp(&sparse), hvp(&dense));
    close(&found.0, &expected.0);
    close(&found.1, &expected.1);
}

#[test]
fn values_are_differentiated_in_their_places() {
    for batch in [None, Some(&[2, 5, 1, 2, 2, 0][..]), Some(&[4]), Some(&[])] {
        for k in [&[][..], &[1], &[3]] {
            values_as_dense::<f64>(|dot, _, x| dot(x).sin().sum(), batch, k);
            values_as_dense::<f64>(|dot, transposed, x| (transposed(dot(x).sin()) * x.cos()).sum(), batch, k);
            values_as_dense::<f32>(|dot, transposed, x| (transposed(dot(x).sin()) * x.cos()).sum(), batch, k);
        }
    }
}

#[test]
fn one_program_for_all_batches() -> Result<()> {
    let (a, dense) = matrix::<f64>(30, 4);
    let loss = |y: Var| y.softplus().mean();
    let f = Function::record((shape![4], index![6]), |(w, batch)| loss(csr(&a).rows(batch).dot(w)))?;
    let full = Function::record((shape![4], index![6]), |(w, batch)| loss(constant(&dense.to_shared()).rows(batch).dot(w)))?;
    let (step, expected) = (f.wrt(|(w, _)| w).value_and_gradient(), full.wrt(|(w, _)| w).value_and_gradient());
    let w = numbers::<f64>(1, &[4]);
    let mut made = None;
    for start in 0..5 {
        let batch = Array1::from_iter((0..6).map(|b| (start * 11 + b * b) % 30));
        let (found, expected) = (step.eval((&w, &batch))?, expected.eval((&w, &batch))?);
        close(&found.0, &expected.0);
        close(&found.1, &expected.1);
        assert!(*made.get_or_insert_with(Plan::made) == Plan::made(), "nothing is planned again");
    }
    // The matrix counts once, whole and in rows.
    let both = Function::record((shape![4], index![6]), |(w, batch)| (csr(&a).dot(w), csr(&a).rows(batch).dot(w)))?;
    assert_eq!(both.plan()?.memory().constants, a.bytes() as u64);
    Ok(())
}

fn sparse_turn(x: SparseVar<f64>, w: Var) -> Var {
    x.t().dot(x.dot(w).tanh())
}

fn dense_turn(x: Var, w: Var) -> Var {
    x.t().dot(x.dot(w).tanh())
}

#[test]
fn batches_in_a_loop() -> Result<()> {
    let (a, dense) = matrix::<f64>(20, 3);
    let dense = dense.into_shared();
    let descent = |rows: &dyn Fn(Var<u32>, Var) -> Var, w: Var, batches: Var<u32>| scan(w, batches, |w, i| (w - 0.1 * rows(i, w), ())).0;
    let inputs = || (shape![3], index![4, 5]);
    let sparse = Function::record(inputs(), |(w, i)| descent(&|i, w| sparse_turn(csr(&a).rows(i), w), w, i).square().sum())?;
    let full = Function::record(inputs(), |(w, i)| descent(&|i, w| dense_turn(constant(&dense).rows(i), w), w, i).square().sum())?;
    let batches = Array2::from_shape_fn((4, 5), |(s, b)| ((7 * s + 3 * b * b) % 20) as u32);
    let at = || (numbers::<f64>(1, &[3]), &batches);
    let gradient = |f: &Function<_, Leaf>| f.wrt(|(w, _)| w).gradient().eval(at());
    close(&gradient(&sparse)?, &gradient(&full)?);
    // By the values, which the loop holds as a constant of its own.
    let by_values = |sparse: bool| {
        Function::record((shape![a.nonzeros()], index![4, 5]), |(values, i)| {
            let w = constant(arr1(&[0.3, -0.2, 0.5]));
            let places = Array1::from_iter(a.entries().map(|(i, j, _)| (3 * i + j) as u32)).into_shared();
            let end = if sparse {
                descent(&|i, w| sparse_turn(csr_with(a.pattern(), values).rows(i), w), w, i)
            } else {
                let x = values.scatter_add(&places, 0, 60).reshape(&[20, 3]);
                descent(&|i, w| dense_turn(x.rows(i), w), w, i)
            };
            end.square().sum()
        })
    };
    let at = || (Array1::from(a.values().to_vec()), &batches);
    let gradient = |sparse| by_values(sparse)?.wrt(|(values, _)| values).gradient().eval(at());
    close(&gradient(true)?, &gradient(false)?);
    Ok(())
}

#[test]
fn rows_of_rows_and_transposes_of_transposes() -> Result<()> {
    let (a, _) = matrix::<f64>(8, 3);
    let f = Function::record((shape![3], index![4], index![2]), |(v, i, j)| {
        let rows = csr(&a).rows(i);
        (rows.rows(j).dot(v), csr(&a).rows(i.rows(j)).dot(v), rows.rows(j).t().t().dot(v), csr(&a).t().t().rows(i).rows(j).dot(v))
    })?;
    let (p, q, r, s) = f.eval((numbers(1, &[3]), arr1(&[7, 2, 2, 0]), arr1(&[3, 0])))?;
    assert!(p == q && p == r && p == s);
    // Rows that are numbers of the program.
    let batch = arr1(&[2_u32, 2]).into_shared();
    let f = Function::record(shape![3], |v| csr(&a).rows(&batch).dot(v))?;
    assert_eq!(f.eval(numbers(1, &[3]))?.len(), 2);
    Ok(())
}

#[test]
fn mistakes_are_named() {
    let (a, _) = matrix::<f64>(4, 3);
    let f = Function::record((shape![3], index![2]), |(v, i)| csr(&a).rows(i).dot(v).sum()).unwrap();
    let at = || (arr1(&[1.0, 2.0, 3.0]), arr1(&[1, 4]));
    for e in [f.eval(at()).unwrap_err(), f.wrt(|(v, _)| v).gradient().eval(at()).unwrap_err()] {
        let e = e.to_string();
        assert!(e.contains("index 4 at [1] is out of range: axis 0 has length 4") && e.contains("sparse.rs:"), "{e}");
    }
    // Zeros are no excuse.
    let f = Function::record(index![2], |i| csr(&a).rows(i).dot(constant(arr1(&[0.0; 3])) * 0.0)).unwrap();
    assert!(f.eval(arr1(&[1, 4])).unwrap_err().to_string().contains("index 4 at [1]"));
    let says = |e: Result<Function<_, Leaf>, Error>, part: &str| {
        let e = e.unwrap_err().to_string();
        assert!(e.contains(part) && e.contains("sparse.rs:") && e.contains("sparse_product"), "{e}");
    };
    says(Function::record((shape![3], index![]), |(v, i)| csr(&a).rows(i).dot(v)), "named by a vector of indices");
    says(Function::record((shape![2], index![2]), |(v, i)| csr(&a).rows(i).dot(v)), "vector of 3 elements");
    says(Function::record((shape![4], index![2]), |(u, i)| csr(&a).rows(i).t().dot(u)), "vector of 2 elements");
    let pattern = Pattern::new([1, 3], vec![0, 2], vec![0, 2]).unwrap();
    says(Function::record((shape![3], index![]), |(v, _)| csr_with(&pattern, v).dot(v)), "has 2 entries, its values are f64[3]");
    let e = Pattern::new([1, 3], vec![0, 2], vec![0, 3]).unwrap_err().to_string();
    assert!(e.contains("Pattern::new") && e.contains("column 3, of 3") && e.contains("sparse.rs:"), "{e}");
}

/// Wherever it stands, among eight numbers that are looked at together or after them.
#[test]
fn a_value_that_is_not_finite_is_found() {
    for n in [1, 8, 9, 20] {
        let of = |values: Vec<f64>| Csr::new([1, n], vec![0, n], (0..n as u32).collect(), values);
        assert!(of(vec![-0.0; n]).is_ok() && of(vec![f64::MAX; n]).is_ok());
        for (at, bad) in (0..n).flat_map(|at| [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|bad| (at, bad))) {
            let mut values = vec![-1e300; n];
            values[at] = bad;
            assert!(of(values).unwrap_err().to_string().contains(&format!("entry {at}")));
        }
    }
}
