//! What an operation can ask of the planned executor: a small closed set that no rule, shape or doc hangs on.
use super::named::Named;
use super::{Builder, Common, Counts, Micro, Program, Value};
use crate::array::{Kind, Layout, Shape, Shared, Slice, SliceMut};
use crate::error::ErrorKind;
use crate::outcome::Status;
use crate::program::Values;
use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// How an equation is run.
#[derive(Clone)]
pub enum Lowering {
    /// One output; index by index, a few scalar instructions of the inputs. All shapes equal; input element types may differ (they are converted).
    Pointwise(Micro),
    /// One input, one output: the input folded over the marked axes, which the output lacks.
    Fold {
        /// How two elements combine.
        fold: Fold,
        /// The axes folded away, ascending.
        axes: Shape,
    },
    /// The output is the input seen through another layout.
    View(View),
    /// The product of two arrays.
    Contract(Contraction),
    /// Every element is this number.
    Fill(f64),
    /// A constant array, read in place.
    Constant(Shared),
    /// The output is filled with `fill`, then every part is written into its place. Parts do not overlap.
    Place {
        /// What lies between the parts.
        fill: f64,
        /// One for each input.
        parts: Vec<Part>,
    },
    /// The same as these simpler equations, emitted into a builder.
    Composite(Arc<dyn Fn(&mut Builder, &[Value]) -> Values + Send + Sync>),
    /// A kernel that the engine has, over contiguous operands of this element type.
    Named(Named, Kind),
    /// A kernel that the operation brings, over contiguous operands.
    Kernel(Arc<dyn Kernel>),
    /// A loop.
    Scan(ScanSpec),
    /// A branch. Inputs: the test, then the operands of both branches.
    Cond(CondSpec),
    /// The first program of the operands; where it fails or reports something, the second, which computes the same. No operation asks for it; planning does.
    Attempt([Arc<Program>; 2]),
    /// Code with a state of its own in each workspace.
    External(Arc<dyn External>),
}

/// How elements combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Sum; 0 of nothing.
    Sum,
    /// Product; 1 of nothing.
    Prod,
    /// Largest; −∞ of nothing. NaN if any element is NaN.
    Max,
    /// Smallest; ∞ of nothing. NaN if any element is NaN.
    Min,
}

/// Another way to see the same elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum View {
    /// The same elements in row-major order under another shape.
    Reshape(Shape),
    /// Axis k of the result is axis `[k]` of the input.
    Permute(Shape),
    /// Input axis i becomes axis `axes[i]` of the result; other axes repeat.
    Broadcast {
        /// Shape of the result.
        shape: Shape,
        /// Where the input's axes go.
        axes: Shape,
    },
    /// Every `step`-th element of each axis from `start`, `len` of them; negative steps go backwards.
    Slice {
        /// First index of each axis.
        start: Shape,
        /// Step of each axis, not 0.
        step: smallvec::SmallVec<[isize; 4]>,
        /// Length of each axis of the result.
        len: Shape,
    },
    /// Elements (…, i, i) of a square last pair of axes.
    Diagonal,
}

impl View {
    /// The layout of the result in the input's storage, where strides can express it.
    #[must_use]
    pub fn apply(&self, x: &Layout) -> Option<Layout> {
        match self {
            View::Reshape(shape) => x.reshape(shape),
            View::Permute(axes) => Some(x.permute(axes)),
            View::Broadcast { shape, axes } => Some(x.broadcast(shape, axes)),
            View::Slice { start, step, len } => Some(x.slice(start, step, len)),
            View::Diagonal => {
                let r = x.shape.len();
                let mut y = x.clone();
                y.shape.pop();
                y.strides.truncate(r - 2);
                y.strides.push(x.strides[r - 2] + x.strides[r - 1]);
                Some(y)
            }
        }
    }
}

/// Where one input of a `Place` goes: the slice of the output with these starts and (positive) steps; its lengths are the input's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    /// First index along each axis of the output.
    pub start: Shape,
    /// Step along each axis.
    pub step: Shape,
}

/// out[batch…, a's free axes…, b's free axes…] = Σ over the contracted axes of a·b.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Contraction {
    /// Axes of a and b that run together, kept in the output.
    pub batch: smallvec::SmallVec<[(usize, usize); 2]>,
    /// Axes of a and b that run together, summed.
    pub sum: smallvec::SmallVec<[(usize, usize); 2]>,
}

impl Contraction {
    /// Axes of a (`side` 0) or b (1) of the given rank that are neither batched nor contracted, ascending.
    #[must_use]
    pub fn free(&self, side: usize, rank: usize) -> Vec<usize> {
        let used = |axis| self.batch.iter().chain(&self.sum).any(|p| if side == 0 { p.0 == axis } else { p.1 == axis });
        (0..rank).filter(|a| !used(*a)).collect()
    }
}

/// A dense kernel: contiguous row-major operands, shapes fixed when it was made, no allocation when it runs.
pub trait Kernel: Debug + Send + Sync {
    /// Doubles of scratch memory it needs (8-byte aligned; may be seen as other types).
    fn scratch(&self) -> usize {
        0
    }
    /// Constant data that it reads besides its inputs, in as many pieces as it shares with others: where each lies, and its bytes.
    fn data(&self) -> Vec<(usize, usize)> {
        vec![]
    }
    /// A kernel that does this one's work for two, with one reading of the data: inputs of the first, then of the second; outputs likewise. What stands
    /// before it is equal for kernels that do the same work on the same data.
    fn for_two(&self) -> Option<((usize, bool), Arc<dyn Kernel>)> {
        None
    }
    /// Whether it only looks at its inputs and hands on the first: what is the same in every step of a loop is then looked at once, before the loop.
    fn is_check(&self) -> bool {
        false
    }
    /// Computes every output from the inputs.
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind>;
}

/// Code with a state of its own in each workspace.
pub trait External: Debug + Send + Sync {
    /// A fresh state, for one use in one workspace; parts of it may be common to several there.
    fn state(&self, common: &mut Common) -> Box<dyn std::any::Any + Send>;
    /// Bytes the state will hold, without those of a common part.
    fn state_bytes(&self) -> u64;
    /// The address of what the common part belongs to, and the bytes of that part.
    fn common_bytes(&self) -> Option<(usize, u64)> {
        None
    }
    /// Computes every output (contiguous) from the inputs (contiguous).
    fn run(
        &self,
        state: &mut (dyn std::any::Any + Send),
        inputs: &[Slice<'_>],
        outputs: &mut [SliceMut<'_>],
    ) -> Result<Option<Report>, ErrorKind>;
    /// Forgets what earlier runs left for later ones: warm starts.
    fn forget(&self, state: &mut (dyn std::any::Any + Send)) {
        let _ = state;
    }
    /// Adds what the programs inside have executed.
    fn count(&self, state: &(dyn std::any::Any + Send), into: &mut Counts) {
        let _ = (state, into);
    }
}

/// What an iterative operation says of its last run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which method on which problem.
    pub name: Cow<'static, str>,
    /// Iterations it took; none where the count is not known, as of a user's own code.
    pub iterations: Option<u64>,
    /// True residual at the end, as the method's docs define it; NaN where it is not known, as [`Status::Estimated`] says.
    pub residual: f64,
    /// What was asked of the residual.
    pub tolerance: f64,
    /// Whether the result is what was asked for, as the status says: the residual is at or under the tolerance or as small as rounding allows, and nothing says that the
    /// solution may be wrong in spite of it.
    pub converged: bool,
    /// How it ended.
    pub status: Status,
    /// Of a linear solve that was restricted to an active set: how many unknowns that has, and how many there are in all.
    pub active: Option<[u64; 2]>,
    /// Of a linear solve by an estimate of the inverse: how many secant pairs that was made of.
    pub pairs: Option<u64>,
    /// What else a reader should know: which linear solver was chosen and why, what another one did in its place.
    pub remark: Option<&'static str>,
}

/// One line: what, how it ended, after how many iterations, the residual against the tolerance, and what else there is to know.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.status)?;
        if let Some(n) = self.iterations {
            write!(f, " after {n} iterations")?;
        }
        if self.status == Status::ItemFailed {
            return Ok(());
        }
        if self.residual.is_nan() && self.status == Status::Estimated {
            f.write_str(", residual not known")?;
        } else {
            write!(f, ", residual {:.3e} (tolerance {:.3e})", self.residual, self.tolerance)?;
        }
        if let Some([active, all]) = self.active {
            write!(f, ", {active} of {all} unknowns active")?;
        }
        match self.pairs {
            Some(1) => f.write_str(", 1 secant pair")?,
            Some(k) => write!(f, ", {k} secant pairs")?,
            None => {}
        }
        self.remark.map_or(Ok(()), |r| write!(f, "; {r}"))
    }
}

/// When a loop ends.
#[derive(Debug, Clone)]
pub enum Trip {
    /// After this many steps.
    Static(usize),
    /// Before the first step at which the test, a program of (carry…, constants…), gives a number other than 0; at the latest after `at_most`.
    Until {
        /// Program of (carry…, constants…) with one scalar output.
        test: Arc<Program>,
        /// Steps at the most.
        at_most: usize,
    },
    /// After as many steps as the last input (u32 scalar) says, at most this many.
    Counted(usize),
}

impl Trip {
    /// Steps at the most: the leading length of items and stacked outputs.
    #[must_use]
    pub fn at_most(&self) -> usize {
        match self {
            Trip::Static(n) | Trip::Counted(n) => *n,
            Trip::Until { at_most, .. } => *at_most,
        }
    }
}

/// What a loop stores for its reverse derivative, and what is computed again. No value depends on it; only planning reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// The carries before every step.
    #[default]
    Iterates,
    /// The carries before every step, and those values of the step that are dear to compute and that the derivative reads: products, dense kernels,
    /// external code.
    Values,
    /// Carries before some of the steps, in so many bytes; the steps between are made again (Griewank and Walther 2000).
    Bytes(u64),
}

/// A loop.
///
/// Inputs: carries, items (stacked along their leading axis), constants, then the count if the trip is `Counted`.
/// Body: (counter u32, carries, items of this step, constants) → (carries, per-step outputs).
/// Outputs: final carries, per-step outputs stacked (rows beyond the count are 0), the carries before each step stacked
/// (rows beyond the count are 0), the count (u32).
/// A reversed loop runs the counter, the items and the stacked outputs from the last step to the first.
#[derive(Debug, Clone)]
pub struct ScanSpec {
    /// One step.
    pub body: Arc<Program>,
    /// How many carries.
    pub carries: usize,
    /// How many stacked inputs.
    pub items: usize,
    /// How many inputs are the same in every step.
    pub constants: usize,
    /// How many per-step outputs.
    pub stacked: usize,
    /// When it ends.
    pub trip: Trip,
    /// From the last step to the first.
    pub reverse: bool,
    /// What it stores for its reverse derivative.
    pub storage: Storage,
}

/// A branch.
///
/// Inputs: the test (a scalar; other than 0 means yes), then operands. Both programs take all operands and give the same types.
#[derive(Debug, Clone)]
pub struct CondSpec {
    /// Run when the test is not 0.
    pub yes: Arc<Program>,
    /// Run when the test is 0.
    pub no: Arc<Program>,
}
