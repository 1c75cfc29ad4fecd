//! Where the outer variables may lie: projections, and positive variables by their logarithms.
use hypertape_autodiff::ErrorKind;

/// A closed convex set of vectors with a projection, or the positive numbers, which are optimised by their logarithms.
///
/// ```
/// use hypertape_bilevel::Domain;
/// let mut x = vec![0.5, 0.9, -1.0];
/// Domain::simplex().project(&mut x);
/// assert!((x[0] - 0.3).abs() < 1e-15 && (x[1] - 0.7).abs() < 1e-15 && x[2] == 0.0);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Domain(Set);

#[derive(Debug, Clone, PartialEq, Default)]
enum Set {
    #[default]
    All,
    Box(f64, f64),
    Simplex,
    Ball(f64),
    Positive,
    /// Parts of the vector, with their lengths.
    Each(Vec<(usize, Domain)>),
}

/// The least and the largest value of an outer variable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The least one.
    pub low: f64,
    /// The largest one.
    pub high: f64,
}

impl Bounds {
    /// The value that lies this share of the way from the least to the largest one.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        // Both ends are met, and nothing overflows.
        ((1.0 - share) * self.low + share * self.high).clamp(self.low, self.high)
    }
}

impl Domain {
    /// All vectors.
    #[must_use]
    pub fn all() -> Self {
        Domain(Set::All)
    }
    /// low ≤ xᵢ ≤ high; either may be infinite.
    #[must_use]
    pub fn boxed(low: f64, high: f64) -> Self {
        Domain(Set::Box(low, high))
    }
    /// xᵢ ≥ 0 and Σ xᵢ = 1, by sorting (Held, Wolfe and Crowder 1974).
    #[must_use]
    pub fn simplex() -> Self {
        Domain(Set::Simplex)
    }
    /// ‖x‖₂ ≤ radius.
    #[must_use]
    pub fn ball(radius: f64) -> Self {
        Domain(Set::Ball(radius))
    }
    /// xᵢ > 0: a loop moves u = ln x without constraints, and its gradient is x times that by x.
    #[must_use]
    pub fn positive() -> Self {
        Domain(Set::Positive)
    }
    /// Parts of the vector one after the other, such as the leaves of a structure: so many entries of each.
    #[must_use]
    pub fn each(parts: impl IntoIterator<Item = (usize, Domain)>) -> Self {
        Domain(Set::Each(parts.into_iter().collect()))
    }
    /// What is wrong with it for a vector of n entries.
    pub(crate) fn check(&self, n: usize) -> Result<(), ErrorKind> {
        match &self.0 {
            Set::Box(low, high) if !(low <= high && *low < f64::INFINITY && *high > f64::NEG_INFINITY) => {
                Err(ErrorKind::Other(format!("the box from {low} to {high} is empty; give a lower bound that is at most the upper one")))
            }
            Set::Ball(r) if !(r.is_finite() && *r >= 0.0) => {
                Err(ErrorKind::setting("radius of a ball", *r, "give a finite number that is not negative"))
            }
            Set::Simplex if n == 0 => Err(ErrorKind::Other("the simplex of no entries is empty; give at least one outer variable".into())),
            Set::Each(parts) => {
                let all = parts.iter().fold(0_usize, |all, p| all.saturating_add(p.0));
                if all != n {
                    let problem = format!("the parts of the domain have {all} entries, and the outer variables {n}; give as many");
                    return Err(ErrorKind::Other(problem));
                }
                parts.iter().try_for_each(|(m, d)| d.check(*m))
            }
            _ => Ok(()),
        }
    }
    /// Whether each entry is held by itself alone, as in a box: there a descent that scales entries one by one stays one.
    pub(crate) fn separable(&self) -> bool {
        match &self.0 {
            Set::Simplex | Set::Ball(_) => false,
            Set::Each(parts) => parts.iter().all(|(_, d)| d.separable()),
            _ => true,
        }
    }
    /// A positive variable whose exponential is 0 or ∞.
    pub(crate) fn left_range(&self, free: &[f64]) -> Option<usize> {
        match &self.0 {
            Set::Positive => free.iter().position(|u| !(u.exp() > 0.0 && u.exp() < f64::INFINITY)),
            Set::Each(parts) => {
                let mut from = 0;
                parts.iter().find_map(|(n, d)| {
                    let part = free.get(from..from + n).unwrap_or_default();
                    from += n;
                    d.left_range(part).map(|i| from - n + i)
                })
            }
            _ => None,
        }
    }
    /// What is wrong with it for a loop that scales entries one by one.
    pub(crate) fn scaled_by(&self, name: &str) -> Result<(), ErrorKind> {
        if self.separable() {
            return Ok(());
        }
        Err(ErrorKind::Other(format!(
            "{name} scales each variable by itself, and such steps back onto a simplex or a ball settle where nothing is least; use gradient descent, HOAG, MAID or L-BFGS, or variables without constraints such as those of a softmax"
        )))
    }
    /// The bounds of each of n entries, for loops that need a box.
    pub(crate) fn bounds(&self, n: usize) -> Result<Vec<Bounds>, ErrorKind> {
        match &self.0 {
            Set::Box(low, high) if low.is_finite() && high.is_finite() => Ok(vec![Bounds { low: *low, high: *high }; n]),
            Set::Each(parts) => Ok(parts.iter().map(|(m, d)| d.bounds(*m)).collect::<Result<Vec<_>, _>>()?.concat()),
            _ => {
                let problem = "a search needs finite bounds of every outer variable; give them by `within(Domain::boxed(low, high))`";
                Err(ErrorKind::Other(problem.into()))
            }
        }
    }
    /// The nearest point of the set; of positive numbers, nothing changes.
    pub fn project(&self, x: &mut [f64]) {
        match &self.0 {
            Set::All | Set::Positive => {}
            // What is not a number stays so, and is found.
            Set::Box(low, high) => x.iter_mut().for_each(|x| {
                *x = if *x < *low {
                    *low
                } else if *x > *high {
                    *high
                } else {
                    *x
                }
            }),
            Set::Simplex => simplex(x),
            Set::Ball(radius) => {
                let length = hypertape_linear::norm(x);
                if length > *radius {
                    x.iter_mut().for_each(|x| *x *= radius / length);
                }
            }
            Set::Each(parts) => each(parts, x, &mut |d, part| d.project(part)),
        }
    }
    /// Moves to free − step · direction, and back into the set; returns how far that is.
    pub(crate) fn advance(&self, free: &mut [f64], step: f64, direction: &[f64]) -> f64 {
        let before = free.to_vec();
        free.iter_mut().zip(direction).for_each(|(x, d)| *x -= step * d);
        self.project(free);
        let moved: Vec<f64> = free.iter().zip(&before).map(|(a, b)| a - b).collect();
        hypertape_linear::norm(&moved)
    }
    /// The variables that a loop moves, from x; positive numbers only where it asks for them.
    pub(crate) fn free_of(&self, x: &mut [f64]) -> Result<(), ErrorKind> {
        match &self.0 {
            Set::Positive => {
                if let Some(bad) = x.iter().find(|x| x.is_nan() || **x <= 0.0) {
                    return Err(ErrorKind::setting("outer variable in a positive domain", *bad, "start from a positive number"));
                }
                x.iter_mut().for_each(|x| *x = x.ln());
                Ok(())
            }
            Set::Each(parts) => {
                let mut result = Ok(());
                each(parts, x, &mut |d, part| {
                    if result.is_ok() {
                        result = d.free_of(part);
                    }
                });
                result
            }
            _ => {
                self.project(x);
                Ok(())
            }
        }
    }
    /// x from the variables that a loop moves.
    pub(crate) fn outer_of(&self, u: &mut [f64]) {
        match &self.0 {
            Set::Positive => u.iter_mut().for_each(|u| *u = u.exp()),
            Set::Each(parts) => each(parts, u, &mut |d, part| d.outer_of(part)),
            _ => {}
        }
    }
    /// The gradient by the variables that a loop moves, from that by x.
    pub(crate) fn pull(&self, x: &[f64], gradient: &mut [f64]) {
        match &self.0 {
            Set::Positive => gradient.iter_mut().zip(x).for_each(|(g, x)| *g *= x),
            Set::Each(parts) => {
                let mut from = 0;
                each(parts, gradient, &mut |d, part| {
                    let to = from + part.len();
                    d.pull(&x[from..to], part);
                    from = to;
                });
            }
            _ => {}
        }
    }
}

fn each(parts: &[(usize, Domain)], x: &mut [f64], f: &mut dyn FnMut(&Domain, &mut [f64])) {
    let mut rest = x;
    for (n, domain) in parts {
        let (part, others) = rest.split_at_mut((*n).min(rest.len()));
        f(domain, part);
        rest = others;
    }
}

/// The projection onto the simplex: max(x − t, 0) with the t for which the sum is 1.
fn simplex(x: &mut [f64]) {
    // Large numbers must not drown the 1: the set is reached from x shifted by a number for all entries.
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sorted: Vec<f64> = x.iter().map(|v| v - largest).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut t) = (0.0, 0.0);
    for (k, v) in sorted.iter().enumerate() {
        sum += v;
        let shift = (sum - 1.0) / (k + 1) as f64;
        if *v > shift {
            t = shift;
        } else {
            break;
        }
    }
    x.iter_mut().for_each(|v| *v = (*v - largest - t).max(0.0));
}
