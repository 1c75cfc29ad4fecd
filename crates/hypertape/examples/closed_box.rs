//! A solver that is not recorded: the user's own coordinate descent, differentiated by the equation that its answer satisfies.
mod support;

use hypertape::ndarray::{self, Array1, Array2, ArrayView1, ArrayView2};
use hypertape::prelude::*;
use support::{Accuracy, assert_close, check, random};

#[derive(Debug, thiserror::Error)]
#[error("coordinate descent did not converge in {sweeps} sweeps")]
struct NotConverged {
    sweeps: usize,
}

/// min ½‖Xβ − y‖² + λ‖β‖₁, one coordinate after the other; `residual` is the caller's memory.
fn coordinate_descent(
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    lambda: f64,
    start: ArrayView1<'_, f64>,
    residual: &mut Vec<f64>,
) -> Result<Array1<f64>, NotConverged> {
    let mut beta = start.to_owned();
    residual.clear();
    residual.extend(y.iter().zip(x.dot(&beta)).map(|(y, p)| y - p));
    for _ in 0..5000 {
        let mut moved = 0.0_f64;
        for (j, column) in x.columns().into_iter().enumerate() {
            let squared: f64 = column.dot(&column);
            let rho = column.iter().zip(&*residual).map(|(x, r)| x * r).sum::<f64>() + squared * beta[j];
            let next = rho.signum() * (rho.abs() - lambda).max(0.0) / squared;
            let change = next - beta[j];
            residual.iter_mut().zip(column).for_each(|(r, x)| *r -= change * x);
            beta[j] = next;
            moved = moved.max(change.abs());
        }
        if moved < 1e-15 {
            return Ok(beta);
        }
    }
    Err(NotConverged { sweeps: 5000 })
}

const N: usize = 12;
const D: usize = 8;
const STEP: f64 = 0.02;

type Data = (Leaf, Leaf, Leaf);

fn shapes() -> Data {
    (shape![N, D], shape![N], shape![])
}

/// One step of ISTA: the solution is its fixed point.
fn ista() -> Result<Function<(Leaf, Data), Leaf>> {
    Function::record((shape![D], shapes()), |(beta, (x, y, lambda))| {
        (beta - STEP * x.t().dot(x.dot(beta) - y)).soft_threshold(STEP * lambda)
    })
}

fn data() -> (Array2<f64>, Array1<f64>, f64) {
    let x = random::normal(1, (N, D));
    let truth = ndarray::arr1(&[2.0, -1.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let y = x.dot(&truth) + 0.1 * random::normal(2, N);
    (x, y, 1.0)
}

#[cfg_attr(test, test)]
fn a_lasso_by_coordinate_descent() -> Result<()> {
    let ista = ista()?;
    let solver = implicit::fixed_point(&ista, |(x, y, lambda), start| {
        coordinate_descent(x.d2().view(), y.d1().view(), lambda[[]], start.d1().view(), &mut vec![])
    });
    // The same as a root; this one owns its buffer, one for each workspace.
    let residual = Function::record(ista.inputs().clone(), |(beta, data)| beta - ista.call((beta, data)))?;
    let with_buffer = implicit::root_with(&residual, Vec::new, |buffer, (x, y, lambda), start| {
        coordinate_descent(x.d2().view(), y.d1().view(), lambda[[]], start.d1().view(), buffer)
    })
    .adjoint(Lu);

    fn loss<Q: Equation<Unknown = Leaf, Params = Data, Solution = Leaf>>(solver: &implicit::Outside<Q>) -> Result<Function<Data, Leaf>> {
        Function::record(shapes(), |(x, y, lambda)| {
            let beta = solver.solve(zeros(shape![D]), (x, y, lambda));
            (beta - 1.0).square().sum() + beta.norm_l1()
        })
    }
    let (fixed_point, root) = (loss(&solver)?, loss(&with_buffer)?);
    let accuracy = Accuracy::with_kinks(N * D).solved_to(1e-14);
    let gradient = check(&fixed_point, data(), accuracy)?;
    let same = check(&root, data(), accuracy)?;
    // GMRES ends at 1e-12, LU at rounding; 1/STEP and the condition of the active columns multiply that.
    assert_close("gradient by y", &same.1, &gradient.1, 1e-10);

    let beta = Function::record(shapes(), |data| solver.solve(zeros(shape![D]), data))?.eval(data())?;
    println!("coefficients {beta:.3}");
    assert!(beta.iter().filter(|b| **b == 0.0).count() >= 3 && beta.iter().any(|b| b.abs() > 1.0), "{beta}");
    Ok(())
}

#[cfg_attr(test, test)]
fn errors_of_the_users_code_come_out() -> Result<()> {
    let solver = implicit::fixed_point(&ista()?, |_data, _start| Err::<Array1<f64>, _>(NotConverged { sweeps: 3 }));
    let f = Function::record(shapes(), |data| solver.solve(zeros(shape![D]), data).sum())?;
    let e = f.eval(data()).err().map(|e| e.to_string()).unwrap_or_default();
    println!("{e}");
    assert!(e.contains("did not converge in 3 sweeps") && e.contains("closed_box.rs"), "{e}");

    // A point that is no solution is an error too, not a silently wrong gradient.
    let solver = implicit::fixed_point(&ista()?, |_data, _start| Ok::<_, NotConverged>(Array1::from_elem(D, 1.0)));
    let f = Function::record(shapes(), |data| solver.solve(zeros(shape![D]), data).sum())?;
    let e = f.eval(data()).err().map(|e| e.to_string()).unwrap_or_default();
    println!("{e}");
    assert!(e.contains("residual") && e.contains("closed_box.rs"), "{e}");
    Ok(())
}

fn main() -> Result<()> {
    a_lasso_by_coordinate_descent()?;
    errors_of_the_users_code_come_out()
}
