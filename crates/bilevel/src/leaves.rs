//! Vectors of doubles as the leaves of a structure: outer loops work on vectors, functions on structures.
use hypertape_autodiff::array::{AnyArray, AnyView, LeafType};
use hypertape_autodiff::tree::{Feed, Structure};
use hypertape_autodiff::{Error, ErrorKind, Result};

/// The number of elements.
pub(crate) fn len(types: &[LeafType]) -> usize {
    types.iter().map(LeafType::len).sum()
}

/// Leaves one after the other, as arrays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leaves(pub(crate) Vec<AnyArray>);

impl Leaves {
    /// A vector cut into leaves; it has as many entries as they have elements.
    pub(crate) fn cut(types: &[LeafType], v: &[f64]) -> Self {
        let mut from = 0;
        let mut leaf = |t: &LeafType| {
            let part = v.get(from..from + t.len()).unwrap_or_default();
            from += t.len();
            AnyArray::from_f64(t, part).unwrap_or_else(|| AnyArray::full(t, f64::NAN))
        };
        Leaves(types.iter().map(&mut leaf).collect())
    }
    /// The same leaves with other elements, in the memory that they have.
    pub(crate) fn refill(&mut self, types: &[LeafType], v: &[f64]) {
        if self.0.len() != types.len() {
            *self = Self::cut(types, v);
            return;
        }
        let mut from = 0;
        for (leaf, t) in self.0.iter_mut().zip(types) {
            let part = v.get(from..from + t.len()).unwrap_or_default();
            from += t.len();
            match leaf {
                AnyArray::F64(a) if a.len() == part.len() && a.is_standard_layout() => {
                    a.as_slice_mut().unwrap_or_default().copy_from_slice(part);
                }
                _ => *leaf = AnyArray::from_f64(t, part).unwrap_or_else(|| AnyArray::full(t, f64::NAN)),
            }
        }
    }
    /// As the arrays of a structure.
    pub(crate) fn arrays<S: Structure>(self, like: &S) -> S::Arrays {
        let mut leaves = self.0.into_iter();
        like.arrays(&mut |t| leaves.next().unwrap_or_else(|| AnyArray::full(t, f64::NAN)))
    }
}

impl<S: Structure> Feed<S> for Leaves {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        self.0.iter().for_each(|a| sink(a.view()));
    }
}

/// Appends the elements of a leaf.
pub(crate) fn push(v: &AnyView<'_>, out: &mut Vec<f64>) {
    match v {
        AnyView::F64(a) if a.is_standard_layout() => out.extend_from_slice(a.as_slice().unwrap_or_default()),
        _ => out.extend(v.to_owned().to_f64()),
    }
}

/// The elements of arrays that have these types and are finite.
pub(crate) fn flat<S: Structure>(op: &str, what: &'static str, given: &impl Feed<S>, types: &[LeafType]) -> Result<Vec<f64>> {
    let (mut out, mut found, mut bad) = (vec![], vec![], None);
    given.feed(&mut |v| {
        found.push(v.leaf_type());
        bad = bad.take().or_else(|| v.first_non_finite());
        push(&v, &mut out);
    });
    if found != types {
        let kind = ErrorKind::Types { of: hypertape_autodiff::error::Typed::Given(what), expected: types.to_vec(), given: found };
        return Err(Error::new(op, kind));
    }
    match bad {
        Some((index, value)) => Err(Error::new(op, ErrorKind::NotFinite { what: format!("what was given as {what}"), index, value })),
        None => Ok(out),
    }
}
