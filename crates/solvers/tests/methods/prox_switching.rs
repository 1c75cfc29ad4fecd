//! Switching variables of proximal operators: where their signs stay, the Jacobian is that of one smooth piece; a known crossing changes a sign.
use hypertape_autodiff::record::{Var, scalar};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{Function, shape};
use hypertape_solvers::prox::{self, Prox};
use hypertape_testkit::random;
use ndarray::{Array1, arr1};

type Recorded = Function<(Leaf, Leaf), Leaf>;

fn record(p: impl Prox<Leaf, Leaf>, shape: &[usize]) -> Recorded {
    Function::record((Leaf::new(shape), shape![]), |(v, w)| p.prox(v, scalar(0.8), &w)).unwrap()
}

fn signs(f: &Recorded, v: &Array1<f64>, w: f64) -> Vec<f64> {
    let s = f.wrt(|(v, _)| v).switching().eval((v, w)).unwrap();
    s.iter().flat_map(|s| s.to_f64()).map(|s| if s == 0.0 { 0.0 } else { s.signum() }).collect()
}

/// J d at a point.
fn along(f: &Recorded, v: &Array1<f64>, w: f64, d: &Array1<f64>) -> Array1<f64> {
    f.wrt(|(v, _)| v).jvp().eval(((v, w), d)).unwrap().1.d1().to_owned()
}

/// On short ways between random points whose ends have the same signs, J moves no more than its own slope allows; and some ways cross.
fn continuous(name: &str, p: impl Prox<Leaf, Leaf>, w: f64) {
    let n = 5;
    let f = record(p, &[n]);
    let (mut same, mut crossed, mut jumped) = (0, 0, 0);
    for seed in 0..40 {
        let (x, d): (Array1<f64>, Array1<f64>) = (random::normal(100 + seed, n), random::normal(200 + seed, n));
        let probe: Array1<f64> = random::normal(300 + seed, n);
        let step = 0.05;
        let mut last = (signs(&f, &x, w), along(&f, &x, w, &probe));
        for k in 1..=8 {
            let v = &x + &(&d * (step * f64::from(k)));
            let here = (signs(&f, &v, w), along(&f, &v, w, &probe));
            let change = (&here.1 - &last.1).mapv(f64::abs).sum();
            // Slopes of the Jacobians are at most a few over the distance from the origin, which is never small here.
            let jumps = change > 4.0 * step * d.dot(&d).sqrt() * probe.dot(&probe).sqrt();
            if here.0 == last.0 {
                same += 1;
                assert!(!jumps, "{name}, seed {seed}, step {k}: the Jacobian jumps by {change} and no sign changes");
            } else {
                crossed += 1;
                jumped += usize::from(jumps);
            }
            last = here;
        }
    }
    assert!(same > 0 && crossed > 0 && jumped > 0, "{name}: {same} ways stay, {crossed} cross, {jumped} of them jump");
}

macro_rules! weight {
    ($f:ident) => {
        prox::$f::<Leaf, _>(|w| *w)
    };
}

#[test]
fn jacobians_are_continuous_where_signs_stay() {
    continuous("l1", weight!(l1), 0.7);
    continuous("elastic_net", prox::elastic_net::<Leaf, _>(|w: &Var| (*w, *w * 0.5)), 0.7);
    continuous("between", prox::between::<Leaf, _>(|w: &Var| (-*w, *w * 0.5)), 0.7);
    continuous("non_negative", prox::non_negative(), 0.7);
    continuous("group", weight!(group), 2.0);
    continuous("simplex", weight!(simplex), 0.7);
    continuous("l1_ball", weight!(l1_ball), 1.5);
    continuous("l2_ball", weight!(l2_ball), 1.5);
}

/// Whether a sign changes between two points.
fn crosses(f: &Recorded, a: &[f64], b: &[f64], w: f64) -> bool {
    signs(f, &arr1(a), w) != signs(f, &arr1(b), w)
}

#[test]
fn known_crossings() {
    let l1 = record(weight!(l1), &[2]);
    assert!(crosses(&l1, &[0.55, 2.0], &[0.57, 2.0], 0.7) && !crosses(&l1, &[0.57, 2.0], &[0.59, 2.0], 0.7));
    let between = record(prox::between::<Leaf, _>(|w: &Var| (-*w, *w)), &[2]);
    assert!(crosses(&between, &[0.6, 0.1], &[0.8, 0.1], 0.7) && !crosses(&between, &[0.1, 0.1], &[0.6, -0.6], 0.7));
    let group = record(weight!(group), &[2]);
    // ‖v‖ passes ηw = 0.8.
    assert!(crosses(&group, &[0.4, 0.6], &[0.6, 0.6], 1.0) && !crosses(&group, &[0.6, 0.6], &[0.7, 0.5], 1.0));
    let ball = record(weight!(l2_ball), &[2]);
    assert!(crosses(&ball, &[0.6, 0.7], &[0.8, 0.7], 1.0));
    let simplex = record(weight!(simplex), &[3]);
    // The last entry leaves the support at 0.2, where τ = 0.2.
    assert!(crosses(&simplex, &[0.8, 0.6, 0.19], &[0.8, 0.6, 0.21], 1.0));
    assert!(!crosses(&simplex, &[0.8, 0.6, 0.21], &[0.8, 0.6, 0.3], 1.0));
    // No entry is on a tie: the largest one decides nothing.
    assert!(signs(&simplex, &arr1(&[0.8, 0.6, 0.21]), 1.0).iter().all(|s| *s != 0.0));
    let ball = record(weight!(l1_ball), &[2]);
    assert!(crosses(&ball, &[0.4, 0.5], &[0.6, 0.5], 1.0));
}

#[test]
fn tangents_find_the_crossing() {
    let f = record(weight!(group), &[2]);
    let s = f.wrt(|(v, _)| v).switching();
    let x = arr1(&[0.6, 0.8]);
    // Along −x, ‖v‖ = 1 meets 0.8 after a step of 0.2; a derivative that stopped at the radius of the comparison would not say so.
    let (values, tangents) = s.wrt(|(v, _)| v).jvp().eval(((&x, 1.0), &-&x)).unwrap();
    let steps = values.iter().zip(&tangents).flat_map(|(s, t)| s.to_f64().into_iter().zip(t.to_f64()).collect::<Vec<_>>());
    let least = steps.map(|(s, t)| -s / t).filter(|t| *t > 0.0).fold(f64::INFINITY, f64::min);
    assert!((least - 0.2).abs() <= 16.0 * f64::EPSILON, "{least}");
}
