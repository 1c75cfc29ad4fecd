//! A program said through the front door: what a user would write.
mod control;
mod record;

use crate::language::{Kind, Program, Type};
use hypertape::array::{AnyArray, LeafType, Real};
use hypertape::prelude::*;
use ndarray::{ArrayD, IxDyn};

/// A function of all inputs.
pub type Many = Function<Vec<AnyLeaf>, Vec<AnyLeaf>>;
/// A function of all inputs to one number.
pub type One<T> = Function<Vec<AnyLeaf>, Leaf<T>>;

/// A handle of a value.
#[derive(Debug, Clone, Copy)]
enum Handle<T: Real> {
    Real(Var<T>),
    Index(Var<u32>),
    Absent,
}

impl<T: Real> Handle<T> {
    fn real(self) -> Var<T> {
        match self {
            Handle::Real(v) => v,
            other => panic!("a real variable is expected, this is {other:?}"),
        }
    }
    fn index(self) -> Var<u32> {
        match self {
            Handle::Index(v) => v,
            other => panic!("indices are expected, this is {other:?}"),
        }
    }
    fn of(kind: Kind, v: DynVar) -> Handle<T> {
        if kind == Kind::Index { Handle::Index(Var::from_dyn(v)) } else { Handle::Real(Var::from_dyn(v)) }
    }
    fn to_dyn(self) -> DynVar {
        match self {
            Handle::Real(v) => v.to_dyn(),
            Handle::Index(v) => v.to_dyn(),
            Handle::Absent => DynVar::POISON,
        }
    }
}

/// What a recording of a program holds.
struct Recorder<'a, T: Real> {
    program: &'a Program,
    inputs: Vec<Handle<T>>,
    values: Vec<Handle<T>>,
}

fn leaf<T: Real>(of: &Type) -> AnyLeaf {
    AnyLeaf(LeafType::new(&of.shape, if of.kind == Kind::Index { <u32 as hypertape::array::Element>::KIND } else { T::KIND }))
}

/// The shapes of the inputs.
pub fn leaves<T: Real>(program: &Program) -> Vec<AnyLeaf> {
    program.inputs.iter().map(|i| leaf::<T>(&i.of)).collect()
}

fn recorder<'a, T: Real>(program: &'a Program, given: &[DynVar]) -> Recorder<'a, T> {
    let inputs = program.inputs.iter().zip(given).map(|(i, v)| Handle::of(i.of.kind, *v)).collect();
    let mut r = Recorder { program, inputs, values: vec![] };
    r.steps(&program.steps);
    r
}

/// The outputs as a function of the inputs.
///
/// # Errors
/// As [`Function::record`].
pub fn outputs<T: Real>(program: &Program) -> Result<Many> {
    Function::record(leaves::<T>(program), |given: Vec<DynVar>| {
        let r = recorder::<T>(program, &given);
        program.outputs.iter().map(|id| r.values[*id].to_dyn()).collect::<Vec<_>>()
    })
}

/// The loss as a function of the inputs.
///
/// # Errors
/// As [`Function::record`].
pub fn loss<T: Real>(program: &Program) -> Result<One<T>> {
    Function::record(leaves::<T>(program), |given: Vec<DynVar>| recorder::<T>(program, &given).values[program.loss].real())
}

/// An array whose axes lie in memory in this order, from the slowest to the fastest.
fn in_order<E: Clone>(shape: &[usize], data: Vec<E>, order: &[usize]) -> ArrayD<E> {
    let plain = ArrayD::from_shape_vec(IxDyn(shape), data).expect("there is one element for each index");
    let turned = plain.permuted_axes(IxDyn(order)).as_standard_layout().into_owned();
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(k, a)| back[*a] = k);
    turned.permuted_axes(IxDyn(&back))
}

fn array<T: Real>(of: &Type, data: &[f64], order: &[usize]) -> AnyArray {
    if of.kind == Kind::Index {
        return AnyArray::U32(in_order(&of.shape, data.iter().map(|v| *v as u32).collect(), order));
    }
    match leaf::<T>(of).0.kind {
        hypertape::array::Kind::F32 => AnyArray::F32(in_order(&of.shape, data.iter().map(|v| *v as f32).collect(), order)),
        _ => AnyArray::F64(in_order(&of.shape, data.to_vec(), order)),
    }
}

/// The inputs as arrays; the second point where `other`.
pub fn point<T: Real>(program: &Program, other: bool) -> Vec<AnyArray> {
    program.inputs.iter().map(|i| array::<T>(&i.of, if other { &i.other } else { &i.data }, &i.order)).collect()
}

/// A direction of all inputs, zero for indices.
pub fn direction<T: Real>(program: &Program, which: usize) -> Vec<AnyArray> {
    program.inputs.iter().map(|i| array::<T>(&i.of, &i.directions[which], &i.order)).collect()
}

/// Arrays of these shapes with these elements.
pub fn arrays<T: Real>(shapes: &[Vec<usize>], data: &[Vec<f64>]) -> Vec<AnyArray> {
    let plain = |s: &Vec<usize>| (0..s.len()).collect::<Vec<_>>();
    shapes.iter().zip(data).map(|(s, d)| array::<T>(&Type::real(s), d, &plain(s))).collect()
}
