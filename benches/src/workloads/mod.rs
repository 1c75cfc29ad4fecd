//! What a workload is, and the list of them.

mod batch;
mod deq;
mod dictionary;
mod hessian;
mod hyper;
mod logistic;
mod network;
mod tiny;
mod total_variation;

use crate::limits::Level;
use hypertape::array::AnyView;
use hypertape::plan::Memory;
use hypertape::prelude::*;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// How big: each workload says what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// In cache.
    Small,
    /// Around the last-level cache.
    Medium,
    /// Beyond it.
    Large,
}

impl Size {
    /// One of three values.
    pub fn of<T>(self, small: T, medium: T, large: T) -> T {
        match self {
            Size::Small => small,
            Size::Medium => medium,
            Size::Large => large,
        }
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "small" => Ok(Size::Small),
            "medium" => Ok(Size::Medium),
            "large" => Ok(Size::Large),
            _ => Err(format!("`{s}` is not a size; give small, medium or large")),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.of("small", "medium", "large"))
    }
}

/// A function with its inputs, ready to be called again and again. Its workspace is made in the first call.
pub trait Workload {
    /// Computes everything anew from the inputs and hands out the results leaf by leaf.
    ///
    /// # Errors
    /// What running the function gives.
    fn call(&mut self, leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()>;
    /// What the plan needs, by purpose.
    fn memory(&self) -> Memory;
    /// The plan, to print.
    ///
    /// # Errors
    /// When the function cannot be planned.
    fn plan(&self) -> Result<String>;
}

/// Any function with owned inputs.
struct Call<I: Structure, O: Structure, A> {
    function: Function<I, O>,
    workspace: Option<Workspace<I, O>>,
    at: A,
}

impl<I: Structure, O: Structure, A: Feed<I>> Workload for Call<I, O, A> {
    fn call(&mut self, leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        self.workspace.get_or_insert_with(|| self.function.workspace()).run_each(&self.at, leaf)
    }
    fn memory(&self) -> Memory {
        self.function.plan().map(|p| p.memory()).unwrap_or_default()
    }
    fn plan(&self) -> Result<String> {
        Ok(self.function.plan()?.to_string())
    }
}

/// A function at a point as a workload, planned.
fn call<I: Structure, O: Structure>(function: Function<I, O>, at: impl Feed<I> + 'static) -> Made {
    function.plan()?;
    Ok(Box::new(Call { function, workspace: None, at }))
}

/// A workload, or why there is none.
pub type Made = Result<Box<dyn Workload>, Box<dyn Error>>;

/// A workload whose data stand: calling it records, differentiates and plans.
pub type Ready = Result<Box<dyn FnOnce() -> Made>, Box<dyn Error>>;

fn ready(make: impl FnOnce() -> Made + 'static) -> Ready {
    Ok(Box::new(make))
}

/// What a call of a workload takes at least: bytes that it reads from a level, and floating-point operations.
#[derive(Debug, Clone, Copy)]
pub struct Least {
    /// Where the data lie at this size, on a machine with a third-level cache of 4 to 64 MB.
    pub level: Level,
    /// Bytes of the data, each read once.
    pub bytes: f64,
    /// Additions and multiplications.
    pub operations: f64,
}

/// What a call takes at least, for the workloads that one reading of a dense matrix bounds.
#[must_use]
pub fn least(workload: &str, size: &str) -> Option<Least> {
    let products = match workload {
        "logreg_grad" | "logreg_hvp" => 2.0,
        "logreg_hvp_full" => 3.0,
        _ => return None,
    };
    let (elements, level) = match size {
        "small" => (2000.0 * 200.0, Level::Third),
        "medium" => (20_000.0 * 500.0, Level::Memory),
        _ => return None,
    };
    Some(Least { level, bytes: 8.0 * elements, operations: 2.0 * products * elements })
}

/// Every workload with the variants that it has besides the plain one.
pub const ALL: [(&str, &[&str]); 22] = [
    ("tiny_rosen", &[]),
    ("tiny_expr20", &[]),
    ("mlp_grad", &[]),
    ("logreg_grad", &[]),
    ("logreg_hvp", &[]),
    ("logreg_hvp_full", &[]),
    ("unroll_scalar", &["sqrt", "half", "eighth", "values", "fwd"]),
    ("unroll_vec", &["sqrt", "half", "eighth", "values"]),
    ("implicit_inner", &[]),
    ("implicit_adjoint", &[]),
    ("implicit_full", &["auto", "certified"]),
    ("ista_lambda", &["sqrt", "half", "eighth", "values", "fwd"]),
    ("ista_dict", &["sqrt", "half", "eighth", "values"]),
    ("ista_implicit_lambda", &[]),
    ("ista_implicit_dict", &[]),
    ("tv_lambda", &["sqrt", "half", "eighth", "fwd"]),
    ("tv_map", &["sqrt", "half", "eighth"]),
    ("deq", &["gmres"]),
    ("hess_dense", &[]),
    ("hess_banded", &[]),
    ("batch_ridge", &[]),
    ("batch_lista", &[]),
];

/// A workload by name, size and variant (empty for the plain one), with its data made.
///
/// # Errors
/// When there is no such workload or variant; the result's own are those of recording.
pub fn prepare(name: &str, size: Size, variant: &str) -> Ready {
    let Some((_, variants)) = ALL.iter().find(|w| w.0 == name) else {
        let names: Vec<&str> = ALL.iter().map(|w| w.0).collect();
        return Err(format!("there is no workload `{name}`; give one of {}", names.join(", ")).into());
    };
    let variant = match variants.iter().find(|v| **v == variant) {
        Some(known) => known,
        None if variant.is_empty() => "",
        None => return Err(format!("`{name}` has no variant `{variant}`; it has {variants:?}").into()),
    };
    match name {
        "tiny_rosen" => tiny::rosenbrock(size),
        "tiny_expr20" => tiny::expression(),
        "mlp_grad" => network::gradient(size),
        "logreg_grad" => logistic::gradient(size),
        "logreg_hvp" => logistic::hvp(size),
        "logreg_hvp_full" => logistic::hvp_full(size),
        "unroll_scalar" => hyper::unrolled(size, false, variant),
        "unroll_vec" => hyper::unrolled(size, true, variant),
        "implicit_inner" => hyper::inner(size),
        "implicit_adjoint" => hyper::adjoint(size),
        "implicit_full" => hyper::full(size, variant),
        "ista_lambda" => dictionary::unrolled(size, false, variant),
        "ista_dict" => dictionary::unrolled(size, true, variant),
        "ista_implicit_lambda" => dictionary::implicit(size, false),
        "ista_implicit_dict" => dictionary::implicit(size, true),
        "tv_lambda" => total_variation::unrolled(size, false, variant),
        "tv_map" => total_variation::unrolled(size, true, variant),
        "hess_dense" => hessian::dense(size),
        "hess_banded" => hessian::banded(size),
        "batch_ridge" => batch::ridge(size),
        "batch_lista" => batch::lista(size),
        _ => deq::equilibrium(size, variant),
    }
}

/// A workload by name, size and variant, ready to be called.
///
/// # Errors
/// As [`prepare`], and those of recording.
pub fn make(name: &str, size: Size, variant: &str) -> Made {
    prepare(name, size, variant)?()
}

/// How an unrolled loop is kept, by the name of a variant, where all states take so many bytes.
fn keep(variant: &str, states: usize) -> Keep {
    match variant {
        "sqrt" => Keep::Sqrt,
        "values" => Keep::Values,
        "half" => Keep::Bytes(states as u64 / 2),
        "eighth" => Keep::Bytes(states as u64 / 8),
        _ => Keep::All,
    }
}
