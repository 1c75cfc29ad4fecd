//! Thresholds of planning: numbers that decide what is worth doing. Another value changes time or memory, but never what a plan computes.
//!
//! No command of this repository compares several values of a threshold, so no threshold is measured by itself. "Shown by" names the command that
//! times programs of the kind that the number was chosen for. To try another value, run that command before and after. "Not measured" says that there
//! is no such command.
//!
//! `yardstick W S` stands for `cargo run --release -p hypertape-benches --bin yardstick -- --workload W --size S`; with `--plan` it also prints the
//! plan. `yardstick growth` stands for the same command with `growth`.
//! `bench B` stands for `cargo bench -p hypertape-benches --bench engine -- B`.

// Equations.

/// The most rounds of expanding composites of composites. A program that needs more refers to itself. Not measured: a limit, not a choice.
pub(crate) const COMPOSITE_DEPTH: usize = 64;
/// The most work, in multiplications or elements, of a mean equation of an item that is run in blocks. With more, dispatch is little beside it. Shown by
/// `yardstick batch_ridge medium` and `bench "1000 gradients, map"`.
pub(crate) const ITEM_WORK: f64 = 1024.0;
/// The fewest items of a block. Shown by `yardstick batch_ridge medium`.
pub(crate) const FEWEST_ITEMS: usize = 2;
/// The most bytes of what differs between the items of a block, which is to stay in the cache. Shown by `yardstick batch_ridge large`.
pub(crate) const BLOCK_BYTES: usize = 512 << 10;
/// The most bytes of the sums of all blocks, if each block hands out its own. Shown by `yardstick batch_lista large --threads 2`.
pub(crate) const BLOCK_SUMS: usize = 1 << 20;
/// The most levels of loops over items that are cut into blocks, one within the other. Not measured.
pub(crate) const VECTORISED_DEPTH: usize = 4;
/// The most planes of a stack that is taken apart: each plane costs an instruction of its own. Shown by `yardstick tv_lambda medium`.
pub(crate) const PLANES: usize = 4;
/// The fewest elements of such a plane: with fewer, instructions cost more than elements. Shown by `yardstick tv_lambda small`.
pub(crate) const PLANE_ELEMENTS: usize = 32;
/// The most elements of a result that moves out of a loop although it is larger than its operands. Not measured.
pub(crate) const HOISTED: usize = 64;
/// The most elements of a pointwise result that may be made early, however long it is then kept. Not measured.
pub(crate) const SHORT: usize = 64;
/// A product is made as early as possible if an operand has this many times the elements of its result. Shown by `yardstick logreg_hvp medium`.
pub(crate) const SMALLER: usize = 8;

// Items.

/// The most elements of a loop that equations share even if they share no operand. Shown by `yardstick tiny_rosen medium`.
pub(crate) const SMALL_LOOP: usize = 2048;
/// The number of items that are searched for a fusion that an equation can join. It keeps the time of planning linear. Shown by `yardstick growth`.
pub(crate) const FUSION_WINDOW: usize = 48;
/// The most nodes of a fusion, constants not counted; a single equation may have more. It bounds the searches in a fusion and its registers. Shown by
/// `yardstick growth` and `yardstick tiny_rosen large`.
pub(crate) const FUSION_NODES: usize = 112;
/// The most items over which a fusion sinks: its operands must be kept for that long. Shown by `yardstick growth`.
pub(crate) const SINKING_WINDOW: usize = 48;
/// The number of later kernels that are searched for one to batch with a kernel. Shown by `yardstick growth`.
pub(crate) const BATCHING_WINDOW: usize = 48;
/// The fewest rows of a matrix that a matrix pass reads. Shown by `yardstick logreg_grad small`.
pub(crate) const PASS_ROWS: usize = 32;
/// The fewest elements of a row of an array in pieces that has several rows: with fewer, walking the pieces costs more than a copy. Shown by
/// `yardstick tv_lambda small`.
pub(crate) const PIECED_ROW: usize = 16;
/// The most pieces of an array that stays in pieces. Shown by `yardstick tiny_rosen medium`.
pub(crate) const PIECES: usize = 4;

// Work for threads.

/// The fewest multiplications of a product that is worth two threads. Shown by `bench "matrix times"` and `yardstick deq medium --threads 2`.
pub(crate) const BIG_PRODUCT: usize = 1 << 18;
/// The fewest elements of a fold by itself that is worth two threads. Not measured.
pub(crate) const BIG_FOLD: usize = 1 << 18;
/// The time, in nanoseconds, of a part of a fusion that is worth a thread. Shown by `bench "elementwise chain"`.
pub(crate) const FUSION_PART: f64 = 50_000.0;
/// The most parts of a fusion. Shown by `bench "elementwise chain"`.
pub(crate) const FUSION_PARTS: usize = 64;
/// The time, in nanoseconds, of a part of a loop over independent items that is worth a thread. Shown by `bench "1000 gradients, map"`.
pub(crate) const LOOP_PART: f64 = 100_000.0;
/// The most parts of a loop over independent items. Shown by `bench "1000 gradients, map"`.
pub(crate) const LOOP_PARTS: usize = 16;
/// The most bytes of the frames of those parts together, unless two parts need more. Not measured.
pub(crate) const LOOP_FRAMES: usize = 64 << 20;

// Memory.

/// The fewest elements of the inner loops of a fusion, if the fusion has that many. Shown by `yardstick tv_lambda small`.
pub(crate) const INNER_LOOP: usize = 256;
/// The most slots of a frame that are packed by size, which compares all pairs. More slots are packed in order of use. Shown by `yardstick growth`.
pub(crate) const PACKED_BY_SIZE: usize = 1024;
