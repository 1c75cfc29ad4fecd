//! Packing: slots get places in the frame. Slots that are in use at the same time do not overlap.
use super::demand::{Demand, aligned};
use super::frame::{Frame, Slot, Slots};
use super::item::Item;
use super::thresholds::PACKED_BY_SIZE;
use hypertape_ir::error::{Lacking, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Gives the slots of a frame their places.
pub(crate) fn place(f: &mut Frame) -> Result<()> {
    f.slots.bytes = pack(&mut f.slots.slots);
    f.most = demand(&f.schedule.items, &f.slots);
    if isize::try_from(f.slots.bytes).is_err() {
        let all = f.slots.slots.iter().map(|s| s.bytes as u128).sum::<u128>();
        return Err(f.most.error(u64::try_from(all).unwrap_or(u64::MAX), Lacking::Addresses));
    }
    Ok(())
}

/// The item that needs the most bytes of new slots.
fn demand(items: &[Item], slots: &Slots) -> Demand {
    let mut made = vec![0_usize; items.len()];
    slots.slots.iter().for_each(|s| made[s.from] = made[s.from].saturating_add(s.bytes));
    let Some(k) = (0..items.len()).max_by_key(|k| made[*k]) else { return Demand::default() };
    let (op, site) = match &items[k] {
        Item::Step(step) => (step.name.clone(), step.site),
        item => item.fusion().map_or((String::new(), None), |c| (c.names.join("+"), c.site)),
    };
    Demand { op, site, bytes: made[k] }
}

/// Gives slots their places. Returns the bytes of the frame, or `usize::MAX` if there are not enough addresses.
fn pack(slots: &mut [Slot]) -> usize {
    if slots.iter().filter(|s| s.bytes > 0).count() <= PACKED_BY_SIZE { by_size(slots) } else { by_time(slots) }
}

/// Best fit, the biggest slot first: each slot goes into the tightest gap between the slots that are in use at the same time. Takes quadratic time.
fn by_size(slots: &mut [Slot]) -> usize {
    let mut order: Vec<usize> = (0..slots.len()).filter(|i| slots[*i].bytes > 0).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(slots[*i].bytes), slots[*i].from));
    // Placed slots by address.
    let mut placed: Vec<usize> = vec![];
    let mut peak = 0;
    for i in order {
        let need = aligned(slots[i].bytes);
        let (mut end, mut best) = (0_usize, None::<(usize, usize)>);
        for &j in &placed {
            let other = &slots[j];
            if other.from > slots[i].to || other.to < slots[i].from {
                continue;
            }
            if other.at >= end.saturating_add(need) {
                let gap = other.at - end;
                if best.is_none_or(|b| gap < b.1) {
                    best = Some((end, gap));
                }
            }
            end = end.max(other.at.saturating_add(aligned(other.bytes)));
        }
        let at = best.map_or(end, |b| b.0);
        slots[i].at = at;
        peak = peak.max(at.saturating_add(need));
        let place = placed.partition_point(|j| slots[*j].at <= at);
        placed.insert(place, i);
    }
    peak
}

/// Best fit in the order of first use: each slot goes into the tightest gap that is free at its first use.
fn by_time(slots: &mut [Slot]) -> usize {
    let mut order: Vec<usize> = (0..slots.len()).filter(|i| slots[*i].bytes > 0).collect();
    order.sort_by_key(|i| (slots[*i].from, std::cmp::Reverse(slots[*i].bytes)));
    let (mut gaps, mut peak) = (Gaps::default(), 0);
    // Slots in use, by their last use.
    let mut used: BTreeSet<(usize, usize)> = BTreeSet::new();
    for i in order {
        while let Some(&(to, j)) = used.first().filter(|u| u.0 < slots[i].from) {
            used.remove(&(to, j));
            gaps.free(slots[j].at, aligned(slots[j].bytes));
        }
        let need = aligned(slots[i].bytes);
        slots[i].at = gaps.take(need).unwrap_or_else(|| {
            // A gap at the end of the frame is extended.
            let at = gaps.last_until(peak).unwrap_or(peak);
            peak = at.saturating_add(need);
            at
        });
        used.insert((slots[i].to, i));
    }
    peak
}

/// The free stretches of the frame.
#[derive(Default)]
struct Gaps {
    /// The length of each gap, by its first byte.
    places: BTreeMap<usize, usize>,
    /// The same gaps as (length, first byte).
    lengths: BTreeSet<(usize, usize)>,
}

impl Gaps {
    fn remove(&mut self, at: usize, len: usize) {
        self.places.remove(&at);
        self.lengths.remove(&(len, at));
    }
    fn insert(&mut self, at: usize, len: usize) {
        self.places.insert(at, len);
        self.lengths.insert((len, at));
    }
    /// Takes this many bytes from the shortest gap that is long enough. Returns the first of them.
    fn take(&mut self, need: usize) -> Option<usize> {
        let &(len, at) = self.lengths.range((need, 0)..).next()?;
        self.remove(at, len);
        if len > need {
            self.insert(at + need, len - need);
        }
        Some(at)
    }
    /// Frees a stretch, and joins it with the gaps beside it.
    fn free(&mut self, at: usize, len: usize) {
        let (mut from, mut to) = (at, at.saturating_add(len));
        if let Some((a, n)) = self.places.range(..at).next_back().map(|(a, n)| (*a, *n)).filter(|(a, n)| a + n == from) {
            self.remove(a, n);
            from = a;
        }
        if let Some(n) = self.places.get(&to).copied() {
            self.remove(to, n);
            to += n;
        }
        self.insert(from, to - from);
    }
    /// Takes the last gap if it ends here. Returns its first byte.
    fn last_until(&mut self, end: usize) -> Option<usize> {
        let (at, len) = self.places.last_key_value().map(|(a, n)| (*a, *n)).filter(|(a, n)| a + n == end)?;
        self.remove(at, len);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypertape_testkit::random::bits;

    /// Slots with random lifetimes, of a few sizes.
    fn slots(n: u64, seed: u64) -> Vec<Slot> {
        let slot = |i: u64| {
            let from = (bits(seed, 3 * i) % n) as usize;
            let to = from + (bits(seed, 3 * i + 1) % 40) as usize;
            Slot { bytes: [0, 8, 64, 100, 4096][(bits(seed, 3 * i + 2) % 5) as usize], from, to, at: 0 }
        };
        (0..n).map(slot).collect()
    }

    #[test]
    fn slots_in_use_together_lie_apart_and_take_little_more_than_they_must() {
        for seed in 0..20 {
            for pack in [by_size, by_time] {
                let mut s = slots(300, seed);
                let peak = pack(&mut s);
                let apart = |a: &Slot, b: &Slot| a.at + a.bytes <= b.at || b.at + b.bytes <= a.at;
                for (i, a) in s.iter().enumerate() {
                    assert!(a.at == aligned(a.at) && a.at + a.bytes <= peak);
                    let together = |b: &&Slot| b.bytes > 0 && a.bytes > 0 && a.from <= b.to && b.from <= a.to;
                    assert!(s[..i].iter().filter(together).all(|b| apart(a, b)), "seed {seed}");
                }
                let live = |t: usize| -> usize { s.iter().filter(|s| s.from <= t && t <= s.to).map(|s| aligned(s.bytes)).sum() };
                let least = (0..340).map(live).max().unwrap_or(0);
                assert!(peak <= 2 * least, "seed {seed}: {peak} for {least}");
            }
        }
    }
}
