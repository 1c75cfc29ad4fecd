//! Conjugate gradients as a block: fewer iterations, dependent columns, singular operators, and what each column is told.
use crate::support::*;
use hypertape_linear::{Cg, Failed, InverseMap, Jacobi, Known, Operator, Prepare, Status, from_fn};
use hypertape_testkit::{dense, random};
use ndarray::{Array1, Array2, Axis, concatenate, s};

/// A symmetric matrix with these eigenvalues.
fn with_eigenvalues(values: &Array1<f64>) -> Array2<f64> {
    let n = values.len();
    let v: Array1<f64> = random::normal(41, n);
    let v = &v / v.dot(&v).sqrt();
    let reflection = Array2::<f64>::eye(n) - 2.0 * v.clone().insert_axis(Axis(1)).dot(&v.insert_axis(Axis(0)));
    let a = reflection.dot(&Array2::from_diag(values)).dot(&reflection);
    (&a + &a.t()) / 2.0
}

#[test]
fn a_block_makes_fewer_products_where_a_few_eigenvalues_are_small() {
    let (n, k) = (400, 8);
    let a = with_eigenvalues(&Array1::from_shape_fn(n, |i| if i < 8 { 1e-5 * (1.0 + i as f64) } else { 1.0 + i as f64 / n as f64 }));
    let b: Array2<f64> = random::normal(42, (n, k));
    let mut ready = Cg::tolerance(1e-10).prepare(Counted::of(&a)).unwrap();
    let many = ready.solve_many(b.view());
    let (block, calls) = (ready.operator().products, ready.operator().calls);
    ready.operator().products = 0;
    let each: Vec<_> = b.columns().into_iter().map(|b| ready.solve(&b.to_vec()).unwrap()).collect();
    let alone = ready.operator().products;
    assert!(5 * block < 2 * alone, "{block} products of the block in {calls} calls, {alone} one by one");
    for (j, o) in many.outcomes.iter().enumerate() {
        let o = o.as_ref().unwrap();
        let r = dense::norm((a.dot(&many.x.column(j)) - b.column(j)).view()) / dense::norm(b.column(j));
        assert!(o.converged() && o.residual <= 1e-10 && (o.residual - r).abs() <= 1e-3 * r + 1e-13, "{o:?}");
        // Two numbers of A that both ways find: the norm from below, the smallest eigenvalue from above.
        let (norm, smallest) = (o.norm.unwrap(), o.smallest.unwrap());
        assert!(norm > 1.0 && norm < 2.0 + 1e-12 && (1e-5 - 1e-12..1.1e-5).contains(&smallest), "{o:?}");
        // One product an iteration, and one for the residual.
        assert_eq!(o.products.plain, o.iterations + 1);
        assert!(dense::norm((&many.x.column(j) - &each[j].x).view()) <= 1e-4 * dense::norm(each[j].x.view()));
    }
}

#[test]
fn dependent_columns_share_their_directions() {
    let (n, a) = (60, definite(60));
    let b: Array2<f64> = random::normal(43, (n, 3));
    let zero = Array2::<f64>::zeros((n, 2));
    let sum = (&b.slice(s![.., 0..1]) * 1e40) + b.slice(s![.., 1..2]);
    let near = &b.slice(s![.., 0..1]) + 1e-9 * &b.slice(s![.., 2..3]);
    let all = concatenate![Axis(1), b, zero, b, -1e-20 * &b, sum, near];
    let mut ready = Cg::default().trusted().prepare(Counted::of(&a)).unwrap();
    let many = ready.solve_many(all.view());
    let (products, calls) = (ready.operator().products, ready.operator().calls);
    assert!(many.converged(), "{:?}", many.outcomes);
    for (x, b) in many.x.columns().into_iter().zip(all.columns()) {
        let size = dense::norm(b);
        assert!(dense::norm((a.dot(&x) - b).view()) <= 1e-11 * size);
    }
    // Three directions, seldom more; a true residual for each of the eleven.
    assert!(products <= 4 * calls + 2 * 11, "{products} products in {calls} calls");
}

#[test]
fn columns_leave_at_their_own_convergence() {
    // b in the span of one, two, … eigenvectors: as many iterations at the most, and one that shows that x stays.
    let n = 100;
    let a = with_eigenvalues(&Array1::from_shape_fn(n, |i| 1.0 + i as f64));
    let mut b = Array2::zeros((n, 4));
    let v: Array2<f64> = random::normal(44, (n, 1));
    let q = with_eigenvalues(&Array1::from_shape_fn(n, |i| if i < 3 { 1.0 } else { 0.0 }));
    b.column_mut(0).assign(&q.dot(&v).column(0));
    b.column_mut(1).assign(&v.column(0));
    b.column_mut(2).assign(&(q.dot(&v) * 1e9).column(0));
    b.column_mut(3).assign(&random::normal(49, n));
    let many = Cg::default().prepare(a.clone()).unwrap().solve_many(b.view());
    let iterations: Vec<u64> = many.outcomes.iter().map(|o| o.as_ref().unwrap().iterations).collect();
    assert!(many.converged() && iterations[0] <= 5 && iterations[2] <= 5, "{iterations:?}");
    assert!(iterations[1] > 20 && iterations[3] > 20, "{iterations:?}");
}

#[test]
fn a_column_outside_the_range_of_a_singular_matrix_fails_alone() {
    let n = 100;
    let a = with_eigenvalues(&Array1::from_shape_fn(n, |i| if i == 0 { 0.0 } else { 1.0 + i as f64 / n as f64 }));
    let x: Array2<f64> = random::normal(45, (n, 5));
    let mut b = a.dot(&x);
    b.column_mut(2).assign(&x.column(2));
    let mut cg = Cg::default().prepare(a.clone()).unwrap();
    let many = cg.solve_many(b.view());
    let alone = cg.solve(&b.column(2).to_vec());
    assert!(!alone.is_ok_and(|s| s.outcome.converged()));
    for (j, o) in many.outcomes.iter().enumerate() {
        let converged = o.as_ref().is_ok_and(|o| o.converged() && o.residual <= 1e-12);
        assert_eq!(converged, j != 2, "{j}: {o:?}");
        if converged {
            let r = a.dot(&many.x.column(j)) - b.column(j);
            assert!(dense::norm(r.view()) <= 1e-11 * dense::norm(b.column(j)), "{j}");
        }
    }
    // A few unknowns: that A is singular is found, and said of each.
    let small = Array2::<f64>::ones((2, 2));
    let many = Cg::default().prepare(small.clone()).unwrap().solve_many(small.dot(&x.slice(s![..2, ..])).view());
    assert!(many.failed().count() == 5 && many.failed().all(|(_, e)| e.is_singular()), "{many:?}");
}

#[test]
fn what_conjugate_gradients_cannot_do_is_said_of_each_column() {
    let b: Array2<f64> = random::normal(46, (20, 3));
    let many = Cg::default().prepare(general(20)).unwrap().solve_many(b.view());
    assert!(many.failed().count() == 3 && many.failed().all(|(_, e)| matches!(e, Failed::NotSymmetric { .. })), "{many:?}");
    let many = Cg::default().prepare(indefinite(20)).unwrap().solve_many(b.view());
    assert!(many.outcomes.iter().all(|o| matches!(o, Err(Failed::NotDefinite { .. }) | Ok(_))), "{many:?}");
    assert!(many.outcomes.iter().flatten().all(|o| o.residual <= 1e-12) && many.failed().count() > 0);
    let many = Cg::default().prepare(-definite(20)).unwrap().solve_many(b.view());
    assert!(many.converged() && many.outcomes.iter().flatten().all(|o| o.remark.is_some_and(|r| r.contains("negative"))));
    // The operator's own errors and numbers.
    let known = Known { symmetric: true, definite: true };
    for working in [0, 3, 9] {
        let (mut made, a) = (0, definite(20));
        let failing = move |x: &[f64], y: &mut [f64]| {
            made += 1;
            a.clone().apply(x, y).map_err(|e| e.to_string())?;
            if made > working { Err("out of paper".to_string()) } else { Ok(()) }
        };
        let many = Cg::default().prepare(from_fn(20, failing).known(known)).unwrap().solve_many(b.view());
        assert!(many.failed().count() == 3 && many.failed().all(|(_, e)| e.to_string() == "out of paper"), "{many:?}");
    }
    let nan = |_: &[f64], y: &mut [f64]| {
        y.fill(f64::NAN);
        Ok::<(), String>(())
    };
    let many = Cg::default().prepare(from_fn(20, nan).known(known)).unwrap().solve_many(b.view());
    assert!(many.failed().count() == 3 && many.failed().all(|(_, e)| matches!(e, Failed::NotFinite { .. })), "{many:?}");
}

#[test]
fn preconditioned_blocks() {
    let n = 80;
    let d = Array2::from_diag(&Array1::from_shape_fn(n, |i| 10f64.powf(i as f64 / 20.0)));
    let a = d.dot(&definite(n)).dot(&d);
    let x: Array2<f64> = random::normal(47, (n, 4));
    let b = a.dot(&x);
    let [plain, with] =
        [Cg::tolerance(1e-10), Cg::tolerance(1e-10).preconditioner(Jacobi)].map(|s| s.prepare(a.clone()).unwrap().solve_many(b.view()));
    for (j, o) in with.outcomes.iter().enumerate() {
        let (o, without) = (o.as_ref().unwrap(), plain.outcomes[j].as_ref().map_or(u64::MAX, |o| o.iterations));
        assert!(o.converged() && o.products.preconditioner > 0 && 2 * o.iterations < without, "{o:?} {without}");
        assert!((&with.x.column(j) - &x.column(j)).iter().all(|v| v.abs() < 1e-4));
    }
    let negative = InverseMap::new(|_, r, z| {
        z.iter_mut().zip(r).for_each(|(z, r)| *z = -r);
        Ok(())
    });
    let many = Cg::default().preconditioner(negative).prepare(definite(n)).unwrap().solve_many(b.view());
    assert!(many.failed().count() == 4 && many.failed().all(|(_, e)| matches!(e, Failed::NotDefinite { .. })), "{many:?}");
}

#[test]
fn an_ill_conditioned_system_is_not_called_solved() {
    // Condition 1e14: a small residual says little.
    let n = 100;
    let a = with_eigenvalues(&Array1::from_shape_fn(n, |i| 10f64.powf(-14.0 * i as f64 / (n - 1) as f64)));
    let b: Array2<f64> = random::normal(48, (n, 4));
    let many = Cg::tolerance(1e-8).prepare(a.clone()).unwrap().solve_many(b.view());
    for (j, o) in many.outcomes.iter().enumerate() {
        let exact = dense::solve(a.view(), b.column(j)).unwrap();
        let error = dense::norm((&many.x.column(j) - &exact).view()) / dense::norm(exact.view());
        assert!(error < 1e-2 || !o.as_ref().is_ok_and(|o| o.status == Status::Converged), "{j}: {error:e}, {o:?}");
    }
}
