//! Games of two players, each of whom descends on an objective of both.
use crate::calls::{Calls, Phases};
use crate::domain::Domain;
use crate::error::{Error, about};
use crate::estimator::{Ask, Estimate, Memory, Oracle};
use crate::leaves::{Leaves, len, push};
use crate::outer_loop::OuterLoop;
use crate::run::Run;
use hypertape_autodiff::array::{AnyView, LeafType, Real};
use hypertape_autodiff::record::{Scalar, Var};
use hypertape_autodiff::tree::{Leaf, Own, Structure, Vars};
use hypertape_autodiff::{ErrorKind, Function, Result, Site, Workspace};

/// The first player chooses x and wants F(x, y) small, the second chooses y and wants G(x, y) small: a point is looked for at which neither gains by moving a little, ∇_x F = 0 and ∇_y G = 0.
///
/// A game is played by an outer loop on (x, y), which sees the field v = (∇_x F, ∇_y G) where it would see a hypergradient, and F where it would see an outer objective:
///
/// - [`Descent`](crate::Descent): both move at once, w ← w − α v(w). On a bilinear game it moves away from the solution.
/// - [`Alternating`](crate::Alternating): y sees the new x. On a bilinear game it circles.
/// - [`Extragradient`](crate::Extragradient), [`Optimistic`](crate::Optimistic): converge where v is monotone, as for F convex in x and concave in y.
///
/// v is no gradient, so the length that records hold need not fall. Each evaluation counts as two gradients, one for each player. Where the second player shall have answered before the first one moves, the game is a [`Bilevel`](crate::Bilevel) problem,
/// and [`Recorded`](crate::Recorded) differentiates through its unrolled answer (Metz et al. 2017).
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Extragradient, Game, Run};
/// use ndarray::arr0;
/// let f = Function::record((shape![], shape![]), |(x, y)| (x - 1.0) * (y + 2.0))?;
/// let found = Run::play(&Game::zero_sum(&f), Extragradient::new(0.5))?.steps(300).start((arr0(5.0), arr0(5.0)))?.go()?;
/// let (x, y) = found.solution();
/// assert!((x[[]] - 1.0).abs() < 1e-12 && (y[[]] + 2.0).abs() < 1e-12);
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Game<X: Structure, Y: Structure> {
    field: Result<Field<X, Y>>,
    domain: Domain,
}

/// F and v, of (x, y).
type Field<X, Y> = Function<(X, Y), (Leaf<f64>, (X, Y))>;

impl<X: Structure, Y: Structure> Game<X, Y> {
    /// Of the objectives F of the first player and G of the second, both functions of (x, y). Mistakes in either are found when a run is made.
    #[track_caller]
    pub fn new<T: Real>(f: &Function<(X, Y), Leaf<T>>, g: &Function<(X, Y), Leaf<T>>) -> Self {
        let (first, second) = (f.wrt(|(x, _)| x).value_and_gradient(), g.wrt(|(_, y)| y).gradient());
        let field = Function::record(f.inputs().clone(), |(x, y)| {
            let (value, by_x) = first.call(Own::<(X, Y)>((x.clone(), y.clone())));
            let by_y = second.call(Own::<(X, Y)>((x, y)));
            let value: Var = Scalar::Var(value.to_dyn()).real();
            (value, (by_x, by_y))
        });
        Game { field, domain: Domain::all() }
    }
    /// What one player loses the other wins: G = −F, so that x minimises F and y maximises it.
    #[track_caller]
    pub fn zero_sum<T: Real>(f: &Function<(X, Y), Leaf<T>>) -> Self {
        let both = f.wrt(|all| all).value_and_gradient();
        let field = Function::record(f.inputs().clone(), |(x, y)| {
            let (value, (by_x, by_y)) = both.call(Own::<(X, Y)>((x, y)));
            let value: Var = Scalar::Var(value.to_dyn()).real();
            (value, (by_x, by_y.scaled(-1.0)))
        });
        Game { field, domain: Domain::all() }
    }
    /// The set that x and y are kept in: [`Domain::each`] with the entries of x and those of y gives each player its own.
    #[must_use]
    pub fn within(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }
    /// The entries of x and of y.
    ///
    /// # Errors
    /// Functions that failed or do not fit; players that move indices; a domain that does not fit.
    pub fn sizes(&self) -> Result<[usize; 2]> {
        let (x, y) = self.field.as_ref().map_err(Clone::clone)?.inputs();
        let types = [x.leaf_types(), y.leaf_types()];
        let wrong = |kind| hypertape_autodiff::Error::new("game", kind);
        if let Some(t) = types.iter().flatten().find(|t| !t.kind.is_real()) {
            return Err(wrong(ErrorKind::Other(format!(
                "players move real numbers, and one of them is {t}; make indices constants of the functions"
            ))));
        }
        let sizes = [len(&types[0]), len(&types[1])];
        self.domain.check(sizes[0] + sizes[1]).map_err(wrong)?;
        Ok(sizes)
    }
}

impl<X: Structure, Y: Structure> Run<(X, Y)> {
    /// Of a game; 100 steps unless set.
    ///
    /// # Errors
    /// Settings that cannot work, functions that failed or do not fit.
    #[track_caller]
    pub fn play(game: &Game<X, Y>, algorithm: impl OuterLoop + 'static) -> Result<Self, Error> {
        let here = Site::caller();
        game.sizes().map_err(|e| about(e, here))?;
        let field = game.field.clone().map_err(|e| about(e, here))?;
        let players = field.inputs().clone();
        let oracle = Ready { types: players.leaf_types(), field: field.workspace() };
        Run::ready(Box::new(oracle), algorithm, game.domain.clone(), players)
    }
}

/// A game that is ready.
struct Ready<X: Structure, Y: Structure> {
    field: Workspace<(X, Y), (Leaf<f64>, (X, Y))>,
    types: Vec<LeafType>,
}

impl<X: Structure, Y: Structure> Oracle for Ready<X, Y> {
    fn name(&self) -> String {
        "game".into()
    }
    fn at(&mut self, w: &[f64], _: &mut Memory, _: Ask) -> Result<Estimate> {
        let mut out = vec![];
        self.field.run_each(Leaves::cut(&self.types, w), &mut |v: AnyView<'_>| push(&v, &mut out))?;
        let inner = Calls { gradients: 2, ..Calls::default() };
        let phases = Phases { inner, adjoint: Calls::default(), outer: 0 };
        let gradient = out.split_off(out.len().min(1));
        let value = out.first().copied().unwrap_or(f64::NAN);
        Ok(Estimate {
            value,
            length: hypertape_linear::norm(&gradient),
            gradient,
            correction: 0.0,
            inner: None,
            adjoint: None,
            certified: None,
            phases,
        })
    }
}
