//! GMRES for several right-hand sides at once.
use crate::hessenberg::{self, Hessenberg};
use crate::solver::{Column, Ended};
use crate::stop::Goal;
use crate::system::{Products, System};
use crate::vectors::{axpy, dot, from_right, norm};
use hypertape_autodiff::outcome::{Failed, Status};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

/// A right-hand side while the block runs.
struct Open {
    ended: Ended,
    products: Products,
    /// b − A x, and its length, as computed from x.
    r: Vec<f64>,
    size: f64,
    /// The right-hand side of the small problem, rotated as the triangle is.
    g: Vec<f64>,
    /// Whether its residual was small enough a step ago.
    beyond: bool,
    /// Whether it is in the block, and whether it left the block before its end.
    live: bool,
    left: bool,
}

/// The basis V of a cycle and the rotated matrix of A V = V H: columns, and the rotations that made each of them.
#[derive(Default)]
struct Basis {
    v: Vec<f64>,
    columns: Vec<Vec<f64>>,
    rotations: Vec<Vec<(usize, f64, f64)>>,
}

/// The iterations of a block, from X: Vital 1990, with directions dropped that the others span; at most `steps` of them before they begin again, from the columns that are left.
///
/// The space of each column is that of all of them, so it takes no more steps than by itself, and fewer where a few directions are hard. A column leaves at its own convergence, by its
/// true residual; its directions go on serving the others. With each column stands whether it left before its end: where the operator fails, or a cycle does not make its residual smaller.
pub(crate) fn iterate(steps: usize, limit: usize, a: &mut System<'_>, b: &[f64], x: &mut [f64], goals: &[Goal]) -> Vec<(bool, Column)> {
    let n = (b.len() / goals.len().max(1)).max(1);
    let mut open = vec![];
    for (b, x) in b.chunks_exact(n).zip(x.chunks_exact_mut(n)) {
        let (before, mut products, mut r) = (a.products, Products::default(), vec![0.0; n]);
        let left = a.start(b, x, &mut r).is_err();
        if left {
            x.fill(0.0);
        }
        if a.products != before {
            products.count(a.side(), 1);
        }
        let size = norm(&r);
        let ended = Ended { residual: Some(size), ..Ended::new(0, Ok(Status::IterationLimit)) };
        open.push(Open { ended, products, r, size, g: vec![], beyond: false, live: !left, left });
    }
    loop {
        for (o, goal) in open.iter_mut().zip(goals) {
            o.live &= o.size > goal.length && o.size.is_finite() && o.ended.iterations < limit;
        }
        if !open.iter().any(|o| o.live) {
            break;
        }
        if cycle(steps, limit, a, b, x, goals, &mut open).is_err() {
            // Those at a true residual that is small enough have their result.
            open.iter_mut().zip(goals).for_each(|(o, goal)| o.left |= o.size > goal.length);
            break;
        }
    }
    open.into_iter().map(|o| (o.left, Column { ended: Ok(o.ended), products: o.products })).collect()
}

/// From the residuals of the live columns until the basis is full, the space exhausted, or every column at its end.
fn cycle(
    steps: usize,
    limit: usize,
    a: &mut System<'_>,
    b: &[f64],
    x: &mut [f64],
    goals: &[Goal],
    open: &mut [Open],
) -> Result<(), Failed> {
    let (n, epsilon) = (open[0].r.len(), a.epsilon());
    let mut basis = Basis::default();
    let part: Vec<usize> = (0..open.len()).filter(|j| open[*j].live).collect();
    for &j in &part {
        let mut r: Vec<f64> = open[j].r.iter().map(|r| r / open[j].size).collect();
        let size = open[j].size;
        let (mut g, left) = basis.project(&mut r, 1.0, epsilon);
        g.push(left);
        g.iter_mut().for_each(|g| *g *= size);
        open[j].g = g;
        open[j].beyond = false;
    }
    let (mut done, mut made) = (0, 0);
    loop {
        let end = basis.v.len() / n;
        let mut next = vec![0.0; (end - done) * n];
        a.apply_many(&basis.v[done * n..], &mut next)?;
        let sizes: Vec<f64> = next.chunks_exact(n).map(norm).collect();
        let along = basis.project_all(&mut next, n);
        for ((w, mut h), size) in next.chunks_exact_mut(n).zip(along).zip(sizes) {
            if !size.is_finite() {
                return Err(Failed::NotFinite { what: "the operator's product is not finite", value: None });
            }
            let (more, left) = basis.project(w, size, epsilon);
            h.resize(more.len(), 0.0);
            h.iter_mut().zip(&more).for_each(|(h, m)| *h += m);
            h.push(left);
            basis.rotate(h, open.iter_mut().filter(|o| o.live).map(|o| &mut o.g));
        }
        (done, made) = (end, made + 1);
        let full = made >= steps || basis.v.len() / n == done;
        let mut going = false;
        for &j in part.iter() {
            let (o, goal) = (&mut open[j], &goals[j]);
            if !o.live {
                continue;
            }
            o.ended.iterations += 1;
            o.products.count(a.side(), 1);
            let residual = o.g.get(done..).map_or(0.0, norm);
            let ends = full || o.beyond || residual <= goal.floor() || !residual.is_finite() || o.ended.iterations >= limit;
            o.beyond = residual <= goal.length;
            if !ends {
                going = true;
                continue;
            }
            let (b, x) = (&b[j * n..(j + 1) * n], &mut x[j * n..(j + 1) * n]);
            basis.add(&o.g, epsilon, x);
            o.products.count(a.side(), 1);
            a.apply(x, &mut o.r)?;
            from_right(b, &mut o.r);
            let before = std::mem::replace(&mut o.size, norm(&o.r));
            o.ended.residual = Some(o.size);
            o.left = o.size > goal.length && o.size >= before * (1.0 - 1e-3) || !o.size.is_finite();
            // The next cycle begins with those that are not at their end.
            o.live = false;
        }
        if !going {
            break;
        }
    }
    let (high, low) = basis.extremes();
    for &j in &part {
        let (o, goal) = (&mut open[j], &goals[j]);
        if high.is_finite() && high > 0.0 {
            let smallest = o.ended.smallest.unwrap_or(f64::INFINITY).min(low);
            (o.ended.norm, o.ended.smallest) = (o.ended.norm.max(high), Some(smallest));
            o.ended.condition = o.ended.norm / smallest;
        }
        o.ended.complete |= done == n;
        o.live = !o.left && o.size > goal.length;
    }
    Ok(())
}

impl Basis {
    /// Takes from vectors, which follow one another, what the basis spans: twice, by products of matrices. Gives the coefficients of each.
    fn project_all(&self, w: &mut [f64], n: usize) -> Vec<Vec<f64>> {
        let v = rows(&self.v, n);
        let mut all = vec![vec![0.0; v.nrows()]; w.len() / n];
        for _ in 0..2 {
            let along = rows(w, n).dot(&v.t());
            general_mat_mul(-1.0, &along, &v, 1.0, &mut rows_mut(w, n));
            all.iter_mut().zip(along.rows()).for_each(|(all, a)| all.iter_mut().zip(a).for_each(|(all, a)| *all += a));
        }
        all
    }
    /// The same of one vector, one by one; what is left joins the basis unless it is rounding of a vector of this size. Gives the coefficients, and the length of what is left, 0 where
    /// nothing joins.
    fn project(&mut self, w: &mut [f64], size: f64, epsilon: f64) -> (Vec<f64>, f64) {
        let mut along = vec![0.0; self.v.len() / w.len()];
        for _ in 0..2 {
            for (along, v) in along.iter_mut().zip(self.v.chunks_exact(w.len())) {
                let share = dot(v, w);
                *along += share;
                axpy(-share, v, w);
            }
        }
        let left = norm(w);
        if left <= 4.0 * epsilon * (w.len() as f64).sqrt() * size {
            return (along, 0.0);
        }
        self.v.extend(w.iter().map(|w| w / left));
        (along, left)
    }
    /// Column number c from its coefficients: earlier rotations, then new ones that leave nothing below its diagonal, which the right-hand sides take too.
    fn rotate<'g>(&mut self, mut h: Vec<f64>, right: impl Iterator<Item = &'g mut Vec<f64>>) {
        let turn = |v: &mut [f64], (i, c, s): (usize, f64, f64)| (v[i - 1], v[i]) = (c * v[i - 1] + s * v[i], c * v[i] - s * v[i - 1]);
        let c = self.columns.len();
        let rows = h.len().max(c + 1).max(self.rotations.iter().flatten().map(|r| r.0 + 1).max().unwrap_or(0));
        h.resize(rows, 0.0);
        self.rotations.iter().flatten().for_each(|r| turn(&mut h, *r));
        let mut made = vec![];
        for i in (c + 1..rows).rev() {
            let length = h[i - 1].hypot(h[i]);
            if h[i] != 0.0 {
                made.push((i, h[i - 1] / length, h[i] / length));
                (h[i - 1], h[i]) = (length, 0.0);
            }
        }
        for g in right {
            g.resize(g.len().max(rows), 0.0);
            made.iter().for_each(|r| turn(g, *r));
        }
        h.truncate(c + 1);
        self.columns.push(h);
        self.rotations.push(made);
    }
    /// x ← x + V y with R y = g. Columns at the end whose pivots are rounding add nothing.
    fn add(&self, g: &[f64], epsilon: f64, x: &mut [f64]) {
        let pivot = |c: usize| self.columns[c][c];
        let largest = (0..self.columns.len()).map(|c| pivot(c).abs()).fold(0.0, f64::max);
        let mut y = g[..self.columns.len().min(g.len())].to_vec();
        for c in (0..y.len()).rev() {
            y[c] = if pivot(c).abs() <= 4.0 * epsilon * largest { 0.0 } else { y[c] / pivot(c) };
            let (above, last) = y.split_at_mut(c);
            axpy(-last[0], &self.columns[c][..c], above);
        }
        y.iter().zip(self.v.chunks_exact(x.len())).for_each(|(y, v)| axpy(*y, v, x));
    }
    /// Estimates of the extreme singular values of A on the space.
    fn extremes(&self) -> (f64, f64) {
        let m = self.columns.len();
        let (mut numbers, mut rotations) = (vec![0.0; hessenberg::len(m)], vec![]);
        for (to, from) in numbers.chunks_exact_mut(m + 1).zip(&self.columns) {
            to[..from.len()].copy_from_slice(from);
        }
        Hessenberg::new(&mut numbers, &mut rotations, m).extremes(m)
    }
}

/// Vectors that follow one another, as the rows of a matrix.
fn rows(v: &[f64], n: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((v.len() / n, n), v).expect("a block holds whole vectors")
}

fn rows_mut(v: &mut [f64], n: usize) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((v.len() / n, n), v).expect("a block holds whole vectors")
}
