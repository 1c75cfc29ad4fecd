//! All entries of a sparse matrix from products along few directions, a block of them at once.
use super::colouring::{Places, colours, number};
use super::linearization::Linearization;
use crate::array::{AnyArray, AnyView, LeafType};
use crate::error::{Error, Result};
use crate::execute::Executor;
use crate::operation::named::Pattern;
use crate::operation::{Builder, Program, Value};
use crate::plan::Plan;
use crate::transform::{self, Blocks};
use std::sync::Arc;

/// A pattern with its colours. A direction for each colour has ones in the columns of that colour; one more, of random numbers, tests the matrix.
#[derive(Debug)]
pub(super) struct Coloured {
    pub(super) pattern: Pattern,
    pub(super) colours: usize,
    places: Places,
    colour: Vec<u32>,
    /// How far a product may be from what the entries give, relative to its row and to the largest entry.
    tolerances: [f64; 2],
    /// What they may grow to where the program is seen to round so much.
    most: [f64; 2],
}

/// The first tolerance of a row, in units of machine epsilon; and what is allowed beyond the rounding that was seen.
const LEAST: f64 = 8.0;
const BEYOND: f64 = 16.0;
/// The most of products in double precision: rounding where a program's own terms are up to 10⁸ times as large as their sum.
const DOUBLE: [f64; 2] = [1e-8, 1e-12];
/// The most where single precision takes part.
const SINGLE: [f64; 2] = [1e-4, 1e-6];

impl Coloured {
    pub(super) fn new(places: Places, columns: usize, single: bool) -> Result<Self> {
        let (colour, colours) = colours(&places, columns);
        let pattern = places.pattern(columns)?;
        let (epsilon, most) = if single { (f64::from(f32::EPSILON), SINGLE) } else { (f64::EPSILON, DOUBLE) };
        Ok(Coloured { pattern, colours, places, colour, tolerances: [LEAST * epsilon, 0.0], most })
    }
    /// The element in column j of direction k. Beyond those that are needed, directions are 0.
    pub(super) fn direction(&self, k: usize, j: usize) -> f64 {
        match k {
            _ if k < self.colours => f64::from(u8::from(self.colour[j] as usize == k)),
            _ if k == self.colours => number(j),
            _ => 0.0,
        }
    }
    /// Whether the product with the random numbers is what these entries give. None where something is not finite.
    pub(super) fn agrees(&self, values: &[f64], tested: &Tested) -> Option<bool> {
        let [by_row, by_largest] = self.tolerances;
        let finite = tested.off().fold(true, |all, (off, _)| all & (off < f64::INFINITY));
        if tested.off().fold(true, |all, (off, size)| all & (off <= by_row * size)) {
            return finite.then_some(true);
        }
        // Rounding of sums within the program may be as large as other rows, where that was seen.
        let rounding = by_largest * largest_of(values);
        finite.then(|| tested.off().all(|(off, size)| off <= by_row * size || off <= rounding))
    }
    /// Takes what the entries of the point at which the pattern was found are off by for rounding. So a program that rounds little is tested strictly.
    pub(super) fn settle(&mut self, values: &[f64], tested: &Tested) {
        let largest = largest_of(values);
        let [mut by_row, mut by_largest] = self.tolerances;
        for (off, size) in tested.off().filter(|(off, _)| off.is_finite()) {
            let [of_row, of_largest] = [off / size, off / largest].map(|share| BEYOND * share);
            if off > self.tolerances[0] * size && of_row <= self.most[0] {
                by_row = by_row.max(of_row);
            } else if off > by_row * size && of_largest <= self.most[1] {
                by_largest = by_largest.max(of_largest);
            }
        }
        self.tolerances = [by_row, by_largest];
    }
}

/// What the product with the random numbers should be by the entries of each row, the size of its terms, and what it is.
#[derive(Debug, Default)]
pub(super) struct Tested {
    sums: Vec<f64>,
    sizes: Vec<f64>,
    product: Vec<f64>,
}

impl Tested {
    /// How far the product of each row is off, and the size of its terms.
    fn off(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.product.iter().zip(&self.sums).zip(&self.sizes).map(|((r, sum), size)| ((r - sum).abs(), *size))
    }
    fn clear(&mut self, rows: usize) {
        [&mut self.sums, &mut self.sizes].into_iter().for_each(|v| {
            v.clear();
            v.resize(rows, 0.0);
        });
        self.product.clear();
    }
    /// Adds entries of some rows, times the random numbers of their columns.
    fn add(&mut self, first: usize, entries: &[f64], weights: &[f64]) {
        let rows = first..first + entries.len();
        let sums = self.sums[rows.clone()].iter_mut().zip(&mut self.sizes[rows]);
        for ((sum, size), (v, w)) in sums.zip(entries.iter().zip(weights)) {
            *sum += v * w;
            *size += (v * w).abs();
        }
    }
}

fn largest_of(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// The linear part along the directions of a pattern, a block of them at once.
#[derive(Debug)]
pub(super) struct Products {
    /// Directions of a block.
    size: usize,
    executor: Executor,
    /// For each leaf of the variables, the first of its columns.
    first: Vec<usize>,
    /// For each leaf of the variables, a direction of the block in each row.
    directions: Vec<AnyArray>,
    /// The block that these are of; none at first.
    filled: Option<usize>,
    /// For each block, its entries in their order, and where their values stand in the results.
    entries: Vec<(Vec<u32>, Vec<u32>)>,
    /// For each block, as its results lie: the random number of the column of an entry; 0 where there is none.
    weights: Vec<Vec<f64>>,
    /// For each leaf of the outputs, the first of its rows and how many there are.
    leaves: Vec<(usize, usize)>,
    /// The results of a block, leaf after leaf.
    results: Vec<f64>,
    /// The last test.
    pub(super) tested: Tested,
}

impl Products {
    /// For the real leaves of the inputs with the first of their columns, if they are variables.
    pub(super) fn new(of: &Linearization, variables: &[(LeafType, Option<usize>)], c: &Coloured) -> Result<Self> {
        let (product, r) = of_variables(of, variables)?;
        let along: Vec<bool> = (0..product.inputs.len()).map(|i| i >= r).collect();
        let size = Blocks::even(c.colours + 1, transform::at_once(&product, &along));
        let program = transform::for_each(&product, size, &along)?;
        let directions = variables.iter().filter_map(|(t, first)| {
            let mut t = t.clone();
            t.shape.insert(0, size);
            first.map(|first| (first, AnyArray::full(&t, 0.0)))
        });
        let (first, directions) = directions.unzip();
        let mut leaves: Vec<(usize, usize)> = vec![];
        for t in product.output_types() {
            leaves.push((leaves.last().map_or(0, |(first, n)| first + n), t.len()));
        }
        let rows: usize = leaves.iter().map(|(_, n)| n).sum();
        let most = c.places.columns.len().max(size.saturating_mul(rows));
        if u32::try_from(most).is_err() {
            let what = format!(
                "{rows} rows with {} entries are more than one matrix can have, 2³² − 1; take fewer outputs at a time",
                c.places.columns.len()
            );
            return Err(Error::new("sparse derivative", what));
        }
        let mut entries = vec![(vec![], vec![]); (c.colours + 1).div_ceil(size)];
        let mut weights = vec![vec![0.0; size * rows]; entries.len()];
        for (first, n) in &leaves {
            for i in *first..first + n {
                for at in c.places.starts[i]..c.places.starts[i + 1] {
                    let column = c.places.columns[at] as usize;
                    let k = c.colour[column] as usize;
                    let from = size * first + k % size * n + i - first;
                    entries[k / size].0.push(at as u32);
                    entries[k / size].1.push(from as u32);
                    weights[k / size][from] = number(column);
                }
            }
        }
        let executor = Executor::new(Arc::new(Plan::new(&program)?));
        Ok(Products {
            size,
            executor,
            first,
            directions,
            filled: None,
            entries,
            weights,
            leaves,
            results: vec![],
            tested: Tested::default(),
        })
    }
    /// The entries at a point, at which `run` runs the plan along directions. The test is in `tested` then.
    pub(super) fn values(&mut self, c: &Coloured, run: impl Fn(&mut Executor, &[AnyArray]) -> Result<()>) -> Result<Vec<f64>> {
        let mut values = vec![];
        self.tested.clear(self.leaves.last().map_or(0, |(first, n)| first + n));
        for block in 0..self.entries.len() {
            self.fill(c, block);
            run(&mut self.executor, &self.directions)?;
            let alone = if self.leaves.len() == 1 { Some(self.executor.output(0)) } else { None };
            let results = match &alone {
                Some(AnyView::F64(a)) => a.as_slice(),
                _ => None,
            };
            let results = results.unwrap_or_else(|| {
                self.results.clear();
                (0..self.leaves.len()).for_each(|k| append(&mut self.results, &self.executor.output(k)));
                &self.results
            });
            let (at, from) = &self.entries[block];
            if self.entries.len() == 1 {
                values.extend(from.iter().map(|from| results[*from as usize]));
            } else {
                values.resize(c.places.columns.len(), 0.0);
                at.iter().zip(from).for_each(|(at, from)| values[*at as usize] = results[*from as usize]);
            }
            for (first, n) in &self.leaves {
                let colours = c.colours.saturating_sub(block * self.size).min(self.size);
                for k in 0..colours {
                    let rows = self.size * first + k * n..self.size * first + (k + 1) * n;
                    self.tested.add(*first, &results[rows.clone()], &self.weights[block][rows]);
                }
                if c.colours / self.size == block {
                    self.tested.product.extend_from_slice(&results[self.size * first + c.colours % self.size * n..][..*n]);
                }
            }
        }
        Ok(values)
    }
    fn fill(&mut self, c: &Coloured, block: usize) {
        if self.filled == Some(block) {
            return;
        }
        let size = self.size;
        for (first, leaf) in self.first.iter().zip(&mut self.directions) {
            let n = leaf.leaf_type().len() / size;
            let element = |at: usize| c.direction(block * size + at / n, *first + at % n);
            match leaf {
                AnyArray::F64(a) => a.iter_mut().enumerate().for_each(|(at, to)| *to = element(at)),
                AnyArray::F32(a) => a.iter_mut().enumerate().for_each(|(at, to)| *to = element(at) as f32),
                AnyArray::U32(_) => {}
            }
        }
        self.filled = Some(block);
    }
    pub(super) fn plan(&self) -> &Arc<Plan> {
        self.executor.plan()
    }
    /// What it holds in memory.
    pub(super) fn bytes(&self) -> u64 {
        let directions: usize = self.directions.iter().map(|a| a.leaf_type().bytes()).sum();
        let entries: usize = self.entries.iter().map(|(at, _)| at.len()).sum();
        let weights: usize = self.weights.iter().map(Vec::len).sum();
        let numbers = self.results.capacity() + entries + weights + 3 * self.tested.sums.capacity();
        self.executor.memory().total() + (directions + 8 * numbers) as u64
    }
}

/// J·t as a program of (residuals…, directions of the variables…), and how many residuals there are: what is not a variable stays where it is.
pub(super) fn of_variables(of: &Linearization, variables: &[(LeafType, Option<usize>)]) -> Result<(Program, usize)> {
    let (product, r) = of.product(false);
    let mut b = Builder::new();
    let types = product.input_types();
    let given: Vec<Value> = b.inputs(&types[..r]);
    let directions =
        types[r..].iter().zip(variables).map(|(t, (_, first))| if first.is_some() { b.input(t.clone()) } else { b.full(t, 0.0) });
    let given: Vec<Value> = given.into_iter().chain(directions).collect();
    let made = b.inline(product, &given);
    Ok((transform::dead_code(&b.finish(&made)?)?, r))
}

/// Adds the elements of a real array in row-major order.
pub(super) fn append(to: &mut Vec<f64>, a: &AnyView<'_>) {
    match a {
        AnyView::F64(a) => match a.as_slice() {
            Some(row_major) => to.extend_from_slice(row_major),
            None => to.extend(a.iter()),
        },
        AnyView::F32(a) => to.extend(a.iter().map(|v| f64::from(*v))),
        AnyView::U32(_) => {}
    }
}
