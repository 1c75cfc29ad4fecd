//! The search for a null space beside a solve: the same bits, condition numbers and verdicts as after it, and fewer calls.
use crate::support::{definite, indefinite, solve, with_singular_values};
use hypertape_linear::{Cg, Failed, Hints, Known, LinearSolver, Minres, Operator, Side, Tolerance, Workspace};
use hypertape_testkit::random;
use ndarray::{Array1, Array2};

const TIGHT: Tolerance = Tolerance { relative: 1e-10, absolute: 0.0 };

/// A symmetric matrix that counts its readings: one for a product, and one for two products together, if it shares them.
struct Read {
    a: Array2<f64>,
    shares: bool,
    readings: usize,
    /// Whether it says that it is symmetric.
    says: bool,
    /// Fails from this reading on.
    fails: usize,
    /// Fails where two products are asked for together.
    alone: bool,
    products: u64,
}

impl Read {
    fn of(a: &Array2<f64>, shares: bool) -> Self {
        Read { a: a.clone(), shares, readings: 0, says: true, fails: usize::MAX, alone: false, products: 0 }
    }
}

impl Operator for Read {
    fn len(&self) -> usize {
        self.a.ncols()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.readings += 1;
        self.products += 1;
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
        if self.alone {
            self.products += (x.len() / n) as u64;
            return Err(Failed::operator("one at a time"));
        }
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
    let mut w = Workspace::new(&Cg::default(), 12);
    let conditions = [&one, &other, &one].map(|a| {
        let mut a = Read::of(a, true);
        w.prepare(&mut a, &Hints::default()).unwrap();
        let mut x = vec![0.0; 12];
        let first = w.solve(&mut a, Side::Plain, b.as_slice().unwrap(), &mut x, TIGHT).unwrap();
        let readings = a.readings;
        // The second solve knows the operator.
        x.fill(0.0);
        let second = w.solve(&mut a, Side::Transposed, b.as_slice().unwrap(), &mut x, TIGHT).unwrap();
        assert!(a.readings - readings <= readings && second.converged());
        (first.condition, first.smallest)
    });
    assert_eq!(conditions[0], conditions[2]);
    assert!((conditions[1].1.unwrap() / conditions[0].1.unwrap() - 3.0).abs() < 0.3);
}

#[test]
fn an_operator_that_takes_one_vector_at_a_time_is_solved_and_looked_at_all_the_same() {
    let (a, b): (_, Array1<f64>) = (definite(30), random::normal(37, 30));
    let [one, two] = [false, true].map(|shares| {
        let mut read = Read { alone: true, ..Read::of(&a, shares) };
        let mut x = vec![0.0; 30];
        let o = solve(&Cg::default(), &mut read, b.as_slice().unwrap(), &mut x, 1e-10).unwrap();
        assert_eq!(o.products.plain, read.products);
        (x, o.condition, o.smallest)
    });
    assert_eq!(one, two);
}

#[test]
fn every_product_is_counted() {
    for a in [Array2::zeros((12, 12)), Array2::from_diag(&Array1::from_shape_fn(12, |i| if i < 6 { 0.0 } else { 1.0 })), definite(12)] {
        for b in [Array1::from_shape_fn(12, |i| if i == 0 { 1.0 } else { 0.0 }), Array1::ones(12)] {
            for s in solvers() {
                let mut w = Workspace::new(&*s, 12);
                let mut read = Read::of(&a, true);
                w.prepare(&mut read, &Hints::default()).unwrap();
                let before = read.products;
                let solved = w.solve(&mut read, Side::Plain, b.as_slice().unwrap(), &mut [0.0; 12], TIGHT);
                if let Ok(o) = solved {
                    assert_eq!(o.products.plain + o.products.transposed, read.products - before, "{}: {o:?}", s.name());
                }
            }
        }
    }
}

#[test]
fn a_warm_workspace_allocates_nothing_after_products_that_fail_or_are_not_finite() {
    let n = 20;
    let good = definite(n);
    let mut nan = good.clone();
    nan[[3, 3]] = f64::NAN;
    let b: Array1<f64> = random::normal(38, n);
    let mut w = Workspace::new(&Cg::default(), n);
    let mut run = |a: &Array2<f64>, fails: usize| {
        let mut read = Read { fails, ..Read::of(a, true) };
        let mut x = vec![0.0; n];
        let before = crate::MEMORY.allocations_on_this_thread();
        w.prepare(&mut read, &Hints::default()).unwrap();
        let solved = w.solve(&mut read, Side::Plain, b.as_slice().unwrap(), &mut x, TIGHT);
        (crate::MEMORY.allocations_on_this_thread() - before, solved.map(|o| (o.condition, o.products)).ok(), x)
    };
    let first = run(&good, usize::MAX);
    assert!(first.1.is_some());
    for (a, fails) in [(&good, 0), (&good, 3), (&nan, usize::MAX)] {
        assert!(run(a, fails).1.is_none());
        let again = run(&good, usize::MAX);
        assert_eq!((again.0, &again.1, &again.2), (0, &first.1, &first.2));
    }
}
