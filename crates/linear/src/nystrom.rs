//! The Nyström preconditioner: the largest eigenvalues of a definite operator, from a few products.
use crate::operator::{Operator, Side};
use crate::preconditioner::{Inverse, Preconditioner};
use crate::vectors::{axpy, dot, fill_noise, norm, scale};
use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{MatMut, MatRef, Par, Spec};
use hypertape_autodiff::outcome::{Failed, Reached};

/// M⁻¹ = I + U (λ_ℓ Λ⁻¹ − I) Uᵀ, where U Λ Uᵀ is the randomised Nyström approximation of rank ℓ of a symmetric definite A, of either sign (Frangella, Tropp
/// and Udell 2023): it takes the ℓ largest eigenvalues down to the size of the last of them. Worth it where few eigenvalues are large, as of
/// Hessians of regularised fits. ℓ products and 2nℓ² work for every new operator.
///
/// ```
/// use hypertape_linear::{Cg, Diagonal, Nystrom, Prepare};
/// let a = || Diagonal((0..200).map(|i| 1.0 + 1e6 * 0.5f64.powi(i)).collect());
/// let plain = Cg::default().prepare(a())?.solve(&[1.0; 200])?.outcome;
/// let with = Cg::default().preconditioner(Nystrom { rank: 30 }).prepare(a())?.solve(&[1.0; 200])?.outcome;
/// assert!(with.converged() && 3 * with.iterations < plain.iterations);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nystrom {
    /// ℓ.
    pub rank: usize,
}

/// U by columns, and what it is made from.
struct Sketch {
    n: usize,
    rank: usize,
    left: Vec<f64>,
    image: Vec<f64>,
    /// Qᵀ Y, then its Cholesky factor.
    small: Vec<f64>,
    /// λ_ℓ/λ − 1 for each column of U.
    gains: Vec<f64>,
    memory: MemBuffer,
}

impl std::fmt::Debug for Sketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sketch").field("n", &self.n).field("rank", &self.rank).finish_non_exhaustive()
    }
}

impl Preconditioner for Nystrom {
    fn name(&self) -> String {
        format!("Nyström of rank {}", self.rank)
    }
    fn bytes(&self, n: usize) -> u64 {
        let l = self.rank.min(n) as u64;
        8 * (2 * n as u64 + l + 2) * l
    }
    fn inverse(&self, n: usize) -> Box<dyn Inverse> {
        let rank = self.rank.min(n);
        let scratch = svd_scratch::<f64>(n, rank, ComputeSvdVectors::Thin, ComputeSvdVectors::No, Par::Seq, Spec::default())
            .or(cholesky_in_place_scratch::<f64>(rank, Par::Seq, Spec::default()));
        Box::new(Sketch {
            n,
            rank,
            left: vec![0.0; n * rank],
            image: vec![0.0; n * rank],
            small: vec![0.0; rank * rank],
            gains: vec![0.0; rank],
            memory: MemBuffer::new(scratch),
        })
    }
}

/// Makes the columns orthonormal, by Gram and Schmidt's process, twice. Columns that depend on others become 0.
fn orthonormal(columns: &mut [f64], n: usize, epsilon: f64) {
    for k in 0..columns.len() / n.max(1) {
        let (before, here) = columns.split_at_mut(k * n);
        let q = &mut here[..n];
        let size = norm(q);
        for _ in 0..2 {
            before.chunks_exact(n).for_each(|p| axpy(-dot(p, q), p, q));
        }
        let left = norm(q);
        scale(if left > 10.0 * epsilon * size { 1.0 / left } else { 0.0 }, q);
    }
}

impl Inverse for Sketch {
    fn prepare(&mut self, a: &mut dyn Operator) -> Result<(), Failed> {
        let Sketch { n, rank, left, image, small, gains, memory } = self;
        let (n, l, epsilon) = (*n, *rank, a.epsilon());
        if l == 0 {
            return Ok(());
        }
        fill_noise(53, left);
        orthonormal(left, n, epsilon);
        for (q, y) in left.chunks_exact(n).zip(image.chunks_exact_mut(n)) {
            a.apply(q, y)?;
        }
        let size = norm(image);
        if !size.is_finite() {
            return Err(Failed::NotFinite { what: "the operator's product is not finite", value: None });
        }
        // In units of its size, and of the sign that makes it positive.
        let trace: f64 = left.chunks_exact(n).zip(image.chunks_exact(n)).map(|(q, y)| dot(q, y)).sum();
        scale(if size > 0.0 { 1.0_f64.copysign(trace) / size } else { 0.0 }, image);
        // A shift by rounding keeps the small factor definite; it is taken off the eigenvalues.
        let shift = epsilon * (n as f64).sqrt();
        axpy(shift, left, image);
        for (j, y) in image.chunks_exact(n).enumerate() {
            left.chunks_exact(n).enumerate().skip(j).for_each(|(i, q)| small[j * l + i] = dot(q, y));
        }
        let mut triangle = MatMut::from_column_major_slice_mut(small, l, l);
        let made = cholesky_in_place(triangle.rb_mut(), Default::default(), Par::Seq, MemStack::new(memory), Spec::default());
        if made.is_err() {
            return Err(Failed::NotDefinite { curvature: None });
        }
        // B = Y L⁻ᵀ, so that B Bᵀ = Y (Qᵀ Y)⁻¹ Yᵀ.
        let y = MatMut::from_column_major_slice_mut(image, n, l);
        solve_lower_triangular_in_place(triangle.rb(), y.transpose_mut(), Par::Seq);
        let values = DiagMut::from_slice_mut(gains);
        let u = MatMut::from_column_major_slice_mut(left, n, l);
        let b = MatRef::from_column_major_slice(image, n, l);
        if svd(b, values, Some(u), None, Par::Seq, MemStack::new(memory), Spec::default()).is_err() {
            return Err(Failed::Breakdown {
                what: "the singular value decomposition of the preconditioner did not converge",
                at: Reached::default(),
            });
        }
        gains.iter_mut().for_each(|s| *s = *s * *s - shift);
        let floor = gains[0] * epsilon;
        let last = gains.iter().rev().find(|v| **v > floor).copied().unwrap_or(0.0);
        gains.iter_mut().for_each(|v| *v = if *v > floor { last / *v - 1.0 } else { 0.0 });
        Ok(())
    }
    fn apply(&mut self, _: Side, r: &[f64], z: &mut [f64]) -> Result<(), Failed> {
        z.copy_from_slice(r);
        self.left.chunks_exact(self.n.max(1)).zip(&self.gains).for_each(|(u, g)| axpy(g * dot(u, r), u, z));
        Ok(())
    }
}
