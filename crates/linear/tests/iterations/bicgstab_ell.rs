//! BiCGStab(ℓ): where its polynomials of higher degree help, at any scale and size.
use crate::MEMORY;
use crate::support::*;
use hypertape_linear::*;
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr1};

const DEGREES: [usize; 8] = [1, 2, 3, 4, 5, 8, 12, 16];

/// Pairs of eigenvalues σ ± iμ with μ much larger than σ: σ and μ of pair k are lines in k.
fn pairs(n: usize, real: [f64; 2], imaginary: [f64; 2]) -> Array2<f64> {
    let at = |[start, step]: [f64; 2], k: usize| start + step * k as f64;
    Array2::from_shape_fn((n, n), |(i, j)| match (i == j, i / 2 == j / 2) {
        (true, _) => at(real, i / 2),
        (_, true) => at(imaginary, i / 2) * if i < j { 1.0 } else { -1.0 },
        _ => 0.0,
    })
}

/// Flow along a line with hardly any diffusion δ, by central differences: eigenvalues δ ± 2i cos(kπ/(n + 1)).
fn flow(n: usize, diffusion: f64) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| match j as i64 - i as i64 {
        0 => diffusion,
        1 => 1.0,
        -1 => -1.0,
        _ => 0.0,
    })
}

/// A solve to 10⁻⁸ of a system whose solution is known, and the error of x.
fn to_eight_digits(s: &Bicgstab, a: &Array2<f64>) -> (Outcome, f64) {
    let n = a.nrows();
    let exact: Array1<f64> = random::normal(13, n);
    let (b, mut x) = (a.dot(&exact).to_vec(), vec![0.0; n]);
    let o = solve(s, &mut a.clone(), &b, &mut x, 1e-8).unwrap();
    (o, (arr1(&x) - exact).mapv(|v| v * v).sum().sqrt())
}

#[test]
fn fewer_products_where_eigenvalues_are_nearly_imaginary() {
    println!("{:>12} {:>3} {:>9}", "matrix", "ℓ", "products");
    for (name, a, share) in [
        ("pairs", pairs(200, [0.1, 0.002], [1.0, 0.02]), 0.6),
        ("pairs", pairs(200, [0.3, 0.005], [2.0, 0.05]), 0.6),
        ("pairs", pairs(200, [0.05, 0.01], [1.0, 0.005]), 0.4),
        ("flow", flow(200, 0.5), 0.7),
        ("flow", flow(400, 0.5), 0.7),
        ("flow", flow(200, 0.02), 0.97),
    ] {
        let products = DEGREES.map(|ell| {
            let (o, error) = to_eight_digits(&Bicgstab::default().ell(ell), &a);
            assert!(o.converged() && error < 1e-8 * 200.0 * 15.0, "{name} {ell}: {error:e} {o:?}");
            // Degree one stands still by itself, and is not left alone.
            assert_eq!(o.remark.is_some(), ell == 1, "{name} {ell}: {o:?}");
            println!("{name:>12} {ell:>3} {:>9}", o.products.plain);
            o.products.plain as f64
        });
        assert!(products[3] <= share * products[0], "{name}: {products:?}");
    }
}

#[test]
fn any_degree_at_any_size_and_scale() {
    for n in [1, 2, 3, 5, 7, 16, 17, 40, 70] {
        for seed in 0..3 {
            let a = Array2::eye(n) + random::normal(100 + seed, (n, n)) / (2.0 * (n as f64).sqrt());
            let b: Array1<f64> = random::normal(13 + seed, n);
            for scale in [1.0, 1e30, 1e-30, 1e150, 1e-150] {
                for side in [Side::Plain, Side::Transposed] {
                    let mut a = &a * scale;
                    let mut lu = Lu.prepare(a.clone()).unwrap();
                    let exact = if side == Side::Plain { lu.solve(&b.to_vec()) } else { lu.solve_transposed(&b.to_vec()) }.unwrap().x;
                    for ell in DEGREES {
                        let s = Bicgstab::default().ell(ell);
                        let mut w = Workspace::new(&s, n);
                        w.prepare(&mut a, &Hints::default()).unwrap();
                        let mut x = vec![0.0; n];
                        let o = w.solve(&mut a, side, &b.to_vec(), &mut x, Tolerance { relative: 1e-12, absolute: 0.0 }).unwrap();
                        let wrong = (&arr1(&x) - &exact).mapv(|v| (v * scale).abs()).sum() / exact.mapv(|v| (v * scale).abs()).sum();
                        assert!(o.converged() && wrong < 1e-9, "{} n = {n}, {scale:e}, {side:?}: {wrong:e} {o:?}", s.name());
                    }
                }
            }
        }
    }
}

#[test]
fn degrees_of_skew_matrices_and_what_they_take() {
    // A r is orthogonal to r, and so are all odd powers.
    let skew = flow(100, 0.0);
    for ell in DEGREES {
        let (o, error) = to_eight_digits(&Bicgstab::default().ell(ell), &skew);
        assert!(o.converged() && error < 1e-5, "{ell}: {error:e} {o:?}");
    }
    // Vectors as planned, and none when warm; in single precision too.
    let n = 100;
    for ell in DEGREES {
        let s = Bicgstab::default().ell(ell);
        assert_eq!(s.state_bytes(n), (8 * n * (2 * ell.next_multiple_of(2) + 4)) as u64);
        let (mut a, b, mut x) = (flow(n, 0.5), vec![1.0; n], vec![0.0; n]);
        let mut w = Workspace::new(&s, n);
        let mut run = || {
            x.fill(0.0);
            w.prepare(&mut a, &Hints::default()).unwrap();
            w.solve(&mut a, Side::Plain, &b, &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap()
        };
        let (_, first) = MEMORY.measure(&mut run);
        let (_, second) = MEMORY.measure(&mut run);
        assert_eq!(second.on_this_thread, 0, "{}", s.name());
        assert!(first.on_this_thread > 0);
        let o = solve(&s, &mut Single::new(flow(n, 0.5).mapv(|v| v as f32)), &b, &mut vec![0.0; n], 1e-5).unwrap();
        assert!(o.converged(), "{}: {o:?}", s.name());
    }
    // With a preconditioner, whose scale is its own.
    for at in [1e-150, 1.0, 1e150] {
        let d = Array2::from_diag(&Array1::from_shape_fn(n, |i| 1.0 + i as f64));
        let a = d.dot(&flow(n, 0.5)) * at;
        let (exact, mut x): (Array1<f64>, _) = (random::normal(13, n), vec![0.0; n]);
        let s = Bicgstab::default().ell(4).preconditioner(Jacobi);
        let o = solve(&s, &mut a.clone(), &a.dot(&exact).to_vec(), &mut x, 1e-11).unwrap();
        assert!(o.converged() && (arr1(&x) - exact).mapv(f64::abs).sum() < 1e-6 && s.name() == "BiCGStab(4) with Jacobi", "{at:e}: {o:?}");
    }
}

#[test]
fn degrees_that_cannot_work_are_named() {
    for ell in [0, 17, usize::MAX] {
        let e = Bicgstab::default().ell(ell).prepare(Diagonal(vec![1.0])).map(|_| ());
        assert!(matches!(e, Err(Failed::Setting { what: "ℓ", .. })), "{e:?}");
        // A workspace that was not checked has one that works.
        let mut w = Workspace::new(&Bicgstab::default().ell(ell), 3);
        let (mut a, mut x) = (Diagonal(vec![1.0, 2.0, 3.0]), [0.0; 3]);
        w.prepare(&mut a, &Hints::default()).unwrap();
        assert!(w.solve(&mut a, Side::Plain, &[1.0; 3], &mut x, Tolerance { relative: 1e-9, absolute: 0.0 }).unwrap().converged());
    }
    assert_eq!(Bicgstab::default().name(), "BiCGStab");
    assert_eq!(Bicgstab::tolerance(1e-9).ell(2).name(), "BiCGStab(2)");
}
