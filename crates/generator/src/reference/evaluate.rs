//! One step of a program.
use super::jet::{Arithmetic, Jet};
use super::tensor::{Tensor, Value, common};
use super::{arrange, indexing, matrices, pointwise, product, reduce, repeat};
use crate::language::{Binary, Kind, Op, Step};

/// The results of a step.
pub fn results(cx: &mut Arithmetic, inputs: &[Value], env: &mut Vec<Value>, s: &Step) -> Vec<Value> {
    match &s.op {
        Op::Absent => s.types.iter().map(|_| Value::Absent).collect(),
        Op::LogDet => {
            let (log, sign) = matrices::log_det(cx, env[s.args[0]].real());
            vec![Value::Real(log), Value::Real(sign)]
        }
        Op::Scan { .. } | Op::ScanUntil { .. } | Op::Map(_) | Op::Cond(..) | Op::Call(_) => repeat::control(step, cx, inputs, env, s),
        op if s.types[0].kind == Kind::Index => vec![Value::Index(indices(cx, inputs, env, op, s))],
        op => vec![Value::Real(reals(cx, inputs, env, op, s))],
    }
}

/// Evaluates a step and puts its results at the end of `env`.
pub fn step(cx: &mut Arithmetic, inputs: &[Value], env: &mut Vec<Value>, s: &Step) {
    let made = results(cx, inputs, env, s);
    for (value, of) in made.iter().zip(&s.types) {
        match value {
            Value::Real(t) => {
                assert_eq!(t.shape, of.shape, "{:?} makes the type that it says", s.op);
                t.data.iter().for_each(|x| cx.see(*x, &Name(&s.op)));
            }
            Value::Index(t) => assert_eq!(t.shape, of.shape, "{:?} makes the type that it says", s.op),
            Value::Absent => {}
        }
    }
    env.extend(made);
}

/// The name of an operation without its arrays and bodies.
struct Name<'a>(&'a Op);
impl std::fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{:?}", self.0);
        f.write_str(text.split(['{', '[']).next().unwrap_or(""))
    }
}

fn two(cx: &mut Arithmetic, f: Binary, x: &Tensor<Jet>, y: &Tensor<Jet>) -> Tensor<Jet> {
    let shape = common(&x.shape, &y.shape).expect("the generator broadcasts only what fits");
    let (x, y) = (x.broadcast(&shape), y.broadcast(&shape));
    let data = x.data.iter().zip(&y.data).map(|(x, y)| pointwise::binary(cx, f, *x, *y)).collect();
    Tensor::new(&shape, data)
}

fn three(x: &Tensor<Jet>, y: &Tensor<Jet>, z: &Tensor<Jet>, mut f: impl FnMut(Jet, Jet, Jet) -> Jet) -> Tensor<Jet> {
    let shape = common(&x.shape, &y.shape).and_then(|s| common(&s, &z.shape)).expect("the generator broadcasts only what fits");
    let [x, y, z] = [x, y, z].map(|t| t.broadcast(&shape));
    let data = (0..x.data.len()).map(|i| f(x.data[i], y.data[i], z.data[i])).collect();
    Tensor::new(&shape, data)
}

/// Entries of a constant matrix.
fn literals(cx: &Arithmetic, entries: &[(usize, usize, f64)]) -> Vec<(usize, usize, Jet)> {
    entries.iter().map(|(i, j, v)| (*i, *j, Jet::number(cx.literal(*v)))).collect()
}

/// A step whose result is real.
fn reals(cx: &mut Arithmetic, inputs: &[Value], env: &[Value], op: &Op, s: &Step) -> Tensor<Jet> {
    let to = &s.types[0].shape;
    let x = |k: usize| env[s.args[k]].real();
    let i = |k: usize| env[s.args[k]].index();
    let number = |v: f64| Tensor::new(&[], vec![Jet::number(v)]);
    match op {
        Op::Input(k) => inputs[*k].real().clone(),
        Op::Constant(data) => Tensor::new(to, data.iter().map(|v| Jet::number(cx.literal(*v))).collect()),
        Op::Number(v) => number(cx.literal(*v)),
        Op::Full(v) => Tensor::new(to, vec![Jet::number(*v); s.types[0].len()]),
        Op::Unary(f) => x(0).map(|v| pointwise::unary(cx, *f, v)),
        Op::Binary(f) => two(cx, *f, x(0), x(1)),
        Op::BinaryRight(f, v) => two(cx, *f, x(0), &number(cx.literal(*v))),
        Op::BinaryLeft(f, v) => two(cx, *f, &number(cx.literal(*v)), x(0)),
        Op::Clamp => three(x(0), x(1), x(2), |x, low, high| pointwise::clamp(cx, x, low, high)),
        Op::ClampTo(low, high) => {
            let (low, high) = (Jet::number(cx.literal(*low)), Jet::number(cx.literal(*high)));
            x(0).map(|x| pointwise::clamp(cx, x, low, high))
        }
        Op::Select => three(x(0), x(1), x(2), |test, yes, no| if cx.decide(test.v != 0.0) { yes } else { no }),
        Op::SelectOr(v) => {
            let other = number(cx.literal(*v));
            three(x(0), x(1), &other, |test, yes, no| if cx.decide(test.v != 0.0) { yes } else { no })
        }
        Op::Reduce(f, axes) => reduce::reduce(cx, *f, axes, x(0)),
        Op::Softmax(axis) => reduce::softmax(cx, x(0), *axis, false),
        Op::LogSoftmax(axis) => reduce::softmax(cx, x(0), *axis, true),
        Op::CumulativeSum(axis) => reduce::cumulative_sum(cx, x(0), *axis),
        Op::Difference(axis, periodic, adjoint) => reduce::difference(cx, x(0), *axis, *periodic, *adjoint),
        Op::Concat(axis) => arrange::concat(&(0..s.args.len()).map(x).collect::<Vec<_>>(), *axis),
        Op::Stack => {
            let data = (0..s.args.len()).flat_map(|k| x(k).data.iter().copied()).collect();
            Tensor::new(to, data)
        }
        Op::Pad(before, after) => arrange::pad(x(0), before, after),
        Op::Diagonal => arrange::diagonal(x(0)),
        Op::DiagonalMatrix => arrange::diagonal_matrix(x(0)),
        Op::LowerTriangle => arrange::triangle(x(0), false),
        Op::UpperTriangle => arrange::triangle(x(0), true),
        Op::Dot => product::dot(cx, x(0), x(1)),
        Op::Matmul => product::matmul(cx, x(0), x(1)),
        Op::Outer => product::contract(cx, x(0), x(1), &[], &[]),
        Op::Contract(sum, batch) => product::contract(cx, x(0), x(1), sum, batch),
        Op::Convolve(boundary, stride) => product::convolve(cx, x(0), x(1), *boundary, *stride, to),
        Op::Sparse(rows, columns, entries, transposed) => {
            let entries = literals(cx, entries);
            product::sparse(cx, [*rows, *columns], &entries, *transposed, x(0))
        }
        Op::SparseRows(rows, columns, entries, transposed) => {
            let entries = product::rows(cx, *rows, &literals(cx, entries), i(1));
            product::sparse(cx, [i(1).data.len(), *columns], &entries, *transposed, x(0))
        }
        Op::SparseWith(rows, columns, places, transposed) => {
            let mut entries: Vec<_> = places.iter().zip(&x(0).data).map(|((i, j), v)| (*i, *j, *v)).collect();
            let mut count = *rows;
            if s.args.len() > 2 {
                (entries, count) = (product::rows(cx, *rows, &entries, i(2)), i(2).data.len());
            }
            product::sparse(cx, [count, *columns], &entries, *transposed, x(1))
        }
        Op::Trace => {
            let d = arrange::diagonal(x(0));
            let axis = d.shape.len() - 1;
            reduce::reduce(cx, crate::language::Reduce::Sum, &crate::language::Axes::One(axis), &d)
        }
        Op::Cholesky => matrices::cholesky(cx, x(0)),
        Op::Solve | Op::SolvePositive => matrices::solve(cx, x(0), x(1)),
        Op::SolveTriangular(upper, transposed, unit) => matrices::solve_triangular(cx, x(0), x(1), *upper, *transposed, *unit),
        Op::Inverse => matrices::inverse(cx, x(0)),
        Op::LogDetPositive => matrices::log_det(cx, x(0)).0,
        Op::Rows => indexing::take(cx, x(0), i(1), 0),
        Op::Take(axis) => indexing::take(cx, x(0), i(1), *axis),
        Op::SliceAt(len) => indexing::slice_at(cx, x(0), i(1).data[0], *len),
        Op::PlaceAt(rows) => indexing::place_at(cx, x(0), i(1).data[0], *rows),
        Op::ScatterAdd(axis, len) => indexing::scatter_add(cx, x(0), i(1), *axis, *len),
        Op::OneHot(classes) => indexing::one_hot(cx, i(0), *classes),
        Op::ToReal => i(0).map(|k| Jet::number(cx.literal(f64::from(k)))),
        Op::Uniform(key) => indexing::uniform(*key, i(0).data[0], to, cx.single),
        _ => arranged(env[s.args[0]].real(), op, to),
    }
}

/// The operations that only arrange, of any kind of elements.
fn arranged<E: Copy>(x: &Tensor<E>, op: &Op, to: &[usize]) -> Tensor<E> {
    match op {
        Op::Reshape => x.reshape(to),
        Op::T => x.permute(&(0..x.shape.len()).rev().collect::<Vec<_>>()),
        Op::Permute(axes) => x.permute(axes),
        Op::BroadcastTo => x.broadcast(to),
        Op::Slice(axis, from, until, step) => arrange::slice(x, *axis, *from, *until, *step),
        Op::SliceLast(from, until) => arrange::slice(x, x.shape.len() - 1, *from, *until, 1),
        Op::Flip(axes) => arrange::flip(x, axes),
        other => panic!("{other:?} is no arrangement"),
    }
}

/// A step whose result is indices.
fn indices(cx: &mut Arithmetic, inputs: &[Value], env: &[Value], op: &Op, s: &Step) -> Tensor<u32> {
    let to = &s.types[0].shape;
    let i = |k: usize| env[s.args[k]].index();
    match op {
        Op::Input(k) => inputs[*k].index().clone(),
        Op::Constant(data) => Tensor::new(to, data.iter().map(|v| *v as u32).collect()),
        Op::Iota(n) => Tensor::new(to, (0..*n as u32).collect()),
        Op::ToIndex => env[s.args[0]].real().map(|x| {
            if x.v <= -1.0 {
                cx.note(|| format!("{} as an index", x.v));
            }
            cx.whole(x.v.trunc()) as u32
        }),
        Op::RandomIndex(key, below) => indexing::random_index(*key, i(0).data[0], to, *below),
        Op::IndexNumber(f, v) => i(0).map(|k| pointwise::index(cx, *f, k, *v)),
        Op::Index(f) => {
            let shape = common(&i(0).shape, &i(1).shape).expect("the generator broadcasts only what fits");
            let (x, y) = (i(0).broadcast(&shape), i(1).broadcast(&shape));
            Tensor::new(&shape, x.data.iter().zip(&y.data).map(|(x, y)| pointwise::index(cx, *f, *x, *y)).collect())
        }
        Op::Rows => indexing::take(cx, i(0), i(1), 0),
        Op::Take(axis) => indexing::take(cx, i(0), i(1), *axis),
        Op::Concat(axis) => arrange::concat(&(0..s.args.len()).map(i).collect::<Vec<_>>(), *axis),
        op => arranged(i(0), op, to),
    }
}
