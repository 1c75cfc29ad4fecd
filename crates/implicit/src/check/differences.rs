//! Differences of a value along a line, at steps of many lengths: the length is chosen where truncation and the error of the value balance.
use hypertape_autodiff::Result;

/// The longest step, relative to the numbers that move.
pub(super) const LONGEST: f64 = 0.05;
/// Each step is so much shorter than the one before.
const SHORTER: f64 = 4.0;
/// The most steps.
const STEPS: usize = 9;
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
    pub(super) shape: Shape,
}

/// The slopes at one length.
#[derive(Clone, Copy)]
struct Pair {
    step: f64,
    below: f64,
    above: f64,
}

impl Pair {
    fn central(&self) -> f64 {
        0.5 * (self.below + self.above)
    }
    fn gap(&self) -> f64 {
        (self.above - self.below).abs()
    }
}

/// The derivative at 0 of a value that is known up to `noise`; `at` is the value at 0. Slopes that differ by less than `accuracy` of themselves are one slope.
///
/// Of central differences at h and h/4 the extrapolation is (16 D(h/4) − D(h))/15. Its correction stands for the truncation, of size h², and `noise`/h for the error of the value;
/// the length with the least sum is taken. Lengths at which the value cannot be computed are left out.
pub(super) fn slope(value: &mut dyn FnMut(f64) -> Result<f64>, at: f64, noise: f64, accuracy: f64) -> Result<Slope> {
    let mut pairs: Vec<Pair> = vec![];
    let (mut best, mut failed) = (None::<(f64, f64)>, None);
    let mut step = LONGEST;
    for _ in 0..STEPS {
        match value(step).and_then(|above| Ok((above, value(-step)?))) {
            Ok((above, below)) => pairs.push(Pair { step, below: (at - below) / step, above: (above - at) / step }),
            Err(e) => failed = Some(e),
        }
        if let [.., long, short] = &pairs[..] {
            let extrapolated = (16.0 * short.central() - long.central()) / 15.0;
            let error = (extrapolated - short.central()).abs() + noise / short.step;
            if best.is_none_or(|b| error < b.1) {
                best = Some((extrapolated, error));
            }
        }
        // Shorter steps can only be worse.
        if pairs.len() > 3 && best.is_some_and(|b| noise * SHORTER / step > b.1) {
            break;
        }
        step /= SHORTER;
    }
    let (Some((value, error)), Some(last)) = (best, pairs.last()) else {
        return match failed {
            Some(e) => Err(e),
            None => Ok(Slope { value: f64::NAN, error: f64::INFINITY, sides: [f64::NAN; 2], shape: Shape::Smooth }),
        };
    };
    let clear = |p: &&Pair| p.gap() > CLEAR * 2.0 * noise / p.step && p.gap() > accuracy * p.below.abs().max(p.above.abs());
    let seen: Vec<&Pair> = pairs.iter().filter(clear).collect();
    let shape = match seen[..] {
        // A gap of a smooth value shrinks with the step; one that has fallen under the error of the value by then is none.
        [.., long, short] if std::ptr::eq(short, last) || noise * CLEAR * 8.0 < short.gap() * short.step / SHORTER => {
            let ratio = short.gap() / long.gap();
            if ratio < 0.6 {
                Shape::Smooth
            } else if ratio <= 2.0 {
                Shape::Kink
            } else {
                Shape::Jump
            }
        }
        _ => Shape::Smooth,
    };
    let sides = match (shape, &seen[..]) {
        (Shape::Smooth, _) | (_, []) => [value; 2],
        // What is left of first order is taken off.
        (_, [.., long, short]) => [(4.0 * short.below - long.below) / 3.0, (4.0 * short.above - long.above) / 3.0],
        (_, [one]) => [one.below, one.above],
    };
    Ok(Slope { value, error, sides, shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(f: impl Fn(f64) -> f64, noise: f64) -> Slope {
        slope(&mut |t| Ok(f(t)), f(0.0), noise, 1e-3).unwrap()
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
    fn what_lies_outside_of_the_domain_is_left_out() {
        let outside = hypertape_autodiff::Error::new("ln", "outside");
        let s = slope(&mut |t| if t < -0.001 { Err(outside.clone()) } else { Ok((t + 0.002).ln()) }, 0.002_f64.ln(), 1e-15, 1e-3).unwrap();
        assert!((s.value - 500.0).abs() < 500.0 * 1e-4, "{s:?}");
    }
}
