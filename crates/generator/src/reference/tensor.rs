//! Arrays of the reference: a shape and elements in row-major order.
use super::jet::Jet;

/// An array.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<E> {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Elements in row-major order.
    pub data: Vec<E>,
}

/// A value of a program.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Real numbers.
    Real(Tensor<Jet>),
    /// Indices.
    Index(Tensor<u32>),
    /// Of a step that is not needed.
    Absent,
}

impl Value {
    /// The real numbers.
    pub fn real(&self) -> &Tensor<Jet> {
        match self {
            Value::Real(t) => t,
            other => panic!("a real value is expected, this is {other:?}"),
        }
    }
    /// The indices.
    pub fn index(&self) -> &Tensor<u32> {
        match self {
            Value::Index(t) => t,
            other => panic!("indices are expected, this is {other:?}"),
        }
    }
}

/// Number of elements of a shape.
pub fn size(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Steps in row-major order.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// Calls `f` with every index of a shape, in row-major order.
pub(super) fn each(shape: &[usize], mut f: impl FnMut(&[usize])) {
    if size(shape) == 0 {
        return;
    }
    let mut at = vec![0; shape.len()];
    loop {
        f(&at);
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            at[axis] += 1;
            if at[axis] < shape[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
}

/// The place of an index.
pub(super) fn offset(strides: &[usize], at: &[usize]) -> usize {
    strides.iter().zip(at).map(|(s, i)| s * i).sum()
}

impl<E: Copy> Tensor<E> {
    /// From elements in row-major order.
    pub fn new(shape: &[usize], data: Vec<E>) -> Tensor<E> {
        assert_eq!(size(shape), data.len(), "there is one element for each index of {shape:?}");
        Tensor { shape: shape.to_vec(), data }
    }
    /// Element by element from the index of the result, in the place `source` of this array.
    pub fn gather(&self, shape: &[usize], mut source: impl FnMut(&[usize]) -> Vec<usize>) -> Tensor<E> {
        let strides = strides(&self.shape);
        let mut data = Vec::with_capacity(size(shape));
        each(shape, |at| data.push(self.data[offset(&strides, &source(at))]));
        Tensor::new(shape, data)
    }
    /// Every element.
    pub fn map<F: Copy>(&self, mut f: impl FnMut(E) -> F) -> Tensor<F> {
        Tensor { shape: self.shape.clone(), data: self.data.iter().map(|e| f(*e)).collect() }
    }
    /// Repeated to a shape: trailing axes are aligned, axes of length 1 repeat.
    pub fn broadcast(&self, shape: &[usize]) -> Tensor<E> {
        if self.shape == shape {
            return self.clone();
        }
        let skip = shape.len() - self.shape.len();
        self.gather(shape, |at| at[skip..].iter().zip(&self.shape).map(|(i, n)| if *n == 1 { 0 } else { *i }).collect())
    }
    /// The same elements under another shape.
    pub fn reshape(&self, shape: &[usize]) -> Tensor<E> {
        Tensor::new(shape, self.data.clone())
    }
    /// Axis k of the result is axis `axes[k]`.
    pub fn permute(&self, axes: &[usize]) -> Tensor<E> {
        let shape: Vec<usize> = axes.iter().map(|a| self.shape[*a]).collect();
        self.gather(&shape, |at| {
            let mut from = vec![0; axes.len()];
            axes.iter().zip(at).for_each(|(a, i)| from[*a] = *i);
            from
        })
    }
    /// Row `i` of the leading axis.
    pub fn row(&self, i: usize) -> Tensor<E> {
        let n = size(&self.shape[1..]);
        Tensor::new(&self.shape[1..], self.data[i * n..(i + 1) * n].to_vec())
    }
}

/// The common shape of two that broadcast; `None` if they do not.
pub fn common(x: &[usize], y: &[usize]) -> Option<Vec<usize>> {
    let rank = x.len().max(y.len());
    let axis = |s: &[usize], i: usize| if i + s.len() < rank { 1 } else { s[i + s.len() - rank] };
    (0..rank)
        .map(|i| match (axis(x, i), axis(y, i)) {
            (m, n) if m == n => Some(m),
            (1, n) => Some(n),
            (m, 1) => Some(m),
            _ => None,
        })
        .collect()
}
