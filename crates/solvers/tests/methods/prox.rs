//! Proximal operators and their conjugates: brute force, firm non-expansiveness, Moreau's identity, derivatives against differences, known cases.
use crate::support::close;
use hypertape_autodiff::record::{Scalar, Var, scalar};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{Function, shape};
use hypertape_solvers::prox::{self, Prox, number};
use hypertape_testkit::dense;
use hypertape_testkit::problems::proximal as known;
use hypertape_testkit::random;
use ndarray::{Array1, ArrayView1, arr1};

type Recorded = Function<(Leaf, Leaf), Leaf>;

/// (v, w) ↦ prox_{0.8 g}(v).
fn record(p: impl Prox<Leaf, Leaf>, shape: &[usize]) -> Recorded {
    Function::record((Leaf::new(shape), shape![]), |(v, w)| p.prox(v, scalar(0.8), &w)).unwrap()
}

/// Conditions that every proximal operator of 0.8·g satisfies; `g` gives 0.8·g(x), and `dual` gives 0.8·g*(u), each ∞ outside its domain.
fn holds(
    name: &str,
    make: impl Fn() -> Box<dyn Prox<Leaf, Leaf>>,
    w: f64,
    g: impl Fn(ArrayView1<'_, f64>) -> f64,
    dual: impl Fn(ArrayView1<'_, f64>) -> f64,
) {
    struct Boxed(Box<dyn Prox<Leaf, Leaf>>);
    impl Prox<Leaf, Leaf> for Boxed {
        fn prox(&self, v: Var, step: Var, p: &Var) -> Var {
            self.0.prox(v, step, p)
        }
    }
    let n = 6;
    let f = record(Boxed(make()), &[n]);
    let apply = |v: ArrayView1<'_, f64>| f.eval((&v, w)).unwrap().d1().to_owned();
    for seed in 0..6 {
        let (x, y): (Array1<f64>, Array1<f64>) = (random::normal(100 + seed, n) * 2.0, random::normal(200 + seed, n) * 2.0);
        let gap = known::firmness_gap(apply, x.view(), y.view());
        assert!(gap <= 1e-13, "{name}: firm non-expansiveness {gap:e}");
        let p = apply(x.view());
        assert!(g(p.view()).is_finite(), "{name}: the prox lies in the domain");
        let gap = known::brute_force_gap(&g, x.view(), p.view(), 300 + seed, 200);
        assert!(gap <= 1e-12, "{name}: brute force {gap:e}");
        let c = Function::record((shape![n], shape![]), |(v, w)| {
            f.call((v, w)).dot(hypertape_autodiff::record::constant(arr1(&[1.0, -2.0, 0.5, 3.0, -1.5, 0.7])))
        })
        .unwrap();
        let c = c.check_gradient((&x, w)).unwrap();
        assert!(c.passed(), "{name}: {c:?}");
    }
    // prox_{σg*}(v) = v − σ prox_{g/σ}(v/σ); twice the conjugate is g again.
    let (sigma, back) = (0.8, record(prox::conjugate(prox::conjugate(Boxed(make()))), &[n]));
    let conjugate = record(prox::conjugate(Boxed(make())), &[n]);
    let inner = Function::record((shape![n], shape![]), |(v, w)| Boxed(make()).prox(v, scalar(1.0 / sigma), &w)).unwrap();
    for seed in 0..3 {
        let x: Array1<f64> = random::normal(400 + seed, n) * 2.0;
        let pair = conjugate.eval((&x, w)).unwrap();
        // It is the prox of the conjugate in closed form.
        let gap = known::brute_force_gap(&dual, x.view(), pair.d1().view(), 500 + seed, 200);
        assert!(gap <= 1e-12, "{name}: brute force on the conjugate {gap:e}");
        let primal = inner.eval((&(&x / sigma), w)).unwrap();
        close(name, &(pair + primal * sigma), x.iter().copied(), 1e-12);
        close(name, &back.eval((&x, w)).unwrap(), apply(x.view()), 1e-12);
    }
}

macro_rules! weight {
    ($f:ident) => {
        || Box::new(prox::$f::<Leaf, _>(|w| *w))
    };
}

/// What an indicator allows for the rounding of the projection.
const SLACK: f64 = 1e-12;

fn inside(test: bool) -> f64 {
    if test { 0.0 } else { f64::INFINITY }
}
fn abs_sum(x: ArrayView1<'_, f64>) -> f64 {
    x.iter().map(|v| v.abs()).sum()
}
fn largest(x: ArrayView1<'_, f64>) -> f64 {
    x.fold(0.0, |m, v| v.abs().max(m))
}
fn length(x: ArrayView1<'_, f64>) -> f64 {
    x.dot(&x).sqrt()
}

#[test]
fn l1() {
    holds("l1", weight!(l1), 0.7, |x| 0.8 * 0.7 * abs_sum(x), |u| inside(largest(u) <= 0.7 + SLACK));
}
#[test]
fn weighted_l1() {
    let weights = arr1(&[0.1, 0.0, 2.0, 0.5, 1.0, 0.3]);
    let shared = weights.clone().into_shared();
    holds(
        "weighted l1",
        move || {
            let shared = shared.clone();
            Box::new(prox::l1::<Leaf, _>(move |w| *w * hypertape_autodiff::record::constant(&shared)))
        },
        0.7,
        |x| 0.8 * 0.7 * x.iter().zip(&weights).map(|(x, w)| w * x.abs()).sum::<f64>(),
        |u| inside(u.iter().zip(&weights).all(|(u, w)| u.abs() <= 0.7 * w + SLACK)),
    );
}
#[test]
fn non_negative_l1() {
    let g = |x: ArrayView1<'_, f64>| inside(x.iter().all(|v| *v >= 0.0)) + 0.8 * 0.7 * abs_sum(x);
    holds("non-negative l1", weight!(non_negative_l1), 0.7, g, |u| inside(u.iter().all(|u| *u <= 0.7 + SLACK)));
}
#[test]
fn group() {
    holds("group", weight!(group), 0.7, |x| 0.8 * 0.7 * length(x), |u| inside(length(u) <= 0.7 + SLACK));
    let rows = record(prox::group::<Leaf, _>(|w| *w), &[3, 2]);
    let v = ndarray::arr2(&[[3.0, 4.0], [0.1, 0.1], [-1.0, 0.0]]);
    let out = rows.eval((&v, 1.25)).unwrap();
    for (row, v) in out.d2().rows().into_iter().zip(v.rows()) {
        close("row", &row.to_owned().into_dyn(), known::group_soft_threshold(v, 1.0), 1e-15);
    }
}
#[test]
fn squared_l2() {
    holds("squared l2", weight!(squared_l2), 0.7, |x| 0.5 * 0.8 * 0.7 * x.dot(&x), |u| 0.5 * 0.8 * u.dot(&u) / 0.7);
}
#[test]
fn l2() {
    holds("l2", weight!(l2), 0.7, |x| 0.8 * 0.7 * length(x), |u| inside(length(u) <= 0.7 + SLACK));
}
#[test]
fn linf() {
    holds("linf", weight!(linf), 1.7, |x| 0.8 * 1.7 * largest(x), |u| inside(abs_sum(u) <= 1.7 + SLACK));
    let f = record(prox::linf(number::<Var>(1.0)), &[4]);
    let v = arr1(&[3.0, -0.2, -1.5, 0.7]);
    close("linf", &f.eval((&v, 0.0)).unwrap(), known::prox_linf(v.view(), 0.8), 1e-15);
}
#[test]
fn elastic_net() {
    let make = || Box::new(prox::elastic_net::<Leaf, _>(|w| (*w, 0.5 * *w))) as Box<dyn Prox<Leaf, Leaf>>;
    let dual = |u: ArrayView1<'_, f64>| 0.8 * u.iter().map(|u| (u.abs() - 0.7).max(0.0).powi(2)).sum::<f64>() / (2.0 * 0.35);
    holds("elastic net", make, 0.7, |x| 0.8 * (0.7 * abs_sum(x) + 0.5 * 0.35 * x.dot(&x)), dual);
}
#[test]
fn between() {
    let make = || Box::new(prox::between::<Leaf, _>(|w| (-0.5 * *w, *w))) as Box<dyn Prox<Leaf, Leaf>>;
    let dual = |u: ArrayView1<'_, f64>| 0.8 * u.iter().map(|u| (-0.35 * u).max(0.7 * u)).sum::<f64>();
    holds("box", make, 0.7, |x| inside(x.iter().all(|v| (-0.35..=0.7).contains(v))), dual);
}
#[test]
fn non_negative() {
    let make = || Box::new(prox::non_negative()) as Box<dyn Prox<Leaf, Leaf>>;
    holds("orthant", make, 0.7, |x| inside(x.iter().all(|v| *v >= 0.0)), |u| inside(u.iter().all(|u| *u <= SLACK)));
}
#[test]
fn simplex() {
    let on = |x: ArrayView1<'_, f64>| inside(x.iter().all(|v| *v >= 0.0) && (x.sum() - 1.3).abs() < SLACK);
    holds("simplex", weight!(simplex), 1.3, on, |u| 0.8 * 1.3 * u.fold(f64::NEG_INFINITY, |m, u| m.max(*u)));
    let f = record(prox::simplex::<Leaf, _>(|w| *w), &[3]);
    let x = known::simplex_case();
    close("case", &f.eval((&x, 1.0)).unwrap(), [0.65, 0.35, 0.0], 1e-15);
    let j = f.wrt(|(v, _)| v).jacobian().eval((&x, 1.0)).unwrap();
    close("J", &j, [0.5, -0.5, 0.0, -0.5, 0.5, 0.0, 0.0, 0.0, 0.0], 1e-15);
    // Rows at once, one entry, equal entries, and against the sorted method.
    let rows = record(prox::simplex::<Leaf, _>(|w| *w), &[5, 40]);
    let v = random::normal(7, (5, 40)) * 3.0;
    for (row, v) in rows.eval((&v, 1.0)).unwrap().d2().rows().into_iter().zip(v.rows()) {
        close("row", &row.to_owned().into_dyn(), known::project_simplex(v), 4e-15);
    }
    close("one", &record(prox::simplex::<Leaf, _>(|w| *w), &[1]).eval((&arr1(&[-7.0]), 1.0)).unwrap(), [1.0], 0.0);
    close("equal", &record(prox::simplex::<Leaf, _>(|w| *w), &[4]).eval((&arr1(&[0.2; 4]), 1.0)).unwrap(), [0.25; 4], 1e-16);
}
#[test]
fn l1_ball() {
    holds("l1 ball", weight!(l1_ball), 1.3, |x| inside(abs_sum(x) <= 1.3 + SLACK), |u| 0.8 * 1.3 * largest(u));
    let f = record(prox::l1_ball::<Leaf, _>(|w| *w), &[4]);
    for r in [0.5, 2.0, 100.0] {
        let v = arr1(&[3.0, -0.2, -1.5, 0.7]);
        close("l1 ball", &f.eval((&v, r)).unwrap(), known::project_l1_ball(v.view(), r), 1e-15);
    }
}
#[test]
fn l2_ball() {
    holds("l2 ball", weight!(l2_ball), 1.3, |x| inside(length(x) <= 1.3 + SLACK), |u| 0.8 * 1.3 * length(u));
    holds("l2 ball, inside", weight!(l2_ball), 100.0, |x| inside(length(x) <= 100.0), |u| 0.8 * 100.0 * length(u));
}
#[test]
fn affine() {
    let a = random::normal(9, (2, 6));
    let shared = a.clone().into_shared();
    let make = move || {
        let shared = shared.clone();
        Box::new(prox::affine::<Leaf, _>(move |w| {
            (hypertape_autodiff::record::constant(&shared), *w * hypertape_autodiff::record::constant(arr1(&[1.0, -2.0])))
        })) as Box<dyn Prox<Leaf, Leaf>>
    };
    // On u = Aᵀμ the conjugate is bᵀμ, elsewhere ∞.
    let dual = |u: ArrayView1<'_, f64>| {
        let mu = dense::solve(a.dot(&a.t()).view(), a.dot(&u).view()).unwrap();
        inside((a.t().dot(&mu) - u).iter().all(|r| r.abs() < SLACK)) + 0.8 * mu.dot(&arr1(&[0.7, -1.4]))
    };
    holds("affine", make, 0.7, |x| inside(a.dot(&x).iter().zip([0.7, -1.4]).all(|(r, b)| (r - b).abs() < SLACK)), dual);
}

#[test]
fn soft_threshold_at_the_known_case_and_at_its_kink() {
    let f = Function::record((shape![4], shape![]), |(v, w)| prox::l1::<Leaf, _>(|w| *w).prox(v, scalar(1.0), &w)).unwrap();
    let (c, lambda) = known::soft_threshold_case();
    close("value", &f.eval((&c, lambda)).unwrap(), [2.5, 0.0, -1.0, 0.2], 1e-15);
    close("by weight", &f.wrt(|(_, w)| w).jacobian().eval((&c, lambda)).unwrap(), [-1.0, 0.0, 1.0, -1.0], 0.0);
    let j = f.wrt(|(v, _)| v).jacobian().eval((&c, lambda)).unwrap();
    assert_eq!(j.d2().diag().to_vec(), [1.0, 0.0, 1.0, 1.0]);
    let kink = f.wrt(|(v, _)| v).jacobian().eval((&arr1(&[0.5, -0.5, 0.0, 1.0]), 0.5)).unwrap();
    assert_eq!(kink.d2().diag().to_vec(), [0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn group_soft_threshold_at_the_known_case_and_at_zero() {
    let f = Function::record((shape![2], shape![]), |(v, w)| prox::l2::<Leaf, _>(|w| *w).prox(v, scalar(1.0), &w)).unwrap();
    let (x, lambda) = known::group_soft_threshold_case();
    close("J", &f.wrt(|(v, _)| v).jacobian().eval((&x, lambda)).unwrap(), [0.872, 0.096, 0.096, 0.928], 1e-15);
    close("by weight", &f.wrt(|(_, w)| w).jacobian().eval((&x, lambda)).unwrap(), [-0.6, -0.8], 1e-15);
    // At 0, and with weight 0 at 0, nothing is NaN.
    for w in [0.0, 1.0] {
        let j = f.wrt(|(v, w)| (v, w)).jacobian().eval((&arr1(&[0.0, 0.0]), w)).unwrap();
        assert!(j.iter().all(|v| v.is_finite()), "{j}");
    }
}

#[test]
fn single_precision() {
    let w = |w: &Var<f32>| Scalar::from(*w).real::<f64>();
    let f = Function::record((shape![f32; 3], shape![f32;]), |(v, r)| {
        let one = scalar(1.0);
        (
            prox::simplex::<Leaf<f32>, _>(w).prox(v, one, &r),
            prox::l1::<Leaf<f32>, _>(w).prox(v, one, &r),
            prox::l1_ball::<Leaf<f32>, _>(w).prox(v, one, &r),
        )
    })
    .unwrap();
    let (s, t, b) = f.eval((&arr1(&[0.8f32, 0.5, -0.2]), 1.0f32)).unwrap();
    assert!((s[[0]] - 0.65).abs() < 1e-7 && t.iter().all(|v| *v == 0.0) && (b.iter().map(|v| v.abs()).sum::<f32>() - 1.0).abs() < 1e-6);
}
