//! What cannot work, and what can at any scale.
use crate::support::*;
use hypertape_linear::*;
use ndarray::arr2;

#[test]
fn what_cannot_work_is_said() {
    // Memory that is not there, and byte counts beyond all numbers.
    assert_eq!(Workspace::bytes(&Lu, 1 << 40), u64::MAX);
    let o = Lu.prepare(Diagonal(vec![1.0; 2_000_000])).map(|_| ());
    assert!(matches!(o, Err(Failed::Memory { bytes }) if bytes > 1 << 40), "{o:?}");
    let o = Gmres::default().restart(usize::MAX).prepare(Diagonal(vec![1.0; 3_000_000])).map(|_| ());
    assert!(matches!(o, Err(Failed::Memory { .. })), "{o:?}");
    // Tolerances, an operator that is not prepared, a matrix of another size.
    let mut w = Workspace::new(&Cg::default(), 2);
    let (mut a, b) = (Diagonal(vec![1.0, 2.0]), [1.0, 1.0]);
    let o = w.solve(&mut a, Side::Plain, &b, &mut [0.0; 2], Tolerance::default());
    assert!(matches!(o, Err(Failed::NotPrepared)), "{o:?}");
    w.prepare(&mut a, &Hints::default()).unwrap();
    for absolute in [f64::INFINITY, f64::NAN, -1.0] {
        let o = w.solve(&mut a, Side::Plain, &b, &mut [0.0; 2], Tolerance { relative: 1e-9, absolute });
        assert!(matches!(o, Err(Failed::Setting { what: "absolute tolerance", .. })), "{o:?}");
    }
    struct Liar(usize, Vec<f64>);
    impl Operator for Liar {
        fn len(&self) -> usize {
            self.0
        }
        fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
            y.copy_from_slice(x);
            Ok(())
        }
        fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
            self.apply(x, y)
        }
        fn matrix(&self) -> Option<hypertape_linear::Matrix<'_>> {
            Some(hypertape_linear::Matrix::Diagonal(&self.1))
        }
    }
    for given in [2, 4] {
        for s in [&Lu as &dyn LinearSolver, &Cholesky, &Cg::default().preconditioner(Jacobi)] {
            let o = solve(s, &mut Liar(3, vec![1.0; given]), &[1.0; 3], &mut [0.0; 3], 1e-9);
            assert!(matches!(o, Err(Failed::WrongLength { .. })), "{}: {o:?}", s.name());
        }
    }
    // Factors of another operator.
    let mut w = Workspace::new(&Lu, 2);
    w.prepare(&mut Diagonal(vec![1.0, 5.0]), &Hints::default()).unwrap();
    let o = w.solve(&mut a, Side::Plain, &b, &mut [0.0; 2], Tolerance::default()).unwrap();
    assert_eq!(o.status, Status::Stalled, "{o:?}");
    // A preconditioner whose products are no numbers, or nothing.
    for bad in [f64::NAN, f64::INFINITY, 0.0] {
        let map = InverseMap::new(move |_, _, z| {
            z.fill(bad);
            Ok(())
        });
        let with: [Box<dyn LinearSolver>; 4] = [
            Box::new(Cg::default().preconditioner(map.clone())),
            Box::new(Minres::default().preconditioner(map.clone())),
            Box::new(Gmres::default().preconditioner(map.clone())),
            Box::new(Bicgstab::default().preconditioner(map.clone())),
        ];
        for s in with {
            let o = solve(&*s, &mut definite(5), &[1.0; 5], &mut [0.0; 5], 1e-9);
            let named =
                matches!(&o, Err(Failed::NotFinite { what, .. } | Failed::Breakdown { what, .. }) if what.contains("preconditioner"));
            assert!(named, "{} {bad}: {o:?}", s.name());
        }
    }
}

#[test]
fn starts_and_preconditioners_of_any_scale() {
    let a = arr2(&[[2.0, 0.5], [0.5, 3.0]]);
    let exact = [2.5 / 5.75, 1.5 / 5.75];
    for s in [1e155, 1e160, 1e200, 1e-155, 1e-165, 1e-200] {
        let with: [Box<dyn LinearSolver>; 4] = [
            Box::new(Cg::default().preconditioner(Jacobi)),
            Box::new(Minres::default().preconditioner(Jacobi)),
            Box::new(Gmres::default().preconditioner(Jacobi)),
            Box::new(Bicgstab::default().preconditioner(Jacobi)),
        ];
        for w in with {
            let mut x = [0.0; 2];
            let o = solve(&*w, &mut (&a * s), &[1.0, 1.0], &mut x, 1e-12).unwrap();
            assert!(o.converged() && (0..2).all(|i| (x[i] * s - exact[i]).abs() < 1e-11), "{} at {s:e}: {o:?} {x:?}", w.name());
        }
        // A start whose image vanishes or overflows, or that is far larger than the solution.
        for start in [[1e-300, 2.0], [1e300, 0.0], [1.0, 1.0], [1e-320, 0.0]] {
            for w in [&NormalCg::default() as &dyn LinearSolver, &Lsmr::default(), &Cg::default(), &Minres::default(), &Bicgstab::default()]
            {
                let mut x = start;
                let o = solve(w, &mut (&a * s), &[1.0, 1.0], &mut x, 1e-12).unwrap();
                assert!(
                    o.converged() && (0..2).all(|i| (x[i] * s - exact[i]).abs() < 1e-11),
                    "{} {start:?} at {s:e}: {o:?} {x:?}",
                    w.name()
                );
            }
        }
    }
}
