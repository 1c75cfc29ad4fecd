//! Conjugate gradients for several right-hand sides at once.
use crate::solver::{Column, Ended};
use crate::stop::{Goal, STARTS};
use crate::system::{Products, System};
use crate::vectors::{axpy, dot, from_right, norm, scale};
use hypertape_autodiff::outcome::{Failed, Status};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

/// z = M⁻¹ r.
pub(crate) type Precondition<'a> = dyn FnMut(&System<'_>, &[f64], &mut [f64], &mut Ended) -> Result<(), Failed> + 'a;

/// The block and what its iterations have seen of A. Vectors follow one another.
struct Block<'g> {
    n: usize,
    limit: usize,
    goals: &'g [Goal],
    columns: Vec<Open>,
    /// The columns whose residuals `r` holds.
    live: Vec<usize>,
    r: Vec<f64>,
    /// What the next directions are made of.
    candidates: Vec<f64>,
    /// The sign of ⟨d, A d⟩, and its extremes over unit vectors.
    sign: f64,
    least: f64,
    most: f64,
}

/// A right-hand side while the block runs.
struct Open {
    ended: Ended,
    products: Products,
    /// The true residual where the recursion began last, how often it began, and the iterations since.
    before: f64,
    starts: usize,
    made: usize,
    /// Whether a step after convergence has moved x no further than was asked for.
    settled: bool,
    /// Whether it left the block before its end.
    left: bool,
}

/// The iterations of a block, from X: O'Leary 1980, with directions that span what the residuals span, as Ji and Li 2017 choose them.
///
/// A right-hand side leaves at its own convergence, by its true residual. Where the block cannot go on, the columns that are open leave as they are, and `true` says so: the operator fails, or a
/// direction has no curvature, or that of the other sign.
pub(crate) fn iterate(
    limit: usize,
    a: &mut System<'_>,
    b: &[f64],
    x: &mut [f64],
    goals: &[Goal],
    precondition: &mut Precondition<'_>,
) -> Vec<(bool, Column)> {
    let n = (b.len() / goals.len().max(1)).max(1);
    let mut block = Block::new(limit, a, b, x, n, goals);
    let mut going = block.precondition(a, precondition);
    while going.is_ok() {
        block.freeze(a, b, x);
        if block.live.is_empty() {
            break;
        }
        going = block.step(a, x, precondition);
    }
    block.finish()
}

impl<'g> Block<'g> {
    fn new(limit: usize, a: &mut System<'_>, b: &[f64], x: &mut [f64], n: usize, goals: &'g [Goal]) -> Self {
        let mut block = Block {
            n,
            limit,
            goals,
            columns: vec![],
            live: vec![],
            r: vec![],
            candidates: vec![],
            sign: 0.0,
            least: f64::INFINITY,
            most: 0.0,
        };
        let mut r = vec![0.0; n];
        for (j, ((b, x), goal)) in b.chunks_exact(n).zip(x.chunks_exact_mut(n)).zip(goals).enumerate() {
            let mut products = Products::default();
            let before = a.products;
            let started = a.start(b, x, &mut r);
            if a.products != before {
                products.count(a.side(), 1);
            }
            let size = norm(&r);
            let mut ended = Ended::new(0, Ok(if limit == 0 { Status::IterationLimit } else { Status::Stalled }));
            ended.residual = Some(size);
            if started.is_err() {
                x.fill(0.0);
            } else if size > goal.length && limit > 0 {
                block.live.push(j);
                block.r.extend_from_slice(&r);
                ended.residual = None;
            }
            block.columns.push(Open { ended, products, before: size, starts: 1, made: 0, settled: false, left: started.is_err() });
        }
        block
    }
    /// Candidates: Z = M⁻¹ R.
    fn precondition(&mut self, a: &System<'_>, by: &mut Precondition<'_>) -> Result<(), Failed> {
        self.candidates.resize(self.r.len(), 0.0);
        let rows = self.r.chunks_exact(self.n).zip(self.candidates.chunks_exact_mut(self.n));
        rows.zip(&self.live).try_for_each(|((r, z), j)| by(a, r, z, &mut self.columns[*j].ended))
    }
    /// Takes columns out that have converged by their true residual, that make no progress, or have no iterations left. A residual that was lost to rounding is replaced.
    fn freeze(&mut self, a: &mut System<'_>, b: &[f64], x: &[f64]) {
        let n = self.n;
        let (mut kept, mut truth) = (vec![], vec![0.0; n]);
        for (row, &j) in self.live.iter().enumerate() {
            let (goal, column, r) = (&self.goals[j], &mut self.columns[j], &mut self.r[row * n..(row + 1) * n]);
            let length = norm(r);
            let spent = column.ended.iterations >= self.limit;
            let done = near(length, goal) && (column.settled || column.made >= n || length <= goal.floor());
            if !done && !spent {
                kept.push(row);
                continue;
            }
            let (b, x) = (&b[j * n..(j + 1) * n], &x[j * n..(j + 1) * n]);
            column.products.count(a.side(), 1);
            if a.apply(x, &mut truth).is_err() {
                column.left = true;
                continue;
            }
            // A⁻¹ has brought out in x what A makes small.
            let quotient = dot(x, &truth).abs() / dot(x, x);
            if quotient > 0.0 {
                self.least = self.least.min(quotient);
            }
            from_right(b, &mut truth);
            let size = norm(&truth);
            let ends = spent || size <= goal.length || size > 0.5 * column.before || column.starts >= STARTS || !size.is_finite();
            if ends {
                column.ended.residual = Some(size);
                column.ended.said = Ok(if spent { Status::IterationLimit } else { Status::Stalled });
            } else {
                r.copy_from_slice(&truth);
                (column.before, column.made, column.settled) = (size, 0, false);
                column.starts += 1;
                kept.push(row);
            }
        }
        if kept.len() < self.live.len() {
            for rows in [&mut self.r, &mut self.candidates] {
                *rows = kept.iter().flat_map(|row| &rows[row * n..(row + 1) * n]).copied().collect();
            }
            self.live = kept.iter().map(|row| self.live[*row]).collect();
        }
    }
    /// The candidates of the columns that have not converged, or of all where every one has: what is left of a converged one is rounding, and as a direction it would not be conjugate to those before.
    fn directions(&self) -> Vec<f64> {
        let far = self.live.iter().zip(self.r.chunks_exact(self.n)).map(|(j, r)| !near(norm(r), &self.goals[*j]));
        let far: Vec<bool> = far.collect();
        let any = far.contains(&true);
        let chosen = self.candidates.chunks_exact(self.n).zip(far).filter(|(_, far)| *far || !any);
        chosen.flat_map(|(candidate, _)| candidate).copied().collect()
    }
    /// α = (PᵀAP)⁻¹PᵀR, X ← X + Pα, R ← R − APα, Z = M⁻¹R, P ← Z − P(PᵀAP)⁻¹(AP)ᵀZ.
    fn step(&mut self, a: &mut System<'_>, x: &mut [f64], by: &mut Precondition<'_>) -> Result<(), Failed> {
        let n = self.n;
        let p = orthonormal(&self.directions(), n, a.epsilon().sqrt());
        let mut ap = vec![0.0; p.len()];
        a.apply_many(&p, &mut ap)?;
        let (p, ap) = (rows(&p, n), rows(&ap, n));
        let curvature = self.curvature(p.dot(&ap.t()), a.epsilon()).ok_or(Failed::NotDefinite { curvature: None })?;
        let alpha = curvature.solve(p.dot(&rows(&self.r, n).t()));
        let steps = alpha.t().dot(&p);
        for ((&j, step), row) in self.live.iter().zip(steps.rows()).zip(0..) {
            let (goal, column, x) = (&self.goals[j], &mut self.columns[j], &mut x[j * n..(j + 1) * n]);
            x.iter_mut().zip(step).for_each(|(x, step)| *x += step);
            let length = norm(&self.r[row * n..(row + 1) * n]);
            if near(length, goal) {
                let moved = alpha.column(row).iter().map(|v| v * v).sum::<f64>().sqrt();
                column.settled = !goal.moved(moved, length, norm(x));
            }
            column.made += 1;
            column.ended.iterations += 1;
            column.products.count(a.side(), 1);
        }
        general_mat_mul(-1.0, &alpha.t(), &ap, 1.0, &mut rows_mut(&mut self.r, n));
        self.precondition(a, by)?;
        let beta = curvature.solve(ap.dot(&rows(&self.candidates, n).t()));
        general_mat_mul(-1.0, &beta.t(), &p, 1.0, &mut rows_mut(&mut self.candidates, n));
        Ok(())
    }
    /// The factors of PᵀAP; none where it is not definite, with the sign that was seen before.
    fn curvature(&mut self, g: Array2<f64>, epsilon: f64) -> Option<Curvature> {
        let sign = g.first()?.signum();
        let factors = Curvature::of(&g, sign, epsilon).filter(|_| sign * self.sign >= 0.0)?;
        self.sign = sign;
        let (least, most) = factors.extremes(&g);
        (self.least, self.most) = (self.least.min(least), self.most.max(most));
        Some(factors)
    }
    fn finish(self) -> Vec<(bool, Column)> {
        let Block { columns, live, sign, least, most, .. } = self;
        let ended = columns.into_iter().enumerate().map(|(j, column)| {
            let mut ended = column.ended;
            if ended.iterations > 0 {
                (ended.norm, ended.condition, ended.smallest) = (most, most / least, Some(least));
            }
            if sign < 0.0 {
                ended.remark = Some("the operator is negative definite: −A x = −b was solved");
            }
            (column.left || live.contains(&j), Column { ended: Ok(ended), products: column.products })
        });
        ended.collect()
    }
}

fn near(length: f64, goal: &Goal) -> bool {
    length <= goal.length.max(goal.floor())
}

/// Vectors that follow one another, as the rows of a matrix.
fn rows(v: &[f64], n: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((v.len() / n, n), v).expect("a block holds whole vectors")
}

fn rows_mut(v: &mut [f64], n: usize) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((v.len() / n, n), v).expect("a block holds whole vectors")
}

/// An orthonormal basis of what these vectors span, each taken at length 1: Gram-Schmidt, twice. What lies in the span of those before it, but for `least` of it, adds none.
fn orthonormal(vectors: &[f64], n: usize, least: f64) -> Vec<f64> {
    let mut basis: Vec<f64> = Vec::with_capacity(vectors.len());
    for v in vectors.chunks_exact(n) {
        let size = norm(v);
        if size == 0.0 || !size.is_finite() {
            continue;
        }
        let mut v: Vec<f64> = v.iter().map(|v| v / size).collect();
        for _ in 0..2 {
            basis.chunks_exact(n).for_each(|p| axpy(-dot(p, &v), p, &mut v));
        }
        let left = norm(&v);
        if left > least {
            scale(1.0 / left, &mut v);
            basis.append(&mut v);
        }
    }
    basis
}

/// ±PᵀAP = L Lᵀ.
struct Curvature {
    lower: Array2<f64>,
    sign: f64,
}

impl Curvature {
    /// None where a pivot is rounding, or not positive, or not finite.
    fn of(g: &Array2<f64>, sign: f64, epsilon: f64) -> Option<Self> {
        let s = g.nrows();
        let floor = 4.0 * epsilon * g.diag().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let mut lower = Array2::zeros((s, s));
        for j in 0..s {
            for i in j..s {
                let known: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
                let left = 0.5 * sign * (g[[i, j]] + g[[j, i]]) - known;
                if i > j {
                    lower[[i, j]] = left / lower[[j, j]];
                } else if left > floor && left.is_finite() {
                    lower[[j, j]] = left.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Curvature { lower, sign })
    }
    /// (PᵀAP)⁻¹ B.
    fn solve(&self, mut b: Array2<f64>) -> Array2<f64> {
        let (l, s) = (&self.lower, self.lower.nrows());
        for mut b in b.columns_mut() {
            for i in 0..s {
                let known: f64 = (0..i).map(|k| l[[i, k]] * b[k]).sum();
                b[i] = (b[i] - known) / l[[i, i]];
            }
            for i in (0..s).rev() {
                let known: f64 = (i + 1..s).map(|k| l[[k, i]] * b[k]).sum();
                b[i] = (b[i] - known) / l[[i, i]];
            }
            b.mapv_inplace(|b| self.sign * b);
        }
        b
    }
    /// Estimates of the least eigenvalue of ±PᵀAP, from above, and of the largest, from below: some rounds of the power method on it and its inverse.
    fn extremes(&self, g: &Array2<f64>) -> (f64, f64) {
        let s = g.nrows();
        let unit = |v: Array2<f64>| {
            let size = norm(v.as_slice_memory_order().unwrap_or(&[]));
            v / size
        };
        let quotient = |v: &Array2<f64>| (v.t().dot(g).dot(v)).sum().abs();
        let start = unit(Array2::from_shape_fn((s, 1), |(i, _)| 1.0 + i as f64 / s as f64));
        let (mut low, mut high) = (start.clone(), start);
        for _ in 0..3 {
            low = unit(self.solve(low));
            high = unit(g.dot(&high));
        }
        let (least, most) = g.diag().iter().fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(v.abs()), m.max(v.abs())));
        (least.min(quotient(&low)), most.max(quotient(&high)))
    }
}
