//! A user's own operation. Root and linear-solve equations enter through this trait and no other door.
use crate::array::{AnyArray, AnyView, AnyViewMut, LeafType, Slice, SliceMut};
use crate::error::{Counted, Error, ErrorKind, Result, Site, Typed};
use crate::execute::Counts;
use crate::operation::{Builder, Common, External, Lowering, Maybe, Op, Operation, Program, Report, Value};
use crate::program::{Types, Values};
use crate::record::{self, DynVar};
use ndarray::{ArrayView, ArrayViewMut, IxDyn};
use smallvec::SmallVec;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// An operation with code of its own, and rules written with handles.
///
/// Rules are traced into programs before any transform sees them, so derivatives of every order follow from them. A rule that is
/// not the true derivative should say so in the documentation of what uses it.
///
/// ```
/// use hypertape_autodiff::array::{AnyView, AnyViewMut, LeafType};
/// use hypertape_autodiff::operation::Report;
/// use hypertape_autodiff::record::{DynVar, Var};
/// use hypertape_autodiff::{Function, Primitive, ErrorKind, apply_primitive, shape};
///
/// /// Elementwise cube, with a rule that reads the operand.
/// #[derive(Debug)]
/// struct Cube;
/// impl Primitive for Cube {
///     type Scratch = ();
///     fn name(&self) -> &str { "cube" }
///     fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, ErrorKind> { Ok(inputs.to_vec()) }
///     fn scratch(&self, _: &[LeafType]) {}
///     fn value(&self, _: &mut (), x: &[AnyView<'_>], y: &mut [AnyViewMut<'_>]) -> Result<Option<Report>, ErrorKind> {
///         if let (AnyView::F64(x), AnyViewMut::F64(y)) = (&x[0], &mut y[0]) { y.zip_mut_with(x, |y, x| *y = x * x * x); }
///         Ok(None)
///     }
///     fn tangent(&self, x: &[DynVar], _: &[DynVar], t: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
///         let x = Var::<f64>::from_dyn(x[0]);
///         vec![t[0].map(|t| (3.0 * x * x * Var::from_dyn(t)).to_dyn())]
///     }
///     fn cotangent(&self, x: &[DynVar], _: &[DynVar], c: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
///         self.tangent(x, &[], c)
///     }
/// }
/// let f = Function::record(shape![2], |x| Var::<f64>::from_dyn(apply_primitive(Cube, &[x.to_dyn()])[0]).sum())?;
/// let g = f.gradient(&ndarray::arr1(&[1.0, 2.0]))?;
/// assert_eq!(g.as_slice(), Some(&[3.0, 12.0][..]));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub trait Primitive: Debug + Send + Sync + 'static {
    /// What one workspace owns for one use of it: nested workspaces, warm starts, the state of a user's closure.
    type Scratch: Send + 'static;
    /// The name in listings and errors.
    fn name(&self) -> &str;
    /// Types of the outputs, or what does not fit and what would.
    ///
    /// # Errors
    /// What does not fit; the recording adds the operands and the user's line.
    fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, ErrorKind>;
    /// A fresh scratch.
    fn scratch(&self, inputs: &[LeafType]) -> Self::Scratch;
    /// A fresh scratch, in a workspace where it may have parts in common with other primitives' scratches.
    fn scratch_among(&self, inputs: &[LeafType], common: &mut Common) -> Self::Scratch {
        let _ = common;
        self.scratch(inputs)
    }
    /// Bytes that a scratch will hold, without those of a common part.
    fn scratch_bytes(&self, inputs: &[LeafType]) -> u64 {
        let _ = inputs;
        0
    }
    /// The address of what the common part belongs to, and the bytes of that part.
    fn common_bytes(&self, inputs: &[LeafType]) -> Option<(usize, u64)> {
        let _ = inputs;
        None
    }
    /// Computes every output.
    ///
    /// # Errors
    /// What failed, or the user's own error; running the function returns it with the user's line.
    fn value(
        &self,
        scratch: &mut Self::Scratch,
        inputs: &[AnyView<'_>],
        outputs: &mut [AnyViewMut<'_>],
    ) -> Result<Option<Report>, ErrorKind>;
    /// Forgets what earlier runs left for later ones.
    fn forget(&self, scratch: &mut Self::Scratch) {
        let _ = scratch;
    }
    /// Adds what the programs inside have executed, for a workspace's counts.
    fn count(&self, scratch: &Self::Scratch, into: &mut Counts) {
        let _ = (scratch, into);
    }
    /// Tangents of the outputs; `None` is a symbolic zero.
    fn tangent(&self, inputs: &[DynVar], outputs: &[DynVar], tangents: &[Option<DynVar>]) -> Vec<Option<DynVar>>;
    /// Cotangents of the inputs for which `wanted` holds; `None` is a symbolic zero.
    fn cotangent(&self, inputs: &[DynVar], outputs: &[DynVar], cotangents: &[Option<DynVar>], wanted: &[bool]) -> Vec<Option<DynVar>>;
}

/// Applies a primitive in the open recording.
#[track_caller]
pub fn apply_primitive(p: impl Primitive, inputs: &[DynVar]) -> Vec<DynVar> {
    apply_shared(Arc::new(p), inputs)
}

/// The same for a primitive that is used more than once: equal applications are made once.
#[track_caller]
pub fn apply_shared<P: Primitive>(p: Arc<P>, inputs: &[DynVar]) -> Vec<DynVar> {
    let at = Site::caller();
    let name = p.name().to_string();
    let mut made = record::apply_many(&name, inputs, at, |b, v| b.emit(Op::new(Own(p)), v)).into_vec();
    if made.first().is_some_and(|v| v.same_value(DynVar::POISON)) {
        // As many stand-ins as anyone will ask for, because the number of outputs is not known after a mistake.
        made.resize(256, DynVar::POISON);
    }
    made
}

/// A primitive as an operation.
struct Own<P>(Arc<P>);

impl<P: Primitive> Debug for Own<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<P: Primitive> Own<P> {
    /// Traces a rule of (inputs, outputs, present derivatives) and emits it; gives the derivatives that the rule made, one for each of `of`.
    fn rule(
        &self,
        b: &mut Builder,
        given: [&[Value]; 2],
        present: &[Option<Value>],
        of: &[Value],
        rule: impl FnOnce(&[DynVar], &[DynVar], &[Option<DynVar>]) -> Vec<Option<DynVar>>,
    ) -> Result<Maybe> {
        let values: Vec<Value> = given.concat().into_iter().chain(present.iter().flatten().copied()).collect();
        let types: Vec<LeafType> = values.iter().map(|v| b.type_of(*v).clone()).collect();
        let (n, m) = (given[0].len(), given[1].len());
        let at = b.site();
        let (mask, program): (Vec<bool>, Result<Program>) = record::trace(&types, at.unwrap_or(Site::caller()), |v| {
            let mut derivatives = v[n + m..].iter().copied();
            let present: Vec<Option<DynVar>> = present.iter().map(|p| p.and_then(|_| derivatives.next())).collect();
            let made = rule(&v[..n], &v[n..n + m], &present);
            (made.iter().map(Option::is_some).collect(), made.into_iter().flatten().collect())
        });
        let mut program = program?;
        self.check_rule(&mask, &program.output_types(), &of.iter().map(|v| b.type_of(*v).clone()).collect::<Vec<_>>(), at)?;
        // What a rule emits is about the line where the primitive is applied.
        program.equations.iter_mut().for_each(|e| e.site = None);
        let mut made = b.inline(&program, &values).into_iter();
        Ok(mask.into_iter().map(|some| if some { made.next() } else { None }).collect())
    }
    /// Whether a rule's derivatives are those of values of these types.
    fn check_rule(&self, mask: &[bool], made: &[LeafType], of: &[LeafType], at: Option<Site>) -> Result<()> {
        let wrong = |kind: ErrorKind| Err(Error::new(self.0.name(), kind).with_operands(of.to_vec()).or(at));
        if mask.len() != of.len() {
            return wrong(ErrorKind::count(Counted::Derivatives, of.len(), mask.len()));
        }
        let present = mask.iter().zip(of).enumerate().filter(|(_, (some, _))| **some);
        for ((k, (_, t)), d) in present.zip(made) {
            if d != t {
                return wrong(ErrorKind::types(Typed::Derivative(k), t, d));
            }
        }
        Ok(())
    }
}

impl<P: Primitive> Operation for Own<P> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let types: Vec<LeafType> = inputs.iter().map(|t| (*t).clone()).collect();
        Ok(self.0.outputs(&types)?.into_iter().collect())
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        let types: Vec<LeafType> = inputs.iter().map(|a| a.leaf_type()).collect();
        let mut out: Vec<AnyArray> = self.0.outputs(&types)?.iter().map(|t| AnyArray::full(t, 0.0)).collect();
        let views: Vec<AnyView<'_>> = inputs.iter().map(|a| a.view()).collect();
        let mut outputs: Vec<AnyViewMut<'_>> = out.iter_mut().map(AnyArray::view_mut).collect();
        self.0.value(&mut self.0.scratch(&types), &views, &mut outputs)?;
        Ok(out)
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit(op.clone(), inputs);
        let dots = self.rule(b, [inputs, &y], tangents, &y, |x, y, t| self.0.tangent(x, y, t)).unwrap_or_else(|e| {
            b.fail(e);
            vec![]
        });
        let dots = (0..y.len()).map(|k| dots.get(k).copied().flatten()).collect();
        (y, dots)
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let bars = self.rule(b, [inputs, outputs], cotangents, inputs, |x, y, c| self.0.cotangent(x, y, c, wanted)).unwrap_or_else(|e| {
            b.fail(e);
            vec![]
        });
        (0..inputs.len()).map(|k| if wanted[k] { bars.get(k).copied().flatten() } else { None }).collect()
    }
    fn lower(&self, inputs: &[&LeafType], outputs: &[&LeafType]) -> Lowering {
        let owned = |t: &[&LeafType]| t.iter().map(|t| (*t).clone()).collect();
        Lowering::External(Arc::new(Run { p: self.0.clone(), inputs: owned(inputs), outputs: owned(outputs) }))
    }
    fn same(&self, other: &dyn Operation) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Own<P>>().is_some_and(|o| Arc::ptr_eq(&o.0, &self.0))
    }
}

/// A primitive at fixed types, as the executor runs it.
#[derive(Debug)]
struct Run<P> {
    p: Arc<P>,
    inputs: Vec<LeafType>,
    outputs: Vec<LeafType>,
}

impl<P: Primitive> External for Run<P> {
    fn state(&self, common: &mut Common) -> Box<dyn Any + Send> {
        Box::new(self.p.scratch_among(&self.inputs, common))
    }
    fn state_bytes(&self) -> u64 {
        self.p.scratch_bytes(&self.inputs)
    }
    fn common_bytes(&self) -> Option<(usize, u64)> {
        self.p.common_bytes(&self.inputs)
    }
    fn run(&self, state: &mut (dyn Any + Send), inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<Option<Report>, ErrorKind> {
        let wrong = || ErrorKind::misuse("an operand does not have the planned size");
        let mut x: SmallVec<[AnyView<'_>; 16]> = SmallVec::new();
        for (s, t) in inputs.iter().zip(&self.inputs) {
            let dim = IxDyn(&t.shape);
            x.push(match s {
                Slice::F64(s) => AnyView::F64(ArrayView::from_shape(dim, s).map_err(|_| wrong())?),
                Slice::F32(s) => AnyView::F32(ArrayView::from_shape(dim, s).map_err(|_| wrong())?),
                Slice::U32(s) => AnyView::U32(ArrayView::from_shape(dim, s).map_err(|_| wrong())?),
            });
        }
        let mut y: SmallVec<[AnyViewMut<'_>; 8]> = SmallVec::new();
        for (s, t) in outputs.iter_mut().zip(&self.outputs) {
            let dim = IxDyn(&t.shape);
            y.push(match s {
                SliceMut::F64(s) => AnyViewMut::F64(ArrayViewMut::from_shape(dim, s).map_err(|_| wrong())?),
                SliceMut::F32(s) => AnyViewMut::F32(ArrayViewMut::from_shape(dim, s).map_err(|_| wrong())?),
                SliceMut::U32(s) => AnyViewMut::U32(ArrayViewMut::from_shape(dim, s).map_err(|_| wrong())?),
            });
        }
        let state = state.downcast_mut::<P::Scratch>().ok_or_else(|| ErrorKind::misuse("the state belongs to another primitive"))?;
        self.p.value(state, &x, &mut y)
    }
    fn count(&self, state: &(dyn Any + Send), into: &mut Counts) {
        if let Some(s) = state.downcast_ref::<P::Scratch>() {
            self.p.count(s, into);
        }
    }
    fn forget(&self, state: &mut (dyn Any + Send)) {
        if let Some(s) = state.downcast_mut::<P::Scratch>() {
            self.p.forget(s);
        }
    }
}
