//! The solver that looks at the operator first and chooses.
use crate::cg::symmetric;
use crate::operator::{Known, Matrix, Operator, Side};
use crate::scratch::{Scratch, split};
use crate::solver::{Column, Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop, stop_settings};
use crate::system::System;
use crate::vectors::{axpy, dot, fill_noise, from_right, norm, scale};
use crate::{Bicgstab, Cg, Cholesky, Gmres, Ldlt, Lsmr, Lu, Minres, Neumann};
use hypertape_autodiff::outcome::Failed;

/// Chooses a method for every new operator, by what is known of it and two to six products, and goes on with the next one where that ends above its tolerance.
///
/// - Up to 32 unknowns: LU, whose n products serve every right-hand side and either side. Up to 512 where the matrix is known: Cholesky or LDLᵀ if it is symmetric, else LU.
/// - A = Aᵀ, as the operator says or as ⟨u, A v⟩ = ⟨v, A u⟩ shows on one pseudo-random pair: CG if ⟨u, A u⟩ and ⟨v, A v⟩ have one sign, else MINRES; after CG, MINRES.
/// - Otherwise GMRES; where its basis would take more than 256 MiB, Neumann if a step α is known and I − αA shrinks a vector to less than a third in each of four steps, else BiCGStab. After GMRES, BiCGStab;
///   after BiCGStab or Neumann, LSMR where there is a transpose.
///
/// The outcome's remark says what was chosen and why. Preconditioners are for who knows the operator: choose a method for them.
///
/// ```
/// use hypertape_linear::{Auto, Prepare};
/// let a = ndarray::Array2::from_diag(&ndarray::Array1::linspace(1.0, 9.0, 600));
/// let solved = Auto::default().prepare(a)?.solve(&[1.0; 600])?;
/// assert!(solved.outcome.converged() && solved.outcome.remark.is_some_and(|r| r.contains("CG")));
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Auto {
    /// When it stops; by default after 10 n + 100 iterations of each method.
    pub stop: Stop,
}

stop_settings!(Auto);

/// Unknowns up to which n products are made for a factorisation.
const SMALL: usize = 32;
/// Unknowns up to which a known matrix is factorised.
const KNOWN: usize = 512;
/// Bytes of a basis above which methods of short recurrences are preferred.
const BASIS: u64 = 256 << 20;
/// How much a step of the plain iteration must leave at the most.
const CONTRACTS: f64 = 1.0 / 3.0;

/// A method, and why it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Lu,
    Cholesky,
    Ldlt,
    Cg,
    Minres,
    Gmres,
    Bicgstab,
    Neumann,
    Lsmr,
}

impl Choice {
    fn state(self, stop: Stop, n: usize) -> Box<dyn State> {
        macro_rules! with_stop {
            ($method:ty) => {{
                let mut settings = <$method>::default();
                settings.stop = stop;
                settings.state(n)
            }};
        }
        match self {
            Choice::Lu => Lu.state(n),
            Choice::Cholesky => Cholesky.state(n),
            Choice::Ldlt => Ldlt.state(n),
            Choice::Cg => with_stop!(Cg),
            Choice::Minres => with_stop!(Minres),
            Choice::Gmres => with_stop!(Gmres),
            Choice::Bicgstab => with_stop!(Bicgstab),
            Choice::Neumann => Neumann::tolerance(stop.tolerance).state(n),
            Choice::Lsmr => with_stop!(Lsmr),
        }
    }
    /// What is tried where this one ends above its tolerance.
    fn next(self, transpose: bool) -> Option<Self> {
        match self {
            Choice::Cg => Some(Choice::Minres),
            Choice::Gmres => Some(Choice::Bicgstab),
            Choice::Bicgstab | Choice::Neumann if transpose => Some(Choice::Lsmr),
            _ => None,
        }
    }
    fn remark(self, first: bool) -> &'static str {
        match (self, first) {
            (Choice::Lu, _) => "chosen: LU, since there are few unknowns, or the matrix is known",
            (Choice::Cholesky, _) => "chosen: Cholesky, since the matrix is known, symmetric and of one curvature",
            (Choice::Ldlt, _) => "chosen: LDLᵀ, since the matrix is known, symmetric and of both curvatures",
            (Choice::Cg, _) => "chosen: CG, since the operator is symmetric and of one curvature where it was looked at",
            (Choice::Minres, true) => "chosen: MINRES, since the operator is symmetric with curvatures of both signs",
            (Choice::Minres, false) => "chosen: MINRES, after CG ended above its tolerance",
            (Choice::Gmres, _) => "chosen: GMRES, since the operator is not symmetric",
            (Choice::Bicgstab, true) => "chosen: BiCGStab, since the operator is not symmetric and a basis of GMRES would be large",
            (Choice::Bicgstab, false) => "chosen: BiCGStab, after GMRES ended above its tolerance",
            (Choice::Neumann, _) => "chosen: Neumann, since the step contracts fast and a basis of GMRES would be large",
            (Choice::Lsmr, _) => "chosen: LSMR, after methods without the transpose ended above their tolerance",
        }
    }
}

impl LinearSolver for Auto {
    fn name(&self) -> String {
        "auto".into()
    }
    fn stop(&self) -> Stop {
        self.stop
    }
    /// Those of GMRES, the largest of the first choices; a method that is tried after it is not counted.
    fn state_bytes(&self, n: usize) -> u64 {
        let first = if n <= SMALL { Lu.state_bytes(n) } else { Gmres::default().state_bytes(n).min(BASIS) };
        first.saturating_add(24 * n as u64)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Choosing {
            settings: *self,
            n,
            first: Choice::Gmres,
            known: Known::default(),
            hints: Hints::default(),
            made: vec![],
            scratch: Scratch::default(),
        })
    }
}

#[derive(Debug)]
struct Choosing {
    settings: Auto,
    n: usize,
    first: Choice,
    known: Known,
    hints: Hints,
    /// The states of methods that were chosen so far.
    made: Vec<(Choice, Box<dyn State>)>,
    scratch: Scratch,
}

impl Choosing {
    fn of(&mut self, choice: Choice) -> &mut Box<dyn State> {
        let found = self.made.iter().position(|m| m.0 == choice);
        let k = found.unwrap_or_else(|| {
            self.made.push((choice, choice.state(self.settings.stop, self.n)));
            self.made.len() - 1
        });
        &mut self.made[k].1
    }
    /// Looks at the operator.
    fn choose(&mut self, a: &mut dyn Operator) -> Result<Choice, Failed> {
        let n = self.n;
        self.known = a.known();
        let matrix = matches!(a.matrix(), Some(Matrix::Dense(_) | Matrix::Sparse(_)));
        if n <= SMALL && !(matrix && self.known.symmetric) {
            return Ok(Choice::Lu);
        }
        let [u, v, w] = split::<3>(&mut self.scratch.vectors, n);
        let mut looked = System::new(a, Side::Plain);
        if !self.known.symmetric {
            self.known.symmetric = match symmetric(&mut looked, [&mut *u, &mut *v, &mut *w]) {
                Ok(()) => true,
                Err(Failed::NotSymmetric { .. }) => false,
                Err(e) => return Err(e),
            };
        }
        let factorised = matrix && n <= KNOWN;
        if !self.known.symmetric {
            if factorised {
                return Ok(Choice::Lu);
            }
            if Gmres::default().state_bytes(n) <= BASIS {
                return Ok(Choice::Gmres);
            }
            let fast = match self.hints.step {
                Some(alpha) => contracts(&mut looked, alpha, [u, w])?,
                None => false,
            };
            return Ok(if fast { Choice::Neumann } else { Choice::Bicgstab });
        }
        let definite = self.known.definite || {
            let mut curvature = |seed: u64| -> Result<f64, Failed> {
                fill_noise(seed, u);
                looked.apply(u, w)?;
                Ok(dot(u, w))
            };
            curvature(1)? * curvature(2)? > 0.0
        };
        Ok(match (factorised, definite) {
            (true, true) => Choice::Cholesky,
            (true, false) => Choice::Ldlt,
            (false, true) => Choice::Cg,
            (false, false) => Choice::Minres,
        })
    }
}

/// Whether a residual is under the goal, or rounding for an A of this size.
fn within(residual: f64, norm_of_a: f64, x: &[f64], goal: &Goal) -> bool {
    let rounding = goal.rounding(x.len(), norm_of_a, norm(x)).min(goal.accuracy * goal.size);
    residual <= goal.length.max(rounding)
}

/// Whether v ← v − αA v leaves less than [`CONTRACTS`] of a pseudo-random vector in each of four steps.
fn contracts(a: &mut System<'_>, alpha: f64, [v, image]: [&mut [f64]; 2]) -> Result<bool, Failed> {
    fill_noise(3, v);
    let mut size = norm(v);
    for _ in 0..4 {
        a.apply(v, image)?;
        scale(1.0 / a.factor(), image);
        axpy(-alpha, image, v);
        let now = norm(v);
        let shrinks = now <= CONTRACTS * size;
        if !shrinks {
            return Ok(false);
        }
        size = now;
    }
    Ok(true)
}

impl State for Choosing {
    fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> Result<(), Failed> {
        self.hints = *hints;
        self.first = self.choose(a)?;
        let made = self.of(self.first).prepare(a, hints);
        match made {
            Err(Failed::NotDefinite { .. }) if self.first == Choice::Cholesky => {
                self.first = Choice::Ldlt;
                self.of(Choice::Ldlt).prepare(a, hints)
            }
            made => made,
        }
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        a.know(self.known);
        let (mut choice, mut iterations) = (self.first, 0);
        loop {
            let made = self.of(choice).solve(a, b, x, goal);
            let certain = matches!(&made, Err(Failed::Operator(_) | Failed::NotFinite { .. } | Failed::Lacks(_)));
            let next = choice.next(a.has_transpose()).filter(|_| !certain);
            let solved = match &made {
                Ok(ended) if matches!(ended.said, Err(Failed::Singular { .. })) || ended.last_word && ended.said.is_ok() => true,
                Ok(ended) if next.is_some() => {
                    let residual = match ended.residual {
                        Some(r) => r,
                        None => {
                            let [r] = split::<1>(&mut self.scratch.vectors, self.n);
                            a.apply(x, r)?;
                            from_right(b, r);
                            norm(r)
                        }
                    };
                    within(residual, ended.norm, x, goal)
                }
                _ => false,
            };
            match (made, next) {
                (Ok(ended), _) if solved => {
                    let remark = Some(choice.remark(choice == self.first));
                    return Ok(Ended { iterations: iterations + ended.iterations, remark, ..ended });
                }
                (made, None) => {
                    let remark = Some(choice.remark(choice == self.first));
                    return made.map(|ended| Ended { iterations: iterations + ended.iterations, remark, ..ended });
                }
                (made, Some(other)) => {
                    iterations += made.map_or(0, |e| e.iterations);
                    choice = other;
                    x.fill(0.0);
                }
            }
        }
    }
    /// By the first choice, where that solves blocks; what it does not solve is tried by itself, as any other system.
    fn solve_block(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goals: &[Goal]) -> Option<Vec<Column>> {
        a.know(self.known);
        let (n, first) = (self.n.max(1), self.first);
        let mut made = self.of(first).solve_block(a, b, x, goals)?;
        let vectors = b.chunks_exact(n).zip(x.chunks_exact_mut(n)).zip(goals);
        for (column, ((b, x), goal)) in made.iter_mut().zip(vectors) {
            match &mut column.ended {
                Ok(ended) if ended.residual.is_some_and(|r| within(r, ended.norm, x, goal)) => ended.remark = Some(first.remark(true)),
                _ => {
                    a.products = column.products;
                    x.fill(0.0);
                    *column = Column { ended: self.solve(a, b, x, goal), products: a.products };
                }
            }
        }
        Some(made)
    }
}
