//! Loops and branches against their bodies: how many operands and results, and of which types.
use super::{CondSpec, Program, ScanSpec, Trip};
use crate::array::{Kind, LeafType, Shape};
use crate::program::Types;

impl ScanSpec {
    /// Inputs of the loop.
    #[must_use]
    pub fn inputs(&self) -> usize {
        let counted = usize::from(matches!(self.trip, Trip::Counted(_)));
        [self.items, self.constants, counted].into_iter().fold(self.carries, usize::saturating_add)
    }
    /// Outputs of the loop.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.carries.saturating_mul(2).saturating_add(self.stacked).saturating_add(1)
    }
    /// The place of the first item among the body's inputs; constants follow the items.
    #[must_use]
    pub fn body_items(&self) -> usize {
        1 + self.carries
    }
    /// Type of a value stacked over the steps.
    pub(crate) fn stack(&self, t: &LeafType) -> LeafType {
        let mut shape = Shape::from_slice(&[self.trip.at_most()]);
        shape.extend_from_slice(&t.shape);
        LeafType { shape, kind: t.kind }
    }
    /// Types of the loop's outputs for inputs of these types, or what does not fit.
    pub(crate) fn types(&self, inputs: &[&LeafType]) -> Result<Types, String> {
        if inputs.len() != self.inputs() {
            return Err(format!("takes {} inputs, given {}", self.inputs(), inputs.len()));
        }
        let n = self.trip.at_most();
        if u32::try_from(n).is_err() {
            return Err(format!("{n} steps are more than u32 can count; take fewer"));
        }
        let (body, made) = (self.body.input_types(), self.body.output_types());
        let each = inputs.len() - usize::from(matches!(self.trip, Trip::Counted(_)));
        if body.len() != 1 + each || made.len() != self.carries.saturating_add(self.stacked) {
            return Err(format!(
                "the body takes {} inputs and gives {} outputs, of {} carries, {} items, {} constants and {} outputs a step",
                body.len(),
                made.len(),
                self.carries,
                self.items,
                self.constants,
                self.stacked
            ));
        }
        let counter = LeafType::new(&[], Kind::U32);
        if body[0] != counter {
            return Err(format!("the body takes {} as the number of the step; take {counter}", body[0]));
        }
        for i in 0..self.carries {
            if inputs[i] != &body[1 + i] || inputs[i] != &made[i] {
                return Err(format!(
                    "carry {i} starts as {} and is handed on as {}; hand it on with the type that it starts with",
                    inputs[i], made[i]
                ));
            }
        }
        for i in self.carries..self.carries + self.items {
            if inputs[i].shape.first() != Some(&n) || inputs[i].shape[1..] != body[1 + i].shape[..] || inputs[i].kind != body[1 + i].kind {
                return Err(format!("{} does not hold {n} steps of {}", inputs[i], body[1 + i]));
            }
        }
        for i in self.carries + self.items..each {
            if inputs[i] != &body[1 + i] {
                return Err(format!("a constant is {}, read as {}", inputs[i], body[1 + i]));
            }
        }
        if let Trip::Until { test, .. } = &self.trip {
            self.check_test(test, inputs)?;
        }
        if matches!(self.trip, Trip::Counted(_)) && inputs[each] != &counter {
            return Err("the count must be one u32".into());
        }
        let mut out: Types = made[..self.carries].iter().cloned().collect();
        out.extend(made[self.carries..].iter().map(|t| self.stack(t)));
        out.extend(made[..self.carries].iter().map(|t| self.stack(t)));
        out.push(counter);
        Ok(out)
    }
    /// Whether the test is one number of the carries and constants.
    fn check_test(&self, test: &Program, inputs: &[&LeafType]) -> Result<(), String> {
        let given = inputs[..self.carries].iter().chain(&inputs[self.carries + self.items..]);
        if !test.input_types().iter().eq(given.copied()) {
            return Err("the test of the loop takes other operands than the carries and constants".into());
        }
        match &test.output_types()[..] {
            [t] if t.shape.is_empty() => Ok(()),
            [t] => Err(format!("the test of the loop is {t}; make it one number, such as a norm or a sum")),
            many => Err(format!("the test of the loop gives {} values; give one number", many.len())),
        }
    }
}

impl CondSpec {
    /// Types of the branch's outputs for inputs of these types, or what does not fit.
    pub(crate) fn types(&self, inputs: &[&LeafType]) -> Result<Types, String> {
        let Some((test, operands)) = inputs.split_first() else { return Err("takes a test and operands".into()) };
        if !test.shape.is_empty() {
            return Err(format!("the test is {test}; make it one number, or choose element by element with `select`"));
        }
        for (name, p) in [("yes", &self.yes), ("no", &self.no)] {
            if !p.input_types().iter().eq(operands.iter().copied()) {
                return Err(format!("branch `{name}` takes other operands"));
            }
        }
        let (yes, no) = (self.yes.output_types(), self.no.output_types());
        if yes != no {
            let show = |t: &[LeafType]| t.iter().map(|t| t.to_string()).collect::<Vec<_>>().join(", ");
            return Err(format!("the branches give different types, ({}) and ({}); make them alike", show(&yes), show(&no)));
        }
        Ok(yes.into_iter().collect())
    }
}
