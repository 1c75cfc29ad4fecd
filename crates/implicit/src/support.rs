//! The active set of a point: the unknowns whose rows of F_z are not those of the identity, as axes of the leaves that are cut down to it.
use hypertape_autodiff::array::{AnyArray, LeafType};
use hypertape_autodiff::transform::Cut;
use ndarray::Array1;

/// A set of unknowns that holds the active ones: of each leaf all of some indices of one axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Support {
    /// How each leaf is cut; none is whole.
    pub(crate) cuts: Vec<Option<Cut>>,
    /// The indices of each cut axis.
    pub(crate) indices: Vec<AnyArray>,
    /// Types of the leaves on their cuts.
    pub(crate) types: Vec<LeafType>,
    /// Where the unknowns of the set stand among all.
    pub(crate) places: Vec<usize>,
    /// How many unknowns are active.
    pub(crate) active: usize,
}

impl Support {
    /// Of flags of all unknowns, leaf by leaf. Each leaf is cut along the axis that leaves least of it.
    pub(crate) fn new(types: &[LeafType], active: &[bool]) -> Self {
        let count = active.iter().filter(|a| **a).count();
        let mut s = Support { cuts: vec![], indices: vec![], types: vec![], places: vec![], active: count };
        let mut start = 0;
        for t in types {
            s.leaf(t, &active[start..start + t.len()], start);
            start += t.len();
        }
        s
    }
    fn leaf(&mut self, t: &LeafType, active: &[bool], start: usize) {
        let lens = |axis: usize| (t.shape[axis], t.shape[axis + 1..].iter().product::<usize>());
        let mut best: Option<(usize, Vec<usize>)> = None;
        for axis in 0..t.shape.len() {
            let (len, inner) = lens(axis);
            let mut seen = vec![false; len];
            active.iter().enumerate().filter(|(_, a)| **a).for_each(|(i, _)| seen[i / inner % len] = true);
            let mut rows: Vec<usize> = (0..len).filter(|i| seen[*i]).collect();
            // An axis keeps one index at the least.
            if rows.is_empty() && len > 0 {
                rows.push(0);
            }
            let left = |axis: usize, rows: usize| rows * (t.len() / t.shape[axis].max(1));
            if rows.len() < len && best.as_ref().is_none_or(|(a, r)| left(axis, rows.len()) < left(*a, r.len())) {
                best = Some((axis, rows));
            }
        }
        let mut short = t.clone();
        match best {
            None => {
                self.cuts.push(None);
                self.places.extend(start..start + t.len());
            }
            Some((axis, rows)) => {
                let (len, inner) = lens(axis);
                short.shape[axis] = rows.len();
                for outer in 0..t.shape[..axis].iter().product::<usize>() {
                    for row in &rows {
                        let from = start + (outer * len + row) * inner;
                        self.places.extend(from..from + inner);
                    }
                }
                self.cuts.push(Some(Cut { axis, set: self.indices.len() }));
                let rows: Array1<u32> = rows.iter().map(|i| *i as u32).collect();
                self.indices.push(AnyArray::U32(rows.into_dyn()));
            }
        }
        self.types.push(short);
    }
    /// Sizes of the sets.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.indices.iter().map(|i| i.leaf_type().len()).collect()
    }
    /// Whether programs that were made for this set serve the other one.
    pub(crate) fn like(&self, other: &Support) -> bool {
        self.cuts == other.cuts && self.types == other.types
    }
    /// The entries of a whole vector on the set.
    pub(crate) fn take(&self, whole: &[f64], part: &mut Vec<f64>) {
        part.clear();
        part.extend(self.places.iter().map(|i| whole[*i]));
    }
    /// Writes entries on the set into a whole vector.
    pub(crate) fn put(&self, part: &[f64], whole: &mut [f64]) {
        self.places.iter().zip(part).for_each(|(i, v)| whole[*i] = *v);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypertape_autodiff::array::Kind;

    #[test]
    fn a_leaf_is_cut_along_the_axis_that_leaves_least() {
        let types = [LeafType::new(&[3], Kind::F64), LeafType::new(&[2, 4], Kind::F64), LeafType::new(&[], Kind::F64)];
        let mut active = vec![false; 12];
        [1, 2, 4, 8, 11].iter().for_each(|i| active[*i] = true);
        let s = Support::new(&types, &active);
        assert_eq!(s.cuts, [Some(Cut { axis: 0, set: 0 }), Some(Cut { axis: 1, set: 1 }), None]);
        assert_eq!(s.places, [1, 2, 4, 8, 11]);
        assert_eq!((s.active, s.sizes()), (5, vec![2, 1]));
        let none = Support::new(&types, &[false; 12]);
        assert_eq!(none.places, [0, 3, 7, 11]);
    }
}
