//! Sparse factorisations: of matrices, and of operators whose places are known.
use crate::MEMORY;
use hypertape_autodiff::ops::sparse::Csr;
use hypertape_linear::*;
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr1};

/// The five-point Laplacian of an m × m grid with a shift, and, where asked for, a wind that makes it unsymmetric.
fn grid(m: usize, wind: f64) -> Array2<f64> {
    let n = m * m;
    let mut a = Array2::zeros((n, n));
    for i in 0..n {
        a[[i, i]] = 4.1;
        let (row, column) = (i / m, i % m);
        if column > 0 {
            a[[i, i - 1]] = -1.0 - wind;
        }
        if column + 1 < m {
            a[[i, i + 1]] = -1.0 + wind;
        }
        if row > 0 {
            a[[i, i - m]] = -1.0;
        }
        if row + 1 < m {
            a[[i, i + m]] = -1.0;
        }
    }
    a
}

fn free(a: Array2<f64>) -> impl Operator {
    let t = a.t().to_owned();
    let product = |m: Array2<f64>| {
        move |x: &[f64], y: &mut [f64]| {
            y.copy_from_slice(m.dot(&arr1(x)).as_slice().unwrap());
            Ok::<(), String>(())
        }
    };
    from_fn(a.nrows(), product(a)).with_transpose(product(t))
}

fn solves(w: &mut Workspace, a: &mut dyn Operator, dense: &Array2<f64>) -> Outcome {
    let n = dense.nrows();
    let exact: Array1<f64> = random::normal(13, n);
    let mut last = None;
    for side in [Side::Plain, Side::Transposed] {
        let of = if side == Side::Plain { dense.view() } else { dense.t() };
        let mut x = vec![0.0; n];
        let o = w.solve(a, side, &of.dot(&exact).to_vec(), &mut x, Tolerance::default()).unwrap();
        assert!(o.converged() && (&arr1(&x) - &exact).mapv(f64::abs).sum() <= 1e-12 * n as f64, "{o:?}");
        last = Some(o);
    }
    last.unwrap()
}

#[test]
fn sparse_matrices_and_matrices_by_products() {
    for scale in [1.0, -1.0, 1e-200, 1e200] {
        let (symmetric, windy) = (grid(12, 0.0) * scale, grid(12, 0.3) * scale);
        for (s, dense) in
            [(Box::new(SparseLu::default()) as Box<dyn LinearSolver>, &windy), (Box::new(SparseCholesky::default()), &symmetric)]
        {
            let mut csr = Csr::from_dense(&dense.view()).unwrap();
            let mut w = Workspace::new(&*s, 144);
            // Twice the same places, then others.
            for _ in 0..2 {
                w.prepare(&mut csr, &Hints::default()).unwrap();
                solves(&mut w, &mut csr, dense);
            }
            let mut diagonal = Diagonal(vec![3.0 * scale; 144]);
            w.prepare(&mut diagonal, &Hints::default()).unwrap();
            solves(&mut w, &mut diagonal, &Array2::from_diag(&Array1::from_elem(144, 3.0 * scale)));
            w.prepare(&mut csr, &Hints::default()).unwrap();
            solves(&mut w, &mut csr, dense);
        }
        // By products: five or six groups of columns, and one product to see.
        let places = Csr::from_dense(&windy.view()).unwrap();
        let mut products = 0;
        let mut counted = {
            let m = windy.clone();
            from_fn(144, move |x: &[f64], y: &mut [f64]| {
                products += 1;
                assert!(products < 20, "few products");
                y.copy_from_slice(m.dot(&arr1(x)).as_slice().unwrap());
                Ok::<(), String>(())
            })
        };
        Workspace::new(&SparseLu::default().places(&places), 144).prepare(&mut counted, &Hints::default()).unwrap();
        for (s, dense) in [
            (Box::new(SparseLu::default().places(&places)) as Box<dyn LinearSolver>, &windy),
            (Box::new(SparseCholesky::default().places(&places)), &symmetric),
        ] {
            let mut w = Workspace::new(&*s, 144);
            let mut a = free(dense.clone());
            w.prepare(&mut a, &Hints::default()).unwrap();
            solves(&mut w, &mut a, dense);
        }
    }
}

#[test]
fn entries_elsewhere_and_lacks_are_named() {
    let dense = grid(5, 0.2);
    let some = Csr::from_dense(&grid(5, 0.0).mapv(|v| if v > 0.0 { v } else { 0.0 }).view()).unwrap();
    let o = Workspace::new(&SparseLu::default().places(&some), 25).prepare(&mut free(dense.clone()), &Hints::default());
    assert!(matches!(o, Err(Failed::OtherPlaces { .. })), "{o:?}");
    for s in [&SparseLu::default() as &dyn LinearSolver, &SparseCholesky::default()] {
        let o = Workspace::new(s, 25).prepare(&mut free(dense.clone()), &Hints::default());
        assert!(matches!(o, Err(Failed::Lacks(Need::Entries))), "{o:?}");
    }
    let small = Csr::from_dense(&grid(2, 0.0).view()).unwrap();
    let o = Workspace::new(&SparseLu::default().places(&small), 25).prepare(&mut free(dense.clone()), &Hints::default());
    assert!(matches!(o, Err(Failed::WrongLength { given: 4, expected: 25, .. })), "{o:?}");
    let o = SparseCholesky::default().prepare(Csr::from_dense(&dense.view()).unwrap()).map(|_| ());
    assert!(matches!(o, Err(Failed::NotSymmetric { .. })), "{o:?}");
    let indefinite = Csr::from_dense(&(grid(5, 0.0) - 4.0 * Array2::<f64>::eye(25)).view()).unwrap();
    let o = SparseCholesky::default().prepare(indefinite).map(|_| ());
    assert!(matches!(o, Err(Failed::NotDefinite { .. })), "{o:?}");
    // A row of nothing, and two rows alike.
    for rows in [vec![0usize], vec![3, 4]] {
        let mut singular = grid(4, 0.2);
        let first = singular.row(rows[0]).to_owned() * if rows.len() == 1 { 0.0 } else { 1.0 };
        rows.iter().for_each(|r| singular.row_mut(*r).assign(&first));
        let o = SparseLu::default().prepare(Csr::from_dense(&singular.view()).unwrap()).and_then(|mut p| p.solve(&[1.0; 16]));
        assert!(o.as_ref().is_err_and(Failed::is_singular), "{rows:?}: {o:?}");
    }
    let empty = Csr::<f64>::new([0, 0], vec![0], vec![], vec![]).unwrap();
    assert!(SparseLu::default().prepare(empty.clone()).unwrap().solve(&[]).unwrap().outcome.converged());
    assert!(SparseCholesky::default().prepare(empty).unwrap().solve(&[]).unwrap().outcome.converged());
}

/// Planned bytes, and those that a solver with its settings keeps when it is ready.
fn planned_and_kept(s: impl FnOnce() -> Box<dyn LinearSolver>, a: &Csr<f64>) -> (f64, f64) {
    let (n, mut of) = (a.len(), a.clone());
    // Products without the matrix.
    let mut a = from_fn(n, move |x: &[f64], y: &mut [f64]| of.apply(x, y).map_err(|e| e.to_string()));
    let ((planned, _kept), used) = MEMORY.measure(|| {
        let s = s();
        let planned = Workspace::bytes(&*s, n);
        let mut w = Workspace::new(&*s, n);
        w.prepare(&mut a, &Hints::default()).unwrap();
        (planned, (w, s))
    });
    (planned as f64, used.kept as f64)
}

/// The least share by which two numbers differ, of so many measurements: the counter sees other tests too.
fn nearest(measure: impl Fn() -> (f64, f64)) -> f64 {
    (0..20).map(|_| measure()).map(|(planned, kept)| (planned / kept - 1.0).abs()).fold(f64::INFINITY, f64::min)
}

#[test]
fn bytes_of_the_factors_are_planned_where_places_are_given() {
    for m in [12, 40] {
        let n = m * m;
        let [laplacian, windy] = [0.0, 0.3].map(|wind| Csr::from_dense(&grid(m, wind).view()).unwrap());
        let share = nearest(|| planned_and_kept(|| Box::new(SparseCholesky::default().places(&laplacian)), &laplacian));
        assert!(share <= 0.25, "{m}: {share}");
        // A bound for LU, and one that is not far off here.
        let share = nearest(|| planned_and_kept(|| Box::new(SparseLu::default().places(&windy)), &windy));
        assert!(share <= 0.5, "{m}: {share}");
        // The places are analysed once for all who share the settings.
        let s = SparseCholesky::default().places(&laplacian);
        let first = s.state_bytes(n);
        let before = MEMORY.allocations_on_this_thread();
        assert_eq!(s.clone().state_bytes(n), first);
        assert!(MEMORY.allocations_on_this_thread() - before <= 2, "nothing is analysed again");
        // Without places the factor is unknown, and so it is for another size.
        assert!(SparseCholesky::default().state_bytes(n) < first && s.state_bytes(n + 1) > 0);
    }
}
