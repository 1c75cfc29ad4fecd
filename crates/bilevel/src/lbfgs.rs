//! Projected L-BFGS on the outer variables.
use crate::calls::Phases;
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};
use hypertape_linear::norm;

/// L-BFGS (Liu and Nocedal 1989) with backtracking along the projected path x(t) = P(x − t H g), for hypergradients that are nearly exact. Variables that the projection holds, where
/// x − g leaves the set, are left out of the direction and of its pairs (Bertsekas 1982). On a simplex or a ball that would be no descent: there steps go along the gradient, their size that of the secant (spectral projected
/// gradient; Birgin, Martínez and Raydan 2000). A step lowers the value by a part of what the gradient predicts (Armijo 1966); after 30 halvings the run stays where it is.
#[derive(Debug, Clone)]
pub struct OuterLbfgs {
    memory: usize,
}

impl OuterLbfgs {
    /// With 10 pairs.
    #[must_use]
    pub fn new() -> Self {
        OuterLbfgs { memory: 10 }
    }
    /// The number of pairs.
    #[must_use]
    pub fn memory(mut self, pairs: usize) -> Self {
        self.memory = pairs;
        self
    }
}

impl Default for OuterLbfgs {
    fn default() -> Self {
        OuterLbfgs::new()
    }
}

const TRIALS: usize = 30;
/// The part of the predicted decrease that a step must make.
const DECREASE: f64 = 1e-4;
/// A pair enters when the cosine of its angle is above this.
const CURVATURE: f64 = 1e-10;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// H g by the two loops; pairs are s, y, s, y, …, the oldest first.
fn two_loops(g: &[f64], pairs: &[Vec<f64>]) -> Vec<f64> {
    let mut q = g.to_vec();
    let mut alphas = vec![];
    for pair in pairs.chunks_exact(2).rev() {
        let alpha = dot(&pair[0], &q) / dot(&pair[0], &pair[1]);
        q.iter_mut().zip(&pair[1]).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    // Before the first pair, a step of length 1.
    let scale = match pairs.chunks_exact(2).next_back() {
        Some(last) => dot(&last[0], &last[1]) / dot(&last[1], &last[1]),
        None => 1.0 / norm(g).max(f64::MIN_POSITIVE),
    };
    q.iter_mut().for_each(|q| *q *= scale);
    for (pair, alpha) in pairs.chunks_exact(2).zip(alphas.into_iter().rev()) {
        let beta = dot(&pair[1], &q) / dot(&pair[0], &pair[1]);
        q.iter_mut().zip(&pair[0]).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q
}

impl OuterLoop for OuterLbfgs {
    fn name(&self) -> String {
        "L-BFGS".into()
    }
    fn check(&self, _: usize, _: &Domain) -> Result<(), ErrorKind> {
        if self.memory == 0 { Err(ErrorKind::setting("number of pairs", 0.0, "give at least 1")) } else { Ok(()) }
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let mut phases = Phases::default();
        // Numbers: the value. Vectors: the gradient, then the pairs.
        if state.vectors.is_empty() {
            let e = problem.at(&state.free, &mut state.memory, Ask::default())?;
            phases += e.phases;
            (state.numbers, state.vectors) = (vec![e.value], vec![e.gradient]);
        }
        let (value, g) = (state.numbers.first().copied().unwrap_or(f64::NAN), state.vectors[0].clone());
        let mut ahead = state.free.clone();
        let length = problem.advance(&mut ahead, 1.0, &g);
        let held: Vec<bool> = g.iter().zip(state.free.iter().zip(&ahead)).map(|(g, (x, p))| x == p && x - g != *x).collect();
        let free = |v: &[f64]| -> Vec<f64> { v.iter().zip(&held).map(|(v, h)| if *h { 0.0 } else { *v }).collect() };
        let pairs: Vec<Vec<f64>> = state.vectors[1..].iter().map(|v| free(v)).collect();
        let curved = |p: &&[Vec<f64>]| dot(&p[0], &p[1]) > CURVATURE * norm(&p[0]) * norm(&p[1]);
        let pairs: Vec<Vec<f64>> = pairs.chunks_exact(2).filter(curved).flatten().cloned().collect();
        let mut direction = if problem.domain.separable() {
            two_loops(&free(&g), &pairs)
        } else {
            // Back onto a simplex or a ball, steps along the gradient alone descend: their size is that of the secant.
            let last = &state.vectors[state.vectors.len().saturating_sub(2).max(1)..];
            let size = if let [s, y] = last { dot(s, s) / dot(s, y) } else { 1.0 / norm(&g).max(f64::MIN_POSITIVE) };
            g.iter().map(|g| size * g).collect()
        };
        if dot(&direction, &g) <= 0.0 {
            direction.clone_from(&g);
        }
        let mut t = 1.0;
        for k in 0..TRIALS {
            let (mut free, mut memory) = (state.free.clone(), state.memory.clone());
            let moved = problem.advance(&mut free, t, &direction);
            let s: Vec<f64> = free.iter().zip(&state.free).map(|(a, b)| a - b).collect();
            let predicted = dot(&g, &s);
            if moved == 0.0 {
                break;
            }
            let e = match problem.at(&free, &mut memory, Ask::default()) {
                Ok(e) => e,
                // Where nothing can be solved, the step was too long.
                Err(_) if k + 1 < TRIALS => {
                    t *= 0.5;
                    continue;
                }
                Err(e) => return Err(e),
            };
            phases += e.phases;
            if e.value <= value + DECREASE * predicted && predicted < 0.0 {
                let y: Vec<f64> = e.gradient.iter().zip(&g).map(|(a, b)| a - b).collect();
                if dot(&s, &y) > CURVATURE * norm(&s) * norm(&y) {
                    state.vectors.extend([s, y]);
                    if state.vectors.len() > self.memory.saturating_mul(2).saturating_add(1) {
                        state.vectors.drain(1..3);
                    }
                }
                state.vectors[0].clone_from(&e.gradient);
                (state.numbers, state.free, state.memory, state.value) = (vec![e.value], free, memory, Some(e.value));
                return Ok(Record { value, gradient: length, moved, phases, ..Record::of(&e) });
            }
            t *= 0.5;
        }
        // Nothing descends: the pairs are forgotten, so that the next step is one along the gradient.
        state.vectors.truncate(1);
        let e = problem.at(&state.free, &mut state.memory, Ask::default())?;
        phases += e.phases;
        state.value = Some(value);
        Ok(Record { value, gradient: length, phases, ..Record::of(&e) })
    }
}
