//! Truth that shares nothing with the library: systems in double-double arithmetic, and what a matrix is, by its singular values and powers.
use crate::adjoint::TERMS;
use crate::case::Kind;
use hypertape_testkit::dense::solve;
use hypertape_testkit::double_double::Double;
use ndarray::Array2;

/// The largest entry.
pub(crate) fn largest(v: &[f64]) -> f64 {
    v.iter().fold(0.0, |m: f64, v| m.max(v.abs()))
}

/// ‖v‖ for entries of any size.
pub(crate) fn norm(v: &[f64]) -> f64 {
    let most = largest(v);
    if most == 0.0 { 0.0 } else { most * v.iter().map(|v| (v / most).powi(2)).sum::<f64>().sqrt() }
}

/// The power of two at or below a size, so that scaling by it rounds nothing.
fn power(size: f64) -> f64 {
    if size == 0.0 { 1.0 } else { 2f64.powi(size.log2().floor() as i32) }
}

/// A matrix, factorised by elimination with partial pivoting. A singular one is bordered by its null spaces: [[A, U], [Vᵀ, 0]] is regular, and gives the
/// solution of minimum norm of the least-squares problem.
pub(crate) struct System {
    n: usize,
    scale: f64,
    rows: Vec<usize>,
    /// L and U in one, and those of the transpose.
    factors: [Vec<Vec<Double>>; 2],
    columns: Vec<usize>,
}

fn eliminate(mut m: Vec<Vec<Double>>) -> (Vec<Vec<Double>>, Vec<usize>) {
    let size = m.len();
    let mut order: Vec<usize> = (0..size).collect();
    for k in 0..size {
        let pivot = (k..size).max_by(|&i, &j| m[i][k].high.abs().total_cmp(&m[j][k].high.abs())).expect("there is a row left");
        assert!(m[pivot][k].high != 0.0, "the reference system is singular");
        m.swap(k, pivot);
        order.swap(k, pivot);
        let (above, below) = m.split_at_mut(k + 1);
        let top = &above[k];
        for row in below.iter_mut().filter(|row| row[k].high != 0.0) {
            let factor = row[k] / top[k];
            row[k] = factor;
            row[k + 1..].iter_mut().zip(&top[k + 1..]).for_each(|(v, t)| *v = *v - factor * *t);
        }
    }
    (m, order)
}

fn substitute(m: &[Vec<Double>], order: &[usize], b: &[f64]) -> Vec<f64> {
    let size = m.len();
    let right = |i: usize| Double::from(b.get(i).copied().unwrap_or(0.0));
    let mut x: Vec<Double> = order.iter().map(|i| right(*i)).collect();
    for i in 0..size {
        x[i] = (0..i).fold(x[i], |v, j| v - m[i][j] * x[j]);
    }
    for i in (0..size).rev() {
        x[i] = (i + 1..size).fold(x[i], |v, j| v - m[i][j] * x[j]) / m[i][i];
    }
    x.iter().map(|v| v.high).collect()
}

impl System {
    pub(crate) fn new(a: &Array2<f64>, null: Option<&[Array2<f64>; 2]>) -> System {
        let n = a.nrows();
        let scale = power(a.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
        let k = null.map_or(0, |[left, _]| left.ncols());
        let entry = |i: usize, j: usize| match (i < n, j < n, null) {
            (true, true, _) => a[[i, j]] / scale,
            (true, false, Some([left, _])) => left[[i, j - n]],
            (false, true, Some([_, right])) => right[[j, i - n]],
            _ => 0.0,
        };
        let matrix = |turned: bool| -> Vec<Vec<Double>> {
            let at = |i: usize, j: usize| Double::from(if turned { entry(j, i) } else { entry(i, j) });
            (0..n + k).map(|i| (0..n + k).map(|j| at(i, j)).collect()).collect()
        };
        let ((plain, rows), (transposed, columns)) = (eliminate(matrix(false)), eliminate(matrix(true)));
        System { n, scale, rows, factors: [plain, transposed], columns }
    }
    fn through(&self, side: usize, order: &[usize], b: &[f64]) -> Vec<f64> {
        let size = power(largest(b));
        let b: Vec<f64> = b.iter().map(|b| b / size).collect();
        let mut x = substitute(&self.factors[side], order, &b);
        x.truncate(self.n);
        x.iter().map(|x| x / self.scale * size).collect()
    }
    /// A⁺ b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        self.through(0, &self.rows, b)
    }
    /// (Aᵀ)⁺ c.
    pub(crate) fn solve_transposed(&self, c: &[f64]) -> Vec<f64> {
        self.through(1, &self.columns, c)
    }
}

/// What the powers of I − A do: the Neumann series and the steps of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Powers {
    /// A = I.
    Vanish,
    /// So many of them are below 10⁻¹³, and how large they become on the way.
    Shrink { steps: usize, hump: f64 },
    /// Neither shrinks nor grows far in 10⁵ steps.
    Linger,
    /// They grow without bound.
    Grow,
}

/// What a matrix is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Nature {
    pub(crate) n: usize,
    pub(crate) symmetric: bool,
    /// Symmetric, with eigenvalues of one sign.
    pub(crate) definite: bool,
    /// The size that products with it are rounded to: the largest singular value; at least 1 where it is I − T_z, since z − T(z) cancels.
    pub(crate) size: f64,
    /// The largest singular value, and the smallest that is not 0.
    pub(crate) largest: f64,
    pub(crate) smallest: f64,
    /// How many are 0.
    pub(crate) flat: usize,
    /// Those of I − A, beside what it leaves alone where A is singular.
    pub(crate) powers: Powers,
    /// ‖(I − A)ᵏ‖ for the number of terms of the truncated series.
    pub(crate) left: f64,
}

impl Nature {
    pub(crate) fn of(a: &Array2<f64>, null: Option<&[Array2<f64>; 2]>, kind: Kind) -> Nature {
        let n = a.nrows();
        let flat = null.map_or(0, |[left, _]| left.ncols());
        let scale = power(a.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
        let m = faer::Mat::from_fn(n, n, |i, j| a[[i, j]] / scale);
        let values = m.singular_values().expect("singular values converge");
        let symmetric = (0..n).all(|i| (0..i).all(|j| a[[i, j]] == a[[j, i]]));
        let definite = symmetric && flat == 0 && {
            let values = m.self_adjoint_eigenvalues(faer::Side::Lower).expect("eigenvalues converge");
            values.iter().all(|v| *v > 0.0) || values.iter().all(|v| *v < 0.0)
        };
        // Where all are 0, nothing is divided by.
        let smallest = n.checked_sub(flat + 1).map_or(1.0, |last| values[last]);
        let (largest, smallest) = (values[0] * scale, smallest * scale);
        let size = if kind == Kind::FixedPoint { largest.max(1.0) } else { largest };
        let map = Array2::eye(n) - a - null.and_then(projector).unwrap_or_else(|| Array2::zeros((n, n)));
        let left = length(&(0..TERMS).fold(Array2::eye(n), |power, _| power.dot(&map)));
        Nature { n, symmetric, definite, size, largest, smallest, flat, powers: powers(map), left }
    }
    /// What residuals and rounding are multiplied by.
    pub(crate) fn condition(&self) -> f64 {
        self.size / self.smallest
    }
}

/// ‖A‖ in the Frobenius norm.
fn length(m: &Array2<f64>) -> f64 {
    m.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// V (UᵀV)⁻¹ Uᵀ, where there is one: the part of a vector that I − A leaves as it is.
fn projector([left, right]: &[Array2<f64>; 2]) -> Option<Array2<f64>> {
    let small = left.t().dot(right);
    let columns = left.rows().into_iter().map(|row| solve(small.view(), row)).collect::<Option<Vec<_>>>()?;
    let inner = Array2::from_shape_fn(left.t().dim(), |(i, j)| columns[j][i]);
    Some(right.dot(&inner))
}

/// What the powers of a matrix do.
pub(crate) fn powers(mut m: Array2<f64>) -> Powers {
    let size = length;
    if size(&m) == 0.0 {
        return Powers::Vanish;
    }
    let mut hump: f64 = 1.0;
    for doubled in 0..=17 {
        hump = hump.max(size(&m));
        if size(&m) <= 1e-13 {
            return Powers::Shrink { steps: 1 << doubled, hump };
        }
        if size(&m) > 1e100 {
            return Powers::Grow;
        }
        m = m.dot(&m);
    }
    if size(&m) > 1e6 { Powers::Grow } else { Powers::Linger }
}
