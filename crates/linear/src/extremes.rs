//! The extreme singular values of an operator, by Lanczos from a pseudo-random vector.
use crate::cg::symmetric;
use crate::operator::{Operator, Side};
use crate::scratch::split;
use crate::system::{Products, System};
use crate::vectors::{axpy, dot, fill_noise, norm, scale};
use faer::Mat;
use hypertape_autodiff::outcome::Failed;

/// Estimates of the extreme singular values of an operator, from inside: σ_min ≤ `smallest` and `largest` ≤ σ_max, up to rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Extremes {
    /// An estimate of the smallest singular value from above.
    pub smallest: f64,
    /// An estimate of the largest singular value from below.
    pub largest: f64,
    /// Lanczos steps that were made.
    pub steps: usize,
    /// Whether the smallest one moved by less than a fifth in the second half of the steps, or the whole space was seen.
    pub settled: bool,
    /// Products that were made.
    pub products: Products,
}

/// Unknowns up to which two products are no less than what symmetry would spare.
const FEW: usize = 4;
/// How little of the smallest singular value of half the steps may be left after all of them, for it to count as settled.
const SETTLED: f64 = 0.8;

/// The extreme singular values of A by `steps` steps of Lanczos from a pseudo-random vector: on A itself where it is known to be symmetric, or is on a pseudo-random pair of vectors, one product a step (Lanczos
/// 1950), else of Golub and Kahan (1965), one with A and one with Aᵀ. Steps are doubled until the smallest one has settled, or `most` would be exceeded.
///
/// The smallest is the least ‖A v‖/‖v‖ over the space that was seen, so it is never below σ_min but for rounding, ε σ_max. A direction of a small singular value that lies
/// far inside the others may stay unseen. The bases are held and orthogonalised: at most 16 n bytes a step.
///
/// # Errors
/// What the operator gives; [`Failed::NotFinite`] where a product is not finite.
///
/// ```
/// use hypertape_linear::extremes;
/// let mut a = ndarray::arr2(&[[3.0, 0.0], [4.0, 5.0]]);
/// let found = extremes(&mut a, 10, 10)?;
/// assert!((found.smallest - 5.0_f64.sqrt()).abs() < 1e-12 && (found.largest - 45.0_f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
pub fn extremes(a: &mut dyn Operator, steps: usize, most: usize) -> Result<Extremes, Failed> {
    let n = a.len();
    let known = a.known().symmetric;
    let mut s = System::new(a, Side::Plain);
    let mut found = Extremes { smallest: f64::INFINITY, largest: 0.0, steps: 0, settled: true, products: Products::default() };
    if n == 0 {
        return Ok(found);
    }
    let symmetric = known || n > FEW && symmetric(&mut s, split::<3>(&mut vec![], n)).is_ok();
    let mut space = Space::new(n, symmetric);
    let mut goal = steps.clamp(1, most.max(1));
    loop {
        // What half the steps would have said.
        let mut half = f64::INFINITY;
        while space.steps < goal && !space.whole {
            space.step(&mut s)?;
            if 2 * space.steps == goal {
                half = space.singular_values()?.0;
            }
        }
        (found.smallest, found.largest) = space.singular_values()?;
        found.settled = space.whole || found.smallest >= SETTLED * half;
        if found.settled || 2 * goal > most {
            break;
        }
        goal *= 2;
    }
    let factor = s.factor();
    (found.smallest, found.largest, found.steps, found.products) =
        (found.smallest / factor, found.largest / factor, space.steps, s.products);
    Ok(found)
}

/// Orthonormal bases V and U with A V = U B, B of few diagonals; for a symmetric A, U is V with one vector more.
pub(crate) struct Space {
    symmetric: bool,
    v: Vec<Vec<f64>>,
    u: Vec<Vec<f64>>,
    /// Columns of B: for each step what A v_k has of the basis, as (row, entry).
    pub(crate) columns: Vec<Vec<(usize, f64)>>,
    /// The entry of the next column that is known already: β of a bidiagonal or tridiagonal B.
    pub(crate) beta: f64,
    pub(crate) steps: usize,
    /// Whether the space is invariant: no more can be seen.
    pub(crate) whole: bool,
}

/// Takes the parts along a basis off, twice.
fn orthogonalise(basis: &[Vec<f64>], w: &mut [f64]) {
    for _ in 0..2 {
        basis.iter().for_each(|q| {
            let along = dot(q, w);
            axpy(-along, q, w);
        });
    }
}

impl Space {
    pub(crate) fn new(n: usize, symmetric: bool) -> Self {
        let mut start = vec![0.0; n];
        fill_noise(11, &mut start);
        let length = norm(&start);
        scale(1.0 / length, &mut start);
        Space { symmetric, v: vec![start], u: vec![], columns: vec![], beta: 0.0, steps: 0, whole: false }
    }
    pub(crate) fn step(&mut self, a: &mut System<'_>) -> Result<(), Failed> {
        let (k, n) = (self.steps, self.v[0].len());
        let mut w = vec![0.0; n];
        a.apply(&self.v[k], &mut w)?;
        let size = norm(&w);
        if !size.is_finite() {
            return Err(Failed::NotFinite { what: "the operator's product is not finite", value: None });
        }
        let tiny = a.epsilon() * (n as f64).sqrt();
        if self.symmetric {
            let mut column = if k > 0 { vec![(k - 1, self.beta)] } else { vec![] };
            column.push((k, dot(&self.v[k], &w)));
            orthogonalise(&self.v, &mut w);
            self.next(size, tiny, w, |s, beta| {
                column.push((k + 1, beta));
                s.columns.push(column);
            });
        } else {
            // A v_k = β_k u_{k−1} + α_k u_k.
            let mut column = if k > 0 { vec![(k - 1, self.beta)] } else { vec![] };
            orthogonalise(&self.u, &mut w);
            let alpha = norm(&w);
            let lost = alpha <= tiny * size;
            if !lost {
                scale(1.0 / alpha, &mut w);
                column.push((k, alpha));
            }
            self.columns.push(column);
            if lost {
                // A v_k lies in what was seen: A is singular on it.
                (self.steps, self.whole) = (k + 1, true);
                return Ok(());
            }
            self.u.push(w);
            let mut w = vec![0.0; n];
            a.apply_transposed(&self.u[k], &mut w)?;
            let size = norm(&w);
            orthogonalise(&self.v, &mut w);
            self.next(size, tiny, w, |_, _| ());
        }
        Ok(())
    }
    /// Puts the rest of a product into the basis, unless it is rounding.
    fn next(&mut self, size: f64, tiny: f64, mut w: Vec<f64>, note: impl FnOnce(&mut Self, f64)) {
        let beta = norm(&w);
        self.whole = self.v.len() == w.len() || beta <= tiny * size;
        let beta = if self.whole { 0.0 } else { beta };
        note(self, beta);
        self.beta = beta;
        if !self.whole {
            scale(1.0 / beta, &mut w);
            self.v.push(w);
        }
        self.steps += 1;
    }
    /// The extreme singular values of B.
    fn singular_values(&self) -> Result<(f64, f64), Failed> {
        let mut b = Mat::<f64>::zeros(self.columns.len() + 1, self.columns.len());
        for (j, column) in self.columns.iter().enumerate() {
            column.iter().for_each(|(i, v)| b[(*i, j)] = *v);
        }
        let values = b.singular_values().map_err(|_| Failed::Breakdown {
            what: "the singular values of the projected operator were not found",
            at: hypertape_autodiff::outcome::Reached::default(),
        })?;
        Ok((values.last().copied().unwrap_or(0.0), values.first().copied().unwrap_or(0.0)))
    }
}
