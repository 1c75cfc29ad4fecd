//! Where a loop keeps its state so that a later loop can have every state again, in reverse order, with few steps made twice.
//!
//! With s slots, of which the first holds the state at the start, all l states before the steps can be had from the last to the first with
//! t(l, s) = r l − C(s + r, r − 1) steps, where r is the smallest number with C(s + r, r) ≥ l; no schedule does with fewer (Griewank and
//! Walther 2000, Algorithm 799: Revolve). Where the number of steps is not known beforehand, every d-th state is kept, and d doubles when the
//! slots are full.

/// The smallest r with C(s + r, r) ≥ l.
fn repetitions(l: u64, s: u64) -> u64 {
    if s == 1 {
        return l.saturating_sub(1);
    }
    let (mut r, mut reach) = (0, 1);
    while reach < l {
        r += 1;
        reach = reach * (s + r) / r;
    }
    r
}

/// The steps that are needed to visit l states in reverse order with s slots: t(l, s).
pub(crate) fn advances(l: usize, s: usize) -> u64 {
    let (l, s) = (l as u64, s.min(l).max(1) as u64);
    let r = repetitions(l, s);
    // C(s + r, r − 1), the sum of C(s + k, k) for k < r.
    let less = (1..r).fold((1_u128, 1_u128), |(sum, reach), k| {
        let reach = reach * u128::from(s + k) / u128::from(k);
        (sum + reach, reach)
    });
    if r == 0 { 0 } else { r * l - less.0 as u64 }
}

/// The distance from a kept state to the next state to keep. l states, from the kept one on, are wanted in reverse order. There are s slots, the one
/// of the kept state included.
pub(crate) fn stride(l: usize, s: usize) -> usize {
    // t(m, s) + m + t(l − m, s − 1) is convex in m, so it is smallest where it first stops falling.
    let slope = |l: usize, s: usize| repetitions(l as u64 + 1, s.min(l + 1) as u64);
    let (mut low, mut high) = (1, l.saturating_sub(1).max(1));
    while low < high {
        let m = low + (high - low) / 2;
        if 1 + slope(m, s) >= slope(l - m - 1, s - 1) {
            high = m;
        } else {
            low = m + 1;
        }
    }
    low
}

/// Which states a loop keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spacing {
    /// The spacing of fewest steps, for one loop that reads the states in reverse order. The number of steps is known when the loop begins.
    Binomial,
    /// Every d-th state, for this d.
    Even(usize),
    /// Every d-th state, where d doubles when the slots are full.
    Doubling,
}

/// The states that are kept at the moment, and the slots that hold them.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    spacing: Spacing,
    slots: usize,
    /// (state, slot), states in order.
    pub(crate) kept: Vec<(usize, usize)>,
    pub(crate) free: Vec<usize>,
    steps: usize,
    next: usize,
    every: usize,
}

impl Ledger {
    /// The ledger of a loop with this many slots. `further` is the number of slots that a reader of its states has besides.
    pub(crate) fn new(spacing: Spacing, slots: usize, further: usize) -> Self {
        let room = slots + further;
        Ledger { spacing, slots, kept: Vec::with_capacity(room + 1), free: Vec::with_capacity(room + 1), steps: 0, next: 0, every: 1 }
    }
    /// Starts again for a loop of this many steps, or of at most this many if the number is not known.
    pub(crate) fn begin(&mut self, steps: usize) {
        self.kept.clear();
        self.free.clear();
        self.free.extend((0..self.slots).rev());
        (self.steps, self.next, self.every) = (steps, 0, 1);
        if let Spacing::Even(d) = self.spacing {
            self.every = d;
        }
    }
    /// The slot in which state t is to be kept, if it is. States are offered in order.
    pub(crate) fn offer(&mut self, t: usize) -> Option<usize> {
        if t != self.next {
            return None;
        }
        if self.spacing == Spacing::Doubling && self.free.is_empty() && self.slots > 1 {
            self.every *= 2;
            let (every, free) = (self.every, &mut self.free);
            self.kept.retain(|(state, slot)| {
                let stays = state % every == 0;
                if !stays {
                    free.push(*slot);
                }
                stays
            });
        }
        let here = self.spacing == Spacing::Binomial || t.is_multiple_of(self.every);
        let slot = if here { self.free.pop() } else { None };
        self.kept.extend(slot.map(|s| (t, s)));
        self.next = match self.spacing {
            Spacing::Binomial if self.free.is_empty() || self.steps < t + 2 => usize::MAX,
            Spacing::Binomial => t + stride(self.steps - t, self.free.len() + 1),
            _ => t.next_multiple_of(self.every) + if here { self.every } else { 0 },
        };
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// t(l, s) by its recursion.
    fn least(l: usize, s: usize, known: &mut Vec<Vec<Option<u64>>>) -> u64 {
        if l <= 1 {
            return 0;
        }
        if s == 1 {
            return (l * (l - 1) / 2) as u64;
        }
        if let Some(t) = known[l][s] {
            return t;
        }
        let t = (1..l).map(|m| m as u64 + least(m, s, known) + least(l - m, s - 1, known)).min().unwrap_or(0);
        known[l][s] = Some(t);
        t
    }

    #[test]
    fn the_formula_is_the_least_number() {
        let mut known = vec![vec![None; 13]; 61];
        for l in 1..=60 {
            for s in 1..=12 {
                assert_eq!(advances(l, s), least(l, s, &mut known), "t({l}, {s})");
            }
        }
    }

    #[test]
    fn published_numbers() {
        let t: Vec<u64> = [(10, 3), (50, 5), (100, 5), (100, 10)].iter().map(|(l, s)| advances(*l, *s)).collect();
        assert_eq!(t, [15, 122, 316, 222]);
    }

    #[test]
    fn strides_reach_the_least_number() {
        for l in 2..200 {
            for s in 2..12 {
                let m = stride(l, s);
                assert_eq!(m as u64 + advances(m, s) + advances(l - m, s - 1), advances(l, s), "l {l}, s {s}, m {m}");
            }
        }
    }

    #[test]
    fn spacing_doubles_when_the_slots_are_full() {
        let mut ledger = Ledger::new(Spacing::Doubling, 4, 0);
        ledger.begin(usize::MAX);
        (0..100).for_each(|t| {
            ledger.offer(t);
        });
        assert_eq!(ledger.kept.iter().map(|k| k.0).collect::<Vec<_>>(), [0, 32, 64, 96]);
        let mut slots: Vec<usize> = ledger.kept.iter().map(|k| k.1).collect();
        slots.sort_unstable();
        assert_eq!(slots, [0, 1, 2, 3]);
    }
}
