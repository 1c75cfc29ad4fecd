//! Two-dimensional convolutions with channels, batches, strides and boundaries.
use crate::array::{AnyArray, Kind, LeafType, Real};
use crate::error::{Convolved, Counted, Elements, ErrorKind, Result};
pub use crate::operation::named::{Boundary, Geometry, Role};
use crate::operation::{Builder, Items, Lowering, Multilinear, Named, Op, Probe, Probed, Product, Value};
use ndarray::{ArrayD, IxDyn};

/// y[b, o, p, q] = Σ_{c, i, j} w[o, c, i, j]·x[b, c, p·s + i − ⌊(h−1)/2⌋, q·t + j − ⌊(w−1)/2⌋] for a filter of h×w taps, as neural networks
/// define it (a cross-correlation; turn the filter for a convolution). With `Boundary::Valid` nothing is subtracted from the index.
///
/// The three arrays are those of one trilinear form ⟨y, w * x⟩, so each role's transposes are the other two (Dumoulin and Visin 2016).
#[derive(Debug, Clone, PartialEq)]
pub struct Convolve {
    /// Sizes and boundary.
    pub geometry: Geometry,
    /// Which of the three arrays comes out.
    pub role: Role,
}

/// [b, c, f] and whether it fits: batch, channels and filters of the two operands.
fn sizes(c: &Convolve, inputs: &[&LeafType]) -> Result<[usize; 3], ErrorKind> {
    let [a, b] = inputs else { return Err(ErrorKind::count(Counted::Operands, 2, inputs.len())) };
    if a.kind != b.kind || !a.kind.is_real() {
        return Err(ErrorKind::elements(Elements::AlikeReal, inputs));
    }
    let (&[a0, a1, a2, a3], &[b0, b1, b2, b3]) = (&a.shape[..], &b.shape[..]) else {
        return Err(Convolved::Ranks([a.shape.len(), b.shape.len()]).into());
    };
    let (g, out) = (&c.geometry, c.geometry.output()?);
    let (found, expected, [batch, channels, filters], agree) = match c.role {
        Role::Output => ([[a2, a3], [b2, b3]], [g.image, g.window], [a0, a1, b0], [a1, b1]),
        Role::Image => ([[a2, a3], [b2, b3]], [out, g.window], [a0, b1, b0], [a1, b0]),
        Role::Filter => ([[a2, a3], [b2, b3]], [g.image, out], [a0, a1, b1], [a0, b0]),
    };
    if found != expected {
        return Err(Convolved::Sizes { found, expected }.into());
    }
    if agree[0] != agree[1] {
        return Err(Convolved::Channels(agree).into());
    }
    Ok([batch, channels, filters])
}

impl Multilinear for Convolve {
    fn name(&self) -> &'static str {
        match self.role {
            Role::Output => "convolve",
            Role::Image => "convolve_image",
            Role::Filter => "convolve_filter",
        }
    }
    fn attributes(&self) -> String {
        let g = &self.geometry;
        format!("{:?}, stride {:?}, image {:?}, filter {:?}", g.boundary, g.stride, g.image, g.window).to_lowercase()
    }
    fn arity(&self) -> usize {
        2
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let [batch, channels, filters] = sizes(self, inputs)?;
        let (g, out) = (&self.geometry, self.geometry.output()?);
        let shape = match self.role {
            Role::Output => [batch, filters, out[0], out[1]],
            Role::Image => [batch, channels, g.image[0], g.image[1]],
            Role::Filter => [filters, channels, g.window[0], g.window[1]],
        };
        Ok(LeafType::new(&shape, inputs[0].kind))
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        let types: Vec<LeafType> = inputs.iter().map(|x| x.leaf_type()).collect();
        let types: Vec<&LeafType> = types.iter().collect();
        let (sizes, t) = (sizes(self, &types)?, self.infer(&types)?);
        match (inputs[0], inputs[1]) {
            (AnyArray::F64(a), AnyArray::F64(b)) => Ok(AnyArray::F64(naive(self, sizes, a, b, &t)?)),
            (AnyArray::F32(a), AnyArray::F32(b)) => Ok(AnyArray::F32(naive(self, sizes, a, b, &t)?)),
            (a, b) => Err(ErrorKind::elements(Elements::Alike, &[&a.leaf_type(), &b.leaf_type()])),
        }
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], i: usize, c: Value) -> Value {
        // The operands in their order, and the one asked for: the role of the transpose and what it reads.
        let (role, operands) = match (self.role, i) {
            (Role::Output, 0) => (Role::Image, [c, inputs[1]]),
            (Role::Output, _) => (Role::Filter, [inputs[0], c]),
            (Role::Image, 0) => (Role::Output, [c, inputs[1]]),
            (Role::Image, _) => (Role::Filter, [c, inputs[0]]),
            (Role::Filter, 0) => (Role::Image, [inputs[1], c]),
            (Role::Filter, _) => (Role::Output, [inputs[0], c]),
        };
        b.emit1(Op::new(Product(Convolve { geometry: self.geometry, role })), &operands)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let op = Op::new(Product(self.clone()));
        // The axis of no items could not be split off again.
        if items.n == 0 || items.is_each(0) && items.is_each(1) {
            return Ok(items.one_by_one(b, &op)?[0].0);
        }
        // The axis that the result keeps of the operand, and where: images, filters or channels, of which there may be more.
        let side = usize::from(items.is_each(1));
        let (from, to) = match (self.role, side) {
            (Role::Output | Role::Image, 0) => (0, 0),
            (Role::Output, _) => (0, 1),
            (Role::Image, _) | (Role::Filter, 0) => (1, 1),
            (Role::Filter, _) => (1, 0),
        };
        let mut shape = items.shape(b, side);
        shape[from] *= items.n;
        let x = b.move_axis(items.inputs[side], 0, from);
        let x = b.reshape(x, &shape);
        let mut operands = [items.inputs[0], items.inputs[1]];
        operands[side] = x;
        let made = b.emit1(op, &operands);
        if b.problem().is_some() {
            return Ok(made);
        }
        let mut shape = b.shape(made);
        shape[to] /= items.n;
        shape.insert(to, items.n);
        let made = b.reshape(made, &shape);
        Ok(b.move_axis(made, to, 0))
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let Convolve { geometry, role } = *self;
        // Sizes that do not fit were refused before.
        let sizes = sizes(self, inputs).unwrap_or_default();
        Lowering::Named(Named::Convolve { geometry, role, sizes }, inputs[0].kind)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if !(b.is_zero(x[0]) || b.is_zero(x[1])) {
            return None;
        }
        let t = self.infer(&[b.type_of(x[0]), b.type_of(x[1])]).ok()?;
        Some(b.full(&t, 0.0))
    }
}

/// All indices, one after the other. The index beyond an edge is walked to, not computed.
fn naive<T: Real>(
    c: &Convolve,
    [batch, channels, filters]: [usize; 3],
    a: &ArrayD<T>,
    b: &ArrayD<T>,
    t: &LeafType,
) -> Result<ArrayD<T>, ErrorKind> {
    let (g, out) = (&c.geometry, c.geometry.output()?);
    let source = |d: usize, p: usize, i: usize| -> Option<usize> {
        let n = g.image[d] as i64;
        let mut at = (p * g.stride[d] + i) as i64;
        if g.boundary != Boundary::Valid {
            at -= (g.window[d] as i64 - 1) / 2;
        }
        while at < 0 || at >= n {
            at = match g.boundary {
                Boundary::Valid | Boundary::Zero => return None,
                Boundary::Periodic => at + if at < 0 { n } else { -n },
                Boundary::Symmetric => (if at < 0 { 0 } else { 2 * n }) - 1 - at,
                Boundary::Replicate => at.clamp(0, n - 1),
            };
        }
        Some(at as usize)
    };
    let mut result = ArrayD::zeros(IxDyn(&t.shape));
    for (n, o, p, q) in ndarray::indices((batch, filters, out[0], out[1])) {
        for (k, i, j) in ndarray::indices((channels, g.window[0], g.window[1])) {
            let (Some(u), Some(v)) = (source(0, p, i), source(1, q, j)) else { continue };
            let (x, w, y) = ([n, k, u, v], [o, k, i, j], [n, o, p, q]);
            match c.role {
                Role::Output => result[y] += a[x] * b[w],
                Role::Image => result[x] += a[y] * b[w],
                Role::Filter => result[w] += a[x] * b[y],
            }
        }
    }
    Ok(result)
}

impl Probed for Convolve {
    fn probes(kind: Kind) -> Vec<Probe> {
        use Boundary::{Periodic, Replicate, Symmetric, Valid, Zero};
        // Image, filter, stride, and batch, channels, filters.
        let cases = [
            ([5, 4], [3, 2], [1, 1], [2, 2, 3]),
            ([6, 7], [3, 3], [2, 3], [1, 1, 1]),
            ([4, 3], [1, 1], [2, 2], [1, 2, 1]),
            ([3, 3], [2, 2], [1, 1], [0, 1, 2]),
            ([2, 3], [5, 7], [1, 1], [1, 1, 1]),
        ];
        let mut probes = vec![];
        for (boundary, (image, window, stride, [b, c, f])) in
            [Valid, Zero, Periodic, Symmetric, Replicate].into_iter().flat_map(|b| cases.map(|c| (b, c)))
        {
            let geometry = Geometry { boundary, stride, image, window };
            let Ok(out) = geometry.output() else { continue };
            let [x, w, y] = [[b, c, image[0], image[1]], [f, c, window[0], window[1]], [b, f, out[0], out[1]]];
            for (role, operands) in [(Role::Output, [x, w]), (Role::Image, [y, w]), (Role::Filter, [x, y])] {
                let operands = vec![Probe::array(&operands[0], kind, 1), Probe::array(&operands[1], kind, 2)];
                probes.push(Probe::new(Product(Convolve { geometry, role }), operands).growing(4.0));
            }
        }
        probes
    }
}

impl Builder {
    /// Images against filters; see [`Convolve`] for the formula. Shapes: images [batch, channels, rows, columns] and filters [filters,
    /// channels, rows, columns]; images without the batch; or one image and one filter, both [rows, columns].
    pub fn convolve(&mut self, x: Value, w: Value, boundary: Boundary, stride: [usize; 2]) -> Value {
        let (full, filter) = (self.shape(x), self.shape(w));
        let (m, n) = (full.len(), filter.len());
        let pad = |shape: &[usize]| -> Vec<usize> {
            let mut padded = vec![1; 4usize.saturating_sub(shape.len())];
            padded.extend(shape);
            padded
        };
        let known = (m == 2 && n == 2) || ((m == 3 || m == 4) && n == 4);
        let (image, taps) = if known { (pad(&full), pad(&filter)) } else { (full.to_vec(), filter.to_vec()) };
        let last = |s: &[usize]| if s.len() == 4 { [s[2], s[3]] } else { [0, 0] };
        let geometry = Geometry { boundary, stride, image: last(&image), window: last(&taps) };
        let op = Op::new(Product(Convolve { geometry, role: Role::Output }));
        if !known || (m == 4 && n == 4) {
            return self.emit1(op, &[x, w]);
        }
        let (x, w) = (self.reshape(x, &image), self.reshape(w, &taps));
        let y = self.emit1(op, &[x, w]);
        let shape = self.shape(y);
        if self.problem().is_some() { y } else { self.reshape(y, &shape[4 - m..]) }
    }
}
