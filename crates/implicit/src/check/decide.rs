//! From what was measured to what is wrong: the causes in the order in which one hides the others.
use super::differences::{LONGEST, Shape, Slope};
use super::report::{Along, Direction, Stage, Verdict};

/// The derivatives along one direction, per unit of the step that the differences made.
pub(super) struct Row {
    pub(super) direction: Direction,
    /// The length of that unit.
    pub(super) length: f64,
    /// At the given point, by the given adjoint solver.
    pub(super) implicit: Option<f64>,
    /// At the given point, to rounding.
    pub(super) exact: Option<f64>,
    /// At the refined point, to rounding.
    pub(super) tight: Option<f64>,
    pub(super) unrolled: Option<f64>,
    pub(super) slope: Slope,
}

/// What was measured.
pub(super) struct Evidence {
    pub(super) rows: Vec<Row>,
    pub(super) accuracy: f64,
    /// The error of a value of the outer objective, and its size.
    pub(super) noise: f64,
    pub(super) value: f64,
    pub(super) unknowns: usize,
    pub(super) flat: Option<usize>,
    /// Whether an adjoint solve said that the system is singular.
    pub(super) singular: bool,
    pub(super) factor: Option<f64>,
    /// By how much the terms of the adjoint's series grow, where they do.
    pub(super) growth: Option<f64>,
    pub(super) margin: f64,
    /// The inner solve: [distance relative to the solution, tolerance], iterations, and whether solving on came to rest.
    pub(super) inner: [f64; 2],
    pub(super) iterations: u64,
    pub(super) settled: bool,
    /// The adjoint solve: residual, iterations.
    pub(super) adjoint: (f64, u64),
    /// Where another solve landed.
    pub(super) elsewhere: Option<(f64, [f64; 2])>,
    pub(super) steps: usize,
}

/// The share of the outer objective, or of 1, below which a change of it is none.
const NOTHING: f64 = 1e-10;

/// Which derivative of a row.
type Pick = fn(&Row) -> Option<f64>;

impl Evidence {
    /// What a row's derivatives are compared with.
    fn scale(&self, row: &Row) -> f64 {
        let own = |r: &Row| {
            let difference = if r.slope.shape == Shape::Smooth { r.slope.value.abs() } else { 0.0 };
            let implicit = r.tight.or(r.implicit).filter(|v| v.is_finite()).map_or(0.0, f64::abs);
            if implicit == 0.0 { difference } else { implicit.max(difference) }
        };
        self.rows.iter().map(own).fold(own(row), |m, v| m.max(1e-3 * v))
    }
    /// The largest relative gap between two derivatives that is above the accuracy and what `uncertain` allows.
    fn gap(&self, a: Pick, b: Pick, uncertain: fn(&Evidence, &Row) -> f64) -> Option<f64> {
        let mut worst = None::<f64>;
        for row in &self.rows {
            let (Some(a), Some(b)) = (a(row), b(row)) else { continue };
            let (gap, scale) = ((a - b).abs(), self.scale(row));
            if gap.is_nan() || gap > self.accuracy * scale + uncertain(self, row) {
                let relative = if gap.is_nan() { f64::INFINITY } else { gap / scale.max(f64::MIN_POSITIVE) };
                worst = Some(worst.map_or(relative, |w| w.max(relative)));
            }
        }
        worst
    }
    /// The error of the implicit derivative at the refined point, by differences where the value is smooth.
    pub(super) fn off(&self) -> Option<f64> {
        self.gap(|r| r.tight, |r| (r.slope.shape == Shape::Smooth).then_some(r.slope.value), |_, r| 2.0 * r.slope.error)
    }
    fn rounding(&self, _: &Row) -> f64 {
        2.0 * self.noise / LONGEST
    }
    /// All that is found, the cause that hides the others first.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let mut found = vec![];
        let diverges = self.factor.filter(|q| *q > 1.0);
        if let (Some(factor), false) = (diverges, self.settled) {
            found.push(Verdict::NotAContraction { factor, stage: Stage::Inner });
        }
        let adjoint = self.gap(|r| r.implicit, |r| r.exact, Evidence::rounding);
        let inner = self.gap(|r| r.exact, |r| r.tight, Evidence::rounding);
        let off = self.off();
        let jump = self.rows.iter().any(|r| r.slope.shape == Shape::Jump);
        let flat = self.flat.filter(|k| *k > 0);
        let open = off.is_some() || adjoint.is_some() || inner.is_some() || jump || self.elsewhere.is_some();
        let degenerate = self.singular || flat.is_some() && open;
        if degenerate {
            found.push(Verdict::Singular { flat, unknowns: self.unknowns });
        }
        if let (Some((distance, values)), false) = (self.elsewhere, degenerate) {
            found.push(Verdict::SeveralMinima { distance, values });
        }
        if let Some(row) = self.rows.iter().find(|r| r.slope.shape == Shape::Kink) {
            let sides = row.slope.sides.map(|s| s / row.length);
            found.push(Verdict::Kink { direction: row.direction, sides, margin: self.margin });
        }
        if let Some(factor) = diverges.filter(|_| self.growth.is_some() || adjoint.is_some()).or(self.growth).filter(|_| self.settled) {
            found.push(Verdict::NotAContraction { factor, stage: Stage::Adjoint });
        } else if let Some(error) = adjoint {
            found.push(Verdict::AdjointTooLoose { error, residual: self.adjoint.0, iterations: self.adjoint.1 });
        }
        let unsettled = off.filter(|_| !self.settled);
        if let Some(error) = inner.into_iter().chain(unsettled).reduce(f64::max) {
            let [distance, tolerance] = self.inner;
            let (iterations, settled) = (self.iterations, self.settled);
            let verdict = Verdict::InnerTooLoose { error, distance, tolerance, iterations, settled };
            // The larger of both errors is the verdict.
            let at = match found.last() {
                Some(Verdict::AdjointTooLoose { error: other, .. }) if *other < error => found.len() - 1,
                _ => found.len(),
            };
            found.insert(at, verdict);
        }
        found
    }
    /// What is said where nothing else is.
    pub(super) fn rest(&self, wrong: Option<Verdict>, longer: Option<f64>) -> Vec<Verdict> {
        let smooth: Pick = |r| (r.slope.shape == Shape::Smooth).then_some(r.slope.value);
        let mut found: Vec<Verdict> = wrong.into_iter().collect();
        let uncertain = |_: &Evidence, r: &Row| 2.0 * r.slope.error;
        if let (true, Some(error)) = (found.is_empty(), self.gap(|r| r.unrolled, smooth, uncertain)) {
            found.push(Verdict::UnrolledTooShort { error, steps: self.steps, longer });
        }
        // Of a derivative that is 0 there is no relative uncertainty.
        let share = |r: &Row| r.slope.error / self.scale(r).max(NOTHING * (1.0 + self.value.abs()));
        let uncertainty = self.rows.iter().map(share).fold(0.0, f64::max);
        if found.is_empty() && (uncertainty > 20.0 * self.accuracy || uncertainty.is_nan()) {
            found.push(Verdict::Unresolved { error: uncertainty });
        }
        if found.is_empty() {
            let gaps = self.rows.iter().filter_map(|r| Some((r.implicit? - r.slope.value).abs() / self.scale(r).max(f64::MIN_POSITIVE)));
            // Of a derivative that is 0 no digit can be wrong by more than the differences are uncertain.
            let error = gaps.fold(0.0, f64::max);
            found.push(Verdict::Agree { error: if self.rows.iter().all(|r| self.scale(r) <= 2.0 * r.slope.error) { 0.0 } else { error } });
        }
        found
    }
    /// The rows as they are reported, per unit of length.
    pub(super) fn along(&self) -> Vec<Along> {
        let one = |r: &Row| {
            let per = |v: f64| v / r.length;
            Along {
                direction: r.direction,
                implicit: r.implicit.map(per),
                unrolled: r.unrolled.map(per),
                difference: per(r.slope.value),
                error: per(r.slope.error),
                sides: (r.slope.shape != Shape::Smooth).then(|| r.slope.sides.map(per)),
            }
        };
        self.rows.iter().map(one).collect()
    }
}
