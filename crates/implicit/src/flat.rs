//! Leaves of a structure laid out one after another in a vector of doubles: what iterative solvers work on.
use hypertape_autodiff::array::{AnyView, AnyViewMut, LeafType};

/// Number of elements of all leaves.
pub(crate) fn len(types: &[LeafType]) -> usize {
    types.iter().map(LeafType::len).sum()
}

/// Copies leaves into a vector.
pub(crate) fn pack<'a>(leaves: impl Iterator<Item = AnyView<'a>>, out: &mut [f64]) {
    let mut at = 0;
    for v in leaves {
        let n = v.shape().iter().product::<usize>();
        let to = &mut out[at..at + n];
        match &v {
            AnyView::F64(a) => to.iter_mut().zip(a).for_each(|(t, v)| *t = *v),
            AnyView::F32(a) => to.iter_mut().zip(a).for_each(|(t, v)| *t = f64::from(*v)),
            AnyView::U32(a) => to.iter_mut().zip(a).for_each(|(t, v)| *t = f64::from(*v)),
        }
        at += n;
    }
}

/// Copies a vector into leaves.
pub(crate) fn unpack<'a>(from: &[f64], leaves: impl Iterator<Item = AnyViewMut<'a>>) {
    let mut at = 0;
    for v in leaves {
        let n = v.leaf_type().len();
        let part = &from[at..at + n];
        match v {
            AnyViewMut::F64(mut a) => a.iter_mut().zip(part).for_each(|(t, v)| *t = *v),
            AnyViewMut::F32(mut a) => a.iter_mut().zip(part).for_each(|(t, v)| *t = *v as f32),
            AnyViewMut::U32(mut a) => a.iter_mut().zip(part).for_each(|(t, v)| *t = *v as u32),
        }
        at += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypertape_autodiff::array::{AnyArray, Kind};

    #[test]
    fn unpacking_undoes_packing() {
        let types = [LeafType::new(&[2, 2], Kind::F64), LeafType::new(&[3], Kind::F32)];
        let from: Vec<f64> = (0..7).map(f64::from).collect();
        let mut leaves: Vec<AnyArray> = types.iter().map(|t| AnyArray::full(t, 0.0)).collect();
        unpack(&from, leaves.iter_mut().map(AnyArray::view_mut));
        let mut back = vec![0.0; len(&types)];
        pack(leaves.iter().map(AnyArray::view), &mut back);
        assert_eq!(back, from);
    }
}
