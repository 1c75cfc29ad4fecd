//! One point of a certificate: the residuals and the derivative there, and what is known of the singular values of F_z and of the size of F_θ.
use super::model::Model;
use crate::signs::sign;
use hypertape_autodiff::ErrorKind;
use hypertape_linear::{Outcome, Side, norm};

/// Real parameters up to which ‖F_θ‖ is computed column by column.
const COLUMNS: usize = 8;
/// Steps of the power method on F_θᵀF_θ, and what its estimate is multiplied by.
const POWER: (usize, f64) = (2, 2.5);

/// Where a round stands: the vectors of one point.
pub(super) struct Stand {
    pub(super) z: Vec<f64>,
    pub(super) w: Vec<f64>,
    pub(super) f: Vec<f64>,
    /// L_z − F_zᵀ w.
    pub(super) r: Vec<f64>,
    /// L_θ − F_θᵀ w.
    pub(super) g: Vec<f64>,
    /// ‖L_z‖ and ‖F_θᵀ w‖.
    pub(super) sizes: [f64; 2],
    /// L_z and L_θ.
    outer: [Vec<f64>; 2],
}

/// What is known of the singular values of F_z at a point.
#[derive(Clone, Copy)]
pub(super) struct Spectrum {
    pub(super) smallest: f64,
    pub(super) largest: f64,
    pub(super) lanczos: usize,
    pub(super) settled: bool,
    /// Whether the largest one was looked for by itself.
    pub(super) sized: bool,
    /// Whether all of F_z was seen here, by a factorisation, or by a search from a random vector that found nothing smaller.
    pub(super) searched: bool,
}

/// The relative residual from which on an iterative solve has seen the smallest singular values that matter to its right-hand side.
const TIGHT: f64 = 1e-4;
/// The most that F_z may have changed between two points, relative to its smallest singular value, for what is known of them to stand for both.
const NEARBY: f64 = 0.05;

impl Spectrum {
    pub(super) fn unknown() -> Self {
        Spectrum { smallest: f64::INFINITY, largest: 0.0, lanczos: 0, settled: false, sized: false, searched: false }
    }
    /// What it says of a nearby point, where F_z differs by so much on a vector of length 1; nothing where that is much.
    pub(super) fn moved(self, change: f64) -> Self {
        if self.settled && change <= NEARBY * self.smallest {
            Spectrum { smallest: self.smallest - change, searched: false, ..self }
        } else {
            Spectrum::unknown()
        }
    }
    /// What a solve of A x = b tells.
    pub(super) fn learn(&mut self, outcome: &Outcome, b: f64, x: f64) {
        // ‖A x‖/‖x‖.
        if x > 0.0 {
            self.smallest = self.smallest.min(b * (1.0 + outcome.residual) / x);
            self.largest = self.largest.max(b * (1.0 - outcome.residual) / x);
        }
        if let Some(size) = outcome.norm {
            self.largest = self.largest.max(size);
        }
        if let Some(s) = outcome.smallest {
            if s < self.smallest {
                self.smallest = s;
                let tight = outcome.converged() && outcome.tolerance <= TIGHT;
                (self.settled, self.sized) = (self.settled || tight, self.sized || tight);
            }
            // A factorisation has seen all of A.
            let exact = outcome.iterations == 0;
            (self.settled, self.searched) = (self.settled || exact, self.searched || exact);
        }
    }
}

/// ‖a − b‖.
pub(super) fn difference(a: &[f64], b: &[f64]) -> f64 {
    norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

impl Stand {
    /// At a point: F, and the outer gradient. There is no adjoint yet.
    pub(super) fn move_to(model: &mut Model, z: Vec<f64>) -> Result<Self, ErrorKind> {
        let (mut f, mut by_z, mut by_params) = (vec![0.0; z.len()], vec![0.0; z.len()], vec![0.0; model.params()]);
        model.move_to(&z, &mut f)?;
        model.outer(&mut by_z, &mut by_params)?;
        Ok(Stand { z, w: vec![], f, r: vec![], g: vec![], sizes: [norm(&by_z), 0.0], outer: [by_z, by_params] })
    }
    /// L_z: the right-hand side of the adjoint system.
    pub(super) fn right(&self) -> &[f64] {
        &self.outer[0]
    }
    /// The same point with another adjoint: r = L_z − F_zᵀ w, g = L_θ − F_θᵀ w.
    pub(super) fn with_adjoint(mut self, model: &mut Model, w: Vec<f64>) -> Result<Self, ErrorKind> {
        let [by_z, by_params] = &self.outer;
        let (mut image, mut part) = (vec![0.0; by_z.len()], vec![0.0; by_params.len()]);
        if w.iter().any(|w| *w != 0.0) {
            model.product(Side::Transposed, &w, &mut image)?;
            model.params_transposed(&w, &mut part)?;
        }
        self.sizes[1] = norm(&part);
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        (self.r, self.g, self.w) = (minus(by_z, &image), minus(by_params, &part), w);
        Ok(self)
    }
    pub(super) fn finite(&self) -> bool {
        [norm(&self.f), norm(&self.r), norm(&self.g)].iter().all(|v| v.is_finite())
    }
}

/// ‖F_θ‖₂ at a point, and whether it is not below that.
pub(super) struct Norm {
    pub(super) vector: Vec<f64>,
}

impl Norm {
    pub(super) fn of(&mut self, model: &mut Model) -> Result<(f64, bool), ErrorKind> {
        let (n, p) = (model.len(), model.params());
        let mut image = vec![0.0; n];
        if p <= COLUMNS {
            let mut squares = 0.0_f64;
            for j in 0..p {
                let unit: Vec<f64> = (0..p).map(|i| f64::from(u8::from(i == j))).collect();
                model.params_plain(&unit, &mut image)?;
                squares = squares.hypot(norm(&image));
            }
            return Ok((squares, true));
        }
        // The vector of the last point is a good start.
        let (steps, factor) = if self.vector.is_empty() { (POWER.0, POWER.1) } else { (2, POWER.1) };
        if self.vector.is_empty() {
            self.vector = (0..p).map(|i| sign(17, i)).collect();
        }
        let mut size = 0.0;
        for step in 1..=steps {
            let length = norm(&self.vector);
            if length == 0.0 {
                break;
            }
            self.vector.iter_mut().for_each(|v| *v /= length);
            model.params_plain(&self.vector, &mut image)?;
            size = norm(&image);
            if step < steps {
                model.params_transposed(&image, &mut self.vector)?;
            }
        }
        Ok((factor * size, false))
    }
}
