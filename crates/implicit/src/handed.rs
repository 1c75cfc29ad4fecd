//! Secant pairs that a quasi-Newton method hands over: from arrays of the recording to what linear solvers take.
use crate::flat;
use crate::stamp::Stamp;
use hypertape_autodiff::array::{AnyView, LeafType};
use hypertape_linear::Secants;
use ndarray::Axis;

/// The pairs of one point, as one operation holds them.
#[derive(Debug)]
pub(crate) struct Handed {
    secants: Secants,
    s: Vec<f64>,
    y: Vec<f64>,
    /// The point that they belong to.
    at: Option<Stamp>,
}

impl Handed {
    /// None yet, for n unknowns.
    pub(crate) fn new(n: usize) -> Self {
        Handed { secants: Secants::new(n), s: vec![], y: vec![], at: None }
    }
    /// Bytes that pairs of these types take here, with the scratch of the solver.
    pub(crate) fn bytes(n: usize, types: &[LeafType]) -> u64 {
        let Some(pairs) = types.first().and_then(|t| t.shape.first()).copied() else { return 0 };
        Secants::bytes(n, pairs) + 8 * (2 * n + pairs) as u64
    }
    /// The pairs of the point of this stamp: [s, y, ratio, γ] as [`hypertape_solvers::Method::secants`] says; none where nothing was handed over.
    pub(crate) fn of(&mut self, stamp: Stamp, arrays: &[AnyView<'_>]) -> Option<&Secants> {
        let [s, y, ratio, gamma] = arrays else { return None };
        if self.at != Some(stamp) {
            self.at = None;
            self.secants.clear();
            let n = s.shape().get(1).copied().unwrap_or(0);
            self.s.resize(n, 0.0);
            self.y.resize(n, 0.0);
            for i in 0..ratio.shape().iter().product() {
                let mut length = [0.0];
                row(ratio, i, &mut length);
                // 0 stands for a pair that is not there yet.
                if length[0] > 0.0 {
                    row(s, i, &mut self.s);
                    row(y, i, &mut self.y);
                    self.s.iter_mut().for_each(|v| *v *= length[0]);
                    self.secants.push(&self.s, &self.y);
                }
            }
            let mut scale = [0.0];
            flat::pack(std::iter::once(gamma.reborrow()), &mut scale);
            self.secants.set_scale(scale[0]);
            self.at = Some(stamp);
        }
        Some(&self.secants)
    }
}

/// Row i of an array.
fn row(of: &AnyView<'_>, i: usize, to: &mut [f64]) {
    match of {
        AnyView::F64(a) => to.iter_mut().zip(a.index_axis(Axis(0), i)).for_each(|(t, v)| *t = *v),
        AnyView::F32(a) => to.iter_mut().zip(a.index_axis(Axis(0), i)).for_each(|(t, v)| *t = f64::from(*v)),
        AnyView::U32(a) => to.iter_mut().zip(a.index_axis(Axis(0), i)).for_each(|(t, v)| *t = f64::from(*v)),
    }
}
