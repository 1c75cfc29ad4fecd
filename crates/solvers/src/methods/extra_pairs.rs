//! Where a quasi-Newton method looks for the derivatives of its solution: directions ∂_θ∇f, parameter by parameter.
use crate::handles::{at_most, shape, unravel};
use crate::problem::{Smooth, asked};
use hypertape_autodiff::array::Kind;
use hypertape_autodiff::record::{self, DynVar, Var};
use hypertape_autodiff::tree::{AnyLeaf, Own, V, Vars};
use hypertape_autodiff::{Function, Site};

type Leaves = Vec<AnyLeaf>;

/// Whether an extra pair follows step k, and how many there were before.
#[track_caller]
pub(crate) fn due(k: Var<u32>, every: usize) -> (Var, Var) {
    let (made, every) = (k.real::<f64>() + 1.0, every as f64);
    let rounds = whole(made / every);
    (at_most(made, every * rounds), rounds - 1.0)
}

/// The whole part of a number that is not negative.
#[track_caller]
fn whole(v: Var) -> Var {
    let at = Site::caller();
    Var::from_dyn(record::apply("floor", &[v.to_dyn()], at, |b, x| {
        let index = b.cast(x[0], Kind::U32);
        b.cast(index, Kind::F64)
    }))
}

/// ∂_θ∇f along one number of the parameters, each in its turn; none where there are no parameters.
#[track_caller]
pub(crate) fn gradient_by_a_parameter<Q: Smooth>(q: &Q, z: &V<Q::Unknown>, p: &V<Q::Params>, turn: Var) -> Option<V<Q::Unknown>> {
    let numbers: usize = p.flat().iter().map(|v| shape(*v).iter().product::<usize>()).sum();
    if numbers == 0 {
        return None;
    }
    let index = turn - numbers as f64 * whole(turn / numbers as f64);
    let index = record::apply("cast", &[index.to_dyn()], Site::caller(), |b, x| b.cast(x[0], Kind::U32));
    let unit: Var = Var::<u32>::from_dyn(index).one_hot(numbers);
    Some(gradient_by_params(q, z, p, &unravel(unit.to_dyn(), p)))
}

/// ∂_θ∇f θ̇. Variables that the objective reads besides its parameters are constants.
#[track_caller]
fn gradient_by_params<Q: Smooth>(q: &Q, z: &V<Q::Unknown>, p: &V<Q::Params>, direction: &V<Q::Params>) -> V<Q::Unknown> {
    let (at, flat) = (Site::caller(), z.flat());
    let given: Vec<DynVar> = flat.iter().copied().chain(p.flat()).collect();
    let types: Vec<_> = given.iter().filter_map(|v| v.leaf_type()).collect();
    let (_, region) = record::capture(&types, at, "gradient", |v| {
        let mut inner = v.iter().copied();
        let mut next = |_: DynVar| inner.next().unwrap_or(DynVar::POISON);
        let (z, p) = (z.map(&mut next), p.map(&mut next));
        ((), asked::gradient(q, &z, &p).flat())
    });
    // The recording keeps the reason when the region could not be closed.
    let Some(region) = region else { return z.clone() };
    let leaves = |v: &[DynVar]| -> Leaves { v.iter().filter_map(|v| v.leaf_type()).map(AnyLeaf).collect() };
    let doors = (leaves(&flat), leaves(&p.flat()), leaves(&region.captures));
    let made = Function::<(Leaves, Leaves, Leaves), Leaves>::with_doors(region.program, doors, leaves(&flat));
    match made {
        Ok(gradient) => {
            let moved = gradient.wrt(|(_, p, _)| p).jvp().output(|(_, t)| t);
            let made = moved.call(Own::<((Leaves, Leaves, Leaves), Leaves)>(((flat, p.flat(), region.captures), direction.flat())));
            let mut made = made.into_iter();
            z.map(&mut |_| made.next().unwrap_or(DynVar::POISON))
        }
        Err(e) => {
            record::fail(e.or_at(at));
            z.clone()
        }
    }
}
