//! Loop nests over strided operands: dropping, merging and stepping axes.
use hypertape_ir::array::Layout;
use smallvec::SmallVec;

/// One loop over `N` operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis<const N: usize> {
    /// Length.
    pub(crate) n: usize,
    /// How far each operand moves in one step.
    pub(crate) s: [isize; N],
}

/// Loops, outermost first.
pub(crate) type Axes<const N: usize> = SmallVec<[Axis<N>; 6]>;

/// Drops loops of length 1, and merges neighbouring loops that every operand can run through as one.
pub(crate) fn merge<const N: usize>(axes: impl IntoIterator<Item = Axis<N>>) -> Axes<N> {
    let mut out: Axes<N> = SmallVec::new();
    for axis in axes {
        if axis.n == 1 {
            continue;
        }
        match out.last_mut() {
            Some(o) if (0..N).all(|i| o.s[i] == axis.s[i] * axis.n as isize) => *o = Axis { n: o.n * axis.n, s: axis.s },
            _ => out.push(axis),
        }
    }
    out
}

/// Calls `f` with the offsets of every index of the nest, in row-major order.
#[inline]
pub(crate) fn each<const N: usize>(axes: &[Axis<N>], start: [isize; N], mut f: impl FnMut([isize; N])) {
    if axes.iter().any(|a| a.n == 0) {
        return;
    }
    let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, axes.len());
    let mut at = start;
    loop {
        f(at);
        let mut k = axes.len();
        loop {
            if k == 0 {
                return;
            }
            k -= 1;
            let a = &axes[k];
            index[k] += 1;
            if index[k] < a.n {
                (0..N).for_each(|i| at[i] += a.s[i]);
                break;
            }
            index[k] = 0;
            (0..N).for_each(|i| at[i] -= a.s[i] * (a.n as isize - 1));
        }
    }
}

/// Number of indices of a nest.
pub(crate) fn count<const N: usize>(axes: &[Axis<N>]) -> usize {
    axes.iter().fold(1, |p: usize, a| p.saturating_mul(a.n))
}

/// Panics if the layout leaves its storage, before any pointer is made. That is a mistake of the caller.
pub(crate) fn guard<T>(storage: &[T], layout: &Layout) {
    let (low, high) = layout.span();
    assert!(low <= high && high <= storage.len(), "a layout lies within its storage");
}
