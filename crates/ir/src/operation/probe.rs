//! Points at which an operation is tested.
use super::{Elementwise, Op, Operation, Pointwise};
use crate::array::{AnyArray, Kind, LeafType};

/// One application of an operation that tests run: value, both rules, lowering.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The operation.
    pub op: Op,
    /// Its operands.
    pub inputs: Vec<AnyArray>,
    /// Within this distance of the operands, in any direction, the operation is smooth. Differences keep to it.
    pub reach: f64,
    /// How much larger than the results intermediate values and higher derivatives are. Tolerances grow with it.
    pub growth: f64,
    /// Whether the rules give the derivative of the value. A surrogate says no, and differences are not compared.
    pub exact: bool,
}

impl Probe {
    /// Smooth within 1.
    pub fn new(op: impl Operation, inputs: Vec<AnyArray>) -> Self {
        Probe { op: Op::new(op), inputs, reach: 1.0, growth: 1.0, exact: true }
    }
    /// Smooth within a smaller distance.
    #[must_use]
    pub fn within(self, reach: f64) -> Self {
        Probe { reach, ..self }
    }
    /// With larger intermediate values or higher derivatives.
    #[must_use]
    pub fn growing(self, growth: f64) -> Self {
        Probe { growth, ..self }
    }
    /// With rules that are not the derivative of the value, on purpose.
    #[must_use]
    pub fn surrogate(self) -> Self {
        Probe { exact: false, ..self }
    }
    /// An elementwise function at these points, one list of operands each: all of them as a vector and as a column, the first as a
    /// number, and none.
    pub fn pointwise(f: impl Elementwise, kind: Kind, points: &[&[f64]]) -> Vec<Self> {
        let operands = |shape: &[usize], points: &[&[f64]]| -> Vec<AnyArray> {
            let t = LeafType::new(shape, kind);
            (0..f.arity()).filter_map(|i| AnyArray::from_f64(&t, &points.iter().map(|p| p[i]).collect::<Vec<_>>())).collect()
        };
        let n = points.len();
        [(vec![], &points[..1]), (vec![n], points), (vec![n, 1], points), (vec![0], &points[..0])]
            .into_iter()
            .map(|(shape, points)| Probe::new(Pointwise(f.clone()), operands(&shape, points)))
            .collect()
    }
    /// An array of this type with elements between −1 and 1, none of them near 0, no two alike: the golden rotation, from `seed`.
    #[must_use]
    pub fn array(shape: &[usize], kind: Kind, seed: u32) -> AnyArray {
        let t = LeafType::new(shape, kind);
        let element = |i: usize| {
            let turn = (f64::from(seed) * 0.37 + i as f64 * 0.618_033_988_749_894_8).fract();
            if turn < 0.5 { -1.0 + 1.8 * turn } else { 1.8 * turn - 0.8 }
        };
        let elements: Vec<f64> = (0..t.len()).map(element).collect();
        AnyArray::from_f64(&t, &elements).unwrap_or_else(|| AnyArray::full(&t, 1.0))
    }
    /// Indices.
    #[must_use]
    pub fn indices(shape: &[usize], elements: &[u32]) -> AnyArray {
        let t = LeafType::new(shape, Kind::U32);
        let elements: Vec<f64> = elements.iter().map(|v| f64::from(*v)).collect();
        AnyArray::from_f64(&t, &elements).unwrap_or_else(|| AnyArray::full(&t, 0.0))
    }
}

/// What the registry asks of an operation: applications at which it is tested.
pub trait Probed {
    /// Applications with operands of a real element type: ordinary ones, away from kinks and singularities, and sizes 0 and 1.
    fn probes(kind: Kind) -> Vec<Probe>;
}
