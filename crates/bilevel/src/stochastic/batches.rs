//! Which rows a mini-batch has: a pure function of a key and the number of the draw.
use hypertape_autodiff::record::{Var, random_index, uniform};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Error, ErrorKind, Function, Result, Workspace, index, shape};

/// Mini-batches of so many of the rows 0 … n − 1. The same key and the same number of a draw give the same rows, on any machine and any number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    rows: usize,
    size: usize,
    key: u64,
    order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    All,
    Replacement,
    Epochs,
}

impl Batches {
    /// Each row of each batch is drawn from all rows.
    #[must_use]
    pub fn with_replacement(rows: usize, size: usize, key: u64) -> Self {
        Batches { rows, size, key, order: Order::Replacement }
    }
    /// Each epoch is a permutation of all rows, cut into batches; the rows that are left over by a batch size that does not divide their number are left out of that epoch.
    #[must_use]
    pub fn epochs(rows: usize, size: usize, key: u64) -> Self {
        Batches { rows, size, key, order: Order::Epochs }
    }
    /// All rows, in their order, at every draw.
    #[must_use]
    pub fn all(rows: usize) -> Self {
        Batches { rows, size: rows, key: 0, order: Order::All }
    }
    /// Rows of a batch.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }
    /// Batches that the rows are cut into.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows / self.size.max(1)
    }
    fn check(&self) -> Result<()> {
        let wrong = |problem: String| Err(Error::new("mini-batches", ErrorKind::Other(problem)));
        if self.size == 0 || self.size > self.rows {
            return wrong(format!("{} of {} rows a batch; give at least 1, and at most all of them", self.size, self.rows));
        }
        if u32::try_from(self.rows).is_err() {
            return wrong(format!("{} rows are more than can be numbered; give at most {}", self.rows, u32::MAX));
        }
        Ok(())
    }
}

/// What draws.
#[derive(Debug)]
pub(crate) struct Drawer {
    batches: Batches,
    rows: Workspace<Leaf<u32>, Leaf<u32>>,
    noise: Workspace<Leaf<u32>, Leaf<f64>>,
    /// The permutation of an epoch.
    epoch: Option<(u64, Vec<u32>)>,
}

impl Drawer {
    pub(crate) fn new(batches: Batches) -> Result<Self> {
        batches.check()?;
        let Batches { rows, size, key, .. } = batches;
        let drawn: Function<Leaf<u32>, Leaf<u32>> =
            Function::record(index![], |draw: Var<u32>| random_index(key, draw, index![size], rows as u32))?;
        let noise: Function<Leaf<u32>, Leaf<f64>> = Function::record(index![], |draw: Var<u32>| uniform(key, draw, shape![rows]))?;
        Ok(Drawer { batches, rows: drawn.workspace(), noise: noise.workspace(), epoch: None })
    }
    pub(crate) fn batches(&self) -> Batches {
        self.batches
    }
    pub(crate) fn count(&self) -> usize {
        self.batches.count()
    }
    /// The rows of a draw.
    pub(crate) fn draw(&mut self, draw: u64) -> Result<Vec<u32>> {
        let Batches { rows, size, order, .. } = self.batches;
        match order {
            Order::All => Ok((0..rows as u32).collect()),
            // Numbers of draws begin again after 2³².
            Order::Replacement => Ok(self.rows.run(draw as u32)?.iter().copied().collect()),
            Order::Epochs => {
                let each = (rows / size) as u64;
                let (epoch, k) = (draw / each, (draw % each) as usize);
                if self.epoch.as_ref().is_none_or(|e| e.0 != epoch) {
                    let noise: Vec<f64> = self.noise.run(epoch as u32)?.iter().copied().collect();
                    let mut all: Vec<u32> = (0..rows as u32).collect();
                    all.sort_by(|a, b| noise[*a as usize].total_cmp(&noise[*b as usize]).then(a.cmp(b)));
                    self.epoch = Some((epoch, all));
                }
                Ok(self.epoch.as_ref().map(|e| e.1[k * size..(k + 1) * size].to_vec()).unwrap_or_default())
            }
        }
    }
    /// One of the parts.
    pub(crate) fn drawn_part(&self, draw: u64) -> usize {
        below(self.batches.key, draw, self.count().max(1) as u64) as usize
    }
    /// The rows of part k of the data, which are always the same.
    pub(crate) fn part(&self, k: usize) -> Vec<u32> {
        let size = self.batches.size;
        (k * size..(k + 1) * size).map(|i| i as u32).collect()
    }
}

/// A number from 0 to n − 1, a pure function of key and counter: SplitMix64 (Steele, Lea and Flood 2014), whose high bits are scaled.
pub(crate) fn below(key: u64, counter: u64, n: u64) -> u64 {
    let mut v = key.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    v = (v ^ (v >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    v = (v ^ (v >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    v ^= v >> 31;
    ((u128::from(v) * u128::from(n)) >> 64) as u64
}
