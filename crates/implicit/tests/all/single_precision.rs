//! Equations in single precision through every linear solver with its default settings: what rounding leaves counts as solved.
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{Scalar, Var, scalar, zeros};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{Function, Result};
use hypertape_implicit::*;
use hypertape_linear::*;
use hypertape_solvers::{GradientDescent, Method};
use hypertape_testkit::random;
use ndarray::{Array1, Array2};

const N: usize = 12;

/// The derivative by the penalty of Σ z, for a ridge regression with a kernel of condition about 20.
fn slope<T: Real>(solver: impl LinearSolver, tolerance: f64) -> Result<f64> {
    let (number, vector, matrix) = (Leaf::<T>::new([]), Leaf::<T>::new([N]), Leaf::<T>::new([N, N]));
    let objective = Function::record((vector.clone(), (matrix.clone(), vector.clone(), number.clone())), |(z, (a, b, l))| {
        let half: Var<T> = scalar(0.5);
        half * z.dot(a.dot(z)) + half * l * z.square().sum() - b.dot(z)
    })?;
    let method = GradientDescent::new(&objective).step_size(Scalar::from(0.1)).tolerance(tolerance).max_iterations(5000).implicit(solver);
    let f = Function::record((matrix, vector.clone(), number), |(a, b, l)| method.solve(zeros(vector), (a, b, l)).sum())?;
    let x: Array2<f64> = random::sym(1, (N, N));
    let (a, b): (Array2<f64>, Array1<f64>) = (x.dot(&x.t()), random::sym(2, N));
    let (a, b) = (a.mapv(T::from_f64), b.mapv(T::from_f64));
    Ok(f.wrt(|(_, _, l)| l).gradient().eval((&a, &b, &ndarray::arr0(T::from_f64(0.3))))?.number()?.to_f64())
}

macro_rules! by {
    ($($name:ident: $solver:expr;)*) => { $(
        #[test]
        fn $name() {
            let (single, double) = (slope::<f32>($solver, 1e-5).unwrap(), slope::<f64>($solver, 1e-12).unwrap());
            // The solution and the adjoint are each within about 1e-5 over the smallest curvature, 0.3.
            assert!((single - double).abs() <= 1e-4 * (1.0 + double.abs()), "{single} instead of {double}");
        }
    )* };
}
by! {
    cg: Cg::default();
    gmres: Gmres::default();
    bicgstab: Bicgstab::default();
    normal_cg: NormalCg::default();
    lu: Lu;
    cholesky: Cholesky;
    neumann: Neumann::terms(500);
}
