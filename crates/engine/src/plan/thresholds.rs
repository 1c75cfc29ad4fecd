//! Thresholds of planning: numbers that decide what is worth doing. Another value changes time or memory, never what a plan computes.
//!
//! No command of this repository compares other values, so none of them is measured by itself. "Shown by" names the command that times programs
//! of the kind that the number was chosen for: to try another value, run it before and after. "Not measured" says that there is none.
//! `yardstick W S` stands for `cargo run --release -p hypertape-benches --bin yardstick -- --workload W --size S`, which with `--plan` prints the
//! plan too; `yardstick growth` for the same with `growth`; `bench B` for `cargo bench -p hypertape-benches --bench engine -- B`.

// Equations.

/// Rounds of writing out composites of composites, at the most; a program that needs more refers to itself. Not measured: a limit, not a choice.
pub(crate) const COMPOSITE_DEPTH: usize = 64;
/// Planes of a stack that is taken apart, at the most: each costs an instruction of its own. Shown by `yardstick tv_lambda medium`.
pub(crate) const PLANES: usize = 4;
/// Elements of a plane, at the least: below, instructions cost more than the elements. Shown by `yardstick tv_lambda small`.
pub(crate) const PLANE_ELEMENTS: usize = 32;
/// Elements of a result that leaves a loop though it is larger than what it is made from. Not measured.
pub(crate) const HOISTED: usize = 64;
/// Elements of a pointwise result that may be made early, however long it is then kept. Not measured.
pub(crate) const SHORT: usize = 64;
/// A product is made as soon as it can be if its result has so many times fewer elements than an operand. Shown by `yardstick logreg_hvp medium`.
pub(crate) const SMALLER: usize = 8;

// Items.

/// Elements of a loop up to which sharing it pays even where no operand is shared. Shown by `yardstick tiny_rosen medium`.
pub(crate) const SMALL_LOOP: usize = 2048;
/// Items that are looked at when an equation seeks a fusion to join: it keeps planning linear. Shown by `yardstick growth`.
pub(crate) const FUSION_WINDOW: usize = 48;
/// Nodes of a fusion that are no numbers, at the most; a single equation may have more. It keeps searches in a fusion, and its registers, few.
/// Shown by `yardstick growth` and `yardstick tiny_rosen large`.
pub(crate) const FUSION_NODES: usize = 112;
/// Items over which a fusion sinks, at the most: what it reads has to stay so long. Shown by `yardstick growth`.
pub(crate) const SINKING_WINDOW: usize = 48;
/// Later kernels that are looked at for each kernel to batch: what one is joined with has to keep its operands so long. Shown by `yardstick growth`.
pub(crate) const BATCHING_WINDOW: usize = 48;
/// Rows of a matrix, at the least, that products around a fusion share one reading of. Shown by `yardstick logreg_grad small`.
pub(crate) const PASS_ROWS: usize = 32;
/// Elements of a row of an array in pieces, at the least, where it has several rows: below, walking the pieces costs more than a copy. Shown by
/// `yardstick tv_lambda small`.
pub(crate) const PIECED_ROW: usize = 16;
/// Pieces of an array, at the most, that stays in pieces. Shown by `yardstick tiny_rosen medium`.
pub(crate) const PIECES: usize = 4;

// Work for threads.

/// Multiplications from which a product is worth two threads. Shown by `bench "matrix times"` and `yardstick deq medium --threads 2`.
pub(crate) const BIG_PRODUCT: usize = 1 << 18;
/// Elements from which a fold by itself is. Not measured.
pub(crate) const BIG_FOLD: usize = 1 << 18;
/// Time of a part of a fusion that is worth a thread's while, in nanoseconds. Shown by `bench "elementwise chain"`.
pub(crate) const FUSION_PART: f64 = 50_000.0;
/// Parts of a fusion at the most. Shown by `bench "elementwise chain"`.
pub(crate) const FUSION_PARTS: usize = 64;
/// Time of a part of a loop over independent items that is worth a thread's while, in nanoseconds. Shown by `bench "1000 gradients, map"`.
pub(crate) const LOOP_PART: f64 = 100_000.0;
/// Parts of a loop over independent items at the most. Shown by `bench "1000 gradients, map"`.
pub(crate) const LOOP_PARTS: usize = 16;
/// Bytes of the frames of those parts together, at the most, unless two parts need more. Not measured.
pub(crate) const LOOP_FRAMES: usize = 64 << 20;

// Memory.

/// Elements that the inner loops of a fusion have at the least, if there are so many. Shown by `yardstick tv_lambda small`.
pub(crate) const INNER_LOOP: usize = 256;
/// Slots of a frame up to which every pair is looked at to pack them; more are packed in the order of their use. Shown by `yardstick growth`.
pub(crate) const PACKED_BY_SIZE: usize = 1024;
