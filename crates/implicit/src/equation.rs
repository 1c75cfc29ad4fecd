//! F(z, θ) = 0 with the derivatives that the implicit function theorem needs.
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::error::Typed;
use hypertape_autodiff::function::Linearization;
use hypertape_autodiff::operation::Program;
use hypertape_autodiff::transform::linearize;
use hypertape_autodiff::tree::{AnyLeaf, Structure};
use hypertape_autodiff::{Error, ErrorKind, Function, Result};
use hypertape_linear::Known;
use hypertape_solvers::Counter;
use std::sync::{Arc, OnceLock};

/// A structure whose leaves are known at run time.
pub(crate) type Leaves = Vec<AnyLeaf>;
/// (z, θ), then a direction → a vector like z or θ.
pub(crate) type Product = Function<((Leaves, Leaves), Leaves), Leaves>;

/// The equation that a solution satisfies.
#[derive(Debug)]
pub(crate) struct Equation {
    /// F.
    pub(crate) residual: Function<(Leaves, Leaves), Leaves>,
    /// F_z v.
    pub(crate) by_solution: Product,
    /// F_zᵀ u.
    pub(crate) by_solution_transposed: Product,
    /// F_θ t.
    pub(crate) by_params: Product,
    /// F_θᵀ u.
    pub(crate) by_params_transposed: Product,
    /// F_z: its programs, and their plans, which all points share.
    pub(crate) linear: Arc<Linearization>,
    /// Types of z.
    pub(crate) solution: Vec<LeafType>,
    /// Types of θ.
    pub(crate) params: Vec<LeafType>,
    /// Whether F_z does not depend on z: F is affine in it.
    pub(crate) affine: bool,
    /// What is known of F_z, which is not checked.
    pub(crate) known: Known,
    kinks: OnceLock<bool>,
    /// Where it can be sampled.
    pub(crate) sampled: Option<Sampled>,
    /// Who counts what is evaluated of it.
    counter: Option<Counter>,
}

/// Products with the F_z of a mini-batch.
#[derive(Debug)]
pub(crate) struct Sampled {
    /// F_z v of ((z, θ with the number of the draw), v).
    pub(crate) plain: Product,
    /// F_zᵀ u.
    pub(crate) transposed: Product,
    /// Where the number of the draw stands in θ.
    pub(crate) place: usize,
}

/// Whether an output after the first `values` depends on one of the first `values` inputs.
fn depends(p: &Program, values: usize) -> bool {
    let mut moved = vec![false; p.types.len()];
    p.inputs[..values].iter().for_each(|v| moved[v.index()] = true);
    for e in &p.equations {
        if e.inputs.iter().any(|v| moved[v.index()]) {
            e.outputs.iter().for_each(|v| moved[v.index()] = true);
        }
    }
    p.outputs[values..].iter().any(|v| moved[v.index()])
}

impl Equation {
    /// From a program of (z…, θ…) → (F…), where F has the types of z.
    pub(crate) fn new(program: &Program, solution: usize, known: Known) -> Result<Self> {
        let mut types = program.input_types();
        let params = types.split_off(solution);
        let made = program.output_types();
        if made != types || types.iter().any(|t| !t.kind.is_real()) {
            return Err(Error::new("implicit", ErrorKind::Types { of: Typed::Residual, expected: types, given: made }));
        }
        let leaves = |t: &[LeafType]| -> Leaves { t.iter().cloned().map(AnyLeaf).collect() };
        let residual: Function<(Leaves, Leaves), Leaves> =
            Function::with_doors(program.clone(), (leaves(&types), leaves(&params)), leaves(&types))?;
        let active: Vec<bool> = (0..program.inputs.len()).map(|i| i < solution).collect();
        let linear = linearize(program, &active, &vec![true; solution])?;
        Ok(Equation {
            by_solution: residual.wrt(|(z, _)| z).jvp().output(|(_, t)| t),
            by_solution_transposed: residual.wrt(|(z, _)| z).vjp().output(|(_, c)| c),
            by_params: residual.wrt(|(_, p)| p).jvp().output(|(_, t)| t),
            by_params_transposed: residual.wrt(|(_, p)| p).vjp().output(|(_, c)| c),
            affine: !depends(&linear.primal, solution),
            linear: Arc::new(Linearization::new(Arc::new(program.clone()), linear)?),
            solution: types,
            params,
            known,
            kinks: OnceLock::new(),
            sampled: None,
            counter: None,
            residual,
        })
    }
    /// Counted by this counter, if there is one.
    pub(crate) fn counted(mut self, counter: Option<Counter>) -> Self {
        self.counter = counter;
        self
    }
    /// Counts an evaluation of F.
    pub(crate) fn evaluated(&self) {
        self.counter.iter().for_each(Counter::evaluated);
    }
    /// Counts a product with F_z or a part of it.
    pub(crate) fn multiplied(&self) {
        self.counter.iter().for_each(Counter::multiplied);
    }
    /// With F of a mini-batch: a program of (z…, θ…) → (F…), in whose θ the number of the draw stands at this place.
    pub(crate) fn with_sampled(mut self, program: &Program, place: usize) -> Result<Self> {
        let mut types = program.input_types();
        let params = types.split_off(self.solution.len());
        let made = program.output_types();
        if made != self.solution {
            return Err(Error::new("implicit", ErrorKind::Types { of: Typed::Residual, expected: types, given: made }));
        }
        let leaves = |t: &[LeafType]| -> Leaves { t.iter().cloned().map(AnyLeaf).collect() };
        let residual: Function<(Leaves, Leaves), Leaves> =
            Function::with_doors(program.clone(), (leaves(&types), leaves(&params)), leaves(&made))?;
        let plain = residual.wrt(|(z, _)| z).jvp().output(|(_, t)| t);
        let transposed = residual.wrt(|(z, _)| z).vjp().output(|(_, c)| c);
        self.sampled = Some(Sampled { plain, transposed, place });
        Ok(self)
    }
    /// Whether F has kinks in z.
    pub(crate) fn has_kinks(&self) -> bool {
        let found = || self.residual.wrt(|(z, _)| z).switching().outputs().leaf_types().iter().any(|t| !t.is_empty());
        *self.kinks.get_or_init(found)
    }
}
