//! Linear operators: the transpose identity, known values, norms.
use hypertape_autodiff::record::{Csr, constant};
use hypertape_autodiff::tree::{Leaf, Structure};
use hypertape_autodiff::{Function, shape};
use hypertape_solvers::{Difference1d, Gradient2d, LinearOperator, Matrix, compose, operator_norm};
use hypertape_testkit::random;
use ndarray::{ArrayD, IxDyn, arr1, arr2};

fn adjoint_holds(name: &str, k: impl LinearOperator<Leaf, Leaf, Leaf> + Clone, domain: &[usize], range: &[usize]) -> (f64, Option<f64>) {
    let bound = LinearOperator::<Leaf, Leaf, Leaf>::norm_bound(&k);
    let f = Function::record((Leaf::new(domain), shape![]), |(x, p)| k.apply(x, &p)).unwrap();
    let g = Function::record((Leaf::new(range), shape![]), |(u, p)| k.adjoint(u, &p)).unwrap();
    assert_eq!(f.outputs().leaf_types()[0].shape[..], *range);
    let (x, u): (ArrayD<f64>, ArrayD<f64>) = (random::normal(1, IxDyn(domain)), random::normal(2, IxDyn(range)));
    let (kx, ku) = (f.eval((&x, 2.0)).unwrap(), g.eval((&u, 2.0)).unwrap());
    let (left, right) = ((&kx * &u).sum(), (&ku * &x).sum());
    assert!((left - right).abs() <= 1e-13 * (1.0 + left.abs()), "{name}: {left} {right}");
    (operator_norm(&k, &Leaf::new(domain), &shape![], 2.0, 300).unwrap(), bound)
}

#[test]
fn differences_of_a_vector() {
    for n in [1, 2, 3, 50] {
        let (norm, bound) = adjoint_holds("difference", Difference1d, &[n], &[n - 1]);
        assert!(norm <= bound.unwrap());
    }
    let f = Function::record(shape![4], |x| LinearOperator::<Leaf, Leaf, ()>::apply(&Difference1d, x, &())).unwrap();
    assert_eq!(f.eval(arr1(&[1.0, 3.0, 2.0, 2.0])).unwrap(), arr1(&[2.0, -1.0, 0.0]).into_dyn());
}

#[test]
fn gradients_of_an_image() {
    for (h, w) in [(1, 1), (1, 5), (4, 1), (7, 6), (20, 20)] {
        let (norm, bound) = adjoint_holds("gradient", Gradient2d, &[h, w], &[2, h, w]);
        assert!(norm <= bound.unwrap() && (h < 20 || norm > 0.95 * bound.unwrap()), "{norm}");
    }
    let f = Function::record(shape![2, 2], |x| LinearOperator::<Leaf, Leaf, ()>::apply(&Gradient2d, x, &())).unwrap();
    let d = f.eval(arr2(&[[1.0, 2.0], [4.0, 8.0]])).unwrap();
    assert_eq!(d.iter().copied().collect::<Vec<_>>(), [3.0, 6.0, 0.0, 0.0, 1.0, 0.0, 4.0, 0.0]);
}

#[test]
fn matrices_and_compositions() {
    let a = random::normal(3, (4, 6));
    let fixed = Matrix::fixed::<f64>(a.clone());
    let (norm, bound) = adjoint_holds("matrix", fixed.clone(), &[6], &[4]);
    assert!(norm <= bound.unwrap());
    let sparse = Csr::from_dense(&a.view()).unwrap();
    let (same, sparse_bound) = adjoint_holds("sparse", sparse, &[6], &[4]);
    assert!((same - norm).abs() <= 1e-12 * norm && sparse_bound == bound);
    let shared = a.into_shared();
    let from_params = Matrix::of::<Leaf, f64>(move |p: &hypertape_autodiff::record::Var| *p * constant(&shared));
    let (twice, none) = adjoint_holds("from the parameters", from_params.clone(), &[6], &[4]);
    assert!((twice - 2.0 * norm).abs() < 1e-6 && none.is_none());
    adjoint_holds("composed", compose::<Leaf, Leaf, Leaf, Leaf, _, _>(Difference1d, fixed), &[6], &[3]);
}
