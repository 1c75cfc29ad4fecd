//! All entries of a sparse matrix from its diagonals, which a program makes at a point without any direction.
use super::colouring::{Places, colours};
use super::compressed::{append, of_variables};
use super::{Function, Workspace};
use crate::array::{AnyView, LeafType, Shape};
use crate::error::Result;
use crate::operation::named::{Csr, Pattern};
use crate::plan::{Memory, Plan};
use crate::transform::{self, Diagonal};
use crate::tree::{AnyLeaf, Feed, Structure};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// A matrix that is made by its diagonals.
#[derive(Debug)]
pub(super) struct Diagonals<I: Structure, O: Structure> {
    /// The function's own values, which are looked at as always, and the diagonals.
    workspace: Workspace<I, (O, Vec<AnyLeaf>)>,
    plan: Arc<Plan>,
    /// Sorted by result, then by the columns that they meet in a row.
    made: Vec<Diagonal>,
    /// For each real leaf of the outputs, how many rows it has.
    rows: Vec<usize>,
    /// For each direction, the first of its columns.
    first: Vec<usize>,
    columns: usize,
    found: Option<Found>,
}

/// Which entries of the diagonals are not 0 at a point.
#[derive(Debug)]
struct Found {
    pattern: Pattern,
    runs: Vec<Run>,
    /// How many colours the columns have; counted when it is first asked for.
    colours: OnceLock<usize>,
}

/// Rows of a result, one after the other, that meet the same diagonals.
#[derive(Debug)]
struct Run {
    rows: usize,
    /// The diagonals that have an entry in each of these rows, and their elements in the first row.
    kept: Vec<[usize; 2]>,
    /// Those that are 0 there, but may be something else at another point.
    zero: Vec<[usize; 2]>,
}

/// Entries of the rows that are written at once; more than a row can have.
const BLOCK: usize = 1024;

impl<I: Structure, O: Structure> Diagonals<I, O> {
    /// For the real leaves of the inputs with the first of their columns, if they are variables. None where the matrix is not made by diagonals.
    pub(super) fn new(of: &Function<I, O>, variables: &[(LeafType, Option<usize>)], columns: usize) -> Result<Option<Self>> {
        if u32::try_from(columns).is_err() {
            return Ok(None);
        }
        let linearization = of.linearization()?;
        let (product, residuals) = of_variables(linearization, variables)?;
        let rows: Vec<usize> = product.output_types().iter().map(LeafType::len).collect();
        let first: Vec<usize> = variables.iter().filter_map(|(_, first)| *first).collect();
        let Some((program, made)) = transform::diagonals(&product, residuals)? else { return Ok(None) };
        let mut order: Vec<usize> = (0..made.len()).collect();
        order.sort_by_key(|k| (made[*k].output, first[made[*k].input], *k));
        let program = linearization.beside_values(&transform::select(&program, &order)?)?;
        let leaves = program.output_types().split_off(program.outputs.len() - made.len()).into_iter().map(AnyLeaf).collect();
        let inner = of.inner.derived(Ok(program));
        let f = Function { inner, inputs: of.inputs.clone(), outputs: (of.outputs.clone(), leaves) };
        let made = order.into_iter().map(|k| made[k].clone()).collect();
        Ok(Some(Diagonals { plan: f.plan()?, workspace: f.workspace(), made, rows, first, columns, found: None }))
    }
    /// The matrix at a point; its pattern is that of the last point, unless other entries are not 0 here.
    #[track_caller]
    pub(super) fn at(&mut self, point: impl Feed<I>) -> Result<Csr<f64>> {
        let (_, leaves) = self.workspace.run(point)?;
        let elements: Vec<Cow<'_, [f64]>> = leaves.into_iter().map(elements).collect();
        if let Some(found) = &self.found
            && let Some(values) = found.values(&elements)
        {
            return Csr::with_pattern(&found.pattern, values);
        }
        let found = Found::new(&self.made, &self.rows, &self.first, self.columns, &elements)?;
        let values = found.values(&elements).unwrap_or_default();
        let matrix = Csr::with_pattern(&found.pattern, values);
        self.found = Some(found);
        matrix
    }
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        self.found.as_ref().map(|f| &f.pattern)
    }
    /// Colours of the columns of the last pattern.
    pub(super) fn colours(&self) -> usize {
        self.found.as_ref().map_or(0, |f| *f.colours.get_or_init(|| colours(&Places::of_pattern(&f.pattern), self.columns).1))
    }
    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
    /// What it holds in memory.
    pub(super) fn memory(&self) -> Memory {
        let mut memory = self.workspace.memory();
        memory.workspace += self.found.as_ref().map_or(0, |f| f.pattern.bytes()) as u64;
        memory
    }
}

/// The elements of a real array, row by row.
fn elements(a: AnyView<'_>) -> Cow<'_, [f64]> {
    if let AnyView::F64(a) = &a
        && let Some(elements) = a.to_slice()
    {
        return Cow::Borrowed(elements);
    }
    let mut elements = vec![];
    append(&mut elements, &a);
    Cow::Owned(elements)
}

impl Found {
    fn new(made: &[Diagonal], rows: &[usize], first: &[usize], columns: usize, elements: &[Cow<'_, [f64]>]) -> Result<Self> {
        let (mut starts, mut met) = (vec![0], vec![]);
        let mut runs: Vec<Run> = vec![];
        let [mut kept, mut zero]: [Vec<[usize; 2]>; 2] = [vec![], vec![]];
        let alike = |a: &[[usize; 2]], b: &[[usize; 2]]| a.iter().map(|k| k[0]).eq(b.iter().map(|k| k[0]));
        for (output, n) in rows.iter().enumerate() {
            let own: Vec<usize> = (0..made.len()).filter(|k| made[*k].output == output).collect();
            let shape = own.first().map_or_else(|| Shape::from_elem(*n, 1), |k| made[*k].rows.clone());
            let mut at = Shape::from_elem(0, shape.len());
            for row in 0..*n {
                [&mut kept, &mut zero].into_iter().for_each(Vec::clear);
                for k in &own {
                    let d = &made[*k];
                    let Some(element) = d.within.place(&at) else { continue };
                    if elements[*k][element] == 0.0 {
                        zero.push([*k, element]);
                        continue;
                    }
                    let of = at.iter().zip(&d.offset).zip(&d.columns);
                    let column = of.fold(0, |column, ((at, by), n)| column * n + at.saturating_add_signed(*by));
                    met.push((first[d.input] + column) as u32);
                    kept.push([*k, element]);
                }
                starts.push(met.len());
                match runs.last_mut().filter(|r| row > 0 && alike(&r.kept, &kept) && alike(&r.zero, &zero)) {
                    Some(run) => run.rows += 1,
                    None => runs.push(Run { rows: 1, kept: kept.clone(), zero: zero.clone() }),
                }
                // The next index, row by row.
                for (at, n) in at.iter_mut().zip(&shape).rev() {
                    *at += 1;
                    if *at < *n {
                        break;
                    }
                    *at = 0;
                }
            }
        }
        let pattern = Pattern::new([starts.len() - 1, columns], starts, met)?;
        Ok(Found { pattern, runs, colours: OnceLock::new() })
    }
    /// The values of its entries, of these diagonals. None where something else is not 0.
    fn values(&self, elements: &[Cow<'_, [f64]>]) -> Option<Vec<f64>> {
        let mut values = Vec::with_capacity(self.pattern.nonzeros());
        let mut sources: Vec<&[f64]> = vec![];
        // Rows at hand, which are copied to the values: those are not written twice.
        let mut block = [0.0; BLOCK];
        for run in &self.runs {
            let width = run.kept.len();
            let most = (BLOCK / width.max(1)).max(1);
            for start in (0..run.rows).step_by(most) {
                let rows = most.min(run.rows - start);
                let part = |[k, first]: &[usize; 2]| &elements[*k][first + start..][..rows];
                if run.zero.iter().any(|z| part(z).iter().any(|v| *v != 0.0)) {
                    return None;
                }
                sources.clear();
                sources.extend(run.kept.iter().map(part));
                match &sources[..] {
                    [] => {}
                    [one] => values.extend_from_slice(one),
                    _ => {
                        let to = &mut block[..rows * width];
                        interleave(to, &sources);
                        values.extend_from_slice(to);
                    }
                }
            }
        }
        Some(values)
    }
}

/// Writes the first elements of all sources, then the second ones, and so on.
fn interleave(to: &mut [f64], sources: &[&[f64]]) {
    match sources {
        [a, b] => by(to, [a, b]),
        [a, b, c] => by(to, [a, b, c]),
        [a, b, c, d] => by(to, [a, b, c, d]),
        [a, b, c, d, e] => by(to, [a, b, c, d, e]),
        _ => {
            for (place, source) in sources.iter().enumerate() {
                to.iter_mut().skip(place).step_by(sources.len()).zip(*source).for_each(|(to, v)| *to = *v);
            }
        }
    }
}

/// The same for sources of a fixed number, which the compiler keeps at hand.
fn by<const N: usize>(to: &mut [f64], sources: [&[f64]; N]) {
    let n = to.len() / N;
    let sources = sources.map(|s| &s[..n]);
    for (row, to) in to.chunks_exact_mut(N).enumerate() {
        for (to, source) in to.iter_mut().zip(&sources) {
            *to = source[row];
        }
    }
}
