//! Step sizes that may change from step to step.
use hypertape_autodiff::ErrorKind;
use std::sync::Arc;

/// A step size by the number of the step, from 0: a number, or a rule.
#[derive(Clone)]
pub struct Schedule(Rule);

#[derive(Clone)]
enum Rule {
    Constant(f64),
    /// α / (1 + k)^p.
    Power(f64, f64),
    Own(Arc<dyn Fn(u64) -> f64 + Send + Sync>),
}

impl Schedule {
    /// α / (1 + k)^p.
    #[must_use]
    pub fn power(alpha: f64, p: f64) -> Self {
        Schedule(Rule::Power(alpha, p))
    }
    /// Any function of k.
    #[must_use]
    pub fn of(rule: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        Schedule(Rule::Own(Arc::new(rule)))
    }
    /// The step size of step k.
    pub(crate) fn at(&self, k: u64) -> Result<f64, ErrorKind> {
        let v = match &self.0 {
            Rule::Constant(v) => *v,
            Rule::Power(alpha, p) => alpha / (1.0 + k as f64).powf(*p),
            Rule::Own(f) => f(k),
        };
        if v.is_finite() && v >= 0.0 { Ok(v) } else { Err(ErrorKind::setting("step size", v, "give a finite number that is not negative")) }
    }
}

impl From<f64> for Schedule {
    fn from(v: f64) -> Self {
        Schedule(Rule::Constant(v))
    }
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Rule::Constant(v) => write!(f, "{v}"),
            Rule::Power(alpha, p) => write!(f, "{alpha}/(1 + k)^{p}"),
            Rule::Own(_) => f.write_str("a function of k"),
        }
    }
}
