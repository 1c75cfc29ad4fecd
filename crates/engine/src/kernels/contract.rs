//! Contractions: planned once from layouts, then run as streams over rows, as matrix products, or by plain loops.
#![allow(unsafe_code, reason = "strided loops and slices of generic elements; each block says why it is sound")]
use super::added::{FLUSH, axpys};
use super::axes::{Axes, Axis, count, each, merge};
use super::copy;
use super::gemm::Gemm;
use super::many::{self, Many};
use super::matvec::{Rows, dot, dots};
use hypertape_ir::array::{Element, Kind, Layout, Real};
pub use hypertape_ir::operation::Class;
use hypertape_ir::operation::Contraction;
use smallvec::SmallVec;

/// How a contraction is run: made once from layouts, used any number of times.
#[derive(Debug, Clone)]
pub(crate) struct ContractPlan {
    class: Class,
    /// Loops over the batch, with strides of a, b and out.
    batch: Axes<3>,
    core: Core,
    /// The layouts of a and b, where both are copied to contiguous memory first.
    pack: [Option<Layout>; 2],
    offset: [isize; 2],
    scratch: usize,
    out: usize,
    spans: [usize; 2],
    work: usize,
    /// Whether the result is added to `out`; else it replaces `out`.
    add: bool,
}

/// How one item of the batch is run.
#[derive(Debug, Clone)]
enum Core {
    Zero,
    /// Loops over free axes (strides of a, b, out), then contracted ones (strides of a, b).
    Loops {
        free: Axes<3>,
        sum: Axes<2>,
    },
    /// The innermost batch axis is contiguous: rows are multiplied element by element, and the products added up.
    Columns {
        n: usize,
        sum: Axes<2>,
    },
    /// The matrix is a (0) or b (1), and its rows are contiguous. The vector is copied if its stride is not 1.
    Stream {
        matrix: usize,
        rows: usize,
        columns: usize,
        stride: isize,
        vector: isize,
        out: isize,
        across: bool,
    },
    Gemm(Gemm),
}

/// A product of a matrix with contiguous rows and a contiguous vector, as a stream over the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Which operand is the matrix.
    pub(crate) matrix: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Elements from one row to the next, and before the first row.
    pub(crate) stride: isize,
    pub(crate) start: isize,
    /// Whether rows are added up; else each is dotted.
    pub(crate) across: bool,
}

impl ContractPlan {
    /// The product as a stream, if it is one.
    pub(crate) fn stream(&self) -> Option<Stream> {
        match self.core {
            Core::Stream { matrix, rows, columns, stride, vector: 1, out: 1, across } if self.batch.is_empty() => {
                (self.offset[1 - matrix] == 0).then_some(Stream { matrix, rows, columns, stride, start: self.offset[matrix], across })
            }
            _ => None,
        }
    }
    /// Rows and columns of the result, if it is a single product of matrices.
    pub(crate) fn matrix(&self) -> Option<[usize; 2]> {
        match self.core {
            Core::Gemm(g) if self.batch.is_empty() && g.out == [g.n as isize, 1] => Some([g.m, g.n]),
            _ => None,
        }
    }
    /// Makes a product of matrices write its result transposed.
    pub(crate) fn turn(&mut self) {
        if let Core::Gemm(g) = &mut self.core {
            g.out = [1, g.m as isize];
        }
    }
    /// Makes a product of matrices add its result to `out`.
    pub(crate) fn add(&mut self) {
        debug_assert!(matches!(self.core, Core::Gemm(_)), "products of matrices alone can be added");
        self.add = true;
    }
    /// Whether the result is added to `out`.
    pub(crate) fn adds(&self) -> bool {
        self.add
    }
    /// Decides how to contract operands with these layouts.
    #[must_use]
    pub(crate) fn new(spec: &Contraction, la: &Layout, lb: &Layout) -> Self {
        let shape = |l: &Layout, axes: &[usize]| axes.iter().map(|i| l.shape[*i]).collect::<SmallVec<[usize; 8]>>();
        let (fa, fb) = (spec.free(0, la.shape.len()), spec.free(1, lb.shape.len()));
        let mut out_shape: SmallVec<[usize; 8]> = spec.batch.iter().map(|p| la.shape[p.0]).collect();
        out_shape.extend(shape(la, &fa));
        out_shape.extend(shape(lb, &fb));
        let lo = Layout::contiguous(&out_shape);
        let nb = spec.batch.len();
        let batch = merge(
            spec.batch.iter().enumerate().map(|(i, p)| Axis { n: la.shape[p.0], s: [la.strides[p.0], lb.strides[p.1], lo.strides[i]] }),
        );
        let rows = merge(fa.iter().enumerate().map(|(i, x)| Axis { n: la.shape[*x], s: [la.strides[*x], lo.strides[nb + i]] }));
        let columns =
            merge(fb.iter().enumerate().map(|(i, x)| Axis { n: lb.shape[*x], s: [lb.strides[*x], lo.strides[nb + fa.len() + i]] }));
        let mut sum: Axes<2> =
            spec.sum.iter().map(|p| Axis { n: la.shape[p.0], s: [la.strides[p.0], lb.strides[p.1]] }).filter(|a| a.n != 1).collect();
        let work = [count(&rows), count(&columns), count(&sum)].into_iter().fold(count(&batch), usize::saturating_mul);
        let mut plan = ContractPlan {
            class: Class::Zero,
            batch,
            core: Core::Zero,
            pack: [None, None],
            offset: [la.offset as isize, lb.offset as isize],
            scratch: 0,
            out: lo.len(),
            spans: [la.span().1, lb.span().1],
            work,
            add: false,
        };
        if work == 0 {
            return plan;
        }
        // Any order of summation is allowed. Take the one in which more axes merge.
        sum.sort_by_key(|a| std::cmp::Reverse(a.s[0].unsigned_abs()));
        let by_a = merge(sum.iter().copied());
        sum.sort_by_key(|a| std::cmp::Reverse(a.s[1].unsigned_abs()));
        let by_b = merge(sum.iter().copied());
        let sum = if by_a.len() <= by_b.len() { by_a } else { by_b };
        plan.decide(rows, columns, sum);
        if matches!(plan.core, Core::Loops { .. }) && plan.class != Class::Outer && work >= 4096 && plan.pack_pays(spec, la, lb) {
            return Self::packed(spec, la, lb, &fa, &fb);
        }
        plan
    }
    fn decide(&mut self, mut rows: Axes<2>, mut columns: Axes<2>, sum: Axes<2>) {
        // A batch axis along which one operand is broadcast (stride 0) is a free axis of the other.
        if let ([x], true) = (&self.batch[..], !sum.is_empty()) {
            let x = *x;
            if x.s[1] == 0 && rows.is_empty() {
                rows.push(Axis { n: x.n, s: [x.s[0], x.s[2]] });
                self.batch.clear();
            } else if x.s[0] == 0 && columns.is_empty() {
                columns.push(Axis { n: x.n, s: [x.s[1], x.s[2]] });
                self.batch.clear();
            }
        }
        self.class = match (rows.is_empty(), columns.is_empty(), sum.is_empty()) {
            (_, _, true) => Class::Outer,
            (true, true, _) => Class::Dot,
            (false, false, _) => Class::Gemm,
            (false, true, _) => side(&rows, &sum, 0),
            (true, false, _) => side(&columns, &sum, 1),
        };
        let one = |axes: &Axes<2>| if let [x] = axes[..] { Some(x) } else { None };
        let core = match self.class {
            Class::Gemm => match (one(&rows), one(&columns), one(&sum)) {
                (Some(r), Some(c), Some(k)) if !(r.s[0] == 0 && k.s[0] == 0 || c.s[0] == 0 && k.s[1] == 0) => {
                    Some(Core::Gemm(Gemm { m: r.n, n: c.n, k: k.n, a: [r.s[0], k.s[0]], b: [k.s[1], c.s[0]], out: [r.s[1], c.s[1]] }))
                }
                _ => None,
            },
            Class::MatVec | Class::VecMat => {
                let matrix = usize::from(rows.is_empty());
                match (one(if matrix == 0 { &rows } else { &columns }), one(&sum)) {
                    (Some(f), Some(k)) if k.s[matrix] == 1 => Some(Core::Stream {
                        matrix,
                        rows: f.n,
                        columns: k.n,
                        stride: f.s[0],
                        vector: k.s[1 - matrix],
                        out: f.s[1],
                        across: false,
                    }),
                    (Some(f), Some(k)) if f.s[0] == 1 => Some(Core::Stream {
                        matrix,
                        rows: k.n,
                        columns: f.n,
                        stride: k.s[matrix],
                        vector: k.s[1 - matrix],
                        out: f.s[1],
                        across: true,
                    }),
                    _ => None,
                }
            }
            Class::Dot => match self.batch.last() {
                Some(Axis { n, s: [1, 1, 1] }) if sum.last().is_some_and(|k| k.s != [1, 1]) => {
                    let n = *n;
                    self.batch.pop();
                    Some(Core::Columns { n, sum: sum.clone() })
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(Core::Stream { rows, columns, vector, out, across, .. }) = &core {
            let vector = if *vector == 1 {
                0
            } else if *across {
                *rows
            } else {
                *columns
            };
            let out = if *out == 1 {
                0
            } else if *across {
                *columns
            } else {
                *rows
            };
            self.scratch = self.scratch.saturating_add(vector.saturating_add(out));
        }
        self.core = core.unwrap_or_else(|| {
            let r = rows.iter().map(|x| Axis { n: x.n, s: [x.s[0], 0, x.s[1]] });
            let c = columns.iter().map(|x| Axis { n: x.n, s: [0, x.s[0], x.s[1]] });
            Core::Loops { free: r.chain(c).collect(), sum }
        });
    }
    /// Whether copying the operands first costs little beside the product.
    fn pack_pays(&self, spec: &Contraction, la: &Layout, lb: &Layout) -> bool {
        let _ = spec;
        la.len().saturating_add(lb.len()) <= self.work / 4
    }
    /// Copies both operands with their axes in the order (batch, free, contracted), then contracts the copies.
    fn packed(spec: &Contraction, la: &Layout, lb: &Layout, fa: &[usize], fb: &[usize]) -> Self {
        let order = |side: usize, free: &[usize]| -> SmallVec<[usize; 8]> {
            let pick = |p: &(usize, usize)| if side == 0 { p.0 } else { p.1 };
            spec.batch.iter().map(pick).chain(free.iter().copied()).chain(spec.sum.iter().map(pick)).collect()
        };
        let (pa, pb) = (la.permute(&order(0, fa)), lb.permute(&order(1, fb)));
        let (ca, cb) = (Layout::contiguous(&pa.shape), Layout::contiguous(&pb.shape));
        let nb = spec.batch.len();
        let inner = Contraction {
            batch: (0..nb).map(|i| (i, i)).collect(),
            sum: (0..spec.sum.len()).map(|i| (nb + fa.len() + i, nb + fb.len() + i)).collect(),
        };
        let mut plan = ContractPlan::new(&inner, &ca, &cb);
        plan.scratch = plan.scratch.saturating_add(ca.len().saturating_add(cb.len()));
        plan.spans = [la.span().1, lb.span().1];
        plan.pack = [Some(pa), Some(pb)];
        plan
    }
    /// The class of the contraction.
    #[must_use]
    pub(crate) fn class(&self) -> Class {
        self.class
    }
    #[cfg(test)]
    /// Number of items in the batch.
    #[must_use]
    pub(crate) fn batches(&self) -> usize {
        count(&self.batch)
    }
    #[cfg(test)]
    /// Elements of the output.
    #[must_use]
    pub(crate) fn out_len(&self) -> usize {
        self.out
    }
    /// Multiplications.
    #[must_use]
    pub(crate) fn work(&self) -> usize {
        self.work
    }
    /// Elements of scratch memory that `run` needs.
    #[must_use]
    pub(crate) fn scratch(&self) -> usize {
        self.scratch
    }
    /// Runs the contraction. `a` and `b` are whole storages with the layouts that the plan was made from; `out` is contiguous.
    pub(crate) fn run<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], scratch: &mut [T]) {
        assert!(self.spans[0] <= a.len() && self.spans[1] <= b.len(), "layouts lie within their storages");
        assert!(out.len() == self.out && scratch.len() >= self.scratch, "output and scratch are as long as the plan says");
        if let [Some(pa), Some(pb)] = &self.pack {
            let (ca, rest) = scratch.split_at_mut(pa.len());
            let (cb, rest) = rest.split_at_mut(pb.len());
            copy::copy(a, pa, ca);
            copy::copy(b, pb, cb);
            self.items(ca, cb, out, rest, [0, 0]);
        } else {
            self.items(a, b, out, scratch, self.offset);
        }
    }
    fn items<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], scratch: &mut [T], offset: [isize; 2]) {
        if matches!(self.core, Core::Zero) {
            return out.fill(T::zero());
        }
        let start = [offset[0], offset[1], 0];
        let Some((last, outer)) = self.batch.split_last().filter(|_| self.is_small::<T>()) else {
            return each(&self.batch, start, |at| self.item(a, b, out, scratch, at));
        };
        each(outer, start, |at| self.items_of(*last, a, b, out, at));
    }
    /// Whether the items are small matrices times vectors without gaps.
    fn is_small<T: Real>(&self) -> bool {
        match self.core {
            Core::Stream { rows, columns, vector: 1, out: 1, across, .. } => {
                rows * columns < SMALL && !(across && T::KIND == Kind::F32 && rows > FLUSH)
            }
            _ => false,
        }
    }
    /// Small items along the innermost axis of the batch.
    fn items_of<T: Real>(&self, x: Axis<3>, a: &[T], b: &[T], out: &mut [T], at: [isize; 3]) {
        let Core::Stream { matrix, rows, columns, stride, across, .. } = self.core else { return };
        let (m, v) = if matrix == 0 { (a, b) } else { (b, a) };
        let m = Rows { data: m, stride, start: at[matrix], rows, columns };
        let many = Many { n: x.n, at: [at[1 - matrix], at[2]], steps: [x.s[matrix], x.s[1 - matrix], x.s[2]] };
        if across { many::axpys(m, v, out, many) } else { many::dots(m, v, out, many) }
    }
    fn item<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], scratch: &mut [T], at: [isize; 3]) {
        match &self.core {
            Core::Zero => {}
            // SAFETY: `run` checked the spans of both layouts, and these strides stay within them; `out` holds m·n places.
            Core::Gemm(g) => unsafe { g.run(a, b, out, at, self.add) },
            Core::Stream { matrix, rows, columns, stride, vector, out: os, across } => {
                let (m, v) = if *matrix == 0 { (a, b) } else { (b, a) };
                let m = Rows { data: m, stride: *stride, start: at[*matrix], rows: *rows, columns: *columns };
                let (nv, no) = if *across { (*rows, *columns) } else { (*columns, *rows) };
                let (packed, rest) = scratch.split_at_mut(if *vector == 1 { 0 } else { nv });
                let from = at[1 - *matrix];
                let v = if *vector == 1 {
                    &v[from as usize..from as usize + nv]
                } else {
                    packed.iter_mut().enumerate().for_each(|(i, p)| *p = v[(from + i as isize * *vector) as usize]);
                    packed
                };
                let product = if *across { axpys } else { dots };
                if *os == 1 {
                    product(m, v, &mut out[at[2] as usize..at[2] as usize + no]);
                } else {
                    product(m, v, &mut rest[..no]);
                    rest[..no].iter().enumerate().for_each(|(i, r)| out[(at[2] + i as isize * *os) as usize] = *r);
                }
            }
            Core::Columns { n, sum } => {
                let out = &mut out[at[2] as usize..at[2] as usize + n];
                if T::KIND == Kind::F32 && count(sum) > FEW_TERMS {
                    return columns_wide(*n, sum, a, b, out, [at[0], at[1]]);
                }
                out.fill(T::zero());
                each(sum, [at[0], at[1]], |[i, j]| {
                    let (p, q) = (&a[i as usize..i as usize + n], &b[j as usize..j as usize + n]);
                    out.iter_mut().zip(p.iter().zip(q)).for_each(|(o, (p, q))| *o += *p * *q);
                });
            }
            Core::Loops { free, sum } => loops(free, sum, a, b, out, at),
        }
    }
}

/// Elements of a matrix below which those of a batch are taken together.
const SMALL: usize = 1 << 12;
/// Most terms that are summed in single precision.
const FEW_TERMS: usize = 64;

/// `Core::Columns` with sums in double precision, some columns at a time.
fn columns_wide<T: Real>(n: usize, sum: &[Axis<2>], a: &[T], b: &[T], out: &mut [T], at: [isize; 2]) {
    const TILE: usize = 256;
    let mut totals = [0.0; TILE];
    for (c, out) in out[..n].chunks_mut(TILE).enumerate() {
        let (from, m) = ((c * TILE) as isize, out.len());
        totals[..m].fill(0.0);
        each(sum, [at[0] + from, at[1] + from], |[i, j]| {
            let (p, q) = (&a[i as usize..i as usize + m], &b[j as usize..j as usize + m]);
            totals[..m].iter_mut().zip(p.iter().zip(q)).for_each(|(t, (p, q))| *t += Element::to_f64(*p * *q));
        });
        out.iter_mut().zip(&totals).for_each(|(o, t)| *o = T::from_f64(*t));
    }
}

/// The contraction by plain loops.
fn loops<T: Real>(free: &[Axis<3>], sum: &[Axis<2>], a: &[T], b: &[T], out: &mut [T], at: [isize; 3]) {
    let Some((last, outer)) = sum.split_last() else {
        let Some((last, outer)) = free.split_last() else {
            out[at[2] as usize] = a[at[0] as usize] * b[at[1] as usize];
            return;
        };
        return each(outer, at, |[p, q, r]| multiply(*last, a, b, out, [p, q, r]));
    };
    each(free, at, |[p, q, r]| {
        let mut total = 0.0;
        each(outer, [p, q], |[p, q]| {
            total += if last.s == [1, 1] {
                Element::to_f64(dot(&a[p as usize..p as usize + last.n], &b[q as usize..q as usize + last.n]))
            } else {
                let mut acc = [0.0; 4];
                for i in 0..last.n {
                    let k = i as isize;
                    acc[i % 4] += Element::to_f64(a[(p + k * last.s[0]) as usize] * b[(q + k * last.s[1]) as usize]);
                }
                (acc[0] + acc[1]) + (acc[2] + acc[3])
            };
        });
        out[r as usize] = T::from_f64(total);
    });
}

/// out_i = a_i·b_i along one axis.
fn multiply<T: Real>(x: Axis<3>, a: &[T], b: &[T], out: &mut [T], at: [isize; 3]) {
    let [p, q, r] = at.map(|v| v as usize);
    let n = x.n;
    match x.s {
        [0, 1, 1] => out[r..r + n].iter_mut().zip(&b[q..q + n]).for_each(|(o, b)| *o = a[p] * *b),
        [1, 0, 1] => out[r..r + n].iter_mut().zip(&a[p..p + n]).for_each(|(o, a)| *o = *a * b[q]),
        [1, 1, 1] => out[r..r + n].iter_mut().zip(a[p..p + n].iter().zip(&b[q..q + n])).for_each(|(o, (a, b))| *o = *a * *b),
        [s, t, u] => (0..n as isize).for_each(|i| {
            out[(at[2] + i * u) as usize] = a[(at[0] + i * s) as usize] * b[(at[1] + i * t) as usize];
        }),
    }
}

/// Whether the contiguous rows of the matrix are dotted (`MatVec`) or added up (`VecMat`).
fn side(free: &Axes<2>, sum: &Axes<2>, matrix: usize) -> Class {
    let along = |axes: &Axes<2>, i: usize| axes.last().is_some_and(|x| x.s[i] == 1);
    if !along(sum, matrix) && along(free, 0) { Class::VecMat } else { Class::MatVec }
}
