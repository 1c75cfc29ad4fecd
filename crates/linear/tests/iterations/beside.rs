//! The search for a null space beside a solve: the same bits, condition numbers and verdicts as after it, and fewer calls.
use crate::support::{definite, indefinite, solve, with_singular_values};
use hypertape_linear::{Cg, Failed, Known, LinearSolver, Minres, Operator, Side};
use hypertape_testkit::random;
use ndarray::{Array1, Array2};

/// A symmetric matrix that counts its readings: one for a product, and one for two products together, if it shares them.
struct Read {
    a: Array2<f64>,
    shares: bool,
    readings: usize,
    /// Whether it says that it is symmetric.
    says: bool,
    /// Fails from this reading on.
    fails: usize,
}

impl Read {
    fn of(a: &Array2<f64>, shares: bool) -> Self {
        Read { a: a.clone(), shares, readings: 0, says: true, fails: usize::MAX }
    }
}

impl Operator for Read {
    fn len(&self) -> usize {
        self.a.ncols()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.readings += 1;
        if self.readings > self.fails {
            return Err(Failed::operator("read too often"));
        }
        self.a.apply(x, y)
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.apply(x, y)
    }
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let (n, before) = (self.len(), self.readings);
        x.chunks(n).zip(y.chunks_mut(n)).try_for_each(|(x, y)| self.apply(x, y))?;
        self.readings = before + 1;
        Ok(())
    }
    fn apply_transposed_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.apply_many(x, y)
    }
    fn shares_reading(&self) -> bool {
        self.shares
    }
    fn known(&self) -> Known {
        Known { symmetric: self.says, definite: false }
    }
}

fn solvers() -> [Box<dyn LinearSolver>; 2] {
    [Box::new(Cg::default()), Box::new(Minres::default())]
}

#[test]
fn the_same_bits_with_fewer_readings() {
    for n in [1, 2, 7, 40, 64, 65] {
        for (a, scale) in [(definite(n), 1.0), (-definite(n), 1.0), (definite(n), 1e150), (definite(n), 1e-150)] {
            let a = a * scale;
            let b: Array1<f64> = random::normal(31, n);
            for s in solvers() {
                let [mut apart, mut beside] = [false, true].map(|shares| Read::of(&a, shares));
                let [mut x, mut y] = [vec![0.0; n], vec![0.0; n]];
                let after = solve(&*s, &mut apart, b.as_slice().unwrap(), &mut x, 1e-10).unwrap();
                let during = solve(&*s, &mut beside, b.as_slice().unwrap(), &mut y, 1e-10).unwrap();
                assert_eq!(x, y, "{} of {n}", s.name());
                assert_eq!((after.iterations, after.condition, after.status), (during.iterations, during.condition, during.status));
                assert_eq!(after.smallest, during.smallest, "{} of {n}", s.name());
                assert_eq!(after.products.plain, during.products.plain, "{} of {n} at {scale:e}", s.name());
                let (one, two) = (apart.readings, beside.readings);
                assert!(if n > 64 || n == 1 { two <= one } else { two < one }, "{} of {n}: {one} readings, then {two}", s.name());
            }
        }
    }
}

#[test]
fn a_null_vector_is_found_beside_the_solve_too() {
    let n = 20;
    let mut values: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
    values[7] = 0.0;
    let half = with_singular_values(&values);
    let a = half.t().dot(&half);
    let b = a.dot(&random::normal(32, n));
    for s in solvers() {
        let verdicts = [false, true].map(|shares| {
            let mut x = vec![0.0; n];
            solve(&*s, &mut Read::of(&a, shares), b.as_slice().unwrap(), &mut x, 1e-8).map(|o| o.status).map_err(|e| e.to_string())
        });
        assert_eq!(verdicts[0], verdicts[1], "{}", s.name());
        assert!(matches!(&verdicts[0], Err(e) if e.contains("singular")), "{}: {:?}", s.name(), verdicts[0]);
    }
}

#[test]
fn an_operator_that_is_seen_to_be_symmetric_goes_the_same_way() {
    let (a, b): (_, Array1<f64>) = (definite(40), random::normal(36, 40));
    let [one, two] = [false, true].map(|shares| {
        let mut read = Read { says: false, ..Read::of(&a, shares) };
        let mut x = vec![0.0; 40];
        let o = solve(&Cg::default(), &mut read, b.as_slice().unwrap(), &mut x, 1e-10).unwrap();
        (x, o.condition, o.products.plain, read.readings)
    });
    assert_eq!((&one.0, one.1, one.2), (&two.0, two.1, two.2));
    assert!(two.3 < one.3 && one.3 as u64 == one.2, "{} readings, then {}", one.3, two.3);
}

#[test]
fn curvatures_of_both_signs_are_told_as_after_the_solve() {
    let a = indefinite(24);
    let b: Array1<f64> = random::normal(33, 24);
    let found = [false, true].map(|shares| {
        let mut x = vec![0.0; 24];
        let o = solve(&Minres::default(), &mut Read::of(&a, shares), b.as_slice().unwrap(), &mut x, 1e-10).unwrap();
        (x, o.condition)
    });
    assert_eq!(found[0], found[1]);
}

#[test]
fn an_operator_that_fails_says_so_itself() {
    let a = definite(30);
    let b: Array1<f64> = random::normal(34, 30);
    let mut failing = Read { fails: 4, ..Read::of(&a, true) };
    let mut x = vec![0.0; 30];
    let e = solve(&Cg::default(), &mut failing, b.as_slice().unwrap(), &mut x, 1e-10).unwrap_err();
    assert!(e.to_string().contains("read too often"), "{e}");
}

#[test]
fn a_workspace_looks_again_after_the_operator_has_changed() {
    let (one, other) = (definite(12), definite(12) * 3.0);
    let b: Array1<f64> = random::normal(35, 12);
    let mut w = hypertape_linear::Workspace::new(&Cg::default(), 12);
    let tolerance = hypertape_linear::Tolerance { relative: 1e-10, absolute: 0.0 };
    let conditions = [&one, &other, &one].map(|a| {
        let mut a = Read::of(a, true);
        w.prepare(&mut a, &hypertape_linear::Hints::default()).unwrap();
        let mut x = vec![0.0; 12];
        let first = w.solve(&mut a, Side::Plain, b.as_slice().unwrap(), &mut x, tolerance).unwrap();
        let readings = a.readings;
        // The second solve knows the operator.
        x.fill(0.0);
        let second = w.solve(&mut a, Side::Transposed, b.as_slice().unwrap(), &mut x, tolerance).unwrap();
        assert!(a.readings - readings <= readings && second.converged());
        (first.condition, first.smallest)
    });
    assert_eq!(conditions[0], conditions[2]);
    assert!((conditions[1].1.unwrap() / conditions[0].1.unwrap() - 3.0).abs() < 0.3);
}
