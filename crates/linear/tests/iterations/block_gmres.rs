//! GMRES as a block: fewer steps, dependent columns, each column at its own end, singular operators, errors of the operator, either side, scales.
use crate::support::*;
use hypertape_linear::{Failed, Gmres, Jacobi, Operator, Prepare, Single, Status, from_fn};
use hypertape_testkit::{dense, random};
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

fn residual(a: ArrayView2<'_, f64>, x: &Array2<f64>, b: &Array2<f64>, j: usize) -> f64 {
    dense::norm((a.dot(&x.column(j)) - b.column(j)).view()) / dense::norm(b.column(j))
}

#[test]
fn every_size_count_and_restart() {
    for n in [0, 1, 2, 7, 50] {
        for (a, of) in [(general(n.max(1)), "general"), (indefinite(n.max(1)), "indefinite"), (-definite(n.max(1)), "negative")] {
            let a = a.slice(s![..n, ..n]).to_owned();
            for k in [0, 1, 2, 8, 60] {
                let b: Array2<f64> = random::normal(31, (n, k));
                for restart in [2, 5, 50] {
                    // A short basis stagnates by itself where eigenvalues lie on both sides.
                    if restart < 50 && of == "indefinite" {
                        continue;
                    }
                    let mut ready = Gmres::default().restart(restart).as_block().prepare(a.clone()).unwrap();
                    for (many, a) in [(ready.solve_many(b.view()), a.view()), (ready.solve_many_transposed(b.view()), a.t())] {
                        assert!(many.converged(), "{of}, n = {n}, k = {k}, restart {restart}: {:?}", many.outcomes);
                        for (j, o) in many.outcomes.iter().enumerate().filter(|_| n > 0) {
                            let (o, r) = (o.as_ref().unwrap(), residual(a, &many.x, &b, j));
                            assert!(r <= 2e-12 && (o.residual - r).abs() <= 1e-3 * r + 1e-13, "{r:e} {o:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_block_makes_fewer_products_where_a_few_directions_are_hard() {
    // Not symmetric: eigenvalues from 1 to 2, and eight small ones.
    let (n, k) = (200, 8);
    let values: Vec<f64> = (0..n).map(|i| if i < 8 { 1e-4 * (1.0 + i as f64) } else { 1.0 + i as f64 / n as f64 }).collect();
    let turn = general(n);
    let inverse = {
        let mut made = Array2::zeros((n, n));
        for j in 0..n {
            let unit = Array1::from_shape_fn(n, |i| f64::from(u8::from(i == j)));
            made.column_mut(j).assign(&dense::solve(turn.view(), unit.view()).unwrap());
        }
        made
    };
    let a = turn.dot(&Array2::from_diag(&Array1::from_vec(values))).dot(&inverse);
    let b: Array2<f64> = random::normal(42, (n, k));
    let solver = Gmres::tolerance(1e-10).restart(200);
    let mut ready = solver.clone().as_block().prepare(Counted::of(&a)).unwrap();
    let many = ready.solve_many(b.view());
    let (block, calls) = (ready.operator().products, ready.operator().calls);
    let mut ready = solver.prepare(Counted::of(&a)).unwrap();
    let each = ready.solve_many(b.view());
    let alone = ready.operator().products;
    assert!(
        many.converged() && each.converged() && 3 * block < 2 * alone,
        "{block} products of the block in {calls} calls, {alone} one by one"
    );
    for j in 0..k {
        let o = many.outcomes[j].as_ref().unwrap();
        assert!(residual(a.view(), &many.x, &b, j) <= 1.1e-10 && o.products.plain == o.iterations + 1, "{o:?}");
        // Two numbers of A: the norm from below, the smallest singular value from above.
        assert!(o.norm.is_some_and(|v| v > 1.0) && o.smallest.is_some_and(|v| v > 0.0 && v < 1e-2), "{o:?}");
        assert!(o.iterations < each.outcomes[j].as_ref().unwrap().iterations, "{o:?}");
    }
}

#[test]
fn dependent_columns_share_their_directions() {
    let (n, a) = (60, general(60));
    let b: Array2<f64> = random::normal(43, (n, 3));
    let zero = Array2::<f64>::zeros((n, 2));
    let sum = (&b.slice(s![.., 0..1]) * 1e40) + b.slice(s![.., 1..2]);
    let near = &b.slice(s![.., 0..1]) + 1e-9 * &b.slice(s![.., 2..3]);
    let all = concatenate![Axis(1), b, zero, b, -1e-20 * &b, sum, near];
    let mut ready = Gmres::default().as_block().prepare(Counted::of(&a)).unwrap();
    let many = ready.solve_many(all.view());
    let (products, calls) = (ready.operator().products, ready.operator().calls);
    assert!(many.converged(), "{:?}", many.outcomes);
    for (x, b) in many.x.columns().into_iter().zip(all.columns()) {
        assert!(dense::norm((a.dot(&x) - b).view()) <= 1e-11 * dense::norm(b));
    }
    // Three directions, seldom more; a true residual for each of the eleven.
    assert!(products <= 4 * calls + 3 * 11, "{products} products in {calls} calls");
}

#[test]
fn columns_leave_at_their_own_convergence() {
    // b in a space of two that A keeps: two steps, and one more that shows what lies beyond.
    let n = 100;
    let mut a = general(n);
    a.slice_mut(s![2.., ..2]).fill(0.0);
    let mut b: Array2<f64> = random::normal(44, (n, 4));
    b.slice_mut(s![2.., 1]).fill(0.0);
    b.slice_mut(s![2.., 2]).fill(0.0);
    let many = Gmres::default().as_block().prepare(a.clone()).unwrap().solve_many(b.view());
    let iterations: Vec<u64> = many.outcomes.iter().map(|o| o.as_ref().unwrap().iterations).collect();
    assert!(many.converged() && iterations[1] <= 3 && iterations[2] <= 3, "{iterations:?}");
    assert!(iterations[0] > 10 && iterations[3] > 10, "{iterations:?}");
    // A limit ends each where it is.
    let many = Gmres::default().max_iterations(3).as_block().prepare(a).unwrap().solve_many(b.view());
    let status = |j: usize| many.outcomes[j].as_ref().unwrap().status;
    assert_eq!([status(0), status(1), status(3)], [Status::IterationLimit, Status::Converged, Status::IterationLimit]);
    let many = Gmres::default().max_iterations(0).as_block().prepare(general(9)).unwrap().solve_many(b.slice(s![..9, ..]));
    assert!(many.outcomes.iter().all(|o| o.as_ref().is_ok_and(|o| o.status == Status::IterationLimit && o.residual == 1.0)), "{many:?}");
}

#[test]
fn a_column_outside_the_range_of_a_singular_matrix_fails_alone() {
    let n = 100;
    let mut values = vec![1.0; n];
    values[n - 1] = 0.0;
    let a = with_singular_values(&values);
    let x: Array2<f64> = random::normal(45, (n, 5));
    let mut b = a.dot(&x);
    b.column_mut(2).assign(&x.column(2));
    let mut ready = Gmres::default().restart(100).as_block().prepare(a.clone()).unwrap();
    let many = ready.solve_many(b.view());
    for (j, o) in many.outcomes.iter().enumerate() {
        let solved = o.as_ref().is_ok_and(|o| o.converged());
        // The space of all shows that A is singular: no column may be called solved that is not.
        assert!(!solved || residual(a.view(), &many.x, &b, j) <= 1e-11, "{j}: {o:?}");
        assert!(j != 2 || !solved, "{o:?}");
    }
    // A few unknowns: that A is singular is found, and said of each.
    let small = Array2::<f64>::ones((2, 2));
    let many = Gmres::default().as_block().prepare(small.clone()).unwrap().solve_many(small.dot(&x.slice(s![..2, ..])).view());
    assert!(many.failed().count() == 5 && many.failed().all(|(_, e)| e.is_singular()), "{many:?}");
}

#[test]
fn errors_numbers_and_scales() {
    let b: Array2<f64> = random::normal(46, (20, 3));
    for working in [0, 3, 9] {
        let (mut made, a) = (0, general(20));
        let failing = move |x: &[f64], y: &mut [f64]| {
            made += 1;
            a.clone().apply(x, y).map_err(|e| e.to_string())?;
            if made > working { Err("out of paper".to_string()) } else { Ok(()) }
        };
        let many = Gmres::default().as_block().prepare(from_fn(20, failing)).unwrap().solve_many(b.view());
        assert!(many.failed().count() == 3 && many.failed().all(|(_, e)| e.to_string() == "out of paper"), "{many:?}");
    }
    let nan = |_: &[f64], y: &mut [f64]| {
        y.fill(f64::NAN);
        Ok::<(), String>(())
    };
    let many = Gmres::default().as_block().prepare(from_fn(20, nan)).unwrap().solve_many(b.view());
    assert!(many.failed().count() == 3 && many.failed().all(|(_, e)| matches!(e, Failed::NotFinite { .. })), "{many:?}");
    let mut with_nan = b.clone();
    with_nan[[3, 1]] = f64::NAN;
    let many = Gmres::default().as_block().prepare(general(20)).unwrap().solve_many(with_nan.view());
    assert!(many.failed().map(|(j, _)| j).eq([1]) && matches!(many.outcomes[1], Err(Failed::NotFinite { .. })));
    // Columns of many scales, and operators.
    let mut scaled = b.clone();
    for (mut column, scale) in scaled.columns_mut().into_iter().zip([1e-150, 1.0, 1e150]) {
        column *= scale;
    }
    let plain = Gmres::default().as_block().prepare(general(20)).unwrap().solve_many(b.view());
    for scale in [1e-150, -1.0, 1e150] {
        let many = Gmres::default().as_block().prepare(scale * general(20)).unwrap().solve_many(scaled.view());
        assert!(many.converged(), "{scale:e}: {:?}", many.outcomes);
        for (j, unit) in [1e-150, 1.0, 1e150].into_iter().enumerate() {
            let x = many.x.column(j).mapv(|x| x / unit * scale);
            assert!(dense::norm((&x - &plain.x.column(j)).view()) <= 1e-10 * dense::norm(plain.x.column(j)), "{scale:e}, column {j}");
        }
    }
    // Single precision, and a preconditioner, with which columns are solved one by one.
    let many = Gmres::tolerance(1e-5).as_block().prepare(Single::new(general(20).mapv(|v| v as f32))).unwrap().solve_many(b.view());
    assert!(many.converged(), "{:?}", many.outcomes);
    let by = |s: Gmres| s.preconditioner(Jacobi).prepare(general(20)).unwrap().solve_many(b.view()).x;
    assert_eq!(by(Gmres::default().as_block()), by(Gmres::default()));
}
