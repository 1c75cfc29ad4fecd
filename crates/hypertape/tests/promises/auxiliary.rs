//! What a function returns beside its loss comes from the run that makes the gradient: the same bits, and no work of its own for the derivative.
use super::alone;
use super::problem::{Problem, penalties, weights};
use hypertape::linear::Cg;
use hypertape::operation::Counts;
use hypertape::prelude::*;
use ndarray::{Array1, Array2, ArrayD, arr1};

/// The loss, the others and the gradient by the last door, and what of these is expected: of the function alone, and of the loss alone. Then the counts
/// of the run with the others, and of the run of the loss alone.
fn both<O: Structure>(
    f: &Function<Leaf, (Leaf, O)>,
    at: &ArrayD<f64>,
) -> ([Counts; 2], [(ArrayD<f64>, ArrayD<f64>); 2], [(ArrayD<f64>, O::Arrays); 2])
where
    O::Arrays: Clone,
{
    let with = f.wrt(|x| x).value_and_gradient_of(|(loss, _)| loss);
    let alone = f.output(|(loss, _)| loss).wrt(|x| x).value_and_gradient();
    let mut counted = with.workspace();
    let mut expected = alone.workspace();
    counted.run(at).unwrap();
    expected.run(at).unwrap();
    let ((loss, others), gradient) = with.eval(at).unwrap();
    let value = f.eval(at).unwrap();
    ([counted.counts(), expected.counts()], [(loss.clone(), gradient), alone.eval(at).unwrap()], [(loss, others), value])
}

/// Scores beside a loss of them.
#[test]
fn scores_of_a_linear_model() {
    let _alone = alone();
    let (n, d) = (200, 32);
    let x = Array2::from_shape_fn((n, d), |(i, j)| ((3 * i + 5 * j) as f64).sin()).into_shared();
    let f = Function::record(shape![d], |w| {
        let scores = constant(&x).dot(w);
        (scores.softplus().mean(), (scores, w.square().sum()))
    })
    .unwrap();
    let at = Array1::from_shape_fn(d, |j| 0.1 * (j as f64).cos()).into_dyn();
    let (counts, [found, expected], [others, values]) = both(&f, &at);
    assert_eq!(found, expected);
    assert_eq!(others, values);
    assert_eq!(counts[0].all_products(), counts[1].all_products());
}

/// Loops, independent items, and outputs that are not on the way to the loss.
#[test]
fn loops_and_maps() {
    let _alone = alone();
    let f = Function::record(shape![4], |x| {
        let (end, path) = scan(x, 5, |x, _| {
            let next = x + 0.1 * x.sin();
            (next, next.square().sum())
        });
        let items = map(x, |x| x.exp() * x);
        ((end * items).sum(), (path, items, end.cos()))
    })
    .unwrap();
    let (counts, [found, expected], [others, values]) = both(&f, &arr1(&[0.3, -0.2, 0.5, 1.0]).into_dyn());
    assert_eq!(found, expected);
    assert_eq!(others, values);
    assert_eq!(counts[0].steps, counts[1].steps);
}

/// The weights of an inner solve, unrolled and implicit, beside the validation loss: products with the data are those of the loss alone.
#[test]
fn the_solution_of_the_very_run() {
    let _alone = alone();
    let problem = Problem::new();
    let outer = |solver: &dyn Inner<Leaf, Leaf>| {
        Function::record(weights(), |penalty| {
            let w = solver.solve(zeros(weights()), penalty);
            (problem.validation_loss(w), w)
        })
        .unwrap()
    };
    let at = penalties().into_dyn();
    for f in [outer(&problem.descent.unroll(7)), outer(&problem.implicit(7, Cg::default().max_iterations(5)))] {
        let (counts, [found, expected], [others, values]) = both(&f, &at);
        assert_eq!(found, expected);
        assert_eq!(others, values);
        assert_eq!(counts[0].all_products(), counts[1].all_products());
        assert_eq!((counts[0].steps, counts[0].externals), (counts[1].steps, counts[1].externals));
    }
}

/// The loss may stand anywhere among the outputs, and the derivative is differentiated again.
#[test]
fn the_loss_is_picked_among_many() {
    let _alone = alone();
    let f = Function::record((shape![3], shape![]), |(x, a)| (x.exp(), (a, (a * x.square()).sum()), x.cos())).unwrap();
    let step = f.wrt(|(x, a)| (a, x)).value_and_gradient_of(|(_, (_, loss), _)| loss);
    let ((exp, (a, loss), cos), (da, dx)) = step.eval((arr1(&[1.0, 2.0, 3.0]), 0.5)).unwrap();
    assert_eq!((exp.len(), cos.len(), a.number().unwrap(), loss.number().unwrap()), (3, 3, 0.5, 7.0));
    assert_eq!((da.number().unwrap(), dx.as_slice()), (14.0, Some(&[1.0, 2.0, 3.0][..])));
    let second = step.output(|(_, (_, dx))| dx.sum()).wrt(|(_, a)| a);
    assert!(second.gradient().eval((arr1(&[1.0, 2.0, 3.0]), 0.5)).is_err(), "a sum is not one of the outputs");
    let second = step.output(|(_, (_, dx))| dx).wrt(|(_, a)| a).jvp();
    let (_, slope) = second.eval(((arr1(&[1.0, 2.0, 3.0]), 0.5), 1.0)).unwrap();
    assert_eq!(slope.as_slice(), Some(&[2.0, 4.0, 6.0][..]));
    // Of a loss that depends on no variable.
    let none = f.wrt(|(x, _)| x).value_and_gradient_of(|(_, (a, _), _)| a);
    assert_eq!(none.eval((arr1(&[1.0, 2.0, 3.0]), 0.5)).unwrap().1.as_slice(), Some(&[0.0; 3][..]));
}
