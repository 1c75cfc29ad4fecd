//! What the examples share: pseudo-random data, and the check that each of them ends with, a gradient against central differences.
#![allow(dead_code, reason = "every example uses a part of this")]
use hypertape::array::{AnyArray, AnyView};
use hypertape::prelude::*;

/// Arrays that depend on a seed and the place of an element alone (splitmix64; Steele, Lea and Flood 2014), filled by rows.
pub(crate) mod random {
    use hypertape::ndarray::{Array, Dimension, IntoDimension};

    fn bits(seed: u64, index: u64) -> u64 {
        let z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// One number, uniform on [0, 1).
    pub(crate) fn unit(seed: u64, index: u64) -> f64 {
        (bits(seed, index) >> 11) as f64 * 2f64.powi(-53)
    }
    /// Uniform on [0, 1).
    pub(crate) fn uniform<S: IntoDimension>(seed: u64, shape: S) -> Array<f64, S::Dim> {
        fill(shape, |i| unit(seed, i))
    }
    /// Uniform on [−½, ½).
    pub(crate) fn sym<S: IntoDimension>(seed: u64, shape: S) -> Array<f64, S::Dim> {
        fill(shape, |i| unit(seed, i) - 0.5)
    }
    /// Standard normal (Box and Muller 1958).
    pub(crate) fn normal<S: IntoDimension>(seed: u64, shape: S) -> Array<f64, S::Dim> {
        fill(shape, |i| {
            let radius = (-2.0 * (-unit(seed, 2 * i)).ln_1p()).sqrt();
            radius * (std::f64::consts::TAU * unit(seed, 2 * i + 1)).cos()
        })
    }
    /// Whole numbers below `end`.
    pub(crate) fn below<S: IntoDimension>(seed: u64, shape: S, end: u32) -> Array<u32, S::Dim> {
        fill(shape, |i| (unit(seed, i) * f64::from(end)) as u32)
    }
    fn fill<T, S: IntoDimension>(shape: S, element: impl Fn(u64) -> T) -> Array<T, S::Dim> {
        let shape = shape.into_dimension();
        let elements = (0..shape.size() as u64).map(element).collect();
        Array::from_shape_vec(shape, elements).expect("there is one element for each index")
    }
}

/// The step of differences for points and directions of size one.
const STEP: f64 = 1.0 / 256.0;

/// How far values of a function are off, and how fast the function changes: what a difference of it can show.
#[derive(Clone, Copy)]
pub(crate) struct Accuracy {
    /// The error of one value, from rounding and from solves that stop at a tolerance.
    pub(crate) value: f64,
    /// The step of the differences. A short one keeps clear of kinks; its truncation error, step⁶ times a seventh derivative over 322560, is
    /// below rounding in all programs.
    pub(crate) step: f64,
}

impl Accuracy {
    /// Of a smooth function that adds or multiplies `size` numbers of size one.
    pub(crate) fn smooth(size: usize) -> Accuracy {
        Accuracy { value: f64::EPSILON * size as f64, step: STEP }
    }
    /// Of a function with kinks near by.
    pub(crate) fn with_kinks(size: usize) -> Accuracy {
        Accuracy { step: STEP / 4096.0, ..Accuracy::smooth(size) }
    }
    /// Where an inner solve leaves an error of this size.
    pub(crate) fn solved_to(self, error: f64) -> Accuracy {
        Accuracy { value: self.value + error, ..self }
    }
    /// The error that a difference may have.
    fn tolerance(self) -> f64 {
        (7.0 * f64::EPSILON / self.step + self.step.powi(6)).max(7.0 * self.value / self.step)
    }
}

/// The error to expect of two ways to compute the same number from `size` terms.
pub(crate) fn rounding(size: usize, scale: f64) -> f64 {
    4.0 * f64::EPSILON * size.max(1) as f64 * scale
}

/// Fails, and names the worst entry, when two lists differ by more than an absolute tolerance. NaN is never close.
#[track_caller]
pub(crate) fn assert_close<'a>(
    what: &str,
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let (found, expected): (Vec<&f64>, Vec<&f64>) = (found.into_iter().collect(), expected.into_iter().collect());
    assert_eq!(found.len(), expected.len(), "{what}: the lengths differ");
    let mut worst = 0.0;
    for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
        let apart = if f == e { 0.0 } else { (*f - *e).abs() };
        assert!(apart <= tolerance, "{what}[{i}]: found {f:e}, expected {e:e}; {apart:e} apart, {tolerance:e} allowed");
        worst = apart.max(worst);
    }
    println!("{what}: {worst:.1e} apart, {tolerance:.1e} allowed");
}

/// The real numbers of some arrays, one after another.
pub(crate) fn flat<S: Structure>(arrays: &impl Feed<S>) -> Vec<f64> {
    let mut all = vec![];
    arrays.feed(&mut |v: AnyView<'_>| {
        if v.kind().is_real() {
            all.extend(v.to_owned().to_f64());
        }
    });
    all
}

/// The derivative of `f` at `x` along `v`: (64 D(h/4) − 20 D(h/2) + D(h)) / 45 with D(h) = (f(x + h v) − f(x − h v)) / 2h (Richardson 1911).
fn difference(mut f: impl FnMut(&[f64]) -> f64, x: &[f64], v: &[f64], step: f64) -> f64 {
    let mut central = |h: f64| {
        let mut at = |h: f64| f(&x.iter().zip(v).map(|(x, v)| x + h * v).collect::<Vec<_>>());
        (at(h) - at(-h)) / (2.0 * h)
    };
    (64.0 * central(step / 4.0) - 20.0 * central(step / 2.0) + central(step)) / 45.0
}

/// Fails unless `gradient` is that of `f` at `at`, along four pseudo-random directions of all real inputs.
#[track_caller]
pub(crate) fn agrees<I: Structure>(f: &Function<I, Leaf>, at: &impl Feed<I>, gradient: &impl Feed<I>, accuracy: Accuracy) -> Result<()> {
    let mut leaves: Vec<AnyArray> = vec![];
    at.feed(&mut |v: AnyView<'_>| leaves.push(v.to_owned()));
    let shapes = f.inputs().leaf_types().into_iter().map(AnyLeaf).collect::<Vec<_>>();
    let untyped = Function::with_doors((*f.program()?).clone(), shapes, f.outputs().clone())?;
    let mut workspace = untyped.workspace();
    let (x, slopes) = (flat(at), flat(gradient));
    assert_eq!(x.len(), slopes.len(), "a gradient has as many numbers as the point");
    let (mut found, mut expected) = (vec![], vec![]);
    for seed in 0..4 {
        let v = random::sym(seed, x.len()).to_vec();
        let mut problem = None;
        let value = |x: &[f64]| {
            let mut rest = x;
            for a in leaves.iter_mut().filter(|a| a.kind().is_real()) {
                let t = a.leaf_type();
                let (mine, others) = rest.split_at(t.len());
                *a = AnyArray::from_f64(&t, mine).expect("as many numbers as the array has");
                rest = others;
            }
            let value = workspace.run(&leaves).and_then(|v| v.number());
            value.unwrap_or_else(|e| {
                problem = Some(e);
                f64::NAN
            })
        };
        expected.push(difference(value, &x, &v, accuracy.step));
        if let Some(e) = problem {
            return Err(e);
        }
        found.push(slopes.iter().zip(&v).map(|(g, v)| g * v).sum::<f64>());
    }
    assert_close("derivatives along four directions, against differences", &found, &expected, accuracy.tolerance());
    Ok(())
}

/// [`agrees`] with the function's own gradient by all inputs, which is returned.
#[track_caller]
pub(crate) fn check<I: Structure>(f: &Function<I, Leaf>, at: impl Feed<I>, accuracy: Accuracy) -> Result<I::Arrays> {
    let gradient = f.gradient(&at)?;
    agrees(f, &at, &gradient, accuracy)?;
    Ok(gradient)
}
