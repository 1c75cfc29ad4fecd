//! Proximal operators and projections with their derivatives, and the conditions that every one of them satisfies.

use crate::dense::norm;
use crate::random;
use ndarray::{Array1, Array2, ArrayView1, array};

/// `prox of λ‖·‖₁`: `sign(c) max(|c| − λ, 0)`.
#[must_use]
pub fn soft_threshold(c: ArrayView1<'_, f64>, lambda: f64) -> Array1<f64> {
    c.mapv(|c| if c.abs() <= lambda { 0.0 } else { c - lambda * c.signum() })
}

/// The derivatives of [`soft_threshold`]: by `c` (a diagonal) and by `λ`. At the kink both are 0.
#[must_use]
pub fn soft_threshold_derivatives(c: ArrayView1<'_, f64>, lambda: f64) -> (Array1<f64>, Array1<f64>) {
    let active = c.mapv(|c| if c.abs() > lambda { 1.0 } else { 0.0 });
    let by_lambda = &active * &c.mapv(|c| -c.signum());
    (active, by_lambda)
}

/// The case of the tables, c = (3, −0.2, −1.5, 0.7) and λ = 0.5: `(2.5, 0, −1, 0.2)`, by λ `(−1, 0, 1, −1)`, by c `diag(1, 0, 1, 1)`.
#[must_use]
pub fn soft_threshold_case() -> (Array1<f64>, f64) {
    (array![3.0, -0.2, -1.5, 0.7], 0.5)
}

/// `prox of λ‖·‖₂`: `max(1 − λ / ‖x‖, 0) x`.
#[must_use]
pub fn group_soft_threshold(x: ArrayView1<'_, f64>, lambda: f64) -> Array1<f64> {
    let length = norm(x);
    if length <= lambda { Array1::zeros(x.len()) } else { &x * (1.0 - lambda / length) }
}

/// The derivatives of [`group_soft_threshold`]: by `x`, `(1 − λ / ‖x‖) I + λ x xᵀ / ‖x‖³`, and by `λ`, `−x / ‖x‖`; 0 where the value is 0.
#[must_use]
pub fn group_soft_threshold_derivatives(x: ArrayView1<'_, f64>, lambda: f64) -> (Array2<f64>, Array1<f64>) {
    let (n, length) = (x.len(), norm(x));
    if length <= lambda {
        return (Array2::zeros((n, n)), Array1::zeros(n));
    }
    let diagonal = Array2::<f64>::eye(n) * (1.0 - lambda / length);
    let outer = Array2::from_shape_fn((n, n), |(i, j)| x[i] * x[j] * (lambda / length.powi(3)));
    (diagonal + outer, &x * (-1.0 / length))
}

/// The case of the tables, x = (3, 4) and λ = 1: Jacobian `[[0.872, 0.096], [0.096, 0.928]]`, by λ `(−0.6, −0.8)`.
#[must_use]
pub fn group_soft_threshold_case() -> (Array1<f64>, f64) {
    (array![3.0, 4.0], 1.0)
}

/// The projection onto the simplex `{x ≥ 0, Σ x = 1}`, by sorting (Held, Wolfe and Crowder, 1974).
#[must_use]
pub fn project_simplex(v: ArrayView1<'_, f64>) -> Array1<f64> {
    scaled_simplex(v, 1.0)
}

/// The Jacobian of [`project_simplex`]: `I − 1 1ᵀ / |S|` on the support `S`, 0 elsewhere.
#[must_use]
pub fn project_simplex_jacobian(v: ArrayView1<'_, f64>) -> Array2<f64> {
    let support = project_simplex(v).mapv(|x| if x > 0.0 { 1.0 } else { 0.0 });
    let size = support.sum();
    Array2::from_shape_fn((v.len(), v.len()), |(i, j)| support[i] * support[j] * (f64::from(u8::from(i == j)) - 1.0 / size))
}

/// The case of the tables, `(0.8, 0.5, −0.2)`: `(0.65, 0.35, 0)`, Jacobian `[[½, −½, 0], [−½, ½, 0], [0, 0, 0]]`.
#[must_use]
pub fn simplex_case() -> Array1<f64> {
    array![0.8, 0.5, -0.2]
}

/// The projection onto `‖x‖₂ ≤ radius`: `min(1, radius / ‖x‖) x`.
#[must_use]
pub fn project_l2_ball(x: ArrayView1<'_, f64>, radius: f64) -> Array1<f64> {
    let length = norm(x);
    if length <= radius { x.to_owned() } else { &x * (radius / length) }
}

/// The projection onto `‖x‖₁ ≤ radius` (Duchi et al., 2008).
#[must_use]
pub fn project_l1_ball(x: ArrayView1<'_, f64>, radius: f64) -> Array1<f64> {
    let sizes = x.mapv(f64::abs);
    if sizes.sum() <= radius {
        return x.to_owned();
    }
    scaled_simplex(sizes.view(), radius) * x.mapv(f64::signum)
}

/// The projection onto `‖x‖_∞ ≤ radius`.
#[must_use]
pub fn project_linf_ball(x: ArrayView1<'_, f64>, radius: f64) -> Array1<f64> {
    x.mapv(|x| x.clamp(-radius, radius))
}

/// `prox of τ‖·‖_∞`: `x − proj(x)` onto `‖·‖₁ ≤ τ`.
#[must_use]
pub fn prox_linf(x: ArrayView1<'_, f64>, tau: f64) -> Array1<f64> {
    &x - &project_l1_ball(x, tau)
}

fn scaled_simplex(v: ArrayView1<'_, f64>, total: f64) -> Array1<f64> {
    let mut sorted = v.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut sum = 0.0;
    let mut threshold = f64::NEG_INFINITY;
    for (index, value) in sorted.iter().enumerate() {
        sum += value;
        let candidate = (sum - total) / (index + 1) as f64;
        if *value > candidate {
            threshold = candidate;
        }
    }
    v.mapv(|v| (v - threshold).max(0.0))
}

/// How far an operator is from firmly non-expansive at a pair of points: `‖P x − P y‖² − ⟨P x − P y, x − y⟩`, at most 0 for every prox.
pub fn firmness_gap(prox: impl Fn(ArrayView1<'_, f64>) -> Array1<f64>, x: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> f64 {
    let distance = prox(x) - prox(y);
    distance.dot(&distance) - distance.dot(&(&x - &y))
}

/// How far a pair of operators is from Moreau's identity `x = prox_f(x) + prox_{f*}(x)`: the largest difference (Moreau, 1965).
pub fn moreau_gap(
    prox: impl Fn(ArrayView1<'_, f64>) -> Array1<f64>,
    prox_of_conjugate: impl Fn(ArrayView1<'_, f64>) -> Array1<f64>,
    x: ArrayView1<'_, f64>,
) -> f64 {
    let rest = &x - &prox(x) - &prox_of_conjugate(x);
    rest.iter().fold(0.0, |largest: f64, rest| largest.max(rest.abs()))
}

/// How far `p` is from `prox_f(x)`, by brute force: with `F(z) = f(z) + ‖z − x‖² / 2`, the largest `F(p) − F(z) + ‖z − p‖² / 2` over random `z`
/// around `p` at distances from 1 down to 10⁻⁴. It is at most 0 (and rounding) for every `z` if and only if `p` is the prox.
pub fn brute_force_gap(
    f: impl Fn(ArrayView1<'_, f64>) -> f64,
    x: ArrayView1<'_, f64>,
    p: ArrayView1<'_, f64>,
    seed: u64,
    samples: usize,
) -> f64 {
    let square = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| (&a - &b).mapv(|d| d * d).sum() / 2.0;
    let at_p = f(p) + square(p, x);
    let noise = random::normal(seed, (samples, p.len()));
    let gaps = noise.rows().into_iter().enumerate().map(|(index, noise)| {
        let z = &p + &(&noise * 10f64.powi(-((index % 5) as i32)));
        at_p - f(z.view()) - square(z.view(), x) + square(z.view(), p)
    });
    gaps.fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{STEP, assert_close, jacobian, jvp, rounding, tolerance};

    fn indicator(inside: bool) -> f64 {
        if inside { 0.0 } else { f64::INFINITY }
    }

    fn l1(x: ArrayView1<'_, f64>) -> f64 {
        x.mapv(f64::abs).sum()
    }

    fn linf(x: ArrayView1<'_, f64>) -> f64 {
        x.fold(0.0, |largest: f64, x| largest.max(x.abs()))
    }

    #[test]
    fn cases_have_their_known_values() {
        let (c, lambda) = soft_threshold_case();
        let (by_c, by_lambda) = soft_threshold_derivatives(c.view(), lambda);
        assert_close("soft", &soft_threshold(c.view(), lambda), &[2.5, 0.0, -1.0, 0.2], rounding(1, 1.0));
        assert_eq!((by_c, by_lambda), (array![1.0, 0.0, 1.0, 1.0], array![-1.0, -0.0, 1.0, -1.0]));
        let (x, lambda) = group_soft_threshold_case();
        let (by_x, by_lambda) = group_soft_threshold_derivatives(x.view(), lambda);
        assert_close("group", &by_x, &[0.872, 0.096, 0.096, 0.928], rounding(2, 1.0));
        assert_close("group, by λ", &by_lambda, &[-0.6, -0.8], rounding(2, 1.0));
        let v = simplex_case();
        assert_close("simplex", &project_simplex(v.view()), &[0.65, 0.35, 0.0], rounding(3, 1.0));
        let known = [0.5, -0.5, 0.0, -0.5, 0.5, 0.0, 0.0, 0.0, 0.0];
        assert_close("simplex", &project_simplex_jacobian(v.view()), &known, rounding(3, 1.0));
    }

    #[test]
    fn derivatives_agree_with_differences_away_from_kinks() {
        let (c, lambda) = soft_threshold_case();
        let (by_c, by_lambda) = soft_threshold_derivatives(c.view(), lambda);
        let found = jacobian(|c| soft_threshold(ArrayView1::from(c), lambda).to_vec(), c.as_slice().unwrap());
        assert_close("soft", &found, &Array2::from_diag(&by_c), tolerance(1, 3.0, STEP));
        let found = jvp(|l| soft_threshold(c.view(), l[0]).to_vec(), &[lambda], &[1.0]);
        assert_close("soft, by λ", &found, &by_lambda, tolerance(1, 3.0, STEP));
        let (x, lambda) = group_soft_threshold_case();
        let (by_x, by_lambda) = group_soft_threshold_derivatives(x.view(), lambda);
        let found = jacobian(|x| group_soft_threshold(ArrayView1::from(x), lambda).to_vec(), x.as_slice().unwrap());
        assert_close("group", &found, &by_x, tolerance(2, 4.0, STEP));
        let found = jvp(|l| group_soft_threshold(x.view(), l[0]).to_vec(), &[lambda], &[1.0]);
        assert_close("group, by λ", &found, &by_lambda, tolerance(2, 4.0, STEP));
        let v = simplex_case();
        let found = jacobian(|v| project_simplex(ArrayView1::from(v)).to_vec(), v.as_slice().unwrap());
        assert_close("simplex", &found, &project_simplex_jacobian(v.view()), tolerance(3, 1.0, STEP));
    }

    #[test]
    fn every_operator_is_a_prox() {
        const TAU: f64 = 0.7;
        type Operator = fn(ArrayView1<'_, f64>) -> Array1<f64>;
        type Objective = fn(ArrayView1<'_, f64>) -> f64;
        // An indicator allows for the rounding of the projection itself.
        let operators: [(&str, Operator, Objective); 7] = [
            ("soft threshold", |x| soft_threshold(x, TAU), |x| TAU * l1(x)),
            ("group", |x| group_soft_threshold(x, TAU), |x| TAU * norm(x)),
            ("simplex", |x| project_simplex(x), |x| indicator(x.iter().all(|&x| x >= 0.0) && (x.sum() - 1.0).abs() <= rounding(5, 1.0))),
            ("l2 ball", |x| project_l2_ball(x, TAU), |x| indicator(norm(x) <= TAU + rounding(5, 1.0))),
            ("l1 ball", |x| project_l1_ball(x, TAU), |x| indicator(l1(x) <= TAU + rounding(5, 1.0))),
            ("linf ball", |x| project_linf_ball(x, TAU), |x| indicator(linf(x) <= TAU)),
            ("linf", |x| prox_linf(x, TAU), |x| TAU * linf(x)),
        ];
        for (name, prox, f) in operators {
            for seed in 0..20 {
                let (x, y) = (random::normal(seed, 3), random::normal(100 + seed, 3));
                assert!(firmness_gap(prox, x.view(), y.view()) <= rounding(3, 10.0), "{name}: not firmly non-expansive, seed {seed}");
                let gap = brute_force_gap(f, x.view(), prox(x.view()).view(), 200 + seed, 500);
                assert!(gap <= rounding(10, 10.0), "{name}: a point is better by {gap:e}, seed {seed}");
            }
        }
    }

    #[test]
    fn pairs_of_conjugates_satisfy_moreaus_identity() {
        const TAU: f64 = 0.7;
        for seed in 0..20 {
            let x = random::normal(seed, 6);
            let pairs = [
                moreau_gap(|x| soft_threshold(x, TAU), |x| project_linf_ball(x, TAU), x.view()),
                moreau_gap(|x| group_soft_threshold(x, TAU), |x| project_l2_ball(x, TAU), x.view()),
                moreau_gap(|x| prox_linf(x, TAU), |x| project_l1_ball(x, TAU), x.view()),
            ];
            assert!(pairs.iter().all(|gap| *gap <= rounding(6, 3.0)), "{pairs:?}");
        }
    }

    #[test]
    fn wrong_operators_are_found_out() {
        let x = array![1.0, -0.5];
        let wrong = soft_threshold(x.view(), 0.6);
        assert!(brute_force_gap(|x| 0.5 * l1(x), x.view(), wrong.view(), 1, 500) > 1e-3);
        assert!(firmness_gap(|x| &x * 1.5, x.view(), array![0.0, 0.0].view()) > 0.0);
    }
}
