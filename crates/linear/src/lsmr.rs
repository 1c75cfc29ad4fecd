//! LSMR: least squares by the bidiagonalisation of Golub and Kahan.
use crate::normal_cg::least_squares;
use crate::scratch::{Scratch, split};
use crate::solver::{Ended, LinearSolver, State};
use crate::stop::{Goal, STARTS, Stop, stop_settings};
use crate::system::System;
use crate::triangle::{self, Triangle};
use crate::vectors::{axpy, from_right, norm, scale, xpby};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// LSMR (Fong and Saunders 2011), for general A with its transpose: two applications an iteration. It makes ‖Aᵀr‖ smaller in every iteration, and ‖r‖
/// too.
///
/// In exact arithmetic it is MINRES on AᵀA x = Aᵀb, but no product is squared before it is used, so it keeps digits that normal CG loses where A is
/// badly conditioned. Where no smaller residual is possible it fails as a breakdown that says so, and a singular system is refused as by the
/// other methods, unless [`minimum_norm`](Lsmr::minimum_norm) asks for one solution of the many.
///
/// ```
/// use hypertape_linear::{Lsmr, Prepare};
/// let a = ndarray::arr2(&[[4.0, 1.0], [2.0, 3.0]]);
/// let x = Lsmr::default().prepare(a)?.solve(&[1.0, 2.0])?.x;
/// assert!((x[0] - 0.1).abs() < 1e-14 && (x[1] - 0.6).abs() < 1e-14);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Lsmr {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    /// Whether the least-squares solution of minimum norm is asked for.
    pub minimum_norm: bool,
}

stop_settings!(Lsmr);

impl Lsmr {
    /// Asks for x = A⁺b: of all x with the least ‖b − A x‖, the one with the least ‖x‖. It begins at 0, whatever the start, and a system that
    /// has no solution or many is solved with the status `Converged` or `LeastSquares`.
    #[must_use]
    pub fn minimum_norm(mut self) -> Self {
        self.minimum_norm = true;
        self
    }
}

impl LinearSolver for Lsmr {
    fn name(&self) -> String {
        if self.minimum_norm { "LSMR, minimum norm".into() } else { "LSMR".into() }
    }
    fn stop(&self) -> Stop {
        // A null space is no fault where it is asked about.
        Stop { probe: if self.minimum_norm { 0 } else { self.stop.probe }, ..self.stop }
    }
    fn needs(&self) -> Vec<Need> {
        vec![Need::Transpose]
    }
    fn state_bytes(&self, n: usize) -> u64 {
        8 * (5 * n + triangle::len(self.stop.limit(n))) as u64
    }
    fn state(&self, _: usize) -> Box<dyn State> {
        Box::new(Iterations { settings: *self, scratch: Scratch::default() })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Lsmr,
    scratch: Scratch,
}

/// The numbers of the recursion: two rotations an iteration make the bidiagonal matrix triangular, and that of its normal equations. Names are those of
/// the paper: a bar for the second, a dot for the residual's.
struct Rotations {
    alpha_bar: f64,
    zeta_bar: f64,
    zeta: f64,
    rho: f64,
    rho_bar: f64,
    c_bar: f64,
    s_bar: f64,
    beta_double_dot: f64,
    beta_dot: f64,
    rho_dot: f64,
    tau: f64,
    theta: f64,
    theta_next: f64,
}

/// What an iteration does to the vectors, and what it knows of the residual.
struct Turn {
    /// The factor of h̄ in its own update.
    back: f64,
    /// The step along h̄.
    step: f64,
    /// The factor of h in its update.
    next: f64,
    /// ‖r‖ by the recursion.
    residual: f64,
    /// The diagonal entry of the first triangle, and the one above it.
    column: [f64; 2],
    /// The diagonal entry of the second triangle: between the extreme singular values.
    entry: f64,
}

impl Rotations {
    fn new(alpha: f64, beta: f64) -> Self {
        Rotations {
            alpha_bar: alpha,
            zeta_bar: alpha * beta,
            zeta: 0.0,
            rho: 1.0,
            rho_bar: 1.0,
            c_bar: 1.0,
            s_bar: 0.0,
            beta_double_dot: beta,
            beta_dot: 0.0,
            rho_dot: 1.0,
            tau: 0.0,
            theta: 0.0,
            theta_next: 0.0,
        }
    }
    /// One iteration, whose column of the bidiagonal matrix has β below the diagonal and α beside it.
    fn turn(&mut self, alpha: f64, beta: f64) -> Turn {
        let (rho_before, rho_bar_before) = (self.rho, self.rho_bar);
        self.rho = self.alpha_bar.hypot(beta);
        let (c, s) = (self.alpha_bar / self.rho, beta / self.rho);
        let beside = std::mem::replace(&mut self.theta_next, s * alpha);
        let theta_next = self.theta_next;
        self.alpha_bar = c * alpha;
        let theta_bar = self.s_bar * self.rho;
        let entry = self.c_bar * self.rho;
        self.rho_bar = entry.hypot(theta_next);
        (self.c_bar, self.s_bar) = (entry / self.rho_bar, theta_next / self.rho_bar);
        let zeta_before = self.zeta;
        self.zeta = self.c_bar * self.zeta_bar;
        self.zeta_bar *= -self.s_bar;
        // The residual, by a third rotation.
        let beta_hat = c * self.beta_double_dot;
        self.beta_double_dot *= -s;
        let theta_before = self.theta;
        let turned = self.rho_dot.hypot(theta_bar);
        let (c_dot, s_dot) = (self.rho_dot / turned, theta_bar / turned);
        self.theta = s_dot * self.rho_bar;
        self.rho_dot = c_dot * self.rho_bar;
        self.beta_dot = c_dot * beta_hat - s_dot * self.beta_dot;
        self.tau = (zeta_before - theta_before * self.tau) / turned;
        let last = (self.zeta - self.theta * self.tau) / self.rho_dot;
        Turn {
            back: -theta_bar * self.rho / (rho_before * rho_bar_before),
            step: self.zeta / (self.rho * self.rho_bar),
            next: -theta_next / self.rho,
            column: [self.rho, beside],
            residual: (self.beta_dot - last).hypot(self.beta_double_dot),
            entry: entry.abs(),
        }
    }
}

impl State for Iterations {
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let n = b.len();
        let settings = self.settings;
        let Scratch { vectors, numbers, .. } = &mut self.scratch;
        let [u, v, h, h_bar, w] = split::<5>(vectors, n);
        let mut triangle = Triangle::new(numbers);
        let limit = settings.stop.limit(n);
        let mut ended = Ended::new(0, Ok(Status::Stalled));
        if settings.minimum_norm {
            x.fill(0.0);
        }
        a.start(b, x, u)?;
        let mut size = norm(u);
        ended.residual = Some(size);
        // What counts as zero of ‖Aᵀr‖/(‖A‖‖r‖).
        let zero = 4.0 * goal.epsilon * (n as f64).sqrt();
        let least_squares = || least_squares(settings.minimum_norm);
        let (mut least, mut most, mut largest) = (f64::INFINITY, 0.0_f64, 0.0_f64);
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            scale(1.0 / size, u);
            a.apply_transposed(u, v)?;
            let mut alpha = norm(v);
            largest = largest.max(alpha);
            if alpha == 0.0 {
                ended.said = least_squares();
                break;
            }
            scale(1.0 / alpha, v);
            h.copy_from_slice(v);
            h_bar.fill(0.0);
            let mut r = Rotations::new(alpha, size);
            triangle.clear();
            let (mut length, mut made, mut settled) = (size, 0, false);
            let stopped = loop {
                let near = length <= goal.length.max(goal.floor());
                if ended.iterations >= limit || near && (settled || made >= n || length <= goal.floor()) {
                    break None;
                }
                if r.zeta_bar.abs() <= zero * largest * length {
                    break (!near).then(least_squares);
                }
                a.apply(v, w)?;
                xpby(w, -alpha, u);
                let beta = norm(u);
                if beta > 0.0 {
                    scale(1.0 / beta, u);
                    a.apply_transposed(u, w)?;
                    xpby(w, -beta, v);
                    alpha = norm(v);
                    scale(if alpha > 0.0 { 1.0 / alpha } else { 0.0 }, v);
                } else {
                    alpha = 0.0;
                }
                if !(alpha.is_finite() && beta.is_finite()) {
                    break Some(Err(Failed::Diverged { growth: None, at: Reached::default() }));
                }
                let turn = r.turn(alpha, beta);
                largest = largest.max(r.rho);
                triangle.push([turn.column[0], turn.column[1], 0.0]);
                (least, most) = (least.min(turn.entry.min(r.rho_bar)), most.max(turn.entry));
                xpby(h, turn.back, h_bar);
                axpy(turn.step, h_bar, x);
                xpby(v, turn.next, h);
                if near {
                    settled = !goal.moved(turn.step.abs() * norm(h_bar), length, norm(x));
                }
                length = turn.residual;
                made += 1;
                ended.iterations += 1;
                if alpha == 0.0 || beta == 0.0 {
                    // The space is exhausted.
                    break (length > goal.length.max(goal.floor())).then(least_squares);
                }
            };
            ended.residual = None;
            ended.smallest = triangle.smallest(ended.smallest);
            if let Some(said) = stopped {
                ended.said = said;
                break;
            }
            a.apply(x, u)?;
            from_right(b, u);
            let before = std::mem::replace(&mut size, norm(u));
            ended.residual = Some(size);
            if size > goal.length && size > 0.5 * before && ended.iterations < limit {
                break;
            }
        }
        if matches!(ended.said, Ok(Status::Stalled)) && ended.iterations >= limit {
            ended.said = Ok(Status::IterationLimit);
        }
        ended.norm = largest;
        if most > 0.0 {
            ended.condition = largest / least.min(largest);
        }
        Ok(ended)
    }
}
