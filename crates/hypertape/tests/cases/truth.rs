//! The true derivatives at one point, and by how much a computed one may differ from them.
use crate::case::{Case, Kind, Point};
use crate::reference::{Nature, System, norm};
use crate::rule::Mode;
use ndarray::{Array1, Array2};

/// Of one piece of the equation.
pub(crate) struct Truth {
    pub(crate) nature: Nature,
    system: System,
    /// For the series of a singular fixed point, whose limit lies in the range of the matrix: backwards and forwards.
    limits: Option<[System; 2]>,
    b: Array2<f64>,
    /// ‖F_θ‖ in the Frobenius norm.
    size_of_b: f64,
    tangent: Vec<f64>,
}

/// One system and its answer.
pub(crate) struct Answer {
    /// The derivative.
    pub(crate) derivative: Vec<f64>,
    /// ‖right-hand side‖, ‖solution‖.
    right: f64,
    solution: f64,
    mode: Mode,
}

/// Rounding of products and factors, in units of ε for each unknown.
const ROUNDINGS: f64 = 16.0;

/// The relative error that the library lets pass without a word where a matrix is ill-conditioned is 10⁻² by its own estimates, which may be half of the truth.
const PASSES: f64 = 2e-2;

fn dot(a: &Array2<f64>, v: &[f64]) -> Vec<f64> {
    a.dot(&Array1::from(v.to_vec())).to_vec()
}

impl Truth {
    pub(crate) fn new(case: &Case, a: &Array2<f64>, b: &Array2<f64>) -> Truth {
        let size_of_b = norm(&b.iter().copied().collect::<Vec<_>>());
        let nature = Nature::of(a, case.null.as_ref(), case.kind);
        let system = System::new(a, case.null.as_ref());
        let limits = case.null.as_ref().filter(|_| case.kind == Kind::FixedPoint).map(|null| {
            let by = |k: usize| System::new(a, Some(&[null[k].clone(), null[k].clone()]));
            [by(1), by(0)]
        });
        Truth { nature, system, limits, b: b.clone(), size_of_b, tangent: case.tangent.clone() }
    }
    /// Of the piece that a point lies on, and of the one beside it.
    pub(crate) fn of(case: &Case, point: &Point) -> Vec<Truth> {
        let mut pieces = vec![Truth::new(case, &point.a, &point.b)];
        pieces.extend(point.other.iter().map(|(a, b)| Truth::new(case, a, b)));
        pieces
    }
    /// −F_θᵀ F_z⁻ᵀ c.
    pub(crate) fn reverse(&self, c: &[f64]) -> Answer {
        self.reverse_by(&self.system, c)
    }
    fn reverse_by(&self, system: &System, c: &[f64]) -> Answer {
        let w = system.solve_transposed(c);
        let derivative = dot(&self.b.t().to_owned(), &w).iter().map(|g| -g).collect();
        Answer { derivative, right: norm(c), solution: norm(&w), mode: Mode::Reverse }
    }
    /// −F_z⁻¹ F_θ v.
    fn forward_by(&self, system: &System) -> Answer {
        let right: Vec<f64> = dot(&self.b, &self.tangent).iter().map(|b| -b).collect();
        let derivative = system.solve(&right);
        let solution = norm(&derivative);
        Answer { derivative, right: norm(&right), solution, mode: Mode::Forward }
    }
    pub(crate) fn answer(&self, mode: Mode, c: &[f64]) -> Answer {
        match mode {
            Mode::Reverse => self.reverse(c),
            Mode::Forward => self.forward_by(&self.system),
        }
    }
    /// What a series converges to: for a singular fixed point the derivative of the limit of the iteration from a fixed start, which need not be that of minimum norm.
    pub(crate) fn limit(&self, mode: Mode, c: &[f64]) -> Answer {
        match (&self.limits, mode) {
            (None, _) => self.answer(mode, c),
            (Some([system, _]), Mode::Reverse) => self.reverse_by(system, c),
            (Some([_, system]), Mode::Forward) => self.forward_by(system),
        }
    }
    /// What a derivative may be off by for a relative residual of this size and this rounding.
    pub(crate) fn allowed(&self, answer: &Answer, residual: f64, epsilon: f64) -> f64 {
        let n = self.nature.n as f64;
        let rounding = ROUNDINGS * n * epsilon;
        // The data of the right-hand side are rounded too: sums of F_θ v may cancel.
        let data = match answer.mode {
            Mode::Forward => self.size_of_b * norm(&self.tangent),
            Mode::Reverse => answer.right,
        };
        let solution = (residual * answer.right + rounding * (self.nature.size * answer.solution + data)) / self.nature.smallest;
        self.outer(answer) * (solution + rounding * answer.solution)
    }
    /// The largest error without a word.
    pub(crate) fn passes(&self, answer: &Answer) -> f64 {
        PASSES * self.outer(answer) * answer.solution
    }
    /// What an error of the solution of the system is multiplied by.
    fn outer(&self, answer: &Answer) -> f64 {
        match answer.mode {
            Mode::Forward => 1.0,
            Mode::Reverse => self.size_of_b,
        }
    }
    /// The error as a share of the solution of the system.
    pub(crate) fn relative(&self, answer: &Answer, error: f64) -> f64 {
        let size = self.outer(answer) * answer.solution;
        if error == 0.0 { 0.0 } else { error / size }
    }
    /// Whether the right-hand side of a singular system is in its range, and the same for the transpose.
    pub(crate) fn in_range(&self, mode: Mode, c: &[f64], case: &Case) -> bool {
        let Some([left, right]) = &case.null else { return true };
        let (basis, v) = match mode {
            Mode::Forward => (left, dot(&self.b, &self.tangent)),
            Mode::Reverse => (right, c.to_vec()),
        };
        norm(&dot(&basis.t().to_owned(), &v)) <= 64.0 * f64::EPSILON * norm(&v)
    }
}

/// Whether an error is larger than what is allowed; one that is no number is.
pub(crate) fn beyond(error: f64, allowed: f64) -> bool {
    error.is_nan() || allowed.is_nan() || error > allowed
}

/// ‖found − derivative‖.
pub(crate) fn distance(found: &[f64], answer: &Answer) -> f64 {
    assert_eq!(found.len(), answer.derivative.len(), "a derivative has an entry for each parameter or unknown");
    norm(&found.iter().zip(&answer.derivative).map(|(a, b)| a - b).collect::<Vec<_>>())
}
