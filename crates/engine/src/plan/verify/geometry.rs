//! Checks that the operands of an instruction have the elements that its kernel goes through.
use crate::kernels::group::{self, Group, Target};
use crate::kernels::join::Piece;
use crate::plan::code::{Feed, Instruction, Operand, Stream};
use hypertape_ir::array::{Layout, Shared};

/// The memory of a base: its bytes, and the alignment of its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) bytes: usize,
    pub(super) align: usize,
}

impl Extent {
    pub(super) const NOTHING: Extent = Extent { bytes: 0, align: 64 };
    /// The extent of an operand, from its lowest element on.
    pub(super) fn of(o: &Operand) -> Self {
        Extent { bytes: o.reach().saturating_mul(o.kind.bytes()), align: o.kind.bytes() }
    }
    pub(super) fn of_constant(c: &Shared) -> Self {
        let reach = hypertape_ir::each_kind!(Shared, c, a => {
            let others = a.shape().iter().zip(a.strides()).map(|(n, s)| n.saturating_sub(1) * s.unsigned_abs()).sum::<usize>();
            if a.is_empty() { 0 } else { others + 1 }
        });
        let align = c.leaf_type().kind.bytes();
        Extent { bytes: reach * align, align }
    }
}

/// Checks that an instruction fits its operands. Loops and branches are checked in `nested.rs`.
pub(super) fn instruction(i: &Instruction<Operand>) -> Result<(), String> {
    let fits = match i {
        Instruction::Group { group, loads, stores, tails, partial } => {
            let ports: Vec<&Operand> = loads.iter().collect();
            return self::group(group, &ports, stores, tails, partial.as_ref());
        }
        Instruction::Stream(s) => return stream(s),
        Instruction::Fold { axes, x, out, .. } => {
            let kept = (0..x.layout.shape.len()).filter(|a| !axes.contains(a)).map(|a| x.layout.shape[a]).product::<usize>();
            x.kind == out.kind && is_plain(out, kept)
        }
        // The kernel of a product checks the lengths of its operands itself.
        Instruction::Contract { a, b, out, .. } => a.kind == out.kind && b.kind == out.kind && is_plain(out, out.layout.len()),
        Instruction::Copy { x, out } => x.kind == out.kind && is_plain(out, x.layout.len()),
        Instruction::Place { parts, out, .. } => {
            let fits = |(x, l): &(Operand, Layout)| x.kind == out.kind && x.layout.shape == l.shape && within(l, out.layout.len());
            is_plain(out, out.layout.len()) && parts.iter().all(fits)
        }
        Instruction::Kernel { kernel, inputs, outputs, scratch } => {
            let there = scratch.as_ref().map_or(0, |o| o.layout.len());
            there >= kernel.scratch() && inputs.iter().chain(outputs).all(|o| is_plain(o, o.layout.len()))
        }
        Instruction::External { inputs, outputs, .. } => inputs.iter().chain(outputs).all(|o| is_plain(o, o.layout.len())),
        Instruction::Scan(_) | Instruction::Cond(_) => true,
    };
    if fits { Ok(()) } else { Err("has operands that do not fit each other".into()) }
}

/// Whether an operand is this many elements, contiguous and in order.
pub(super) fn is_plain(o: &Operand, len: usize) -> bool {
    o.layout.len() == len && (len == 0 || o.layout.is_contiguous() && o.reach() == len)
}

/// Whether a layout stays within an array of this length.
fn within(l: &Layout, len: usize) -> bool {
    let (low, high) = l.span();
    l.is_empty() || low < high && high <= len
}

/// Whether loops of these lengths and strides, from the operand's first element on, stay within the operand.
fn reaches(o: &Operand, loops: impl Iterator<Item = (usize, isize)>) -> bool {
    let (mut low, mut high) = (o.layout.offset as isize, o.layout.offset as isize);
    for (n, stride) in loops {
        let reach = (n as isize - 1).saturating_mul(stride);
        if reach < 0 { low = low.saturating_add(reach) } else { high = high.saturating_add(reach) }
    }
    low >= 0 && (high as usize) < o.reach()
}

/// Checks a group on its operands, results, fold results and scratch.
fn group(g: &Group, loads: &[&Operand], stores: &[Operand], tails: &[Operand], partial: Option<&Operand>) -> Result<(), String> {
    if !g.fits() || [loads.len(), stores.len(), tails.len()] != [g.loads.len(), g.stores.len(), g.tails.len()] {
        return Err("has other operands than its group, or more than fit".into());
    }
    if g.outer.iter().product::<usize>().checked_mul(g.inner) != Some(g.len) || g.part == 0 || g.parts != g.len.div_ceil(g.part).max(1) {
        return Err("has loops or parts that are not its elements".into());
    }
    let scratch = partial.map_or(0, |o| o.layout.len());
    if scratch < g.partials() {
        return Err(format!("has scratch for {scratch} of {} numbers that its parts hand in", g.partials()));
    }
    for (k, (l, o)) in g.loads.iter().zip(loads).enumerate() {
        let outer = g.outer.iter().copied().zip(l.outer.iter().copied());
        let there = match &l.target {
            _ if g.len == 0 => true,
            Target::Direct(_) => reaches(o, outer.chain([(g.inner, 1)])),
            Target::Scalar(_) => reaches(o, outer),
            Target::Gather(_, axes) => reaches(o, outer.chain(axes.iter().copied())),
            Target::Piece => {
                let pieces = g.joins.iter().flat_map(|j| j.pieces.iter().map(move |p| (j, p)));
                let inside = |p: &Piece, row: usize| {
                    p.to <= row && reaches(o, [(g.len / row.max(1), p.stride), (p.to.saturating_sub(p.from), 1)].into_iter())
                };
                pieces.filter(|(_, p)| p.load == k).all(|(j, p)| inside(p, j.row))
            }
        };
        if !there || l.kind != o.kind {
            return Err(format!("reads more of operand {k} than there is: {o:?}"));
        }
    }
    let stored = |(s, o): (&group::Store, &Operand)| s.kind == o.kind && is_plain(o, g.len);
    let folded = |(t, o): (&group::Tail, &Operand)| {
        let len = match t.extent {
            group::Extent::Rows(r) => g.len / r.max(1),
            group::Extent::Columns(m) => m,
        };
        t.kind == o.kind && is_plain(o, len)
    };
    let fits = g.stores.iter().zip(stores).all(stored) && g.tails.iter().zip(tails).all(folded);
    if fits { Ok(()) } else { Err("has results of other lengths than its loops".into()) }
}

fn stream(s: &Stream<Operand>) -> Result<(), String> {
    let (p, g) = (&s.pass, &s.group);
    let heads = s.loads.iter().map(|l| match l {
        Feed::Operand(o) => Some(o),
        Feed::Head(k) => s.heads.get(*k).map(|h| &h.1),
    });
    let Some(loads) = heads.collect::<Option<Vec<&Operand>>>() else { return Err("reads a product that it does not make".into()) };
    group(g, &loads, &s.stores, &s.tails, s.partial.as_ref())?;
    let last = (p.rows as isize - 1).saturating_mul(p.stride).saturating_add(p.start);
    let most = s.matrix.reach() as isize - p.columns as isize;
    let rows = p.rows > 0 && p.rows == g.len && [p.start, last].iter().all(|at| (0..=most).contains(at));
    let kind = s.matrix.kind;
    let products = s.heads.iter().all(|(v, out)| v.kind == kind && out.kind == kind && is_plain(v, p.columns) && is_plain(out, p.rows));
    let ends =
        |(u, out): &(usize, Operand)| s.stores.get(*u).is_some_and(|f| f.kind == kind) && out.kind == kind && is_plain(out, p.columns);
    let sums = s.sums.as_ref().map_or(0, |o| o.layout.len()) >= p.sums(kind, s.ends.len(), g.parts);
    if rows && products && s.ends.iter().all(ends) && sums { Ok(()) } else { Err("goes through more than its operands have".into()) }
}

/// Whether a result may be written where an operand of the same instruction lies. It may in a group that writes the result from a register, element
/// by element.
pub(super) fn may_overwrite(i: &Instruction<Operand>, result: &Operand, operand: &Operand) -> bool {
    let Instruction::Group { group, stores, .. } = i else { return false };
    let from_register = stores.iter().zip(&group.stores).any(|(o, s)| std::ptr::eq(o, result) && !s.direct);
    from_register && is_plain(operand, group.len)
}
