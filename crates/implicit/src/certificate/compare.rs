//! Solvers compared on one outer objective, each with a certificate of its gradient.
use super::{Certificate, Certify};
use crate::feed::{Owned, owned};
use hypertape_autodiff::array::{AnyArray, Real};
use hypertape_autodiff::record;
use hypertape_autodiff::tree::{Feed, Own, Structure};
use hypertape_autodiff::{Error, Function, Result, Site};
use hypertape_solvers::{Certified, Compare, Comparison, Equation, Inner, Problem};

/// What a certificate says, relative to the size of the derivative.
fn in_short<P: Structure>(c: &Certificate<P>) -> Certified {
    let share = |v: f64| if v == 0.0 { 0.0 } else { v / c.size };
    Certified {
        standing: c.standing.to_string(),
        estimate: share(c.estimate),
        bound: c.bound.map(|b| if b == 0.0 { 0.0 } else { relative_to(b, c) }),
    }
}

/// A bound of the given derivative's error, over the least size that the true one can have.
fn relative_to<P: Structure>(bound: f64, c: &Certificate<P>) -> f64 {
    let left = c.corrected_bound.unwrap_or(0.0);
    if left < c.size { bound / (c.size - left) } else { f64::INFINITY }
}

impl<Q: Equation + Problem<Solution = <Q as Problem>::Unknown>, T: Real> Certify<Q, T> {
    /// Compares solvers on this outer objective, with the derivative by all parameters, and says of each one what is known of the error of its gradient: that at the point where it
    /// stopped. The error against a reference, time, bytes and products are those of [`Compare`], the certificates are made afterwards.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// use hypertape_implicit::{ImplicitExt, certify};
    /// use hypertape_linear::Cg;
    /// use hypertape_solvers::{Compare, GradientDescent, Method, Solve};
    /// let inner = Function::record((shape![2], shape![]), |(z, a)| (0.5 * a.exp() * z.square() - z).sum())?;
    /// let outer = Function::record((shape![2], shape![]), |(z, _)| z.square().sum())?;
    /// let descent = GradientDescent::new(&inner).step_size(0.5).tolerance(1e-9);
    /// let start = ndarray::arr1(&[0.0, 0.0]);
    /// let table = certify(&inner, &outer).adjoint(Cg::default()).compare(
    ///     &Compare::default(),
    ///     &[&descent.unroll(10), &descent.implicit(Cg::default())],
    ///     &start,
    ///     0.3,
    /// )?;
    /// println!("{table}");
    /// for row in &table.rows {
    ///     let certified = row.outcome.clone().expect("no limit is set")?.certified.expect("it has an equation");
    ///     assert!(certified.bound.is_some_and(|b| b >= certified.estimate));
    /// }
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the outer objective cannot be recorded with a solver, or no certificates can be made of the problem. A solver that fails has its error in its row.
    #[track_caller]
    pub fn compare(
        &self,
        how: &Compare<'_>,
        methods: &[&dyn Inner<Q::Unknown, Q::Params>],
        start: impl Feed<Q::Unknown>,
        params: impl Feed<Q::Params>,
    ) -> Result<Comparison> {
        let here = Site::caller();
        let (unknown, shapes) = self.problem.shapes().map_err(|e| e.or_at(here))?;
        let from = owned(&start);
        let types: Vec<_> = from.iter().map(AnyArray::leaf_type).collect();
        if types != unknown.leaf_types() {
            let of = hypertape_autodiff::error::Typed::Given("the start");
            let kind = hypertape_autodiff::ErrorKind::Types { of, expected: unknown.leaf_types(), given: types };
            return Err(Error::new("compare", kind).at(here));
        }
        let solved = |method: &dyn Inner<Q::Unknown, Q::Params>, p: &<Q::Params as Structure>::Vars| {
            let mut leaves = from.iter();
            let start = unknown.vars(&mut |_| match leaves.next() {
                Some(a) => record::apply("constant", &[], here, |b, _| b.constant(a.clone().into())),
                None => record::DynVar::POISON,
            });
            method.solve_vars(start, p.clone())
        };
        let mut certifier = self.prepare().map_err(|e| e.or_at(here))?;
        let mut table = Comparison { rows: vec![] };
        for method in methods {
            let mut row = how.one(*method, shapes.clone(), &params, |inner, p| {
                let solution = solved(inner, &p);
                self.outer.call((Own::<Q::Solution>(solution), Own::<Q::Params>(p)))
            })?;
            if let Some(Ok(m)) = &mut row.outcome {
                let point = Function::record(shapes.clone(), |p| solved(*method, &p))?.eval(&params);
                let found = point.and_then(|z| certifier.with_derivative(&z, &params, Owned(&m.gradient)));
                // A row without a certificate says why.
                m.certified = Some(match found {
                    Ok(c) => in_short(&c),
                    Err(e) => Certified { standing: e.to_string(), estimate: f64::NAN, bound: None },
                });
            }
            table.rows.push(row);
        }
        Ok(table)
    }
}
