//! Dense Jacobians and Hessians over the flattened leaves: the primal once, and the linear part along unit vectors, a block of them at once.
use super::{Function, Number, Wrt, value_and_gradient};
use crate::array::{Element, Kind, LeafType, Shape, Shared};
use crate::error::Result;
use crate::operation::{Builder, Op, Program, ScanSpec, Trip, Value};
use crate::ops::control::Scan;
use crate::transform::{self, Blocks};
use crate::tree::{Leaf, Structure};
use std::sync::Arc;

impl<I: Structure, O: Structure, W: Structure> Wrt<I, O, W> {
    /// inputs → J, a matrix over the flattened outputs (rows) and variables (columns), in double precision.
    #[must_use]
    #[track_caller]
    pub fn jacobian(&self) -> Function<I, Leaf<f64>> {
        let count = |t: &[LeafType]| t.iter().filter(|t| t.kind.is_real()).map(LeafType::len).sum::<usize>();
        let (m, n) = (count(&self.f.outputs().leaf_types()), count(&self.variables.leaf_types()));
        self.derive(self.f.inputs().clone(), Leaf::new([m, n]), |p, picked, mask| matrix(p, picked, mask, m, n, Kind::F64))
    }
}

impl<I: Structure, O: Structure, W: Structure> Wrt<I, O, W> {
    /// inputs → the Hessian, a matrix over the flattened variables.
    #[must_use]
    #[track_caller]
    pub fn hessian(&self) -> Function<I, Leaf<O::Real>>
    where
        O: Number,
    {
        let n = self.variables.leaf_types().iter().filter(|t| t.kind.is_real()).map(LeafType::len).sum::<usize>();
        self.derive(self.f.inputs().clone(), Leaf::new([n, n]), |p, picked, mask| {
            let gradient = value_and_gradient(p, mask, 0)?;
            let places: Vec<usize> = super::wrt::after(1, picked)[1..].to_vec();
            let gradient = transform::select(&gradient, &places)?;
            matrix(&gradient, picked, mask, n, n, <O::Real as Element>::KIND)
        })
    }
}

/// The Jacobian of a program as a program: tangents or cotangents run over the unit vectors, whichever are fewer.
fn matrix(p: &Program, picked: &[usize], mask: &[bool], m: usize, n: usize, kind: Kind) -> Result<Program> {
    let outputs: Vec<bool> = p.output_types().iter().map(|t| t.kind.is_real()).collect();
    let active: Vec<bool> = p.input_types().iter().zip(mask).map(|(t, a)| *a && t.kind.is_real()).collect();
    let parts = transform::linearize(p, &active, &outputs)?;
    let picked: Vec<usize> = picked.iter().copied().filter(|i| active[*i]).collect();
    // Tangents of the linear part stand in ascending order of the inputs; the columns in the order of picking.
    let rank = |i: usize| picked.iter().filter(|q| **q < i).count();
    let variables: Vec<LeafType> = picked.iter().map(|i| p.type_of(p.inputs[*i]).clone()).collect();
    let results: Vec<LeafType> = p.output_types().into_iter().filter(|t| t.kind.is_real()).collect();
    let r = parts.residuals;
    let forward = n <= m;
    let body = if forward { parts.linear.clone() } else { parts.transpose()? };
    let (seeds, made): (Vec<LeafType>, Vec<LeafType>) = if forward { (variables, results) } else { (results, variables) };
    let total = if forward { n } else { m };

    // One step: the k-th unit vector, cut into leaves, through the linear part, and its results as one row.
    let mut b = Builder::new();
    let counter = b.input(LeafType::new(&[], Kind::U32));
    let residuals = b.inputs(&parts.linear.input_types()[..r]);
    let iota: Shared = Shared::U32(ndarray::Array1::from_iter(0..total as u32).into_dyn().into_shared());
    let iota = b.constant(iota);
    let k = b.broadcast_to(counter, &[total]);
    let unit = b.equal(iota, k);
    let unit = b.cast(unit, Kind::F64);
    let mut at = 0;
    let mut leaves = vec![];
    for t in &seeds {
        let part = b.slice(unit, &[at], &[1], &[t.len()]);
        at += t.len();
        let part = b.reshape(part, &t.shape);
        leaves.push(b.cast(part, t.kind));
    }
    let mut given = residuals.clone();
    if forward {
        // `leaves` are in the order of picking, tangents in that of the inputs.
        let mut ordered = vec![Value(0); leaves.len()];
        for (leaf, i) in leaves.iter().zip(&picked) {
            ordered[rank(*i)] = *leaf;
        }
        given.extend(ordered);
    } else {
        given.extend(&leaves);
    }
    // The k-th unit vector of a leaf that is a vector, alone, has its 1 at k.
    let out = match &seeds[..] {
        [alone] if alone.shape.len() == 1 => transform::along_unit(&mut b, &body, &given, r, counter),
        _ => b.inline(&body, &given),
    };
    let out: Vec<Value> = if forward { out.to_vec() } else { picked.iter().map(|i| out[rank(*i)]).collect() };
    let mut row = vec![];
    for (v, t) in out.iter().zip(&made) {
        let flat = b.reshape(*v, &[t.len()]);
        row.push(b.cast(flat, kind));
    }
    let row = if row.is_empty() { b.full(&LeafType::new(&[0], kind), 0.0) } else { b.concatenate(&row, 0) };
    let body = b.finish(&[row])?;
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: 0,
        items: 0,
        constants: r,
        stacked: 1,
        trip: Trip::Static(total),
        reverse: false,
        storage: crate::operation::Storage::Iterates,
    };

    let mut b = Builder::new();
    let x = b.inputs(&p.input_types());
    let made = b.inline(&parts.primal, &x);
    let residuals = &made[p.outputs.len()..];
    let at_once = transform::at_once(&spec.body, &(0..=r).map(|i| i == 0).collect::<Vec<_>>());
    let blocks = Blocks { size: Blocks::even(total, at_once), apart: true };
    let rows = transform::in_blocks(&mut b, &spec, residuals, blocks).unwrap_or_else(|_| b.emit(Op::new(Scan(spec)), residuals))[0];
    let axes: Shape = if forward { Shape::from_slice(&[1, 0]) } else { Shape::from_slice(&[0, 1]) };
    let matrix = b.permute(rows, &axes);
    transform::dead_code(&b.finish(&[matrix])?)
}
