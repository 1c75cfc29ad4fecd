//! Rows in a run that starts at an index which is a value, and the transpose.
use super::take::{ScatterAdd, Take};
use crate::array::{AnyArray, Element, Kind, LeafType, Shape, Slice, SliceMut};
use crate::each_kind;
use crate::error::{Counted, ErrorKind, Nothing, Result, Scalar, Stretch};
use crate::operation::typed::input;
use crate::operation::{Builder, Form, Items, Kernel, Lowering, Multilinear, Op, Part, Probe, Probed, Product, Value};
use ndarray::{ArrayD, Axis, Slice as Range};
use std::sync::Arc;

/// Rows start, …, start + len − 1 of an array; operands: the array and the start, one u32. Transpose: placing the rows into zeros. A run that
/// leaves the array is an error.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceAt {
    /// How many rows.
    pub len: usize,
}

/// Zeros with rows start, …, start + len − 1 given; operands: the rows and the start, one u32. Transpose: the slice. A run that leaves the
/// array is an error.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceAt {
    /// Rows of the result.
    pub rows: usize,
}

fn in_range(start: usize, len: usize, rows: usize) -> Result<(), ErrorKind> {
    if start + len <= rows {
        return Ok(());
    }
    Err(ErrorKind::Range { of: Stretch::Window, from: start, to: start + len, axis: 0, length: rows })
}

/// The type with another number of rows, or what does not fit.
fn with_rows(inputs: &[&LeafType], rows: usize) -> Result<LeafType, ErrorKind> {
    let [x, start] = inputs else { return Err(ErrorKind::count(Counted::Operands, 2, inputs.len())) };
    if start.kind != Kind::U32 || !start.shape.is_empty() {
        return Err(ErrorKind::NotOneNumber { of: Scalar::Start, given: (*start).clone() });
    }
    if x.shape.is_empty() {
        return Err(ErrorKind::Empty(Nothing::Rows));
    }
    let mut shape = Shape::from_slice(&[rows]);
    shape.extend_from_slice(&x.shape[1..]);
    Ok(LeafType { shape, kind: x.kind })
}

fn start_of(a: &AnyArray) -> usize {
    a.to_f64().first().map_or(0, |v| *v as usize)
}

impl Multilinear for SliceAt {
    fn name(&self) -> &'static str {
        "slice_at"
    }
    fn attributes(&self) -> String {
        self.len.to_string()
    }
    fn arity(&self) -> usize {
        2
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let t = with_rows(inputs, self.len)?;
        if self.len > inputs[0].shape[0] {
            return Err(ErrorKind::Range { of: Stretch::Rows, from: 0, to: self.len, axis: 0, length: inputs[0].shape[0] });
        }
        Ok(t)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn slice<T: Element>(x: &ArrayD<T>, start: usize, len: usize) -> AnyArray {
            T::array(x.slice_axis(Axis(0), Range::from(start..start + len)).to_owned())
        }
        let start = start_of(inputs[1]);
        in_range(start, self.len, inputs[0].shape()[0])?;
        Ok(each_kind!(AnyArray, inputs[0], x => slice(x, start, self.len)))
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        let rows = b.shape(inputs[0])[0];
        b.place_at(cotangent, inputs[1], rows)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        if !items.is_each(1) {
            let x = b.move_axis(items.inputs[0], 0, 1);
            let made = b.slice_at(x, items.inputs[1], self.len);
            return Ok(b.move_axis(made, 0, 1));
        }
        let rows = items.shape(b, 0)[0];
        let index = b.runs(items.inputs[1], self.len, rows, "slice_at");
        let forms = [items.forms[0], Form::Each];
        Take { axis: 0 }.batch(b, &Items { inputs: &[items.inputs[0], index], forms: &forms, ..*items })
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let row = inputs[0].shape[1..].iter().product();
        Lowering::Kernel(Arc::new(Window { rows: inputs[0].shape[0], len: self.len, row, place: false }))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let start = b.known_number(x[1])? as usize;
        let mut len = b.shape(x[0]);
        let fits = self.infer(&[b.type_of(x[0]), b.type_of(x[1])]).is_ok() && in_range(start, self.len, len[0]).is_ok();
        fits.then(|| {
            let mut from = vec![0; len.len()];
            (from[0], len[0]) = (start, self.len);
            b.slice(x[0], &from, &vec![1; len.len()], &len)
        })
    }
}

impl Multilinear for PlaceAt {
    fn name(&self) -> &'static str {
        "place_at"
    }
    fn attributes(&self) -> String {
        self.rows.to_string()
    }
    fn arity(&self) -> usize {
        2
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let t = with_rows(inputs, self.rows)?;
        if inputs[0].shape[0] > self.rows {
            return Err(ErrorKind::Range { of: Stretch::Into, from: 0, to: inputs[0].shape[0], axis: 0, length: self.rows });
        }
        Ok(t)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn place<T: Element>(y: &mut ArrayD<T>, x: &AnyArray, start: usize) {
            let Some(x) = T::of_array(x) else { return };
            y.slice_axis_mut(Axis(0), Range::from(start..start + x.shape()[0])).assign(x);
        }
        let start = start_of(inputs[1]);
        let t = self.infer(&[&inputs[0].leaf_type(), &inputs[1].leaf_type()])?;
        in_range(start, inputs[0].shape()[0], self.rows)?;
        let mut y = AnyArray::full(&t, 0.0);
        each_kind!(AnyArray, &mut y, y => place(y, inputs[0], start));
        Ok(y)
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        let len = b.shape(inputs[0])[0];
        b.slice_at(cotangent, inputs[1], len)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        if !items.is_each(1) {
            let x = b.move_axis(items.inputs[0], 0, 1);
            let made = b.place_at(x, items.inputs[1], self.rows);
            return Ok(b.move_axis(made, 0, 1));
        }
        let len = items.shape(b, 0)[0];
        let index = b.runs(items.inputs[1], len, self.rows, "place_at");
        let forms = [items.forms[0], Form::Each];
        if !b.kind(items.inputs[0]).is_real() {
            return Ok(items.one_by_one(b, &Op::new(Product(self.clone())))?[0].0);
        }
        ScatterAdd { axis: 0, len: self.rows }.batch(b, &Items { inputs: &[items.inputs[0], index], forms: &forms, ..*items })
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let row = inputs[0].shape[1..].iter().product();
        Lowering::Kernel(Arc::new(Window { rows: self.rows, len: inputs[0].shape[0], row, place: true }))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = self.infer(&[b.type_of(x[0]), b.type_of(x[1])]).ok()?;
        let start = b.known_number(x[1])? as usize;
        in_range(start, b.shape(x[0])[0], self.rows).ok()?;
        if b.is_zero(x[0]) {
            return Some(b.full(&t, 0.0));
        }
        let mut part = Part { start: Shape::from_elem(0, t.shape.len()), step: Shape::from_elem(1, t.shape.len()) };
        part.start[0] = start;
        Some(b.place(&t.shape, &[(x[0], part)]))
    }
}

/// A run of `len` rows of `row` elements in an array of `rows`: read from it, or written into zeros.
#[derive(Debug)]
struct Window {
    rows: usize,
    len: usize,
    row: usize,
    place: bool,
}

impl Kernel for Window {
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        fn copy<T: Element>(w: &Window, start: usize, x: &[T], y: &mut [T]) {
            let run = start * w.row..(start + w.len) * w.row;
            if w.place {
                y.fill(T::default());
                y[run].copy_from_slice(x);
            } else {
                y.copy_from_slice(&x[run]);
            }
        }
        let start = input::<u32>(inputs, 1)?.first().map_or(0, |v| *v as usize);
        in_range(start, self.len, self.rows)?;
        each_kind!(SliceMut, &mut outputs[0], y => copy(self, start, input(inputs, 0)?, y));
        Ok(())
    }
}

impl Probed for SliceAt {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probe = |shape: &[usize], len, start| {
            Probe::new(Product(SliceAt { len }), vec![Probe::array(shape, kind, 1), Probe::indices(&[], &[start])])
        };
        let indices = vec![Probe::indices(&[3], &[7, 8, 9]), Probe::indices(&[], &[1])];
        vec![
            probe(&[5], 2, 1),
            probe(&[5, 3], 2, 3),
            probe(&[5, 2, 2], 5, 0),
            probe(&[5, 3], 0, 5),
            probe(&[1], 1, 0),
            Probe::new(Product(SliceAt { len: 2 }), indices),
        ]
    }
}
impl Probed for PlaceAt {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probe = |shape: &[usize], rows, start| {
            Probe::new(Product(PlaceAt { rows }), vec![Probe::array(shape, kind, 1), Probe::indices(&[], &[start])])
        };
        vec![probe(&[2], 5, 1), probe(&[2, 3], 5, 3), probe(&[3], 3, 0), probe(&[0, 3], 4, 4)]
    }
}

impl Builder {
    /// The rows of runs of `len` from each start: one more axis. A run that leaves `rows` rows is an error of `of` when it runs.
    fn runs(&mut self, start: Value, len: usize, rows: usize, of: &str) -> Value {
        let start = self.below(start, (rows + 1).saturating_sub(len), of);
        let mut shape = self.shape(start);
        shape.push(len);
        let places = self.iota(len);
        let places = self.broadcast(places, &shape, &[shape.len() - 1]);
        let axes: Vec<usize> = (0..shape.len() - 1).collect();
        let start = self.broadcast(start, &shape, &axes);
        self.add(start, places)
    }
    /// `len` rows from a start that is one u32 value; a run that leaves the array is an error when it runs.
    pub fn slice_at(&mut self, a: Value, start: Value, len: usize) -> Value {
        self.emit1(Op::new(Product(SliceAt { len })), &[a, start])
    }
    /// Zeros of `rows` rows with those of `a` from a start that is one u32 value; the transpose of `slice_at`.
    pub fn place_at(&mut self, a: Value, start: Value, rows: usize) -> Value {
        self.emit1(Op::new(Product(PlaceAt { rows })), &[a, start])
    }
}
