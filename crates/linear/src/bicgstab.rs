//! BiCGStab(ℓ): BiCGStab, with polynomials of degree two where it breaks down, or of any degree that is asked for.
use crate::operator::Operator;
use crate::preconditioner::{Chosen, Inverse, any_size, inverse, named, needs, preconditioner_setting};
use crate::scratch::Scratch;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop, stop_settings};
use crate::system::System;
use crate::vectors::{axpy, dot, exponent, fill_noise, from_right, norm, scale, xpby};
use crate::{gmres, hessenberg, right};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// BiCGStab(ℓ) (Sleijpen and Fokkema 1993), for general A: two applications an iteration and 2ℓ + 4 vectors. ℓ = 1 unless [`ell`](Bicgstab::ell) sets
/// it, which is BiCGStab (van der Vorst 1992): six vectors, eight after a breakdown. A preconditioner stands at the right: the residual is that of x.
///
/// After every ℓ iterations of BiCG, the residual is made the least over polynomials of degree ℓ in A, by modified Gram-Schmidt on A r … Aˡ r. Degree one has real
/// roots, and hardly any effect where A has eigenvalues near the imaginary axis, as for flow without much diffusion: there ℓ = 2 or 4 goes on where ℓ = 1 stands
/// still. An iteration makes about 2ℓ + 12 passes over vectors besides its products.
///
/// When ρ, ω or ⟨r̂, A p⟩ vanishes, it begins again from the best x with a pseudo-random shadow residual r̂, as BiCGStab(2), or with the least even degree from
/// ℓ on: polynomials of even degree go on where A r is orthogonal to r, as for skew A. Where that breaks down eight times, systems of at most
/// 64 unknowns are handed over to GMRES; for larger ones the failure names the breakdown. The outcome's remark says which method it was.
///
/// ```
/// use hypertape_linear::{Bicgstab, Prepare};
/// let a = ndarray::arr2(&[[0.1, 2.0, 0.0], [-2.0, 0.1, 1.0], [0.0, -1.0, 0.1]]);
/// let solved = Bicgstab::default().ell(4).prepare(a.clone())?.solve(&[2.1, -0.9, -0.9])?;
/// assert!(solved.outcome.converged() && solved.x.iter().all(|x| (x - 1.0).abs() < 1e-10));
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Bicgstab {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    /// ℓ, the degree of the polynomials: from 1 to 16.
    pub ell: usize,
    preconditioner: Chosen,
}

stop_settings!(Bicgstab);
preconditioner_setting!(Bicgstab);

impl Default for Bicgstab {
    fn default() -> Self {
        Bicgstab { stop: Stop::default(), ell: 1, preconditioner: None }
    }
}

impl Bicgstab {
    /// With polynomials of degree ℓ, from 1 to 16: more vectors and fewer products where eigenvalues have large imaginary parts.
    #[must_use]
    pub fn ell(mut self, degree: usize) -> Self {
        self.ell = degree;
        self
    }
    /// ℓ, where it can work.
    fn degree(&self) -> usize {
        self.ell.clamp(1, MOST)
    }
}

/// The largest ℓ.
const MOST: usize = 16;
/// Starts after breakdowns and false convergences.
const STARTS: usize = 9;
/// The largest system that is handed over.
const SMALL: usize = 64;
/// A cosine that counts as 0 for ω: below it a step of steepest descent takes nothing off.
const ORTHOGONAL: f64 = 1e-7;
/// The exponent of two of ‖A‖ up to which its powers of a degree above 2 stay in the range.
const NEAR: i32 = 2;

/// A division by zero, by its name.
fn broken(what: &'static str) -> Failed {
    Failed::Breakdown { what, at: Reached::default() }
}

/// The vectors of one start: r_0 … r_ℓ, u_0 … u_ℓ and the shadow residual; none above ℓ.
struct Vectors<'a> {
    r: [&'a mut [f64]; MOST + 1],
    u: [&'a mut [f64]; MOST + 1],
    shadow: &'a mut [f64],
    ell: usize,
}

/// How many vectors ℓ takes.
fn vectors(ell: usize) -> usize {
    2 * ell + 4
}

/// ℓ after a breakdown.
fn even(ell: usize) -> usize {
    ell.next_multiple_of(2)
}

/// The vectors of ℓ, and that of the best x, which stays where it is whatever ℓ.
fn split(all: &mut Vec<f64>, n: usize, ell: usize) -> (Vectors<'_>, &mut [f64]) {
    if all.len() < vectors(ell) * n {
        all.resize(vectors(ell) * n, 0.0);
    }
    let mut rest = &mut all[..];
    let mut take = |there: bool| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(if there { n } else { 0 });
        rest = tail;
        head
    };
    let (best, shadow) = (take(true), take(true));
    let r = std::array::from_fn(|j| take(j <= ell));
    let u = std::array::from_fn(|j| take(j <= ell));
    (Vectors { r, u, shadow, ell }, best)
}

impl Vectors<'_> {
    /// Iterations from the residual in r_0 until it is at or under the goal by its recursion, or the limit is reached. The error of the
    /// inner result is a breakdown.
    fn cycle(
        &mut self,
        limit: usize,
        a: &mut System<'_>,
        x: &mut [f64],
        goal: &Goal,
        ended: &mut Ended,
    ) -> Result<Result<(), Failed>, Failed> {
        let Vectors { r, u, shadow, ell } = self;
        let ell = *ell;
        let target = goal.length.max(goal.floor());
        let tiny = 4.0 * goal.epsilon;
        let far = norm(shadow);
        let (mut rho, mut alpha, mut omega) = (1.0, 0.0, 1.0);
        // A residual that is rounding of the largest one is none: with many steps between two minimisations they are far apart.
        let mut peak = if ell > 2 { norm(r[0]) } else { 0.0 };
        // Products are those of A times this power of two.
        let mut unit = None;
        u[0].fill(0.0);
        while ended.iterations < limit {
            rho *= -omega;
            for j in 0..ell {
                let next = dot(r[j], shadow);
                if next.abs() <= tiny * far * norm(r[j]) {
                    return Ok(Err(broken("breakdown: the residual is orthogonal to its shadow")));
                }
                let beta = alpha * next / rho;
                rho = next;
                r.iter().zip(u.iter_mut()).take(j + 1).for_each(|(r, u)| xpby(r, -beta, u));
                let (from, to) = u.split_at_mut(j + 1);
                product(a, &mut unit, ell, from[j], to[0])?;
                let along = dot(to[0], shadow);
                if along.abs() <= tiny * far * norm(to[0]) {
                    return Ok(Err(broken("breakdown: the shadow residual is orthogonal to A p")));
                }
                alpha = rho / along;
                r.iter_mut().zip(&u[1..]).take(j + 1).for_each(|(r, u)| axpy(-alpha, u, r));
                axpy(alpha * unit.unwrap_or(1.0), u[0], x);
                ended.iterations += 1;
                let length = norm(r[0]);
                if !length.is_finite() {
                    return Ok(Err(Failed::Diverged { growth: None, at: Reached::default() }));
                }
                if ell > 2 {
                    peak = peak.max(length);
                }
                if length <= target.max(tiny * peak) {
                    return Ok(Ok(()));
                }
                let (from, to) = r.split_at_mut(j + 1);
                product(a, &mut unit, ell, from[j], to[0])?;
            }
            let (length, image) = (norm(r[0]), norm(r[1]));
            if image == 0.0 {
                return Ok(Err(Failed::Singular { at: Reached::default(), flat: None }));
            }
            let unit = unit.unwrap_or(1.0);
            ended.norm = ended.norm.max(image / length / unit);
            let cosine;
            (omega, cosine) = minimise(&mut r[..=ell], &mut u[..=ell], unit, tiny, x);
            let length = norm(r[0]);
            if !length.is_finite() {
                return Ok(Err(Failed::Diverged { growth: None, at: Reached::default() }));
            }
            if length <= target {
                return Ok(Ok(()));
            }
            // Where odd powers of A are skew, ω of an odd degree is rounding.
            if omega == 0.0 || ell % 2 == 1 && cosine <= ORTHOGONAL {
                return Ok(Err(broken("breakdown: the residual is orthogonal to its last image")));
            }
        }
        Ok(Ok(()))
    }
}

/// Takes off r_0 its part along A r_0 … Aˡ r_0, and the same of x and u_0. Gives ω, the coefficient of Aˡ r_0, and the size of the cosine of r_0 with the
/// part of that which the others do not have. In the paper's names: τ, γ' and γ''.
fn minimise(r: &mut [&mut [f64]], u: &mut [&mut [f64]], unit: f64, tiny: f64, x: &mut [f64]) -> (f64, f64) {
    let ell = r.len() - 1;
    let (first, rest) = r.split_at_mut(1);
    let (residual, q) = (&mut *first[0], rest);
    let length = norm(residual);
    // Entry 0 is that of A r_0.
    let (mut tau, mut parts, mut cosine) = ([[0.0; MOST]; MOST], [0.0; MOST], 0.0);
    let mut sizes = [0.0; MOST];
    for j in 0..ell {
        let (before, from) = q.split_at_mut(j);
        let this = &mut *from[0];
        let whole = norm(this);
        for i in 0..j {
            if sizes[i] > 0.0 {
                tau[i][j] = dot(this, before[i]) / sizes[i] / sizes[i];
                axpy(-tau[i][j], before[i], this);
            }
        }
        let size = norm(this);
        // What is rounding of the others has no part.
        (sizes[j], parts[j], cosine) = (0.0, 0.0, 0.0);
        if size > tiny * whole {
            (sizes[j], parts[j]) = (size, dot(residual, this) / size / size);
            cosine = parts[j].abs() * size / length;
        }
    }
    let mut gamma = parts;
    for j in (0..ell).rev() {
        gamma[j] -= (j + 1..ell).map(|i| tau[j][i] * gamma[i]).sum::<f64>();
    }
    axpy(gamma[0] * unit, residual, x);
    for j in 0..ell {
        if j + 1 < ell {
            let sum = gamma[j + 1] + (j + 1..ell - 1).map(|i| tau[j][i] * gamma[i + 1]).sum::<f64>();
            axpy(sum * unit, q[j], x);
        }
        axpy(-parts[j], q[j], residual);
    }
    let (direction, images) = u.split_at_mut(1);
    images.iter().zip(gamma).take(ell).for_each(|(u, gamma)| axpy(-gamma, u, direction[0]));
    (gamma[ell - 1], cosine)
}

/// A product, times a power of two that the first one tells: for ℓ above 2 powers of A could leave the range.
fn product(a: &mut System<'_>, unit: &mut Option<f64>, ell: usize, from: &[f64], to: &mut [f64]) -> Result<(), Failed> {
    a.apply(from, to)?;
    let unit = *unit.get_or_insert_with(|| {
        let k = if ell > 2 { exponent(norm(to)) - exponent(norm(from)) } else { 0 };
        if k.abs() > NEAR { 2f64.powi(-k) } else { 1.0 }
    });
    if unit != 1.0 {
        scale(unit, to);
    }
    Ok(())
}

/// At most `limit` iterations of BiCGStab(ℓ), from x.
fn iterate(
    ell: usize,
    limit: usize,
    a: &mut System<'_>,
    b: &[f64],
    x: &mut [f64],
    goal: &Goal,
    work: &mut Scratch,
) -> Result<Ended, Failed> {
    let n = b.len();
    let mut ended = Ended::new(0, Ok(Status::IterationLimit));
    // n steps end in a residual of 0.
    let mut degree = ell.min(n.max(1));
    let mut least = f64::INFINITY;
    for start in 0..=STARTS {
        let (mut v, best) = split(&mut work.vectors, n, degree);
        let r = &mut *v.r[0];
        if start == 0 {
            a.start(b, x, r)?;
        } else {
            a.apply(x, r)?;
            from_right(b, r);
        }
        let size = norm(r);
        let before = least;
        if size < least {
            least = size;
            best.copy_from_slice(x);
        } else if start > 0 {
            x.copy_from_slice(best);
            a.apply(x, r)?;
            from_right(b, r);
        }
        ended.residual = Some(least);
        let stalled = matches!(ended.said, Ok(Status::Stalled)) && least > 0.5 * before;
        if least <= goal.length || stalled || ended.iterations >= limit || start == STARTS || !least.is_finite() {
            break;
        }
        v.shadow.copy_from_slice(r);
        if start > 0 {
            fill_noise(100 + start as u64, v.shadow);
        }
        ended.said = match v.cycle(limit, a, x, goal, &mut ended)? {
            Ok(()) if ended.iterations >= limit => Ok(Status::IterationLimit),
            // The recursion has converged; if the true residual has not, that is to be repaired, or rounding.
            Ok(()) => Ok(Status::Stalled),
            Err(breakdown) => {
                degree = even(degree);
                ended.remark = Some(match ell {
                    1 => "BiCGStab broke down and was continued as BiCGStab(2)",
                    _ => "BiCGStab(ℓ) broke down and was continued with another shadow residual",
                });
                Err(breakdown)
            }
        };
    }
    let broken = matches!(ended.said, Err(Failed::Breakdown { .. } | Failed::Singular { .. })) && least > goal.length;
    if broken && n <= SMALL && ended.iterations < limit {
        x.fill(0.0);
        let rest = gmres::iterate(n, limit - ended.iterations, a, b, x, goal, work)?;
        let remark = Some(match ell {
            1 => "BiCGStab and BiCGStab(2) broke down and the system was handed over to GMRES",
            _ => "BiCGStab(ℓ) broke down and the system was handed over to GMRES",
        });
        ended = Ended { iterations: ended.iterations + rest.iterations, norm: ended.norm.max(rest.norm), remark, ..rest };
    }
    Ok(ended)
}

impl LinearSolver for Bicgstab {
    fn name(&self) -> String {
        match self.ell {
            1 => named("BiCGStab", &self.preconditioner),
            ell => named(&format!("BiCGStab({ell})"), &self.preconditioner),
        }
    }
    fn stop(&self) -> Stop {
        self.stop
    }
    fn check(&self) -> Result<(), Failed> {
        self.stop.check()?;
        if (1..=MOST).contains(&self.ell) {
            return Ok(());
        }
        Err(Failed::Setting { what: "ℓ", value: self.ell as f64, allowed: "a whole number from 1 to 16, such as 4" })
    }
    fn needs(&self) -> Vec<Need> {
        needs(&self.preconditioner)
    }
    fn any_size(&self) -> bool {
        any_size(&self.preconditioner)
    }
    fn state_bytes(&self, n: usize) -> u64 {
        let handed_over = if n <= SMALL { (n + 1) * n + hessenberg::len(n) + 2 * n } else { 0 };
        8 * (vectors(even(self.degree())) * n).max(handed_over) as u64 + right::bytes(&self.preconditioner, n)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let inverse = inverse(&self.preconditioner, n);
        Box::new(Iterations { settings: self.clone(), inverse, scratch: Scratch::default(), beside: vec![] })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Bicgstab,
    inverse: Option<Box<dyn Inverse>>,
    scratch: Scratch,
    beside: Vec<f64>,
}

impl State for Iterations {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        self.inverse.as_mut().map_or(Ok(()), |p| p.prepare(a))
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let (ell, limit) = (self.settings.degree(), self.settings.stop.limit(b.len()));
        let Iterations { inverse, scratch, beside, .. } = self;
        right::solve(a, inverse, beside, b, x, |a, b, x| iterate(ell, limit, a, b, x, goal, scratch))
    }
}
