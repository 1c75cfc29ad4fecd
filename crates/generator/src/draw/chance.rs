//! Random choices from a seed and a counter.
use hypertape_testkit::random::{bits, unit};

/// A stream of choices.
#[derive(Debug, Clone)]
pub(super) struct Chance {
    seed: u64,
    at: u64,
}

impl Chance {
    /// The stream of one case.
    pub(super) fn new(seed: u64, case: u64) -> Chance {
        Chance { seed: bits(seed, case), at: 0 }
    }
    /// Random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.at += 1;
        bits(self.seed, self.at)
    }
    /// On [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        self.at += 1;
        unit(self.seed, self.at)
    }
    /// Below n.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }
    /// With this probability.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
    /// One of some.
    pub(super) fn of<E: Copy>(&mut self, all: &[E]) -> E {
        all[self.below(all.len())]
    }
    /// One of some, by weight.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (i, w) in weights.iter().enumerate() {
            left -= w;
            if left < 0.0 {
                return i;
            }
        }
        weights.len() - 1
    }
    /// The numbers below n in random order.
    pub(super) fn order(&mut self, n: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let j = self.below(i + 1);
            all.swap(i, j);
        }
        all
    }
}
