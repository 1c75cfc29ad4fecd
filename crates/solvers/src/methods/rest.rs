//! Steps at rest: where the solution no longer moves, its derivative still does.
use crate::handles::{at_most, choose, counters, entry, epsilon, like, pick, products, select, shape, squares};
use hypertape_autodiff::Site;
use hypertape_autodiff::array::{Kind, LeafType};
use hypertape_autodiff::record::{DynVar, Scalar, Var, apply, normal, scalar, scan_until, stop_gradient, zeros_like};
use hypertape_autodiff::tree::{Leaf, Vars};

/// The most conjugate-gradient iterations for one inverse.
pub(super) const TURNS: usize = 200;
/// The key of the probe: any will do.
const KEY: u64 = 0x7e57;
/// An inverse that leaves more than this of the probe is not taken.
const ENOUGH: f64 = 1e-3;

/// What conjugate gradients on a random right-hand side say of a symmetric matrix: coefficients of a polynomial M that is nearly its inverse,
/// the same for every right-hand side, and a bound of its largest eigenvalue. All are constants for derivatives.
pub(super) struct Inverse {
    alphas: DynVar,
    betas: DynVar,
    turns: Var,
    /// A bound of ‖A‖, at most a few times too large (Gershgorin on the tridiagonal matrix of the iteration); 0 where nothing is known.
    pub(super) bound: Var,
    /// ‖I − AM‖ as the probe sees it: an error of the derivative shrinks by this factor.
    pub(super) left: Var,
}

/// A number in place k of a vector.
#[track_caller]
fn put(into: DynVar, k: Var, value: Var) -> DynVar {
    let n = shape(into).first().copied().unwrap_or(0);
    apply("put", &[into, k.to_dyn(), value.to_dyn(), counters(n).to_dyn()], Site::caller(), |b, v| {
        let (place, shape) = (b.cast(v[3], Kind::F64), b.shape(v[0]));
        let (k, value) = (b.broadcast_to(v[1], &shape), b.broadcast_to(v[2], &shape));
        let other = b.not_equal(place, k);
        b.select(other, v[0], value)
    })
}

/// Runs conjugate gradients (Hestenes and Stiefel 1952) on a random vector, for at most `most` turns: `product` gives A·v for a symmetric A of either
/// sign. Curvatures that are rounding next to the largest end it.
#[track_caller]
pub(super) fn inverse<W: Vars>(of: &W, most: usize, product: impl Fn(&W) -> W) -> Inverse {
    let number = |v: f64| scalar::<f64>(v);
    let n: usize = of.flat().iter().filter_map(|v| v.leaf_type()).map(|t| t.len()).sum();
    let most = most.min(3 * n + 2);
    let mut leaf = 0u32;
    let probe = of.map(&mut |v| {
        leaf += 1;
        like(Scalar::Var(normal(KEY, leaf, Leaf::<f64>::new(shape(v))).to_dyn()), v)
    });
    let length = squares(&probe);
    let (goal, rounding) = ((10.0 * epsilon(of)).powi(2), n as f64 * epsilon(of));
    let none = apply("full", &[], Site::caller(), |b, _| b.full(&LeafType::new(&[most], Kind::F64), 0.0));
    // residual and direction; its square, the largest curvature, the bound, the last 1/α and β; turns and whether it is over; all α and β.
    let start =
        ((probe.clone(), probe), [length, number(0.0), number(0.0), number(0.0), number(0.0)], [number(0.0), number(0.0)], (none, none));
    let ((..), [left, _, bound, ..], [turns, _], (alphas, betas)) = scan_until(
        start,
        most,
        |(_, _, [_, over], _)| *over,
        |((r, d), [rr, top, bound, before, beta_before], [turns, _], (alphas, betas)), _| {
            let ad = product(&d);
            let (curvature, dd) = (products(&d, &ad), squares(&d));
            let ratio = (curvature / pick(number(0.0).less_than(dd), dd, number(1.0))).abs();
            let top_now = top.max(ratio);
            let good = (rounding * top_now).less_than(ratio) * at_most(ratio, number(f64::MAX));
            let alpha = rr / pick(good, curvature, number(1.0));
            let left = r.add_scaled(-alpha, &ad);
            let now = squares(&left);
            let beta = now / rr;
            let ahead = left.add_scaled(beta, &d);
            // The row of the tridiagonal matrix: its diagonal, and what stands beside it.
            let inverse = (curvature / rr).abs();
            let row = inverse * (1.0 + beta.sqrt()) + before * (beta_before + beta_before.sqrt());
            let carry = choose(good, &(left, ahead), &(r, d));
            let numbers = [
                pick(good, now, rr),
                pick(good, top_now, top),
                pick(good, bound.max(row), bound),
                pick(good, inverse, before),
                pick(good, beta, beta_before),
            ];
            let kept = (select(good, put(alphas, turns, alpha), alphas), select(good, put(betas, turns, beta), betas));
            let over = (1.0 - good).max(at_most(now, goal * length));
            (carry, numbers, [turns + good, over], kept)
        },
    );
    let left = (left / pick(number(0.0).less_than(length), length, number(1.0))).sqrt();
    let (alphas, betas, turns, bound, left) = stop_gradient(&(alphas, betas, turns, bound, left));
    // Not solved: one step of length 1/(2‖A‖), which shrinks every error a little, and none of it grows.
    let solved = at_most(left, number(ENOUGH));
    let short = 0.5 / pick(number(0.0).less_than(bound), bound, number(f64::MAX));
    let first = put(alphas, number(0.0), short);
    Inverse {
        alphas: select(solved, alphas, first),
        betas,
        turns: pick(solved, turns, number(1.0)),
        bound,
        left: pick(solved, left.max(number(f64::EPSILON)), number(1.0)),
    }
}

impl Inverse {
    /// M g, linear in g.
    #[track_caller]
    pub(super) fn times<W: Vars>(&self, g: &W, product: impl Fn(&W) -> W) -> W {
        let most = shape(self.alphas).first().copied().unwrap_or(0);
        let start = ((zeros_like(g), g.clone(), g.clone()), scalar::<f64>(0.0));
        let ((x, ..), _) = scan_until(
            start,
            most,
            |(_, turn)| at_most(self.turns, *turn),
            |((x, r, d), turn), k| {
                let number = |v: DynVar| Scalar::Var(entry(v, k));
                let (alpha, beta) = (number(self.alphas), number(self.betas));
                let left = r.minus(&product(&d).scaled(alpha));
                ((x.add_scaled(alpha, &d), left.clone(), left.add_scaled(beta, &d)), turn + 1.0)
            },
        );
        x
    }
}

/// d with the value 0 and its own derivative: a step that leaves where it is what it is subtracted from.
#[track_caller]
pub(super) fn still<W: Vars>(d: &W) -> W {
    d.minus(&stop_gradient(d))
}
