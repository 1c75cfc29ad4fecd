//! Products of two arrays: dot, outer, matrix and batched products in one operation.
use crate::array::{AnyArray, Kind, LeafType, Real, Shape};
use crate::error::{Elements, ErrorKind, Misfit, Nothing, Result};
use crate::operation::{Builder, Contraction, Items, Lowering, Multilinear, Op, Probe, Probed, Product, Value};
use ndarray::{ArrayD, IxDyn};

/// out[batch…, a's free axes…, b's free axes…] = Σ over the contracted axes of a·b. Transpose: the same with the cotangent.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract(pub Contraction);

impl Multilinear for Contract {
    fn name(&self) -> &'static str {
        "contract"
    }
    fn attributes(&self) -> String {
        let pairs = |p: &[(usize, usize)]| p.iter().map(|(a, b)| format!("{a}-{b}")).collect::<Vec<_>>().join(" ");
        let batch = if self.0.batch.is_empty() { String::new() } else { format!(", batch {}", pairs(&self.0.batch)) };
        format!("sum {}{batch}", pairs(&self.0.sum))
    }
    fn arity(&self) -> usize {
        2
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let (a, b) = (inputs[0], inputs[1]);
        if a.kind != b.kind || !a.kind.is_real() {
            return Err(ErrorKind::elements(Elements::AlikeReal, inputs));
        }
        let (mut used_a, mut used_b) = (vec![false; a.shape.len()], vec![false; b.shape.len()]);
        for (i, j) in self.0.batch.iter().chain(&self.0.sum) {
            if *i >= a.shape.len()
                || *j >= b.shape.len()
                || std::mem::replace(&mut used_a[*i], true)
                || std::mem::replace(&mut used_b[*j], true)
            {
                return Err(Misfit::AxisPair { left: *i, right: *j, ranks: [a.shape.len(), b.shape.len()] }.into());
            }
            if a.shape[*i] != b.shape[*j] {
                return Err(ErrorKind::Contracted { left_axis: *i, left: a.shape[*i], right_axis: *j, right: b.shape[*j] });
            }
        }
        let mut shape: Shape = self.0.batch.iter().map(|p| a.shape[p.0]).collect();
        shape.extend(self.0.free(0, a.shape.len()).iter().map(|i| a.shape[*i]));
        shape.extend(self.0.free(1, b.shape.len()).iter().map(|i| b.shape[*i]));
        Ok(LeafType { shape, kind: a.kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        match (inputs[0], inputs[1]) {
            (AnyArray::F64(a), AnyArray::F64(b)) => Ok(AnyArray::F64(naive(&self.0, a, b))),
            (AnyArray::F32(a), AnyArray::F32(b)) => {
                Ok(AnyArray::F32(naive(&self.0, &a.mapv(f64::from), &b.mapv(f64::from)).mapv(|v| v as f32)))
            }
            (a, b) => Err(ErrorKind::elements(Elements::Alike, &[&a.leaf_type(), &b.leaf_type()])),
        }
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], i: usize, c: Value) -> Value {
        let ranks = [b.shape(inputs[0]).len(), b.shape(inputs[1]).len()];
        let n = self.0.batch.len();
        let free = [self.0.free(0, ranks[0]), self.0.free(1, ranks[1])];
        // Axes of the operand asked for, in the order in which the product below puts them.
        let mut order: Vec<usize> = self.0.batch.iter().map(|p| if i == 0 { p.0 } else { p.1 }).collect();
        let mut summed: Vec<(usize, usize)> = self.0.sum.to_vec();
        let out = if i == 0 {
            let batch = (0..n).map(|k| (k, self.0.batch[k].1)).collect();
            let sum = (0..free[1].len()).map(|j| (n + free[0].len() + j, free[1][j])).collect();
            order.extend(&free[0]);
            summed.sort_by_key(|p| p.1);
            order.extend(summed.iter().map(|p| p.0));
            b.contract(c, inputs[1], Contraction { batch, sum })
        } else {
            let batch = (0..n).map(|k| (self.0.batch[k].0, k)).collect();
            let sum = (0..free[0].len()).map(|j| (free[0][j], n + j)).collect();
            summed.sort_by_key(|p| p.0);
            order.extend(summed.iter().map(|p| p.1));
            order.extend(&free[1]);
            b.contract(inputs[0], c, Contraction { batch, sum })
        };
        let mut axes = vec![0; order.len()];
        for (k, a) in order.iter().enumerate() {
            axes[*a] = k;
        }
        b.permute(out, &axes)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let ranks = [0, 1].map(|i| items.shape(b, i).len());
        let (nb, free) = (self.0.batch.len(), [self.0.free(0, ranks[0]).len(), self.0.free(1, ranks[1]).len()]);
        let [x, y] = [items.inputs[0], items.inputs[1]];
        let [left, right] = [0, 1].map(|i| usize::from(items.is_each(i)));
        let pairs =
            |p: &[(usize, usize)]| p.iter().map(|(i, j)| (i + left, j + right)).collect::<smallvec::SmallVec<[(usize, usize); 2]>>();
        let (mut batch, sum) = (pairs(&self.0.batch), pairs(&self.0.sum));
        if left + right == 2 {
            batch.insert(0, (0, 0));
            return Ok(b.contract(x, y, Contraction { batch, sum }));
        }
        // The items are rows of one matrix: one product serves all.
        if left == 1 || nb > 0 || free.iter().all(|f| *f > 0) {
            let made = b.contract(x, y, Contraction { batch, sum });
            return Ok(b.move_axis(made, nb + if left == 1 { 0 } else { free[0] }, 0));
        }
        if free[1] > 0 {
            return Ok(b.contract(x, y, Contraction { batch, sum }));
        }
        Ok(b.contract(y, x, Contraction { batch, sum: sum.iter().map(|(i, j)| (*j, *i)).collect() }))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::Contract(self.0.clone())
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if !(b.is_zero(x[0]) || b.is_zero(x[1])) {
            return None;
        }
        let t = self.infer(&[b.type_of(x[0]), b.type_of(x[1])]).ok()?;
        Some(b.full(&t, 0.0))
    }
}

fn naive<T: Real>(spec: &Contraction, a: &ArrayD<T>, b: &ArrayD<T>) -> ArrayD<T> {
    let (free_a, free_b) = (spec.free(0, a.ndim()), spec.free(1, b.ndim()));
    let mut shape: Vec<usize> = spec.batch.iter().map(|p| a.shape()[p.0]).collect();
    shape.extend(free_a.iter().map(|i| a.shape()[*i]));
    shape.extend(free_b.iter().map(|i| b.shape()[*i]));
    let inner: Vec<usize> = spec.sum.iter().map(|p| a.shape()[p.0]).collect();
    let n = spec.batch.len();
    ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let (mut i, mut j) = (vec![0; a.ndim()], vec![0; b.ndim()]);
        for (k, p) in spec.batch.iter().enumerate() {
            (i[p.0], j[p.1]) = (at[k], at[k]);
        }
        for (k, f) in free_a.iter().enumerate() {
            i[*f] = at[n + k];
        }
        for (k, f) in free_b.iter().enumerate() {
            j[*f] = at[n + free_a.len() + k];
        }
        let mut total = T::zero();
        for m in ndarray::indices(IxDyn(&inner)) {
            for (k, p) in spec.sum.iter().enumerate() {
                (i[p.0], j[p.1]) = (m[k], m[k]);
            }
            total += a[&i[..]] * b[&j[..]];
        }
        total
    })
}

impl Probed for Contract {
    fn probes(kind: Kind) -> Vec<Probe> {
        type Pairs = &'static [(usize, usize)];
        let cases: [(&[usize], &[usize], Pairs, Pairs); 12] = [
            (&[4], &[4], &[], &[(0, 0)]),
            (&[3, 4], &[4], &[], &[(1, 0)]),
            (&[3], &[3, 4], &[], &[(0, 0)]),
            (&[2, 3], &[3, 4], &[], &[(1, 0)]),
            (&[3, 2], &[4, 3], &[], &[(0, 1)]),
            (&[3], &[2], &[], &[]),
            (&[5, 2, 3], &[5, 3, 2], &[(0, 0)], &[(2, 1)]),
            (&[3, 5], &[3, 5], &[(1, 1)], &[(0, 0)]),
            (&[2, 3, 4], &[4, 3, 2], &[], &[(1, 1), (2, 0)]),
            (&[], &[3], &[], &[]),
            (&[3, 0], &[0, 2], &[], &[(1, 0)]),
            (&[1, 1], &[1, 3], &[], &[(1, 0)]),
        ];
        let probe = |(a, b, batch, sum): (&[usize], &[usize], Pairs, Pairs)| {
            let spec = Contraction { batch: batch.iter().copied().collect(), sum: sum.iter().copied().collect() };
            Probe::new(Product(Contract(spec)), vec![Probe::array(a, kind, 1), Probe::array(b, kind, 2)])
        };
        cases.map(probe).to_vec()
    }
}

impl Builder {
    /// The product of two arrays over the given axes.
    pub fn contract(&mut self, a: Value, b: Value, spec: Contraction) -> Value {
        self.emit1(Op::new(Product(Contract(spec))), &[a, b])
    }
    /// The product of vectors and matrices: the last axis of `a` against the first of a vector, or the last but one of `b`.
    pub fn dot(&mut self, a: Value, b: Value) -> Value {
        let (m, n) = (self.shape(a).len(), self.shape(b).len());
        if m == 0 || n == 0 {
            return self.refuse("dot", &[a, b], ErrorKind::Empty(Nothing::Axes));
        }
        let sum = [(m.wrapping_sub(1), n.saturating_sub(2))].into_iter().collect();
        self.contract(a, b, Contraction { batch: Default::default(), sum })
    }
    /// The sum over the items. Of products it is one product, which sums over them too.
    pub(crate) fn sum_over_items(&mut self, v: Value) -> Value {
        if let Some((c, [p, q])) = self.made_by::<Product<Contract>>(v).map(|(c, x)| (c.0.0.clone(), [x[0], x[1]]))
            && c.batch.first() == Some(&(0, 0))
        {
            let sum = c.sum.iter().copied().chain([(0, 0)]).collect();
            return self.contract(p, q, Contraction { batch: c.batch[1..].into(), sum });
        }
        self.sum(v, &[0])
    }
}
