//! A user's own operation that refuses, fails, or has rules that do not fit.
use crate::{here, wrong};
use hypertape::array::{AnyView, AnyViewMut, LeafType};
use hypertape::operation::Report;
use hypertape::prelude::*;
use hypertape::{ErrorKind, Primitive, apply_primitive};
use ndarray::arr1;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    Operands,
    Value,
    OwnError,
    ShapeOfRules,
    NumberOfRules,
    MistakeInRules,
    ForeignRules(DynVarDebug),
}

/// A handle that compares.
#[derive(Debug, Clone, Copy)]
struct DynVarDebug(DynVar);
impl PartialEq for DynVarDebug {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_value(other.0)
    }
}

/// The identity, with a flaw.
#[derive(Debug)]
struct Flawed(Flaw);

impl Flawed {
    fn rule(&self, derivative: Option<DynVar>) -> Vec<Option<DynVar>> {
        let v = derivative.map(Var::<f64>::from_dyn);
        match self.0 {
            Flaw::ShapeOfRules => vec![v.map(|v| v.sum().to_dyn())],
            Flaw::NumberOfRules => vec![],
            Flaw::MistakeInRules => vec![v.map(|v| here!(v.trace()).to_dyn())],
            Flaw::ForeignRules(far) => vec![v.map(|v| here!(v + Var::from_dyn(far.0)).to_dyn())],
            _ => vec![derivative],
        }
    }
}

impl Primitive for Flawed {
    type Scratch = ();
    fn name(&self) -> &str {
        "flawed"
    }
    fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, ErrorKind> {
        if self.0 == Flaw::Operands { Err("takes nothing; give it nothing".into()) } else { Ok(inputs.to_vec()) }
    }
    fn scratch(&self, _: &[LeafType]) {}
    fn value(&self, _: &mut (), x: &[AnyView<'_>], y: &mut [AnyViewMut<'_>]) -> Result<Option<Report>, ErrorKind> {
        match self.0 {
            Flaw::Value => return Err("the sensor is off; switch it on".into()),
            Flaw::OwnError => return Err(ErrorKind::user(std::io::Error::other("the cable is cut"))),
            _ => {}
        }
        if let (AnyView::F64(x), AnyViewMut::F64(y)) = (&x[0], &mut y[0]) {
            y.assign(x);
        }
        Ok(None)
    }
    fn tangent(&self, _: &[DynVar], _: &[DynVar], t: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        self.rule(t[0])
    }
    fn cotangent(&self, _: &[DynVar], _: &[DynVar], c: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
        self.rule(c[0])
    }
}

/// The flawed operation, then a sum.
#[track_caller]
fn flawed(x: Var, flaw: Flaw) -> Var {
    Var::from_dyn(apply_primitive(Flawed(flaw), &[x.to_dyn()])[0])
}

fn x() -> ndarray::Array1<f64> {
    arr1(&[1.0, 2.0])
}

wrong! {
    operands_that_it_refuses: operands("flawed", ["takes nothing", "f64[2]"]) => Function::record(shape![2], |x| here!(flawed(x, Flaw::Operands)));
    a_value_that_fails: numeric("flawed", ["the sensor is off"]) => Function::record(shape![2], |x| here!(flawed(x, Flaw::Value)))?.eval(x());
    a_value_that_fails_in_a_loop: numeric("flawed", ["the sensor is off"]) => {
        Function::record(shape![2], |x| scan(x, 3, |c, _| (here!(flawed(c, Flaw::Value)), ())).0)?.eval(x())
    };
    an_error_of_its_own: user("flawed", ["the cable is cut"]) => Function::record(shape![2], |x| here!(flawed(x, Flaw::OwnError)))?.eval(x());
    an_error_of_its_own_in_a_derivative: user("flawed", ["the cable is cut"]) => {
        Function::record(shape![2], |x| here!(flawed(x, Flaw::OwnError)).square().sum())?.gradient(&x())
    };
    a_reverse_rule_of_another_shape: operands("flawed", ["gave f64[] as the derivative of value 0, which is f64[2]"]) => {
        Function::record(shape![2], |x| here!(flawed(x, Flaw::ShapeOfRules)).sum())?.gradient(&x())
    };
    a_forward_rule_of_another_shape: operands("flawed", ["gave f64[]"]) => {
        Function::record(shape![2], |x| here!(flawed(x, Flaw::ShapeOfRules)))?.jvp(x(), x())
    };
    a_rule_that_leaves_derivatives_out: operands("flawed", ["0 derivatives for 1 values", "`None`"]) => {
        Function::record(shape![2], |x| here!(flawed(x, Flaw::NumberOfRules)).sum())?.gradient(&x())
    };
    a_rule_of_another_shape_in_a_loop: operands("flawed", ["gave f64[]"]) => {
        Function::record(shape![2], |x| scan(x, 3, |c, _| (here!(flawed(c, Flaw::ShapeOfRules)), ())).0.sum())?.gradient(&x())
    };
    a_mistake_in_a_rule: operands("trace", ["f64[2]"]) => {
        Function::record(shape![2], |x| flawed(x, Flaw::MistakeInRules).sum())?.gradient(&x())
    };
    a_rule_with_a_handle_of_the_recording: foreign("add", []) => {
        Function::record(shape![2], |x| flawed(x, Flaw::ForeignRules(DynVarDebug(x.to_dyn()))).sum())?.gradient(&x())
    };
}
