//! What `Auto` chooses.
use crate::support::*;
use hypertape_linear::*;
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr1};

#[test]
fn the_choice_is_right_and_named() {
    let free = |m: Array2<f64>| {
        let t = m.t().to_owned();
        let product = |m: Array2<f64>| {
            move |x: &[f64], y: &mut [f64]| {
                y.copy_from_slice(m.dot(&arr1(x)).as_slice().unwrap());
                Ok::<(), String>(())
            }
        };
        from_fn(m.nrows(), product(m)).with_transpose(product(t))
    };
    let chosen = |a: &mut dyn Operator| {
        let n = a.len();
        let exact: Array1<f64> = random::normal(13, n);
        let mut b = vec![0.0; n];
        a.apply(exact.as_slice().unwrap(), &mut b).unwrap();
        let mut x = vec![0.0; n];
        let o = solve(&Auto::default(), a, &b, &mut x, 1e-11).unwrap();
        assert!(o.converged() && (&arr1(&x) - &exact).mapv(f64::abs).sum() <= 1e-7 * exact.mapv(f64::abs).sum(), "{o:?}");
        o.remark.unwrap()
    };
    for n in [33, 120] {
        assert!(chosen(&mut free(definite(n))).contains("CG, since"));
        assert!(chosen(&mut free(-definite(n))).contains("CG, since"));
        assert!(chosen(&mut free(indefinite(n))).contains("MINRES"));
        assert!(chosen(&mut free(general(n))).contains("GMRES"));
        assert!(chosen(&mut definite(n)).contains("Cholesky"));
        assert!(chosen(&mut indefinite(n)).contains("LDL"));
        assert!(chosen(&mut general(n)).contains("LU"));
    }
    assert!(chosen(&mut free(general(20))).contains("LU"));
    for scale in [1e-200, 1e200] {
        assert!(chosen(&mut free(definite(40) * scale)).contains("CG, since"));
        assert!(chosen(&mut free(general(40) * scale)).contains("GMRES"));
    }
    // One direction of the other sign, which no probe sees: CG finds it, and MINRES goes on.
    let mut almost = Array2::<f64>::eye(60) * 3.0;
    almost[[7, 7]] = -1e-3;
    assert!(chosen(&mut free(almost)).contains("MINRES, after CG"));
    // A cycle, on which GMRES with a short basis stands still.
    let cycle = Array2::from_shape_fn((80, 80), |(i, j)| f64::from(u8::from((i + 1) % 80 == j)));
    let mut x = vec![0.0; 80];
    let mut b = vec![0.0; 80];
    b[0] = 1.0;
    let o = solve(&Auto::default(), &mut free(cycle), &b, &mut x, 1e-11).unwrap();
    assert!(o.converged() && (x[1] - 1.0).abs() < 1e-9, "{o:?}");
    // What no method solves is an error of the last one that was tried.
    let o =
        solve(&Auto::default(), &mut free(with_singular_values(&[vec![1.0; 39], vec![0.0]].concat())), &[1.0; 40], &mut [0.0; 40], 1e-10);
    assert!(o.is_err(), "{o:?}");
}
