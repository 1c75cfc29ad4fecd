//! The check that every program ends with: a gradient against central differences in a few directions.
use hypertape::array::{AnyArray, AnyView};
use hypertape::prelude::*;
use hypertape_testkit::{differences, random};

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
        Accuracy { value: f64::EPSILON * size as f64, step: differences::STEP }
    }
    /// Of a function with kinks near by.
    pub(crate) fn with_kinks(size: usize) -> Accuracy {
        Accuracy { step: differences::STEP / 4096.0, ..Accuracy::smooth(size) }
    }
    /// Where an inner solve leaves an error of this size.
    pub(crate) fn solved_to(self, error: f64) -> Accuracy {
        Accuracy { value: self.value + error, ..self }
    }
    /// The error that a difference may have.
    fn tolerance(self) -> f64 {
        differences::tolerance(1, 1.0, self.step).max(7.0 * self.value / self.step)
    }
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
            vec![value.unwrap_or_else(|e| {
                problem = Some(e);
                f64::NAN
            })]
        };
        let difference = differences::jvp_with(value, &x, &v, accuracy.step);
        if let Some(e) = problem {
            return Err(e);
        }
        let along: f64 = slopes.iter().zip(&v).map(|(g, v)| g * v).sum();
        differences::assert_close("directional derivative", &[along], &difference, accuracy.tolerance());
    }
    Ok(())
}

/// [`agrees`] with the function's own gradient by all inputs, which is returned.
#[track_caller]
pub(crate) fn check<I: Structure>(f: &Function<I, Leaf>, at: impl Feed<I>, accuracy: Accuracy) -> Result<I::Arrays> {
    let gradient = f.gradient(&at)?;
    agrees(f, &at, &gradient, accuracy)?;
    Ok(gradient)
}
