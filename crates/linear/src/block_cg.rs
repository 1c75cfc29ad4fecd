//! Conjugate gradients for several right-hand sides at once.
use crate::block_tridiagonal::{BlockTridiagonal, Curvature};
use crate::solver::{Column, Ended};
use crate::stop::Goal;
use crate::system::{Products, System};
use crate::vectors::{axpy, dot, from_right, norm};
use hypertape_autodiff::outcome::{Failed, Status};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

/// z = M⁻¹ r.
pub(crate) type Precondition<'a> = dyn FnMut(&System<'_>, &[f64], &mut [f64], &mut Ended) -> Result<(), Failed> + 'a;

/// The block and what its iterations have seen of A. Vectors follow one another. The residuals of the live columns are R = Q C, with QᵀM⁻¹Q = I
/// and PᵀQ = I.
struct Block<'g> {
    n: usize,
    limit: usize,
    goals: &'g [Goal],
    columns: Vec<Open>,
    live: Vec<usize>,
    q: Vec<f64>,
    p: Vec<f64>,
    c: Array2<f64>,
    seen: BlockTridiagonal,
    /// The sign of ⟨d, A d⟩, and its extremes over unit vectors.
    sign: f64,
    least: f64,
    most: f64,
}

/// A right-hand side while the block runs.
struct Open {
    ended: Ended,
    products: Products,
    /// The residual of the start.
    first: f64,
    /// The residual by the recursion, the least one of it, to a factor of two, and when that was.
    length: f64,
    best: f64,
    at: usize,
    /// Whether a step after convergence has moved x no further than was asked for.
    settled: bool,
    /// Whether it left the block before its end.
    left: bool,
}

/// Iterations without a residual that is half the least one before, beyond as many as that took and as there are unknowns, after which a column
/// goes on by itself.
const PATIENCE: usize = 50;

/// The iterations of a block, from X: O'Leary 1980, with the residuals written in an orthonormal basis (BCGrQ, Dubrulle 2001), from which
/// directions are dropped that the others span, as Ji and
/// Li 2017 do.
///
/// A right-hand side leaves at its own convergence, by its true residual; its directions go on serving the others. With each column stands
/// whether it left before its end: where the operator fails, a direction has no
/// curvature or that of the other sign, the recursion has lost the residual to rounding, or a residual stays as it is for long.
pub(crate) fn iterate(
    limit: usize,
    a: &mut System<'_>,
    b: &[f64],
    x: &mut [f64],
    goals: &[Goal],
    precondition: &mut Precondition<'_>,
) -> Vec<(bool, Column)> {
    let n = (b.len() / goals.len().max(1)).max(1);
    let mut block = Block {
        n,
        limit,
        goals,
        columns: vec![],
        live: vec![],
        q: vec![],
        p: vec![],
        c: Array2::zeros((0, 0)),
        seen: BlockTridiagonal::default(),
        sign: 0.0,
        least: f64::INFINITY,
        most: 0.0,
    };
    let mut going = block.start(a, b, x, precondition);
    while going.is_ok() {
        block.freeze(a, b, x);
        if block.live.is_empty() {
            break;
        }
        going = block.step(a, x, precondition);
    }
    block.finish()
}

impl Block<'_> {
    /// R = Q C, P = M⁻¹Q.
    fn start(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], by: &mut Precondition<'_>) -> Result<(), Failed> {
        let n = self.n;
        let (mut r, mut units, mut sizes) = (vec![0.0; n], vec![], vec![]);
        for (j, ((b, x), goal)) in b.chunks_exact(n).zip(x.chunks_exact_mut(n)).zip(self.goals).enumerate() {
            let (before, mut products) = (a.products, Products::default());
            let left = a.start(b, x, &mut r).is_err();
            if a.products != before {
                products.count(a.side(), 1);
            }
            let size = norm(&r);
            let mut ended = Ended::new(0, Ok(if self.limit == 0 { Status::IterationLimit } else { Status::Stalled }));
            ended.residual = Some(size);
            if left {
                x.fill(0.0);
            } else if size > goal.length && self.limit > 0 {
                self.live.push(j);
                units.extend(r.iter().map(|r| r / size));
                sizes.push(size);
            }
            self.columns.push(Open { ended, products, first: size, length: size, best: size, at: 0, settled: false, left });
        }
        let z = self.precondition(a, &units, by)?;
        let (q, z, mut c) = orthonormal(&units, &z, n, 0.0, a.epsilon())?;
        c.columns_mut().into_iter().zip(sizes).for_each(|(mut c, size)| c *= size);
        (self.q, self.p, self.c) = (q, z, c);
        Ok(())
    }
    /// M⁻¹ of vectors, counted with the columns in turn.
    fn precondition(&mut self, a: &System<'_>, r: &[f64], by: &mut Precondition<'_>) -> Result<Vec<f64>, Failed> {
        let mut z = vec![0.0; r.len()];
        let rows = r.chunks_exact(self.n).zip(z.chunks_exact_mut(self.n));
        rows.zip(self.live.iter().cycle()).try_for_each(|((r, z), j)| by(a, r, z, &mut self.columns[*j].ended))?;
        Ok(z)
    }
    /// Takes columns out that have converged by their true residual, that make no progress, or have no iterations left.
    fn freeze(&mut self, a: &mut System<'_>, b: &[f64], x: &[f64]) {
        let n = self.n;
        let (mut kept, mut truth) = (vec![], vec![0.0; n]);
        for (row, &j) in self.live.iter().enumerate() {
            let (goal, column) = (&self.goals[j], &mut self.columns[j]);
            let (made, length) = (column.ended.iterations, column.length);
            if length <= 0.5 * column.best {
                (column.best, column.at) = (length, made);
            }
            let spent = made >= self.limit;
            let done = near(length, goal) && (column.settled || made >= n || length <= goal.floor());
            if !done && !spent {
                column.left = !near(length, goal) && made > 2 * column.at + n + PATIENCE;
                if !column.left {
                    kept.push(row);
                }
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
            column.ended.residual = Some(size);
            column.ended.said = Ok(if spent { Status::IterationLimit } else { Status::Stalled });
            column.left = !spent && size > goal.length && size <= 0.5 * column.first;
        }
        if kept.len() < self.live.len() {
            self.c = self.c.select(Axis(1), &kept);
            self.live = kept.iter().map(|row| self.live[*row]).collect();
        }
    }
    /// α = (PᵀAP)⁻¹, X ← X + PαC, Q S ← Q − APα, C ← S C, P ← M⁻¹Q + P Sᵀ.
    fn step(&mut self, a: &mut System<'_>, x: &mut [f64], by: &mut Precondition<'_>) -> Result<(), Failed> {
        let n = self.n;
        let mut ap = vec![0.0; self.p.len()];
        a.apply_many(&self.p, &mut ap)?;
        let (p, ap) = (std::mem::take(&mut self.p), rows(&ap, n));
        let p = rows(&p, n);
        let alpha = self.curvature(p.dot(&ap.t()), p, a.epsilon()).ok_or(Failed::NotDefinite { curvature: None })?;
        let steps = alpha.solve(self.c.clone()).t().dot(&p);
        for (&j, step) in self.live.iter().zip(steps.rows()) {
            let (goal, column, x) = (&self.goals[j], &mut self.columns[j], &mut x[j * n..(j + 1) * n]);
            x.iter_mut().zip(step).for_each(|(x, step)| *x += step);
            if near(column.length, goal) {
                column.settled = !goal.moved(step.dot(&step).sqrt(), column.length, norm(x));
            }
            column.ended.iterations += 1;
            column.products.count(a.side(), 1);
        }
        let mut w = std::mem::take(&mut self.q);
        let count = p.nrows();
        general_mat_mul(-1.0, &alpha.solve(Array2::eye(count)).t(), &ap, 1.0, &mut rows_mut(&mut w, n));
        let z = self.precondition(a, &w, by)?;
        let (q, mut z, s) = orthonormal(&w, &z, n, 1.0, a.epsilon())?;
        general_mat_mul(1.0, &s, &p, 1.0, &mut rows_mut(&mut z, n));
        self.c = s.dot(&self.c);
        self.seen.push(alpha, s);
        let residuals = self.c.t().dot(&rows(&q, n));
        for (&j, r) in self.live.iter().zip(residuals.rows()) {
            self.columns[j].length = r.dot(&r).sqrt();
        }
        (self.q, self.p) = (q, z);
        Ok(())
    }
    /// The factors of PᵀAP; none where it is not definite, with the sign that was seen before.
    fn curvature(&mut self, g: Array2<f64>, p: ArrayView2<'_, f64>, epsilon: f64) -> Option<Curvature> {
        let sign = g.first()?.signum();
        let factors = Curvature::of(&g, sign, epsilon).filter(|_| sign * self.sign >= 0.0)?;
        self.sign = sign;
        for (curvature, p) in g.diag().iter().zip(p.rows()) {
            let quotient = curvature.abs() / p.dot(&p);
            (self.least, self.most) = (self.least.min(quotient), self.most.max(quotient));
        }
        Some(factors)
    }
    fn finish(self) -> Vec<(bool, Column)> {
        let Block { columns, live, seen, sign, least, most, .. } = self;
        let (low, high) = seen.extremes().unwrap_or((least, most));
        let ended = columns.into_iter().enumerate().map(|(j, column)| {
            let mut ended = column.ended;
            if ended.iterations > 0 {
                // Those of M⁻¹A, which is A without a preconditioner.
                let plain = ended.preconditioned == 0;
                let (least, most) = if plain { (least.min(low), most.max(high)) } else { (least, most) };
                ended.condition = if plain { most / least } else { high / low };
                (ended.norm, ended.smallest) = (most, Some(least));
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

/// W = Q S with QᵀM⁻¹Q = I, from W and Z = M⁻¹W: Gram-Schmidt, twice; gives Q, M⁻¹Q and S. A vector that lies in the span of those before it, up
/// to rounding of what it was computed from, adds none; what it was
/// computed from is at least of size `floor`.
fn orthonormal(w: &[f64], z: &[f64], n: usize, floor: f64, epsilon: f64) -> Result<(Vec<f64>, Vec<f64>, Array2<f64>), Failed> {
    let count = w.len() / n;
    let (mut q, mut mq) = (Vec::with_capacity(w.len()), Vec::with_capacity(w.len()));
    let mut s = Array2::zeros((count, count));
    let least = 8.0 * epsilon * (n as f64).sqrt();
    for (i, (w, z)) in w.chunks_exact(n).zip(z.chunks_exact(n)).enumerate() {
        let (mut w, mut z) = (w.to_vec(), z.to_vec());
        let size = dot(&w, &z).max(0.0).sqrt();
        if !size.is_finite() {
            return Err(Failed::NotFinite { what: "a residual of the block is not finite", value: None });
        }
        for _ in 0..2 {
            for (l, (q, mq)) in q.chunks_exact(n).zip(mq.chunks_exact(n)).enumerate() {
                let share = dot(mq, &w);
                axpy(-share, q, &mut w);
                axpy(-share, mq, &mut z);
                s[[l, i]] += share;
            }
        }
        let left = dot(&w, &z).max(0.0).sqrt();
        if left > least * size.max(floor) {
            s[[q.len() / n, i]] = left;
            for (v, basis) in [(w, &mut q), (z, &mut mq)] {
                basis.extend(v.iter().map(|v: &f64| v / left));
            }
        }
    }
    let kept = q.len() / n;
    Ok((q, mq, s.slice(ndarray::s![..kept, ..]).to_owned()))
}
