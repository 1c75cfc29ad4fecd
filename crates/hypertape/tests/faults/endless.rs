//! Extreme counts and sizes neither panic nor run for ever.

/// The Neumann series of the implicit layer ends when its terms are 0, or too small to change the sum, or do not get smaller.
mod series {
    use hypertape::prelude::*;
    use std::convert::Infallible;

    fn slope(a: f64, step: f64) -> Result<f64> {
        let f = Function::record((shape![], shape![]), |(z, p)| a * z - p)?;
        let root =
            implicit::root(&f, move |p, _| Ok::<_, Infallible>(p.number().unwrap() / a)).adjoint(Neumann::terms(usize::MAX).step(step));
        Ok(Function::record(shape![], |p| root.solve(0.0, p))?.gradient(1.0)?.number().unwrap())
    }

    #[test]
    fn all_terms_are_a_finite_number_of_them() {
        // 1 / a: in one term, in about 100, and in about 7000.
        for (a, step) in [(2.0, 0.5), (1.0, 0.5), (1.0, 0.01)] {
            let g = slope(a, step).unwrap();
            assert!((g * a - 1.0).abs() < 1e-12, "{a}, {step}: {g}");
        }
    }

    #[test]
    fn terms_that_do_not_get_smaller_end_it() {
        // (1 − 2)ᵏ neither grows nor falls; 1 − 1e-9 falls too slowly.
        assert!(slope(2.0, 1.0).is_ok());
        assert!(slope(1e-9, 1.0).is_ok());
    }
}
