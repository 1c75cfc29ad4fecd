//! One step of a program as the method call that a user writes.
use super::{Handle, Recorder, leaf};
use crate::language::{Axes, Binary, Boundary as Beyond, Index, Kind, Op, Reduce, Step, Unary};
use hypertape::array::{AnyArray, Element, Real};
use hypertape::prelude::*;
use hypertape::record::Operand;
use ndarray::{ArcArray, ArrayD, IxDyn};

fn unary<T: Real>(f: Unary, x: Var<T>) -> Var<T> {
    match f {
        Unary::Neg => -x,
        Unary::Exp => x.exp(),
        Unary::ExpM1 => x.exp_m1(),
        Unary::Ln => x.ln(),
        Unary::Ln1p => x.ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x.square(),
        Unary::Recip => x.recip(),
        Unary::Abs => x.abs(),
        Unary::Sign => x.sign(),
        Unary::Floor => x.floor(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tan => x.tan(),
        Unary::Asin => x.asin(),
        Unary::Acos => x.acos(),
        Unary::Atan => x.atan(),
        Unary::Sinh => x.sinh(),
        Unary::Cosh => x.cosh(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => x.sigmoid(),
        Unary::Softplus => x.softplus(),
        Unary::LogSigmoid => x.log_sigmoid(),
        Unary::Relu => x.relu(),
        Unary::Erf => x.erf(),
        Unary::Powi(n) => x.powi(n),
        Unary::Powf(p) => x.powf(p),
        Unary::StopGradient => stop_gradient(&x),
        Unary::ThroughSingle => x.cast::<f32>().cast::<T>(),
    }
}

/// An array and an operand.
fn right<T: Real>(f: Binary, x: Var<T>, y: impl Operand<T>) -> Var<T> {
    match f {
        Binary::Max => x.max(y),
        Binary::Min => x.min(y),
        Binary::LessThan => x.less_than(y),
        Binary::AtMost => x.at_most(y),
        Binary::GreaterThan => x.greater_than(y),
        Binary::AtLeast => x.at_least(y),
        Binary::Equals => x.equals(y),
        Binary::Pow => x.pow(y),
        Binary::Atan2 => x.atan2(y),
        Binary::SoftThreshold => x.soft_threshold(y),
        other => panic!("{other:?} is an operator"),
    }
}

fn two<T: Real>(f: Binary, x: Var<T>, y: Var<T>) -> Var<T> {
    match f {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Rem => x % y,
        f => right(f, x, y),
    }
}

fn with_number<T: Real>(f: Binary, x: Var<T>, y: f64) -> Var<T> {
    match f {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Rem => x % y,
        f => right(f, x, y),
    }
}

fn of_number<T: Real>(f: Binary, x: f64, y: Var<T>) -> Var<T> {
    match f {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Rem => x % y,
        f => right(f, scalar(x), y),
    }
}

macro_rules! fold {
    ($x:expr, $axes:expr, $all:ident, $one:ident, $some:ident, $keep:ident) => {
        match $axes {
            Axes::All => $x.$all(),
            Axes::One(a) => $x.$one(*a),
            Axes::Some(a) => $x.$some(a),
            Axes::Keep(a) => $x.$keep(a),
        }
    };
}

fn reduce<T: Real>(f: Reduce, axes: &Axes, x: Var<T>) -> Var<T> {
    match f {
        Reduce::Sum => fold!(x, axes, sum, sum_axis, sum_axes, sum_keep),
        Reduce::Mean => fold!(x, axes, mean, mean_axis, mean_axes, mean_keep),
        Reduce::Prod => fold!(x, axes, prod, prod_axis, prod_axes, prod_keep),
        Reduce::Max => fold!(x, axes, max_all, max_axis, max_axes, max_keep),
        Reduce::Min => fold!(x, axes, min_all, min_axis, min_axes, min_keep),
        Reduce::Logsumexp => fold!(x, axes, logsumexp, logsumexp_axis, logsumexp_axes, logsumexp_keep),
        Reduce::NormL1 => fold!(x, axes, norm_l1, norm_l1_axis, norm_l1_axes, norm_l1_keep),
        Reduce::NormL2 => fold!(x, axes, norm_l2, norm_l2_axis, norm_l2_axes, norm_l2_keep),
        Reduce::NormSquared => fold!(x, axes, norm2, norm2_axis, norm2_axes, norm2_keep),
        Reduce::NormMax => fold!(x, axes, norm_max, norm_max_axis, norm_max_axes, norm_max_keep),
    }
}

fn shared<E: Element>(shape: &[usize], data: Vec<E>) -> ArcArray<E, IxDyn> {
    ArrayD::from_shape_vec(IxDyn(shape), data).expect("there is one element for each index").into_shared()
}

/// Where each row starts, among entries that are sorted by rows.
fn starts(rows: usize, of: impl Iterator<Item = usize> + Clone) -> Vec<usize> {
    (0..=rows).map(|row| of.clone().filter(|i| *i < row).count()).collect()
}

fn sparse<T: Real>(rows: usize, columns: usize, entries: &[(usize, usize, f64)]) -> Csr<T> {
    let (places, values) = entries.iter().map(|e| (e.1 as u32, T::from_f64(e.2))).unzip();
    Csr::new([rows, columns], starts(rows, entries.iter().map(|e| e.0)), places, values).expect("entries are sorted by rows")
}

fn pattern(rows: usize, columns: usize, places: &[(usize, usize)]) -> Pattern {
    let (starts, columns_of) = (starts(rows, places.iter().map(|p| p.0)), places.iter().map(|p| p.1 as u32).collect());
    Pattern::new([rows, columns], starts, columns_of).expect("places are sorted by rows")
}

fn boundary(b: Beyond) -> Boundary {
    match b {
        Beyond::Valid => Boundary::Valid,
        Beyond::Zero => Boundary::Zero,
        Beyond::Periodic => Boundary::Periodic,
        Beyond::Symmetric => Boundary::Symmetric,
        Beyond::Replicate => Boundary::Replicate,
    }
}

impl<T: Real> Recorder<'_, T> {
    /// Records steps, whose results follow the values that there are.
    pub(super) fn steps(&mut self, steps: &[Step]) {
        for s in steps {
            let made = self.step(s);
            self.values.extend(made);
        }
    }
    fn step(&mut self, s: &Step) -> Vec<Handle<T>> {
        match &s.op {
            Op::Absent => s.types.iter().map(|_| Handle::Absent).collect(),
            Op::Scan { .. } | Op::ScanUntil { .. } | Op::Map(_) | Op::Cond(..) | Op::Call(_) => self.control(s),
            Op::LogDet => {
                let (log, sign) = self.values[s.args[0]].real().log_det();
                vec![Handle::Real(log), Handle::Real(sign)]
            }
            op if s.types[0].kind == Kind::Index => vec![Handle::Index(self.indices(op, s))],
            op => vec![Handle::Real(self.reals(op, s))],
        }
    }
    fn reals(&self, op: &Op, s: &Step) -> Var<T> {
        let to = &s.types[0].shape[..];
        let x = |k: usize| self.values[s.args[k]].real();
        let i = |k: usize| self.values[s.args[k]].index();
        match op {
            Op::Input(k) => self.inputs[*k].real(),
            Op::Constant(data) => match AnyArray::from_f64(&leaf::<T>(&s.types[0]).0, data).and_then(T::into_array) {
                Some(a) => constant(a),
                None => panic!("a constant has one element for each index"),
            },
            Op::Number(v) => scalar(*v),
            Op::Full(v) if *v == 0.0 => zeros(Leaf::<T>::new(to)),
            Op::Full(_) => ones(Leaf::<T>::new(to)),
            Op::Unary(f) => unary(*f, x(0)),
            Op::Binary(f) => two(*f, x(0), x(1)),
            Op::BinaryRight(f, v) => with_number(*f, x(0), *v),
            Op::BinaryLeft(f, v) => of_number(*f, *v, x(0)),
            Op::Clamp => x(0).clamp(x(1), x(2)),
            Op::ClampTo(low, high) => x(0).clamp(*low, *high),
            Op::Select => x(0).select(x(1), x(2)),
            Op::SelectOr(v) => x(0).select(x(1), *v),
            Op::Reduce(f, axes) => reduce(*f, axes, x(0)),
            Op::Softmax(axis) => x(0).softmax(*axis),
            Op::LogSoftmax(axis) => x(0).log_softmax(*axis),
            Op::CumulativeSum(axis) => x(0).cumulative_sum(*axis),
            Op::Difference(axis, periodic, adjoint) => {
                let edge = if *periodic { Edge::Periodic } else { Edge::Zero };
                if *adjoint { x(0).difference_adjoint(*axis, edge) } else { x(0).difference(*axis, edge) }
            }
            Op::Concat(axis) => concat(*axis, &(0..s.args.len()).map(x).collect::<Vec<_>>()),
            Op::Stack => stack(&(0..s.args.len()).map(x).collect::<Vec<_>>()),
            Op::Pad(before, after) => x(0).pad(before, after),
            Op::Diagonal => x(0).diagonal(),
            Op::DiagonalMatrix => x(0).diagonal_matrix(),
            Op::LowerTriangle => x(0).lower_triangle(),
            Op::UpperTriangle => x(0).upper_triangle(),
            Op::Dot => x(0).dot(x(1)),
            Op::Matmul => x(0).matmul(x(1)),
            Op::Outer => x(0).outer(x(1)),
            Op::Contract(sum, batch) => x(0).contract(x(1), sum, batch),
            Op::Convolve(b, stride) => x(0).convolve(x(1), boundary(*b), *stride),
            Op::Sparse(rows, columns, entries, transposed) => {
                let matrix = csr(&sparse::<T>(*rows, *columns, entries));
                if *transposed { matrix.t().dot(x(0)) } else { matrix.dot(x(0)) }
            }
            Op::SparseRows(rows, columns, entries, transposed) => {
                let matrix = csr(&sparse::<T>(*rows, *columns, entries)).rows(i(1));
                if *transposed { matrix.t().dot(x(0)) } else { matrix.dot(x(0)) }
            }
            Op::SparseWith(rows, columns, places, transposed) => {
                let matrix = csr_with(&pattern(*rows, *columns, places), x(0));
                let matrix = if s.args.len() > 2 { matrix.rows(i(2)) } else { matrix };
                if *transposed { matrix.t().dot(x(1)) } else { matrix.dot(x(1)) }
            }
            Op::Trace => x(0).trace(),
            Op::Cholesky => x(0).cholesky(),
            Op::Solve => x(0).solve(x(1)),
            Op::SolvePositive => x(0).solve_positive(x(1)),
            Op::SolveTriangular(upper, transpose, unit) => {
                x(0).solve_triangular(x(1), Triangle { upper: *upper, transpose: *transpose, unit: *unit })
            }
            Op::Inverse => x(0).inverse(),
            Op::LogDetPositive => x(0).log_det_positive(),
            Op::Rows => x(0).rows(i(1)),
            Op::Take(axis) => x(0).take(i(1), *axis),
            Op::SliceAt(len) => x(0).slice_at(i(1), *len),
            Op::PlaceAt(rows) => x(0).place_at(i(1), *rows),
            Op::ScatterAdd(axis, len) => x(0).scatter_add(i(1), *axis, *len),
            Op::OneHot(classes) => i(0).one_hot(*classes),
            Op::ToReal => i(0).real(),
            Op::Uniform(key) => uniform(*key, i(0), Leaf::<T>::new(to)),
            op => arranged(x(0), op, to),
        }
    }
    fn indices(&self, op: &Op, s: &Step) -> Var<u32> {
        let to = &s.types[0].shape[..];
        let i = |k: usize| self.values[s.args[k]].index();
        match op {
            Op::Input(k) => self.inputs[*k].index(),
            Op::Constant(data) => constant(&shared(to, data.iter().map(|v| *v as u32).collect())),
            Op::Iota(n) => iota(*n),
            Op::ToIndex => self.values[s.args[0]].real().index(),
            Op::RandomIndex(key, below) => random_index(*key, i(0), Leaf::<u32>::new(to), *below),
            Op::IndexNumber(f, v) => match f {
                Index::Add => i(0) + *v,
                Index::Sub => i(0) - *v,
                Index::Mul => i(0) * *v,
                Index::Rem => i(0) % *v,
                other => panic!("{other:?} takes two arrays of indices"),
            },
            Op::Index(f) => match f {
                Index::Add => i(0) + i(1),
                Index::Sub => i(0) - i(1),
                Index::Mul => i(0) * i(1),
                Index::Rem => i(0) % i(1),
                Index::Equals => i(0).equals(i(1)),
                Index::LessThan => i(0).less_than(i(1)),
            },
            Op::Rows => i(0).rows(i(1)),
            Op::Take(axis) => i(0).take(i(1), *axis),
            Op::Concat(axis) => concat(*axis, &(0..s.args.len()).map(i).collect::<Vec<_>>()),
            op => arranged(i(0), op, to),
        }
    }
}

/// The operations that only arrange, of any kind of elements.
fn arranged<E: Element>(x: Var<E>, op: &Op, to: &[usize]) -> Var<E> {
    match op {
        Op::Reshape => x.reshape(to),
        Op::T => x.t(),
        Op::Permute(axes) => x.permute(axes),
        Op::BroadcastTo => x.broadcast_to(to),
        Op::Slice(axis, from, until, 1) => x.slice_axis(*axis, *from, *until),
        Op::Slice(axis, from, until, step) => x.slice_step(*axis, *from, *until, *step),
        Op::SliceLast(from, until) => x.slice_last(*from, *until),
        Op::Flip(axes) => x.flip(axes),
        other => panic!("{other:?} is no arrangement"),
    }
}
