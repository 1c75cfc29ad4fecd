//! Patterns of sparse matrices: finding one by products, and colouring its columns so that few products give all entries.
use crate::error::Result;
use crate::operation::named::Pattern;

/// The columns of each row, row after row.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) starts: Vec<usize>,
    pub(super) columns: Vec<u32>,
}

impl Places {
    fn of(rows: impl Iterator<Item = impl Iterator<Item = u32>>) -> Self {
        let mut places = Places { starts: vec![0], columns: vec![] };
        for row in rows {
            places.columns.extend(row);
            places.starts.push(places.columns.len());
        }
        places
    }
    fn rows(&self) -> usize {
        self.starts.len() - 1
    }
    pub(super) fn row(&self, i: usize) -> &[u32] {
        &self.columns[self.starts[i]..self.starts[i + 1]]
    }
    pub(super) fn of_pattern(pattern: &Pattern) -> Self {
        Places { starts: pattern.starts().to_vec(), columns: pattern.indices().to_vec() }
    }
    /// As a pattern with this many columns.
    pub(super) fn pattern(&self, columns: usize) -> Result<Pattern> {
        Pattern::new([self.rows(), columns], self.starts.clone(), self.columns.clone())
    }
}

/// Colours columns so that no row has two of one colour (Curtis, Powell and Reid 1974): each column takes the first colour that is free (Coleman and
/// Moré 1983). The colour of each, and how many there are.
pub(super) fn colours(places: &Places, columns: usize) -> (Vec<u32>, usize) {
    let mut by_column = vec![0; columns + 1];
    places.columns.iter().for_each(|j| by_column[*j as usize + 1] += 1);
    (0..columns).for_each(|j| by_column[j + 1] += by_column[j]);
    let mut next = by_column.clone();
    let mut rows = vec![0u32; places.columns.len()];
    for i in 0..places.rows() {
        for j in places.row(i) {
            rows[next[*j as usize]] = i as u32;
            next[*j as usize] += 1;
        }
    }
    let none = u32::MAX;
    let (mut colour, mut taken_by, mut many) = (vec![none; columns], vec![none; columns], 0);
    for j in 0..columns {
        for i in &rows[by_column[j]..by_column[j + 1]] {
            for other in places.row(*i as usize) {
                if let Some(taken) = taken_by.get_mut(colour[*other as usize] as usize) {
                    *taken = j as u32;
                }
            }
        }
        let free = taken_by.iter().position(|by| *by != j as u32).unwrap_or(0);
        colour[j] = free as u32;
        many = many.max(free + 1);
    }
    (colour, many)
}

/// Finds where a matrix of `rows` x `columns` is not zero, by products with it.
///
/// Blocks of columns are halved until each is a column. Where a row has an entry in a block, both halves may have one; a product with random numbers in the
/// columns of some of these halves, no two of which meet in a row, tells in which of them it is. So each halving takes as many products as its halves need colours.
pub(super) fn find(rows: usize, columns: usize, mut product: impl FnMut(&dyn Fn(usize) -> f64) -> Result<Vec<f64>>) -> Result<Places> {
    let whole = usize::from(columns > 0) as u32;
    let mut places = Places::of((0..rows).map(|_| 0..whole));
    let mut width = columns.next_power_of_two();
    while width > 1 || (columns == 1 && width == 1) {
        let last = width <= 1;
        width = (width / 2).max(1);
        let blocks = columns.div_ceil(width);
        let halves = |k: &u32| [2 * k, 2 * k + 1].into_iter().filter(move |h| (*h as usize) < blocks);
        let may: Places = Places::of((0..rows).map(|i| places.row(i).iter().flat_map(halves)));
        // Few blocks need no colouring: each is a colour of its own.
        let (colour, many) = if blocks <= FEW { ((0..blocks as u32).collect(), blocks) } else { colours(&may, blocks) };
        let mut is = vec![false; may.columns.len()];
        for c in 0..many {
            let result = product(&|j| if colour[j / width] as usize == c { number(j) } else { 0.0 })?;
            for i in (0..rows).filter(|i| result[*i] != 0.0) {
                for at in may.starts[i]..may.starts[i + 1] {
                    is[at] |= colour[may.columns[at] as usize] as usize == c;
                }
            }
        }
        places = Places::of((0..rows).map(|i| (may.starts[i]..may.starts[i + 1]).filter(|at| is[*at]).map(|at| may.columns[at])));
        if last {
            break;
        }
    }
    Ok(places)
}

/// Blocks that are not worth a colouring.
const FEW: usize = 8;

/// A number for column j, of size between ½ and 1, by a hash of its own (Steele, Lea and Flood 2014).
pub(super) fn number(j: usize) -> f64 {
    let mut z = (j as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    let size = 0.5 + (z >> 12) as f64 * 2f64.powi(-53);
    if z & 1 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A random sparse matrix as rows of (column, value).
    fn random(rows: usize, columns: usize, each: usize, seed: usize) -> Vec<Vec<(usize, f64)>> {
        let draw = |k: usize| (number(seed * 1_000_003 + k) + 1.0) / 2.0;
        let column = |i: usize, k: usize| (draw(i * each + k) * columns as f64) as usize % columns.max(1);
        let row = |i: usize| {
            let mut row: Vec<(usize, f64)> = (0..each.min(columns)).map(|k| (column(i, k), draw(7 * i + k) + 0.1)).collect();
            row.sort_by_key(|e| e.0);
            row.dedup_by_key(|e| e.0);
            row
        };
        (0..rows).map(row).collect()
    }

    #[test]
    fn the_pattern_is_found_and_no_row_has_a_colour_twice() {
        for (rows, columns, each) in
            [(0, 0, 0), (3, 0, 0), (0, 3, 0), (1, 1, 1), (5, 1, 1), (7, 7, 0), (40, 33, 3), (33, 64, 5), (100, 65, 1)]
        {
            for seed in 0..5 {
                let matrix = random(rows, columns, each, seed);
                let times = |v: &dyn Fn(usize) -> f64| Ok(matrix.iter().map(|r| r.iter().map(|(j, a)| a * v(*j)).sum()).collect());
                let places = find(rows, columns, times).unwrap();
                let wanted: Vec<u32> = matrix.iter().flatten().map(|e| e.0 as u32).collect();
                assert_eq!(places.columns, wanted, "{rows} x {columns}, {each} a row");
                let (colour, many) = colours(&places, columns);
                for i in 0..rows {
                    let mut seen: Vec<u32> = places.row(i).iter().map(|j| colour[*j as usize]).collect();
                    seen.sort_unstable();
                    assert!(seen.windows(2).all(|w| w[0] < w[1]) && seen.iter().all(|c| (*c as usize) < many));
                }
            }
        }
    }

    #[test]
    fn products_grow_as_the_logarithm() {
        let count = |n: usize| {
            let mut products = 0;
            let band = |i: usize| i.saturating_sub(1)..(i + 2).min(n);
            let places = find(n, n, |v| {
                products += 1;
                Ok((0..n).map(|i| band(i).map(v).sum()).collect())
            });
            assert_eq!(colours(&places.unwrap(), n).1, 3);
            products
        };
        let (few, many) = (count(1 << 8), count(1 << 14));
        assert!(many - few <= 6 * 6, "{few} {many}");
    }
}
