//! Switching variables: what each operation states, what loops and branches give, and what is left out.

use crate::support::{array, build, f64s, flat, index, run, uniform};
use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::operation::{Op, ScanSpec, Storage, Trip};
use hypertape_autodiff::ops::control::Scan;
use hypertape_autodiff::record::{Var, cond, constant, scalar, scan, scan_until, stop_gradient};
use hypertape_autodiff::transform::{jvp, switching};
use hypertape_autodiff::tree::{Leaf, Vars};
use hypertape_autodiff::{Function, shape};
use ndarray::{Array1, arr1};
use std::sync::Arc;

const FAR: f64 = f64::INFINITY;

/// The switching variables at a point and their tangents along all ones, planned and by the reference.
#[track_caller]
fn at<R: Vars>(x: &[f64], f: impl FnOnce(Var) -> R) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let n = x.len();
    let f = Function::record(shape![n], f).unwrap();
    let s = f.wrt(|x| x).switching();
    let (x, ones) = (arr1(x), Array1::from_elem(n, 1.0));
    let lists = |a: &[AnyArray]| a.iter().map(AnyArray::to_f64).collect::<Vec<_>>();
    let values = s.eval(&x).unwrap();
    let point = array(&[n], x.as_slice().unwrap());
    assert_eq!(run(&s.program().unwrap(), std::slice::from_ref(&point)), values);
    assert_eq!(s.workspace().run(&x).unwrap().len(), values.len());
    let j = s.wrt(|x| x).jvp();
    run(&j.program().unwrap(), &[point, array(&[n], &vec![1.0; n])]);
    let (again, tangents) = j.eval((&x, &ones)).unwrap();
    assert_eq!(again, values);
    (lists(&values), lists(&tangents))
}

/// The values alone.
#[track_caller]
fn values<R: Vars>(x: &[f64], f: impl FnOnce(Var) -> R) -> Vec<Vec<f64>> {
    at(x, f).0
}

#[test]
fn operations_of_one_number() {
    let x = [0.5, -2.0];
    let itself = vec![x.to_vec()];
    assert_eq!(values(&x, |x| x.relu()), itself);
    assert_eq!(values(&x, |x| x.abs()), itself);
    assert_eq!(values(&x, |x| x.sign()), itself);
    // The same variable counts once.
    assert_eq!(values(&x, |x| x.relu() + x.abs() + x.sign()), itself);
    assert_eq!(values(&x, |x| x.soft_threshold(0.75)), [[-0.25, 1.25]]);
    assert_eq!(values(&x, |x| x.atan2(scalar(-1.0))), itself);
    assert_eq!(values(&x, |x| x.atan2(scalar(1.0))), [[FAR, FAR]]);
}

#[test]
fn operations_of_two() {
    let x = [0.5, -2.0];
    assert_eq!(values(&x, |x| x.max(0.25)), [[0.25, -2.25]]);
    assert_eq!(values(&x, |x| x.min(x * 2.0)), [[-0.5, 2.0]]);
    assert_eq!(values(&x, |x| x.clamp(-1.0, 1.0)), [[1.5, -1.0], [-0.5, -2.0]]);
    assert_eq!(values(&x, |x| x.less_than(1.0).select(x, x * x)), [[-0.5, -3.0]]);
    assert_eq!(values(&x, |x| x.equals(0.25) + x.at_most(0.25)), [[0.25, -2.25]]);
    // One value twice, and an infinite bound, decide nothing.
    assert!(values(&x, |x| x.max(stop_gradient(&x)) + x.max(f64::NEG_INFINITY)).is_empty());
}

#[test]
fn steps_alternate() {
    let (s, t) = at(&[0.25, 1.25, -0.25, 2.0], |x| x.floor());
    assert_eq!(s, [[0.25, -0.25, -0.75, 0.0], [0.75, -0.75, -0.25, 1.0]]);
    assert_eq!(t, [[1.0, -1.0, -1.0, 1.0], [-1.0, 1.0, 1.0, -1.0]]);
    assert_eq!(values(&[1.25], |x| constant(arr1(&[1.0, 5.0])).take(x.index(), 0)), [[-0.25], [-0.75]]);
    assert_eq!(values(&[0.5, 3.0, -3.0, 5.0], |x| x % 2.0), [[FAR, -0.5, -0.5, 0.5], [0.75, -0.5, -0.5, 0.5]]);
}

#[test]
fn extremes_say_which() {
    let x = [1.0, 3.0, 2.0];
    assert_eq!(values(&x, |x| x.max_all()), [[-2.0, FAR, 1.0]]);
    assert_eq!(values(&x, |x| x.min_all()), [[FAR, 2.0, 1.0]]);
    assert_eq!(values(&[3.0, 3.0, 2.0], |x| x.max_all()), [[0.0, 0.0, 1.0]]);
    let (s, t) = at(&[1.0, 3.0, 2.0, 4.0], |x| (x.reshape(&[2, 2]) * constant(ndarray::arr2(&[[1.0, 1.0], [2.0, 3.0]]))).max_axis(1));
    // A row for each element that is folded.
    assert_eq!(s, [[-2.0, -8.0, FAR, FAR]]);
    assert_eq!(t, [[0.0, -1.0, 0.0, 0.0]]);
    // Which one is extreme changes a sign.
    let signs = |x: &[f64]| values(x, |x| x.max_all())[0].iter().map(|s| *s > 0.0).collect::<Vec<_>>();
    let all: Vec<_> = [[3.0, 1.0, 1.5], [1.0, 3.0, 1.5], [1.0, 1.5, 3.0]].iter().map(|x| signs(x)).collect();
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}

#[test]
fn what_is_smooth_has_none() {
    let x = [0.5, 2.0];
    assert!(values(&x, |x| (x.sin() * x.exp()).sum() + x.norm_l2() + x.sqrt().sum()).is_empty());
    assert!(values(&x, |x| (x.softmax(0), x.log_softmax(0), x.logsumexp())).is_empty());
    // No derivative comes in, or none is asked for.
    assert!(values(&x, |x| x * stop_gradient(&x.max(1.0))).is_empty());
    assert!(values(&x, |x| x / stop_gradient(&x).max_all()).is_empty());
    // What does not move with the variables, or what no output reads.
    assert!(values(&x, |x| x * constant(arr1(&[1.0, -1.0])).abs()).is_empty());
    // A comparison of what is piecewise constant moves with what that decides.
    assert_eq!(values(&x, |x| x.less_than(1.0).greater_than(0.0).select(x, 0.0)), [[-0.5, 1.0]]);
    let f = Function::record((shape![2], shape![2]), |(x, y)| x * y.abs()).unwrap();
    assert!(f.wrt(|(x, _)| x).switching().outputs().is_empty());
    assert_eq!(f.wrt(|(_, y)| y).switching().outputs().len(), 1);
}

#[test]
fn a_decision_moves_through_stop_gradient() {
    let (s, t) = at(&[0.5, -2.0], |x| (stop_gradient(&x) * 3.0).at_most(1.0).select(x, 2.0 * x));
    assert_eq!(s, [[0.5, -7.0]]);
    assert_eq!(t, [[3.0, 3.0]]);
    // A kink under a comparison does not matter, the comparison does.
    assert_eq!(values(&[0.5, -2.0], |x| stop_gradient(&x).abs().at_most(1.0).select(x, 2.0 * x)), [[-0.5, 1.0]]);
}

#[test]
fn gradients_have_the_same_kinks() {
    let f = Function::record(shape![2], |x| (x.relu() * x).sum()).unwrap();
    let s = f.wrt(|x| x).gradient().wrt(|x| x).switching().eval(arr1(&[0.5, -2.0])).unwrap();
    assert!(s.iter().all(|s| s.to_f64().iter().zip([0.5, -2.0]).all(|(s, x): (&f64, f64)| s.abs() == x.abs())));
    assert!(!s.is_empty());
}

#[test]
fn loops_stack_them() {
    let (s, t) = at(&[1.0], |x| scan(x, 3, |c: Var, _: Var<u32>| ((c - 0.75).abs(), c.max(0.5))));
    assert_eq!(s, [[0.25, -0.5, -0.25], [0.5, -0.25, 0.0]]);
    assert_eq!(t, [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0]]);
    // A carry whose derivative nobody reads has no kink, and a test alone is no reading.
    let last = |x: Var| scan_until((x, scalar::<f64>(9.0)), 5, |(_, d)| d.at_most(1.0), |(c, _), _| (0.5 * c, c.abs().sum())).0;
    assert!(values(&[3.0], last).is_empty());
}

#[test]
fn steps_that_are_not_taken_are_far() {
    let f = |x: Var| scan_until(x, 5, |c| c.sum().at_most(1.0), |c, _| (0.5 * c).max(0.125));
    let (s, t) = at(&[3.0], f);
    assert_eq!(s, [[1.375, 0.625, FAR, FAR, FAR]]);
    assert_eq!(t, [[0.5, 0.25, 0.0, 0.0, 0.0]]);
    assert_eq!(values(&[0.5], f), [[FAR; 5]]);
    // Loops in loops.
    let s =
        values(&[3.0], |x| scan(x, 2, |c: Var, _: Var<u32>| (scan_until(c, 2, |c| c.sum().at_most(1.0), |c, _| (0.5 * c).abs()), ())).0);
    assert_eq!(s, [[1.5, 0.75, FAR, FAR]]);
}

#[test]
fn loops_of_every_trip_and_direction() {
    let counter = LeafType::new(&[], Kind::U32);
    let body = build(&[counter.clone(), f64s(&[]), f64s(&[])], |b, v| {
        let s = b.sub(v[1], v[2]);
        vec![b.abs(s)]
    });
    let test = build(&[f64s(&[])], |b, v| {
        let small = b.full_like(v[0], 0.5);
        vec![b.less(v[0], small)]
    });
    for reverse in [false, true] {
        for trip in [Trip::Static(3), Trip::Counted(3), Trip::Until { test: Arc::new(test.clone()), at_most: 3 }, Trip::Static(0)] {
            let n = trip.at_most();
            let counted = matches!(trip, Trip::Counted(_));
            let stops = !matches!(trip, Trip::Static(_));
            let spec = ScanSpec {
                body: Arc::new(body.clone()),
                carries: 1,
                items: 1,
                constants: 0,
                stacked: 0,
                trip: trip.clone(),
                reverse,
                storage: Storage::Iterates,
            };
            let mut types = vec![f64s(&[]), f64s(&[n])];
            types.extend(counted.then(|| counter.clone()));
            let p = build(&types, |b, v| vec![b.emit(Op::new(Scan(spec)), v)[0]]);
            let q = switching(&p, &vec![true; types.len()]).unwrap();
            // 2 − 1 = 1, 1 − 0.75 = 0.25, and after that no step unless the count is fixed.
            let items = if reverse && !counted { [0.5, 0.75, 1.0] } else { [1.0, 0.75, 0.5] };
            let items = if reverse && counted { [0.75, 1.0, 0.5] } else { items };
            let mut given = vec![array(&[], &[2.0]), array(&[n], &items[..n])];
            given.extend(counted.then(|| index(2)));
            let mut expected = [1.0, 0.25, if stops { FAR } else { -0.25 }];
            if reverse && counted {
                expected.swap(0, 1);
            } else if reverse {
                expected.reverse();
            }
            assert_eq!(flat(&run(&q, &given)), expected[..n], "{trip:?}, reverse {reverse}");
        }
    }
}

#[test]
fn branches() {
    let f = |x: Var| cond(x.sum().less_than(1.0), || x.abs(), || x.max(0.25) * x.soft_threshold(1.0));
    assert_eq!(values(&[0.5], f), [vec![-0.5], vec![0.5], vec![FAR], vec![FAR]]);
    let (s, t) = at(&[-0.5 + 3.0], f);
    assert_eq!(s, [vec![1.5], vec![FAR], vec![2.25], vec![1.5]]);
    assert_eq!(t, [[1.0], [0.0], [1.0], [1.0]]);
    // In a loop, the branch that is taken changes.
    let s = values(&[0.75], |x| scan(x, 2, |c: Var, _: Var<u32>| (cond(c.sum().less_than(1.0), || c.abs() + 1.0, || c), ())).0);
    assert_eq!(s, [[-0.25, 0.75], [0.75, FAR]]);
}

#[test]
fn nesting_does_not_double_the_work() {
    let counter = LeafType::new(&[], Kind::U32);
    let mut p = build(&[f64s(&[]), f64s(&[])], |b, v| vec![b.abs(v[1]), v[0]]);
    for _ in 0..40 {
        let inner = p;
        p = build(&[f64s(&[]), f64s(&[])], |b, v| {
            // The carries change places, so what moves and what is read is found in more than one round.
            let body = build(&[counter.clone(), f64s(&[]), f64s(&[])], |b, v| b.inline(&inner, &v[1..]).to_vec());
            let (trip, storage) = (Trip::Static(1), Storage::Iterates);
            let spec = ScanSpec { body: Arc::new(body), carries: 2, items: 0, constants: 0, stacked: 0, trip, reverse: false, storage };
            b.emit(Op::new(Scan(spec)), v)[..2].to_vec()
        });
    }
    p.outputs.truncate(1);
    assert_eq!(switching(&p, &[true, false]).unwrap().output_types(), [f64s(&[1; 40])]);
}

#[test]
fn tangents_are_derivatives() {
    let x: Vec<f64> = uniform(&f64s(&[4]), 5).to_f64();
    let f = Function::record(shape![4], |x| {
        let y = stop_gradient(&x).sin().max(x) + (x * x.sum()).abs().soft_threshold(0.1);
        let (z, w) = scan(y, 2, |c: Var, _: Var<u32>| ((c.cos() - 0.3).relu(), (c * c).max_all()));
        (z, w.at_most(0.3).select(w, 1.0))
    })
    .unwrap();
    let p = f.wrt(|x| x).switching().program().unwrap();
    let q = jvp(&p, &[true], &vec![true; p.outputs.len()]).unwrap();
    let (v, h) = (vec![1.0, -0.5, 0.25, 2.0], 1e-6);
    let moved = |h: f64| flat(&run(&p, &[array(&[4], &x.iter().zip(&v).map(|(x, v)| x + h * v).collect::<Vec<_>>())]));
    let (low, high) = (moved(-h), moved(h));
    let made = flat(&run(&q, &[array(&[4], &x), array(&[4], &v)]));
    let tangents = &made[made.len() / 2..];
    assert_eq!(tangents.len(), low.len());
    for i in 0..low.len() {
        let slope = if low[i].is_infinite() { 0.0 } else { (high[i] - low[i]) / (2.0 * h) };
        // Differences err by h² and by rounding over h.
        assert!((slope - tangents[i]).abs() <= 1e3 * (h * h + f64::EPSILON / h), "{i}: {} for {slope}", tangents[i]);
    }
}

#[test]
fn small_sizes_and_single_precision() {
    assert_eq!(values(&[], |x| x.relu()), [[0.0; 0]]);
    assert!(values(&[-1.5], |x| x.max_all()).is_empty());
    assert_eq!(values(&[], |x| x.reshape(&[3, 0]).max_axis(0)), [[0.0; 0]]);
    let f = Function::record(Leaf::<f32>::new([2]), |x: Var<f32>| (x.relu(), x.soft_threshold(0.5), x.floor(), x.max_all())).unwrap();
    let s = f.wrt(|x| x).switching().eval(arr1(&[1.5_f32, -0.25])).unwrap();
    assert!(s.iter().all(|s| s.kind() == Kind::F32));
    let s: Vec<Vec<f64>> = s.iter().map(AnyArray::to_f64).collect();
    assert_eq!(s, [[1.5, -0.25], [1.0, -0.25], [-0.5, -0.75], [-0.5, -0.25], [FAR, 1.75]]);
}
