//! From what was measured to what is wrong: the causes in the order in which one hides the others.
use super::differences::{LONGEST, Shape, Slope};
use super::report::{Along, Direction, Stage, Verdict};
use super::solves::RESTS;

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
    /// The sum of the sizes of the terms of the implicit derivative, which may cancel.
    pub(super) terms: f64,
    pub(super) slope: Slope,
}

/// By differences, where the value is smooth.
fn smooth(row: &Row) -> Option<f64> {
    (row.slope.shape == Shape::Smooth).then_some(row.slope.value)
}

/// What was measured.
pub(super) struct Evidence {
    pub(super) rows: Vec<Row>,
    pub(super) accuracy: f64,
    /// The error of a value of the outer objective, and its size.
    pub(super) noise: f64,
    /// The machine epsilon of what is coarsest.
    pub(super) epsilon: f64,
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
    /// By how much solving on shrank the stopping measure.
    pub(super) shrunk: f64,
    /// The adjoint solve: residual, iterations.
    pub(super) adjoint: (f64, u64),
    /// Where another solve landed.
    pub(super) elsewhere: Option<(f64, [f64; 2])>,
    pub(super) steps: usize,
}

/// The share of the outer objective, or of 1, below which a change of it is none; and the most that this is.
const NOTHING: f64 = 1e-10;
const AT_MOST: f64 = 1e-4;
/// The share of the terms of a derivative that it counts as at the least, where an error of it is to be called large.
const CANCELS: f64 = 1e-3;
/// What a solve to rounding leaves of the terms, in machine epsilons.
const LEFT: f64 = 1e4;

/// Which derivative of a row.
type Pick = fn(&Row) -> Option<f64>;
/// By how much the derivatives of a row may differ besides the accuracy.
type Allowed = fn(&Evidence, &Row) -> f64;
/// What a derivative is measured by.
type Scale = fn(&Evidence, &Row) -> f64;

impl Evidence {
    /// What a row's derivatives are compared with: themselves, and a thousandth of the largest of another row.
    fn own(&self, row: &Row) -> f64 {
        let own = |r: &Row| {
            let clear = r.slope.shape == Shape::Smooth && r.slope.error <= 0.5 * r.slope.value.abs();
            let difference = if clear { r.slope.value.abs() } else { 0.0 };
            let implicit = r.tight.or(r.implicit).filter(|v| v.is_finite()).map_or(0.0, f64::abs);
            if implicit == 0.0 { difference } else { implicit.max(difference) }
        };
        self.rows.iter().map(own).fold(own(row), |m, v| m.max(1e-3 * v))
    }
    /// The same where the derivative may be 0, at the point or everywhere. No solve gives digits of a 0: what counts is an error beside what the derivative is nearby,
    /// and beside the terms that cancel in it.
    fn reach(&self, row: &Row) -> f64 {
        let nearby = if row.slope.shape == Shape::Smooth { row.slope.nearby } else { 0.0 };
        self.own(row).max(nearby).max(CANCELS * row.terms)
    }
    /// The largest relative gap between two derivatives that is above the accuracy and what else is allowed.
    fn gap(&self, a: Pick, b: Pick, scale: Scale, allowed: Allowed) -> Option<f64> {
        let mut worst = None::<f64>;
        for row in &self.rows {
            let (Some(a), Some(b)) = (a(row), b(row)) else { continue };
            let (gap, scale) = ((a - b).abs(), scale(self, row));
            if gap.is_nan() || gap > self.accuracy * scale + allowed(self, row) {
                let relative = if gap.is_nan() { f64::INFINITY } else { gap / scale.max(f64::MIN_POSITIVE) };
                worst = Some(worst.map_or(relative, |w| w.max(relative)));
            }
        }
        worst
    }
    /// Whether a derivative of row k is that at the refined point, to half of the accuracy.
    pub(super) fn enough(&self, k: usize, of: Pick, v: f64) -> bool {
        let Some(row) = self.rows.get(k) else { return true };
        of(row).is_some_and(|t| (v - t).abs() <= 0.5 * self.accuracy * self.reach(row) + self.rounding(row))
    }
    /// The error of differences, and of the solve that they are compared with: of the way to the solution that is left, and of rounding.
    fn uncertain(&self, row: &Row) -> f64 {
        let way = match (row.exact, row.tight) {
            (Some(e), Some(t)) if self.settled => 4.0 * (e - t).abs() * self.shrunk,
            _ => 0.0,
        };
        // The refined point is known to so much of itself, and the derivative changes with it as it does nearby.
        let bend = if row.slope.shape == Shape::Smooth { 2.0 * RESTS * row.slope.nearby / LONGEST } else { 0.0 };
        2.0 * row.slope.error + way + bend + self.rounding(row)
    }
    /// The error of the implicit derivative at the refined point, by differences where the value is smooth.
    pub(super) fn off(&self) -> Option<f64> {
        self.gap(|r| r.tight, smooth, Evidence::own, Evidence::uncertain)
    }
    fn rounding(&self, row: &Row) -> f64 {
        // What solving on still changes is no rounding.
        let noise = if self.settled { self.noise } else { 8.0 * self.epsilon * self.value.abs() };
        2.0 * noise / LONGEST + LEFT * self.epsilon * row.terms
    }
    /// All that is found, the cause that hides the others first.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let mut found = vec![];
        let diverges = self.factor.filter(|q| *q > 1.0);
        if let (Some(factor), false) = (diverges, self.settled) {
            found.push(Verdict::NotAContraction { factor, stage: Stage::Inner });
        }
        let adjoint = self.gap(|r| r.implicit, |r| r.exact, Evidence::reach, Evidence::rounding);
        let inner = self.gap(|r| r.exact, |r| r.tight, Evidence::reach, Evidence::rounding);
        let off = self.off();
        let jump = self.rows.iter().find(|r| r.slope.shape == Shape::Jump);
        let flat = self.flat.filter(|k| *k > 0);
        let open = off.is_some() || adjoint.is_some() || inner.is_some() || jump.is_some() || self.elsewhere.is_some();
        let degenerate = self.singular || flat.is_some() && open;
        if degenerate {
            found.push(Verdict::Singular { flat, unknowns: self.unknowns });
        }
        if let (Some((distance, values)), false) = (self.elsewhere, degenerate) {
            found.push(Verdict::SeveralMinima { distance, values });
        }
        if let (Some(row), None) = (jump, self.elsewhere) {
            found.push(Verdict::Jump { direction: row.direction, by: row.slope.by });
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
        let mut found: Vec<Verdict> = wrong.into_iter().collect();
        if let (true, Some(error)) = (found.is_empty(), self.gap(|r| r.unrolled, smooth, Evidence::reach, Evidence::uncertain)) {
            found.push(Verdict::UnrolledTooShort { error, steps: self.steps, longer });
        }
        // Of a derivative that is 0 there is no relative uncertainty.
        let least = (NOTHING * (1.0 + self.value.abs())).min(AT_MOST);
        let share = |r: &Row| r.slope.error / self.reach(r).max(least);
        let uncertainty = self.rows.iter().map(share).fold(0.0, f64::max);
        if found.is_empty() && (uncertainty > 20.0 * self.accuracy || uncertainty.is_nan()) {
            found.push(Verdict::Unresolved { error: uncertainty });
        }
        if found.is_empty() {
            let gap = |r: &Row| {
                let (gap, scale) = ((r.implicit? - r.slope.value).abs(), self.reach(r));
                // Of a derivative that is 0 no digit can be wrong by more than the differences are uncertain.
                let nothing = scale.max(gap) <= 2.0 * r.slope.error;
                Some(if nothing { 0.0 } else { gap / scale.max(f64::MIN_POSITIVE) })
            };
            let error = self.rows.iter().filter_map(gap).fold(0.0, f64::max);
            found.push(Verdict::Agree { error });
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
