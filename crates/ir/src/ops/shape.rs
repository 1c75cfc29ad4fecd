//! The same elements in another arrangement: views, and placing parts into a larger array.
use super::fold::beyond;
use crate::array::{AnyArray, Element, Kind, LeafType, Shape};
use crate::each_kind;
use crate::error::{Counted, Elements, ErrorKind, Misfit, Nothing, Order, Result, Stretch};
use crate::operation::{Builder, Items, Lowering, Multilinear, Op, Part, Probe, Probed, Product, Value, View};
use ndarray::{ArrayD, IxDyn};
use smallvec::SmallVec;

/// The same elements in row-major order under another shape. Transpose: the same, back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reshape {
    /// The other shape.
    pub shape: Shape,
}

impl Multilinear for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn attributes(&self) -> String {
        format!("{:?}", self.shape)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let t = LeafType { shape: self.shape.clone(), kind: inputs[0].kind };
        let n = inputs[0].len();
        if !t.is_addressable() || t.len() != n {
            return Err(Misfit::Reshape { elements: n, shape: self.shape.clone() }.into());
        }
        Ok(t)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn reshape<T: Element>(a: &ArrayD<T>, shape: &[usize]) -> Result<AnyArray, ErrorKind> {
            let v: Vec<T> = a.iter().copied().collect();
            ArrayD::from_shape_vec(IxDyn(shape), v).map(T::array).map_err(|_| ErrorKind::misuse("the elements do not fill the shape"))
        }
        each_kind!(AnyArray, inputs[0], a => reshape(a, &self.shape))
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        let shape = b.shape(inputs[0]);
        b.reshape(cotangent, &shape)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        let shape: Shape = [items.n].into_iter().chain(self.shape.iter().copied()).collect();
        Ok(b.reshape(x, &shape))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::View(View::Reshape(self.shape.clone()))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = b.type_of(x[0]).clone();
        if t.shape == self.shape {
            return Some(x[0]);
        }
        if let Some(v) = b.known_number(x[0]) {
            return Some(b.full(&LeafType { shape: self.shape.clone(), kind: t.kind }, v));
        }
        let from = b.made_by::<Product<Reshape>>(x[0])?.1[0];
        Some(b.reshape(from, &self.shape))
    }
}

/// Axis k of the result is axis `axes[k]` of the input. Transpose: the inverse permutation.
#[derive(Debug, Clone, PartialEq)]
pub struct Permute {
    /// A permutation of the axes.
    pub axes: Shape,
}

impl Multilinear for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }
    fn attributes(&self) -> String {
        format!("{:?}", self.axes)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let rank = inputs[0].shape.len();
        let mut seen = vec![false; rank];
        let fits = self.axes.len() == rank && self.axes.iter().all(|a| *a < rank && !std::mem::replace(&mut seen[*a], true));
        if !fits {
            return Err(ErrorKind::Axes { axes: self.axes.to_vec(), rank, order: Order::Permutation });
        }
        Ok(LeafType { shape: self.axes.iter().map(|a| inputs[0].shape[*a]).collect(), kind: inputs[0].kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn permute<T: Element>(a: &ArrayD<T>, axes: &[usize]) -> AnyArray {
            T::array(a.clone().permuted_axes(axes).as_standard_layout().into_owned())
        }
        Ok(each_kind!(AnyArray, inputs[0], a => permute(a, &self.axes)))
    }
    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, cotangent: Value) -> Value {
        let mut back = vec![0; self.axes.len()];
        for (k, a) in self.axes.iter().enumerate() {
            back[*a] = k;
        }
        b.permute(cotangent, &back)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        let axes: Shape = [0].into_iter().chain(beyond(&self.axes)).collect();
        Ok(b.permute(x, &axes))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::View(View::Permute(self.axes.clone()))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if self.axes.iter().enumerate().all(|(k, a)| k == *a) {
            return Some(x[0]);
        }
        if let Some(v) = b.known_number(x[0]) {
            let t = b.type_of(x[0]).clone();
            return Some(b.full(&LeafType { shape: self.axes.iter().map(|a| t.shape[*a]).collect(), kind: t.kind }, v));
        }
        let (inner, from) = b.made_by::<Product<Permute>>(x[0])?;
        let axes: Vec<usize> = self.axes.iter().map(|a| inner.0.axes[*a]).collect();
        let from = from[0];
        Some(b.permute(from, &axes))
    }
}

/// Every `step`-th element of each axis from `start`, `len` of them; steps may be negative. Transpose: placing into zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// First index of each axis.
    pub start: Shape,
    /// Step of each axis, not 0.
    pub step: SmallVec<[isize; 4]>,
    /// Length of each axis of the result.
    pub len: Shape,
}

impl Multilinear for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }
    fn attributes(&self) -> String {
        format!("{:?} by {:?} of {:?}", self.start, self.step, self.len)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let shape = &inputs[0].shape;
        let ranks = [self.start.len(), self.step.len(), self.len.len()];
        if let Some(r) = ranks.iter().find(|r| **r != shape.len()) {
            return Err(ErrorKind::count(Counted::Axes, shape.len(), *r));
        }
        for i in 0..shape.len() {
            // Wide enough for any start, step and length.
            let last = self.start[i] as i128 + self.step[i] as i128 * (self.len[i] as i128 - 1);
            if self.step[i] == 0 {
                return Err(ErrorKind::ZeroStep { axis: i });
            }
            if self.len[i] > 0 && (self.start[i] >= shape[i] || last < 0 || last >= shape[i] as i128) {
                let of = Stretch::Steps { count: self.len[i], by: self.step[i] };
                let to = usize::try_from(last + 1).unwrap_or(0);
                return Err(ErrorKind::Range { of, from: self.start[i], to, axis: i, length: shape[i] });
            }
        }
        Ok(LeafType { shape: self.len.clone(), kind: inputs[0].kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn slice<T: Element>(s: &Slice, a: &ArrayD<T>) -> AnyArray {
            T::array(ArrayD::from_shape_fn(IxDyn(&s.len), |at| {
                let index: Vec<usize> = (0..s.len.len()).map(|i| (s.start[i] as isize + at[i] as isize * s.step[i]) as usize).collect();
                a[&index[..]]
            }))
        }
        Ok(each_kind!(AnyArray, inputs[0], a => slice(self, a)))
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        let shape = b.shape(inputs[0]);
        let backwards: Vec<usize> = (0..shape.len()).filter(|i| self.step[*i] < 0).collect();
        let c = b.flip(cotangent, &backwards);
        let mut part = Part { start: self.start.clone(), step: self.step.iter().map(|s| s.unsigned_abs()).collect() };
        for i in backwards {
            part.start[i] = (self.start[i] as isize + self.step[i] * (self.len[i].max(1) as isize - 1)) as usize;
        }
        b.place(&shape, &[(c, part)])
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        let with = |first: usize, rest: &[usize]| [&[first], rest].concat();
        let step: SmallVec<[isize; 4]> = [1].into_iter().chain(self.step.iter().copied()).collect();
        Ok(b.slice(x, &with(0, &self.start), &step, &with(items.n, &self.len)))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::View(View::Slice { start: self.start.clone(), step: self.step.clone(), len: self.len.clone() })
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = b.type_of(x[0]).clone();
        if t.shape == self.len && self.step.iter().zip(&self.len).all(|(s, n)| *s == 1 || *n == 1) {
            return Some(x[0]);
        }
        b.known_number(x[0]).map(|v| b.full(&LeafType { shape: self.len.clone(), kind: t.kind }, v))
    }
}

/// Zeros with every operand written into its own slice: padding, concatenation, stacking. Transpose: slices.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Shape of the result.
    pub shape: Shape,
    /// Where each operand goes; no two overlap.
    pub parts: Vec<Part>,
}

impl Multilinear for Place {
    fn name(&self) -> &'static str {
        "place"
    }
    fn attributes(&self) -> String {
        let starts: Vec<_> = self.parts.iter().map(|p| &p.start).collect();
        format!("{:?} at {starts:?}", self.shape)
    }
    fn arity(&self) -> usize {
        self.parts.len()
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let Some(first) = inputs.first() else { return Err(ErrorKind::Empty(Nothing::Placed)) };
        if inputs.len() != self.parts.len() {
            return Err(ErrorKind::count(Counted::Places, self.parts.len(), inputs.len()));
        }
        let whole = LeafType { shape: self.shape.clone(), kind: first.kind };
        if !whole.is_addressable() {
            // What is emitted is refused for that.
            return Ok(whole);
        }
        for (x, p) in inputs.iter().zip(&self.parts) {
            if x.kind != first.kind {
                return Err(ErrorKind::elements(Elements::Alike, inputs));
            }
            let fits = [x.shape.len(), p.start.len(), p.step.len()] == [self.shape.len(); 3]
                && (0..x.shape.len()).all(|i| {
                    x.shape[i] == 0
                        || (p.step[i] > 0 && p.step[i].saturating_mul(x.shape[i] - 1).saturating_add(p.start[i]) < self.shape[i])
                });
            if !fits {
                let (start, step, whole) = (p.start.to_vec(), p.step.to_vec(), self.shape.to_vec());
                return Err(Misfit::Placed { part: Box::new((*x).clone()), start, step, whole }.into());
            }
        }
        Ok(whole)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        let mut y = AnyArray::full(&LeafType { shape: self.shape.clone(), kind: inputs[0].kind() }, 0.0);
        fn place<T: Element>(y: &mut ArrayD<T>, x: &AnyArray, p: &Part) {
            for (at, v) in T::of_array(x).into_iter().flat_map(|x| x.indexed_iter()) {
                let index: Vec<usize> = (0..at.ndim_of()).map(|i| p.start[i] + p.step[i] * at[i]).collect();
                y[&index[..]] = *v;
            }
        }
        for (x, p) in inputs.iter().zip(&self.parts) {
            each_kind!(AnyArray, &mut y, y => place(y, x, p));
        }
        Ok(y)
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], i: usize, cotangent: Value) -> Value {
        let len = b.shape(inputs[i]);
        let step: Vec<isize> = self.parts[i].step.iter().map(|s| *s as isize).collect();
        b.slice(cotangent, &self.parts[i].start, &step, &len)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let with = |first: usize, rest: &[usize]| -> Shape { [&[first], rest].concat().into() };
        let parts: Vec<(Value, Part)> =
            items.all(b).into_iter().zip(self.parts.iter().map(|p| Part { start: with(0, &p.start), step: with(1, &p.step) })).collect();
        Ok(b.place(&with(items.n, &self.shape), &parts))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::Place { fill: 0.0, parts: self.parts.clone() }
    }
    fn jointly(&self) -> bool {
        true
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if let [one] = x
            && b.type_of(*one).shape == self.shape
            && self.parts[0].step.iter().zip(&self.shape).all(|(s, n)| *s == 1 || *n <= 1)
        {
            return Some(*one);
        }
        x.iter().all(|v| b.is_zero(*v)).then(|| {
            let kind = b.kind(x[0]);
            b.full(&LeafType { shape: self.shape.clone(), kind }, 0.0)
        })
    }
}

trait Rank {
    fn ndim_of(&self) -> usize;
}
impl Rank for IxDyn {
    fn ndim_of(&self) -> usize {
        ndarray::Dimension::ndim(self)
    }
}

/// Elements (…, i, i) of a square last pair of axes. Transpose: a matrix with this diagonal.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonal;

impl Multilinear for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        match inputs[0].shape[..] {
            [.., m, n] if m == n => Ok(LeafType::new(&inputs[0].shape[..inputs[0].shape.len() - 1], inputs[0].kind)),
            _ => Err(Misfit::NotSquare { given: inputs[0].clone() }.into()),
        }
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn diagonal<T: Element>(a: &ArrayD<T>) -> AnyArray {
            let rank = a.ndim();
            T::array(ArrayD::from_shape_fn(IxDyn(&a.shape()[..rank - 1]), |at| {
                let mut index: Vec<usize> = (0..rank - 1).map(|i| at[i]).collect();
                index.push(at[rank - 2]);
                a[&index[..]]
            }))
        }
        Ok(each_kind!(AnyArray, inputs[0], a => diagonal(a)))
    }
    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, cotangent: Value) -> Value {
        b.diagonal_matrix(cotangent)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        Ok(b.diagonal(x))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::View(View::Diagonal)
    }
}

impl Probed for Reshape {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], &[usize]); 5] = [(&[6], &[2, 3]), (&[2, 3], &[3, 2]), (&[1], &[]), (&[], &[1, 1]), (&[0, 3], &[2, 0])];
        cases.map(|(from, to)| Probe::new(Product(Reshape { shape: Shape::from_slice(to) }), vec![Probe::array(from, kind, 1)])).to_vec()
    }
}
impl Probed for Permute {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], &[usize]); 5] =
            [(&[2, 3], &[1, 0]), (&[2, 3, 4], &[2, 0, 1]), (&[2, 3, 4], &[0, 2, 1]), (&[0, 3], &[1, 0]), (&[1, 3], &[1, 0])];
        cases
            .map(|(shape, axes)| Probe::new(Product(Permute { axes: Shape::from_slice(axes) }), vec![Probe::array(shape, kind, 1)]))
            .to_vec()
    }
}
impl Probed for Slice {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], &[usize], &[isize], &[usize]); 7] = [
            (&[6], &[1], &[1], &[3]),
            (&[6], &[1], &[2], &[3]),
            (&[6], &[5], &[-2], &[3]),
            (&[3, 4], &[2, 0], &[-1, 3], &[3, 2]),
            (&[3, 4], &[1, 1], &[1, 1], &[0, 2]),
            (&[0], &[0], &[-1], &[0]),
            (&[], &[], &[], &[]),
        ];
        let op = |start: &[usize], step: &[isize], len: &[usize]| {
            Product(Slice { start: Shape::from_slice(start), step: SmallVec::from_slice(step), len: Shape::from_slice(len) })
        };
        cases.map(|(shape, start, step, len)| Probe::new(op(start, step, len), vec![Probe::array(shape, kind, 1)])).to_vec()
    }
}
impl Probed for Place {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], &[(&[usize], &[usize], &[usize])]); 5] = [
            (&[6], &[(&[3], &[1], &[1])]),
            (&[7], &[(&[3], &[0], &[2]), (&[2], &[1], &[2])]),
            (&[3, 4], &[(&[3, 2], &[0, 0], &[1, 1]), (&[3, 2], &[0, 2], &[1, 1])]),
            (&[4, 2], &[(&[0, 2], &[0, 0], &[1, 1]), (&[2, 1], &[0, 1], &[3, 1])]),
            (&[0], &[(&[0], &[0], &[1])]),
        ];
        let part = |start: &[usize], step: &[usize]| Part { start: Shape::from_slice(start), step: Shape::from_slice(step) };
        let probe = |(shape, parts): (&[usize], &[(&[usize], &[usize], &[usize])])| {
            let op = Place { shape: Shape::from_slice(shape), parts: parts.iter().map(|p| part(p.1, p.2)).collect() };
            Probe::new(Product(op), parts.iter().enumerate().map(|(i, p)| Probe::array(p.0, kind, i as u32)).collect())
        };
        cases.map(probe).to_vec()
    }
}
impl Probed for Diagonal {
    fn probes(kind: Kind) -> Vec<Probe> {
        let shapes: [&[usize]; 4] = [&[3, 3], &[2, 3, 3], &[1, 1], &[0, 0]];
        shapes.map(|shape| Probe::new(Product(Diagonal), vec![Probe::array(shape, kind, 1)])).to_vec()
    }
}

impl Builder {
    /// The same elements under another shape.
    pub fn reshape(&mut self, a: Value, shape: &[usize]) -> Value {
        self.emit1(Op::new(Product(Reshape { shape: Shape::from_slice(shape) })), &[a])
    }
    /// Axis k of the result is axis `axes[k]` of `a`.
    pub fn permute(&mut self, a: Value, axes: &[usize]) -> Value {
        self.emit1(Op::new(Product(Permute { axes: Shape::from_slice(axes) })), &[a])
    }
    /// Every `step`-th element of each axis from `start`, `len` of them.
    pub fn slice(&mut self, a: Value, start: &[usize], step: &[isize], len: &[usize]) -> Value {
        let op = Slice { start: Shape::from_slice(start), step: SmallVec::from_slice(step), len: Shape::from_slice(len) };
        self.emit1(Op::new(Product(op)), &[a])
    }
    /// Elements in reverse order along some axes.
    pub fn flip(&mut self, a: Value, axes: &[usize]) -> Value {
        if axes.is_empty() {
            return a;
        }
        let shape = self.shape(a);
        if let Some(axis) = axes.iter().find(|i| **i >= shape.len()) {
            let kind = ErrorKind::AxisOutOfRange { axis: *axis, rank: shape.len(), of: None, advice: "name axes below it" };
            return self.refuse("flip", &[a], kind);
        }
        let flipped = |i: usize| axes.contains(&i);
        let start: Vec<usize> = (0..shape.len()).map(|i| if flipped(i) { shape[i].saturating_sub(1) } else { 0 }).collect();
        let step: Vec<isize> = (0..shape.len()).map(|i| if flipped(i) { -1 } else { 1 }).collect();
        self.slice(a, &start, &step, &shape)
    }
    /// Zeros with every operand written into its own slice.
    pub fn place(&mut self, shape: &[usize], parts: &[(Value, Part)]) -> Value {
        let op = Place { shape: Shape::from_slice(shape), parts: parts.iter().map(|p| p.1.clone()).collect() };
        let inputs: Vec<Value> = parts.iter().map(|p| p.0).collect();
        self.emit1(Op::new(Product(op)), &inputs)
    }
    /// The sum of arrays whose parts lie apart from each other, all parts placed at once.
    pub(super) fn placed_together(&mut self, a: Value, c: Value) -> Option<Value> {
        let parts = |v: Value| {
            let (op, inputs) = self.made_by::<Product<Place>>(v)?;
            Some((op.0.shape.clone(), inputs.iter().copied().zip(op.0.parts.iter().cloned()).collect::<Vec<_>>()))
        };
        let ((shape, mut all), (_, more)) = (parts(a)?, parts(c)?);
        let last = |(v, p): &(Value, Part), i: usize| p.start[i] + p.step[i] * self.type_of(*v).shape[i].saturating_sub(1);
        let apart = |x: &(Value, Part), y: &(Value, Part)| (0..shape.len()).any(|i| last(x, i) < y.1.start[i] || last(y, i) < x.1.start[i]);
        if self.type_of(a).shape != self.type_of(c).shape || !all.iter().all(|x| more.iter().all(|y| apart(x, y))) {
            return None;
        }
        all.extend(more);
        Some(self.place(&shape, &all))
    }
    /// Operands one after another along an axis.
    pub fn concatenate(&mut self, parts: &[Value], axis: usize) -> Value {
        let Some(first) = parts.first() else {
            return self.refuse("concat", parts, ErrorKind::Empty(Nothing::Concatenated));
        };
        let mut shape = self.shape(*first);
        if axis >= shape.len() {
            let kind = ErrorKind::AxisOutOfRange { axis, rank: shape.len(), of: None, advice: "name one below it, or use `stack`" };
            return self.refuse("concat", parts, kind);
        }
        let mut at = 0;
        let mut placed = vec![];
        for (k, v) in parts.iter().enumerate() {
            let part = self.shape(*v);
            let alike = part.len() == shape.len() && (0..shape.len()).all(|i| i == axis || part[i] == shape[i]);
            if !alike {
                return self.refuse("concat", parts, Misfit::Parts { part: k, axis });
            }
            let mut start = Shape::from_elem(0, shape.len());
            start[axis] = at;
            at = at.saturating_add(part[axis]);
            placed.push((*v, Part { start, step: Shape::from_elem(1, shape.len()) }));
        }
        shape[axis] = at;
        self.place(&shape, &placed)
    }
    /// Elements (…, i, i) of a square last pair of axes.
    pub fn diagonal(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Product(Diagonal)), &[a])
    }
    /// Square matrices with these diagonals, zero elsewhere.
    pub fn diagonal_matrix(&mut self, a: Value) -> Value {
        let mut shape = self.shape(a);
        let Some(n) = shape.pop() else { return self.emit1(Op::new(Product(Diagonal)), &[a]) };
        let start = Shape::from_elem(0, shape.len() + 1);
        let mut step = Shape::from_elem(1, shape.len() + 1);
        step[shape.len()] = n.saturating_add(1);
        shape.push(n.saturating_mul(n));
        let flat = self.place(&shape, &[(a, Part { start, step })]);
        shape.pop();
        shape.extend([n, n]);
        self.reshape(flat, &shape)
    }
}
