//! Every proximal operator, projection and conjugate with a formula at many scales, in both precisions, at ties and edges, for sizes 0 and 1: values and
//! derivatives against plain loops in double precision at scale 1, where nothing leaves the range.
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::scalar;
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{Function, shape};
use hypertape_solvers::prox::{self, Prox};
use ndarray::Array1;

/// A point, its derivative by v (rows) and by the radius or weight.
type Want = (Vec<f64>, Vec<Vec<f64>>, Vec<f64>);

fn diagonal(v: &[f64], f: impl Fn(usize) -> (f64, f64, f64)) -> Want {
    let n = v.len();
    let row = |i: usize| (0..n).map(|j| if i == j { f(i).1 } else { 0.0 }).collect();
    ((0..n).map(|i| f(i).0).collect(), (0..n).map(row).collect(), (0..n).map(|i| f(i).2).collect())
}
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
fn length(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// By sorting.
fn simplex(v: &[f64], r: f64) -> Want {
    let n = v.len();
    let top = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sorted: Vec<f64> = v.iter().map(|x| x - top).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut tau) = (0.0, 0.0);
    for (k, u) in sorted.iter().enumerate() {
        sum += u;
        let t = (sum - r) / (k + 1) as f64;
        if *u > t {
            tau = t;
        }
    }
    let face: Vec<f64> = v.iter().map(|x| f64::from(if r == 0.0 { *x == top } else { x - top > tau })).collect();
    let size: f64 = face.iter().sum();
    let x = v.iter().zip(&face).map(|(x, f)| if *f == 1.0 { x - top - tau } else { 0.0 }).collect();
    let moves = f64::from(r > 0.0);
    let j = (0..n).map(|i| (0..n).map(|j| moves * face[i] * face[j] * (f64::from(i == j) - 1.0 / size)).collect()).collect();
    (x, j, face.iter().map(|f| f / size).collect())
}
fn l1_ball(v: &[f64], r: f64) -> Want {
    if v.iter().map(|x| x.abs()).sum::<f64>() <= r && r > 0.0 {
        return diagonal(v, |i| (v[i], 1.0, 0.0));
    }
    let (x, j, by) = simplex(&v.iter().map(|x| x.abs()).collect::<Vec<_>>(), r);
    let n = v.len();
    let j = (0..n).map(|a| (0..n).map(|b| sign(v[a]) * j[a][b] * sign(v[b])).collect()).collect();
    (v.iter().zip(x).map(|(v, x)| sign(*v) * x).collect(), j, v.iter().zip(by).map(|(v, d)| sign(*v) * d).collect())
}
fn l2_ball(v: &[f64], r: f64) -> Want {
    let size = length(v);
    if size <= r && r > 0.0 {
        return diagonal(v, |i| (v[i], 1.0, 0.0));
    }
    let u: Vec<f64> = v.iter().map(|x| if size == 0.0 { 0.0 } else { x / size }).collect();
    let n = v.len();
    let j = |a: usize, b: usize| if size == 0.0 { 0.0 } else { r / size * (f64::from(a == b) - u[a] * u[b]) };
    (u.iter().map(|u| r * u).collect(), (0..n).map(|a| (0..n).map(|b| j(a, b)).collect()).collect(), u)
}
fn l2(v: &[f64], t: f64) -> Want {
    let size = length(v);
    if size <= t {
        return diagonal(v, |_| (0.0, 0.0, 0.0));
    }
    let (n, left) = (v.len(), 1.0 - t / size);
    let j = |a: usize, b: usize| f64::from(a == b) * left + t / size * v[a] / size * v[b] / size;
    (
        v.iter().map(|x| left * x).collect(),
        (0..n).map(|a| (0..n).map(|b| j(a, b)).collect()).collect(),
        v.iter().map(|x| -x / size).collect(),
    )
}
/// v minus another.
fn rest(v: &[f64], (x, j, by): Want) -> Want {
    let n = v.len();
    let j = (0..n).map(|a| (0..n).map(|b| f64::from(a == b) - j[a][b]).collect()).collect();
    (v.iter().zip(x).map(|(v, x)| v - x).collect(), j, by.iter().map(|d| -d).collect())
}
fn linf(v: &[f64], w: f64) -> Want {
    rest(v, l1_ball(v, w))
}
fn l1(v: &[f64], t: f64) -> Want {
    diagonal(v, |i| if v[i].abs() > t { (v[i] - t * sign(v[i]), 1.0, -sign(v[i])) } else { (0.0, 0.0, 0.0) })
}
fn cut(v: &[f64], w: f64) -> Want {
    diagonal(v, |i| if v[i].abs() > w { (w * sign(v[i]), 0.0, sign(v[i])) } else { (v[i], 1.0, 0.0) })
}
fn non_negative_l1(v: &[f64], t: f64) -> Want {
    diagonal(v, |i| if v[i] > t { (v[i] - t, 1.0, -1.0) } else { (0.0, 0.0, 0.0) })
}
fn cut_above(v: &[f64], w: f64) -> Want {
    diagonal(v, |i| if v[i] > w { (w, 0.0, 1.0) } else { (v[i], 1.0, 0.0) })
}
fn elastic_net(v: &[f64], t: f64) -> Want {
    diagonal(v, |i| if v[i].abs() > t { ((v[i] - t * sign(v[i])) / 1.5, 1.0 / 1.5, -sign(v[i]) / 1.5) } else { (0.0, 0.0, 0.0) })
}
fn between(v: &[f64], w: f64) -> Want {
    diagonal(v, |i| match v[i] {
        x if x <= -w => (-w, 0.0, -1.0),
        x if x >= 2.0 * w => (2.0 * w, 0.0, 2.0),
        x => (x, 1.0, 0.0),
    })
}
fn non_negative(v: &[f64], _: f64) -> Want {
    diagonal(v, |i| if v[i] > 0.0 { (v[i], 1.0, 0.0) } else { (0.0, 0.0, 0.0) })
}
fn not_positive(v: &[f64], _: f64) -> Want {
    diagonal(v, |i| if v[i] > 0.0 { (0.0, 0.0, 0.0) } else { (v[i], 1.0, 0.0) })
}

/// Points of size 0 and 1, with ties, zeros, entries on a border, and ordinary ones.
const POINTS: [&[f64]; 9] = [
    &[],
    &[2.0],
    &[-2.0],
    &[0.0],
    &[0.5, 0.5, 0.5],
    &[1.0, -1.0, 0.25, 0.0],
    &[0.0, 0.0],
    &[3.0, -0.25, -1.5, 0.75],
    &[-0.75, -0.625, -3.0],
];
const WEIGHTS: [f64; 5] = [0.0, 0.75, 1.5, 2.0, 100.0];

/// All of these functions are homogeneous: f(s v, s w) = s f(v, w), with the derivatives of scale 1. The scales are powers of 2, so inputs are exact.
fn holds<T: Real>(name: &str, p: impl Prox<Leaf<T>, Leaf> + Clone, scales: &[f64], want: impl Fn(&[f64], f64) -> Want) {
    let epsilon = hypertape_autodiff::array::Element::to_f64(T::epsilon());
    for v in POINTS {
        let n = v.len();
        let q = p.clone();
        let f = Function::record((Leaf::<T>::new([n]), shape![]), |(v, w)| q.prox(v, scalar(1.0), &w)).unwrap();
        let q = p.clone();
        let g = Function::record((Leaf::<T>::new([n]), shape![], Leaf::<T>::new([n])), |(v, w, c)| (q.prox(v, scalar(1.0), &w) * c).sum());
        let g = g.unwrap().wrt(|(v, w, _)| (v, w)).gradient();
        for w in WEIGHTS {
            if n == 0 && name == "simplex" && w > 0.0 {
                continue;
            }
            let (x, j, by) = want(v, w);
            for s in scales {
                let at: Array1<T> = v.iter().map(|v| T::from_f64(v * s)).collect();
                let got = f.eval((&at, w * s)).unwrap_or_else(|e| panic!("{name} of {v:?}, {w}, scale {s:e}: {e}"));
                let slack = 16.0 * epsilon * v.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
                for (i, x) in x.iter().enumerate() {
                    let got = hypertape_autodiff::array::Element::to_f64(got[[i]]) / s;
                    assert!((got - x).abs() <= slack, "{name} of {v:?}, {w}, scale {s:e}: entry {i} is {got}, not {x}");
                }
                for (i, row) in j.iter().enumerate() {
                    let c: Array1<T> = (0..n).map(|k| T::from_f64(f64::from(k == i))).collect();
                    let (by_v, by_w) = g.eval((&at, w * s, &c)).unwrap();
                    for (k, d) in row.iter().enumerate() {
                        let got = hypertape_autodiff::array::Element::to_f64(by_v[[k]]);
                        assert!((got - d).abs() <= slack, "{name} of {v:?}, {w}, scale {s:e}: ∂{i}/∂{k} is {got}, not {d}");
                    }
                    let got = by_w.number().unwrap();
                    assert!((got - by[i]).abs() <= slack, "{name} of {v:?}, {w}, scale {s:e}: ∂{i}/∂w is {got}, not {}", by[i]);
                }
            }
        }
    }
}

macro_rules! at_all_scales {
    ($($name:ident, $prox:expr, $want:expr;)*) => { $(
        #[test]
        fn $name() {
            // About 1e±150, and 1e±18.
            let (large, small) = (2f64.powi(498), 2f64.powi(60));
            holds::<f64>(stringify!($name), $prox, &[1.0, large, 1.0 / large], $want);
            holds::<f32>(stringify!($name), $prox, &[1.0, small, 1.0 / small], $want);
        }
    )* };
}

mod scales {
    use super::{Leaf, holds, prox, rest, scalar};
    at_all_scales! {
        simplex, prox::simplex::<Leaf, _>(|w| *w), super::simplex;
        l1_ball, prox::l1_ball::<Leaf, _>(|w| *w), super::l1_ball;
        l2_ball, prox::l2_ball::<Leaf, _>(|w| *w), super::l2_ball;
        l1, prox::l1::<Leaf, _>(|w| *w), super::l1;
        l2, prox::l2::<Leaf, _>(|w| *w), super::l2;
        group, prox::group::<Leaf, _>(|w| *w), super::l2;
        linf, prox::linf::<Leaf, _>(|w| *w), super::linf;
        non_negative_l1, prox::non_negative_l1::<Leaf, _>(|w| *w), super::non_negative_l1;
        elastic_net, prox::elastic_net::<Leaf, _>(|w| (*w, scalar(0.5))), super::elastic_net;
        between, prox::between::<Leaf, _>(|w| (-*w, 2.0 * *w)), super::between;
        non_negative, prox::non_negative(), super::non_negative;
        conjugate_of_l1_ball, prox::conjugate(prox::l1_ball::<Leaf, _>(|w| *w)), super::linf;
        conjugate_of_l2_ball, prox::conjugate(prox::l2_ball::<Leaf, _>(|w| *w)), super::l2;
        conjugate_of_l1, prox::conjugate(prox::l1::<Leaf, _>(|w| *w)), super::cut;
        conjugate_of_l2, prox::conjugate(prox::l2::<Leaf, _>(|w| *w)), super::l2_ball;
        conjugate_of_group, prox::conjugate(prox::group::<Leaf, _>(|w| *w)), super::l2_ball;
        conjugate_of_linf, prox::conjugate(prox::linf::<Leaf, _>(|w| *w)), super::l1_ball;
        conjugate_of_non_negative_l1, prox::conjugate(prox::non_negative_l1::<Leaf, _>(|w| *w)), super::cut_above;
        conjugate_of_between, prox::conjugate(prox::between::<Leaf, _>(|w| (-*w, 2.0 * *w))), |v: &[f64], w| rest(v, super::between(v, w));
        conjugate_of_non_negative, prox::conjugate(prox::non_negative()), super::not_positive;
    }
}

/// v/(1 + w), its derivative by w at scale s: −s v/(1 + w)².
#[test]
fn squared_l2() {
    for (s, w) in [(2f64.powi(498), 0.0), (2f64.powi(-498), 3.0), (1.0, f64::MAX)] {
        let f = Function::record((shape![2], shape![]), |(v, w)| prox::squared_l2::<Leaf, _>(|w| *w).prox(v, scalar(1.0), &w)).unwrap();
        let v = ndarray::arr1(&[3.0 * s, -s]);
        let x = f.eval((&v, w)).unwrap();
        assert_eq!((x[[0]], x[[1]]), (3.0 * s / (1.0 + w), -s / (1.0 + w)));
        let by = f.wrt(|(_, w)| w).jacobian().eval((&v, w)).unwrap();
        let want = -3.0 * s / (1.0 + w) / (1.0 + w);
        assert!((by.d1()[0] - want).abs() <= 4.0 * f64::EPSILON * want.abs(), "{by}");
    }
}

/// {x: a·x = b} for a = (3, 4): v − a (a·v − b)/25.
#[test]
fn affine() {
    let p = |s: f64| {
        let a = ndarray::arr2(&[[3.0 * s, 4.0 * s]]).into_shared();
        Function::record((shape![2], shape![1]), |(v, b)| {
            let a = a.clone();
            prox::affine::<Leaf, _>(move |b| (hypertape_autodiff::record::constant(&a), *b)).prox(v, scalar(1.0), &b)
        })
        .unwrap()
    };
    for s in [1.0, 2f64.powi(498), 2f64.powi(-498)] {
        let f = p(1.0);
        let x = f.eval((&ndarray::arr1(&[s, -2.0 * s]), &ndarray::arr1(&[20.0 * s]))).unwrap();
        // a·v − b = −25.
        assert!((x[[0]] / s - 4.0).abs() < 1e-14 && (x[[1]] / s - 2.0).abs() < 1e-14, "{x}");
        let f = p(s);
        let x = f.eval((&ndarray::arr1(&[1.0, -2.0]), &ndarray::arr1(&[20.0 * s]))).unwrap();
        assert!((x[[0]] - 4.0).abs() < 1e-14 && (x[[1]] - 2.0).abs() < 1e-14, "{x}");
    }
}
