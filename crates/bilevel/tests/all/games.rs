//! Games against closed forms: bilinear ones, on which the methods differ, and strongly monotone ones, on which all of them converge.
use hypertape_autodiff::record::constant;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, shape};
use hypertape_bilevel::{Alternating, Descent, Domain, Error, Extragradient, Game, Optimistic, Outcome, OuterLoop, Run};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr0, arr1};

/// x y.
fn product() -> Game<Leaf, Leaf> {
    Game::zero_sum(&Function::record((shape![], shape![]), |(x, y)| x * y).unwrap())
}

fn play(game: &Game<Leaf, Leaf>, algorithm: impl OuterLoop + 'static, steps: u64) -> Result<Outcome<(Leaf, Leaf)>, Error> {
    Run::play(game, algorithm)?.steps(steps).start((arr0(3.0), arr0(-4.0)))?.go()
}

fn squared(found: &Outcome<(Leaf, Leaf)>) -> f64 {
    found.state.free.iter().map(|v| v * v).sum()
}

#[test]
fn on_a_product_each_method_goes_by_its_closed_form() -> Result<(), Error> {
    let (game, a, steps) = (product(), 0.3_f64, 20);
    let close = |found: f64, expected: f64| assert!((found - expected).abs() <= 1e-13 * expected.max(1.0), "{found} {expected}");
    close(squared(&play(&game, Descent::new(a), steps)?), 25.0 * (1.0 + a * a).powi(20));
    close(squared(&play(&game, Extragradient::new(a), steps)?), 25.0 * (1.0 - a * a + a.powi(4)).powi(20));
    // x² + y² − α x y stays what it is.
    let kept = |x: f64, y: f64| x * x + y * y - a * x * y;
    let found = play(&game, Alternating::new(&game, a), steps)?;
    close(kept(found.state.free[0], found.state.free[1]), kept(3.0, -4.0));
    // The recursion of Popov, by hand.
    let ((mut x, mut y), mut last) = ((3.0, -4.0), (0.0, 0.0));
    for _ in 0..steps {
        let u = (x - a * last.0, y - a * last.1);
        last = (u.1, -u.0);
        (x, y) = (x - a * last.0, y - a * last.1);
    }
    let found = play(&game, Optimistic::new(a), steps)?;
    close(found.state.free[0], x);
    close(found.state.free[1], y);
    Ok(())
}

#[test]
fn on_a_bilinear_game_extragradient_reaches_what_descent_leaves() -> Result<(), Error> {
    // The point is that A (y − c) = 0 and Aᵀ (x − b) = 0; the singular values of A lie between ½ and 3/2.
    let n = 4;
    let a = Array2::eye(n) + 0.2 * random::sym(1, (n, n));
    let (b, c): (Array1<f64>, Array1<f64>) = (random::sym(2, n), random::sym(3, n));
    let shared = (a.into_shared(), b.clone().into_shared(), c.clone().into_shared());
    let f =
        Function::record((shape![n], shape![n]), |(x, y)| (x - constant(&shared.1)).dot(constant(&shared.0).dot(y - constant(&shared.2))))?;
    let game = Game::zero_sum(&f);
    let far = |algorithm: Box<dyn Fn() -> Result<Run<(Leaf, Leaf)>, Error>>| -> Result<f64, Error> {
        let found = algorithm()?.steps(1500).start((Array1::zeros(n), Array1::zeros(n)))?.go()?;
        let target = b.iter().chain(&c);
        Ok(found.state.free.iter().zip(target).map(|(w, t)| (w - t).abs()).fold(0.0, f64::max))
    };
    let own = game.clone();
    assert!(far(Box::new(move || Run::play(&own, Extragradient::new(0.4))))? < 1e-12);
    let own = game.clone();
    assert!(far(Box::new(move || Run::play(&own, Optimistic::new(0.3))))? < 1e-12);
    let own = game.clone();
    assert!(far(Box::new(move || Run::play(&own, Descent::new(0.1))))? > 10.0);
    let own = game.clone();
    let circles = far(Box::new(move || Run::play(&own, Alternating::new(&own, 0.3))))?;
    assert!(circles > 1e-2 && circles < 2.0, "{circles}");
    Ok(())
}

#[test]
fn two_objectives_find_the_equilibrium_and_domains_hold() -> Result<(), Error> {
    // Cournot: F = −x(10 − x − y) + x, G = −y(10 − x − y) + 2y. ∇: 2x + y = 9, x + 2y = 8, so x = 10/3, y = 7/3.
    let f = Function::record((shape![], shape![]), |(x, y)| x - x * (10.0 - x - y))?;
    let g = Function::record((shape![], shape![]), |(x, y)| 2.0 * y - y * (10.0 - x - y))?;
    let game = Game::new(&f, &g);
    let near = |found: Outcome<(Leaf, Leaf)>, x: f64, y: f64| {
        let (a, b) = found.solution();
        assert!((a[[]] - x).abs() < 1e-12 && (b[[]] - y).abs() < 1e-12, "{a} {b}");
    };
    near(play(&game, Descent::new(0.3), 200)?, 10.0 / 3.0, 7.0 / 3.0);
    near(play(&game, Alternating::new(&game, 0.3), 200)?, 10.0 / 3.0, 7.0 / 3.0);
    near(play(&game, Extragradient::new(0.2), 400)?, 10.0 / 3.0, 7.0 / 3.0);
    near(play(&game, Optimistic::new(0.1), 400)?, 10.0 / 3.0, 7.0 / 3.0);
    // Where the first one may offer at most 2, the answer is 3.
    let game = game.within(Domain::each([(1, Domain::boxed(0.0, 2.0)), (1, Domain::all())]));
    near(play(&game, Extragradient::new(0.2), 400)?, 2.0, 3.0);
    near(play(&game, Optimistic::new(0.1), 400)?, 2.0, 3.0);
    near(play(&game, Alternating::new(&game, 0.3), 200)?, 2.0, 3.0);
    Ok(())
}

#[test]
fn runs_of_games_resume_and_count() -> Result<(), Error> {
    let game = product();
    let whole = play(&game, Optimistic::new(0.3), 12)?;
    let half = play(&game, Optimistic::new(0.3), 5)?;
    let resumed = Run::play(&game, Optimistic::new(0.3))?.steps(12).go_on(half.state)?.go()?;
    assert_eq!(resumed.state, whole.state);
    assert_eq!(whole.phases().total(), 24);
    assert_eq!(play(&game, Extragradient::new(0.3), 12)?.phases().total(), 48);
    Ok(())
}

#[test]
fn what_cannot_be_played_is_refused() -> Result<(), Error> {
    let game = product();
    assert!(Run::play(&game, Extragradient::new(f64::NAN)).unwrap_err().to_string().contains("step size"));
    assert!(Run::play(&game, Optimistic::new(-1.0)).unwrap_err().to_string().contains("step size"));
    let wide = Game::zero_sum(&Function::record((shape![2], shape![2]), |(x, y)| x.dot(y))?);
    let refused = Run::play(&wide, Alternating::new(&game, 0.1)).unwrap_err().to_string();
    assert!(refused.contains("1 and 1 entries"), "{refused}");
    let refused = Run::play(&wide.clone().within(Domain::each([(3, Domain::all())])), Descent::new(0.1)).unwrap_err().to_string();
    assert!(refused.contains("4"), "{refused}");
    // Objectives of other shapes.
    let f = Function::record((shape![2], shape![2]), |(x, y)| x.dot(y))?;
    let g = Function::record((shape![3], shape![2]), |(x, y)| x.sum() * y.sum())?;
    assert!(Run::play(&Game::new(&f, &g), Descent::new(0.1)).is_err());
    let found = Run::play(&wide, Descent::new(0.1))?.start((arr1(&[1.0]), arr1(&[1.0, 2.0])));
    assert!(found.is_err());
    Ok(())
}
