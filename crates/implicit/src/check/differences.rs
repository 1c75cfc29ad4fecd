//! Differences of a value along a line, at steps of many lengths: the length is chosen where truncation and the error of the value balance.
use hypertape_autodiff::Result;

/// The longest step, relative to the numbers that move.
pub(super) const LONGEST: f64 = 0.05;
/// Each step is so much shorter than the one before.
const SHORTER: f64 = 4.0;
/// Steps at the most, and where the slope is not seen by then.
const STEPS: usize = 9;
const MORE: usize = 15;
/// Over how many errors of the value two slopes must be apart to count as different.
const CLEAR: f64 = 4.0;

/// What the value looks like along a line, as far as its error lets see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Smooth,
    /// The slopes of both sides differ, however short the steps.
    Kink,
    /// The value itself differs: slopes grow as steps become shorter.
    Jump,
    /// None of these at the steps that were made, as of a value that oscillates.
    Unclear,
}

/// The error of a value: at the point, by how much it grows per unit of the step, and relative to the value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    pub(super) here: f64,
    pub(super) grows: f64,
    pub(super) epsilon: f64,
}

/// A value, and whether the solve behind it moved. One that did not, from a start that is the solution beside it, says nothing of a short step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) value: f64,
    pub(super) moved: bool,
}

/// A derivative along a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slope {
    /// By central differences, extrapolated (Richardson 1911).
    pub(super) value: f64,
    /// What truncation, and the error of the value, leave of it.
    pub(super) error: f64,
    /// From below and from above.
    pub(super) sides: [f64; 2],
    /// The smaller of the slopes to the ends of the longest step: what the derivative is nearby, on the side where it is less. At a stationary point both are the curvature times half of the step.
    pub(super) nearby: f64,
    /// The change of the value across the shortest step.
    pub(super) by: f64,
    pub(super) shape: Shape,
}

/// The slopes at one length.
#[derive(Clone, Copy)]
struct Pair {
    below: f64,
    above: f64,
    /// The error of either slope.
    error: f64,
}

impl Pair {
    fn central(&self) -> f64 {
        0.5 * (self.below + self.above)
    }
    fn gap(&self) -> f64 {
        (self.above - self.below).abs()
    }
    /// Whether a gap of this size would be seen.
    fn shows(&self, gap: f64, accuracy: f64) -> bool {
        gap > 2.0 * CLEAR * self.error && gap > accuracy * self.below.abs().max(self.above.abs())
    }
}

/// The derivative at 0 of a value that is known up to `noise`; `at` is the value at 0. Slopes that differ by less than `accuracy` of themselves are one slope.
///
/// Of central differences at h and h/4 the extrapolation is (16 D(h/4) − D(h))/15. Its correction stands for the truncation, of size h², and `noise`/h for the error of the value;
/// the length with the least sum is taken, if the slopes at shorter ones are within both errors of it. Lengths at which the value cannot be computed are left out.
pub(super) fn slope(value: &mut dyn FnMut(f64) -> Result<Seen>, at: f64, noise: Noise, accuracy: f64) -> Result<Slope> {
    let mut pairs: Vec<Pair> = vec![];
    let (mut levels, mut best, mut failed, mut by) = (vec![], None::<(f64, f64)>, None, 0.0);
    let (mut step, mut moves) = (LONGEST, false);
    for k in 0..MORE {
        let unseen = best.is_none_or(|(value, error)| error > 0.1 * accuracy * value.abs());
        if k >= STEPS && !unseen {
            break;
        }
        match value(step).and_then(|above| Ok((above, value(-step)?))) {
            // Steps that are so short that no solve sees them.
            Ok((above, below)) if moves && !(above.moved && below.moved) => break,
            Ok((above, below)) => {
                moves |= above.moved && below.moved;
                let (above, below) = (above.value, below.value);
                // That of the values, and of the point itself where the step is short.
                let rounding = noise.epsilon * (8.0 * above.abs().max(below.abs()) + (above - below).abs() / step);
                let error = (noise.here + noise.grows * step).max(rounding) / step;
                by = above - below;
                pairs.push(Pair { below: (at - below) / step, above: (above - at) / step, error });
            }
            Err(e) => failed = Some(e),
        }
        if let [.., long, short] = &pairs[..] {
            let extrapolated = (16.0 * short.central() - long.central()) / 15.0;
            let error = (extrapolated - short.central()).abs() + short.error;
            levels.push((extrapolated, error));
            best = least(&levels);
        }
        // Shorter steps can only be worse; one of them bears the best one out.
        let borne = best.is_some() && best.as_ref() != levels.last();
        if pairs.len() > 3 && borne && best.is_some_and(|b| noise.here * SHORTER / step > b.1) {
            break;
        }
        step /= SHORTER;
    }
    // Where no slope holds there is none that is known.
    let none = levels.last().map(|l| (l.0, f64::INFINITY));
    let (Some((value, mut error)), Some(first)) = (best.or(none), pairs.first()) else {
        return match failed {
            Some(e) => Err(e),
            None => Ok(Slope { value: f64::NAN, error: f64::INFINITY, sides: [f64::NAN; 2], nearby: 0.0, by, shape: Shape::Smooth }),
        };
    };
    let nearby = first.below.abs().min(first.above.abs());
    let mut shape = shape(&pairs, accuracy);
    if shape == Shape::Smooth && error == f64::INFINITY {
        shape = Shape::Unclear;
    }
    if shape == Shape::Unclear {
        error = f64::INFINITY;
    }
    let seen: Vec<&Pair> = pairs.iter().filter(|p| p.shows(p.gap(), accuracy)).collect();
    let sides = match (shape, &seen[..]) {
        (Shape::Smooth | Shape::Unclear, _) | (_, []) => [value; 2],
        // What is left of first order is taken off.
        (_, [.., long, short]) => [(4.0 * short.below - long.below) / 3.0, (4.0 * short.above - long.above) / 3.0],
        (_, [one]) => [one.below, one.above],
    };
    Ok(Slope { value, error, sides, nearby, by, shape })
}

/// The slope with the least error, of those that all shorter steps bear out, and a neighbour besides. Slopes over a value that oscillates agree by chance, and with nothing else.
fn least(levels: &[(f64, f64)]) -> Option<(f64, f64)> {
    let alike = |k: usize, j: usize| (levels[k].0 - levels[j].0).abs() <= CLEAR * (levels[k].1 + levels[j].1);
    let n = levels.len();
    let holds = |k: &usize| (k + 1..n).all(|j| alike(*k, j)) && (n == 1 || k + 1 < n || alike(*k, k - 1));
    (0..n).filter(holds).map(|k| levels[k]).min_by(|a, b| a.1.total_cmp(&b.1))
}

/// By what the gaps between both slopes do as the step becomes shorter: those of a smooth value shrink with it, of a kink they stay, of a jump they grow as its inverse.
fn shape(pairs: &[Pair], accuracy: f64) -> Shape {
    let seen = |p: &Pair| p.shows(p.gap(), accuracy);
    let Some(last) = pairs.iter().rposition(seen) else { return Shape::Smooth };
    let run = pairs[..=last].iter().rev().take_while(|p| seen(p)).count();
    // Of a value that oscillates neighbours are alike by chance: three of them are asked.
    let ratios: Vec<f64> = pairs[last + 1 - run..=last].windows(2).rev().take(2).map(|w| w[1].gap() / w[0].gap()).collect();
    let of = |ratio: f64| match ratio {
        r if r < 0.6 => Shape::Smooth,
        r if r <= 2.0 => Shape::Kink,
        r if r <= 1.5 * SHORTER => Shape::Jump,
        _ => Shape::Unclear,
    };
    let [first, rest @ ..] = &ratios[..] else { return Shape::Smooth };
    let found = of(*first);
    // A gap that a shorter step would show, and does not, is of something beside the point.
    let next = match found {
        Shape::Kink => pairs[last].gap(),
        Shape::Jump => SHORTER * pairs[last].gap(),
        _ => return found,
    };
    if pairs.get(last + 1).is_some_and(|p| p.shows(next, accuracy)) {
        return Shape::Smooth;
    }
    if rest.iter().all(|r| of(*r) == found) { found } else { Shape::Unclear }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(value: f64) -> Seen {
        Seen { value, moved: true }
    }
    fn of_size(here: f64) -> Noise {
        Noise { here, grows: 0.0, epsilon: f64::EPSILON }
    }
    fn of(f: impl Fn(f64) -> f64, noise: f64) -> Slope {
        slope(&mut |t| Ok(seen(f(t))), f(0.0), of_size(noise), 1e-3).unwrap()
    }

    #[test]
    fn smooth_functions_within_the_stated_error() {
        for noise in [1e-15, 1e-9, 1e-5] {
            let s = of(|t| (3.0 * t).exp() + noise * (1e9 * t).sin(), noise);
            assert!(s.shape == Shape::Smooth && (s.value - 3.0).abs() <= s.error, "{s:?}");
            assert!(s.error < 300.0 * noise.powf(0.6), "{s:?}");
        }
    }
    #[test]
    fn kinks_jumps_and_roots() {
        let kink = of(|t| t.abs() + 2.0 * t + t * t, 1e-14);
        assert!(kink.shape == Shape::Kink && (kink.sides[0] - 1.0).abs() < 1e-6 && (kink.sides[1] - 3.0).abs() < 1e-6, "{kink:?}");
        assert_eq!(of(|t| if t > 0.0 { 1.0 } else { 0.0 } + t, 1e-14).shape, Shape::Jump);
        assert_eq!(of(|t| t.abs().powf(1.5), 1e-14).shape, Shape::Smooth);
    }
    #[test]
    fn a_kink_beside_the_point_is_none() {
        let s = of(|t| (t - 1e-4).abs(), 1e-15);
        assert!(s.shape == Shape::Smooth && (s.value + 1.0).abs() < 1e-6, "{s:?}");
    }
    #[test]
    fn a_jump_beside_the_point_is_none_and_one_at_it_says_its_size() {
        for place in [1e-2, 1e-3, -1e-5] {
            let s = of(|t| t + if t > place { 1.0 } else { 0.0 }, 1e-15);
            assert!(s.shape == Shape::Smooth && (s.value - 1.0).abs() < 1e-6, "{place:e}: {s:?}");
        }
        let s = of(|t| t - if t > 0.0 { 3.0 } else { 0.0 }, 1e-15);
        assert!((s.by + 3.0).abs() < 1e-6, "{s:?}");
    }
    #[test]
    fn steps_that_no_solve_sees_are_left_out() {
        let mut value = |t: f64| Ok(Seen { value: if t.abs() > 1e-3 { 2.0 * t } else { 0.0 }, moved: t.abs() > 1e-3 });
        let s = slope(&mut value, 0.0, of_size(1e-15), 1e-3).unwrap();
        assert!((s.value - 2.0).abs() < 1e-9 && s.shape == Shape::Smooth, "{s:?}");
    }
    #[test]
    fn oscillations() {
        // Seen at last, and never.
        let s = of(|t| (1e6 * t + 1.0).sin(), 1e-15);
        assert!(s.shape == Shape::Smooth && (s.value - 1e6 * 1.0_f64.cos()).abs() <= s.error.max(1.0) && s.error < 1e3, "{s:?}");
        for frequency in [3.1e11, 7.7e12, 1.3e14] {
            let s = of(|t| (frequency * t + 1.0).sin(), 1e-4);
            assert!(s.error > 0.1 * s.value.abs() || s.shape == Shape::Unclear, "{frequency:e}: {s:?}");
        }
    }
    #[test]
    fn a_value_that_grows_from_0_has_the_rounding_of_what_it_grows_to() {
        // At a step h the rounding is that of 3 h².
        let s = of(|t| 3.0 * t * t + 1e-17 * t, 0.0);
        assert!((s.value - 1e-17).abs() <= s.error, "{s:?}");
        // By 3/2 of 3/20.
        assert!((s.nearby - 0.15).abs() < 1e-12, "{s:?}");
    }
    #[test]
    fn what_lies_outside_of_the_domain_is_left_out() {
        let outside = hypertape_autodiff::Error::new("ln", "outside");
        let s = slope(
            &mut |t| if t < -0.001 { Err(outside.clone()) } else { Ok(seen((t + 0.002).ln())) },
            0.002_f64.ln(),
            of_size(1e-15),
            1e-3,
        )
        .unwrap();
        assert!((s.value - 500.0).abs() < 500.0 * 1e-4, "{s:?}");
    }
}
