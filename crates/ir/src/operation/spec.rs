//! Loops and branches against their bodies: how many operands and results, and of which types.
use super::{CondSpec, Program, ScanSpec, Trip};
use crate::array::{Kind, LeafType, Shape};
use crate::error::{Counted, ErrorKind, Malformed, Many, Scalar, Typed};
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
    pub fn stack(&self, t: &LeafType) -> LeafType {
        let mut shape = Shape::from_slice(&[self.trip.at_most()]);
        shape.extend_from_slice(&t.shape);
        LeafType { shape, kind: t.kind }
    }
    /// Types of the loop's outputs for inputs of these types, or what does not fit.
    pub fn types(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        if inputs.len() != self.inputs() {
            return Err(ErrorKind::count(Counted::Operands, self.inputs(), inputs.len()));
        }
        let n = self.trip.at_most();
        if u32::try_from(n).is_err() {
            return Err(ErrorKind::TooMany { of: Many::Turns, given: n as u64, most: u64::from(u32::MAX) });
        }
        let (body, made) = (self.body.input_types(), self.body.output_types());
        let each = inputs.len() - usize::from(matches!(self.trip, Trip::Counted(_)));
        if body.len() != 1 + each || made.len() != self.carries.saturating_add(self.stacked) {
            let Self { carries, items, constants, stacked, .. } = *self;
            return Err(Malformed::LoopBody { inputs: body.len(), outputs: made.len(), carries, items, constants, stacked }.into());
        }
        let counter = LeafType::new(&[], Kind::U32);
        if body[0] != counter {
            return Err(ErrorKind::types(Typed::Counter, &counter, &body[0]));
        }
        for i in 0..self.carries {
            if inputs[i] != &body[1 + i] || inputs[i] != &made[i] {
                return Err(ErrorKind::types(Typed::Carry(i), inputs[i], &made[i]));
            }
        }
        for i in self.carries..self.carries + self.items {
            if inputs[i].shape.first() != Some(&n) || inputs[i].shape[1..] != body[1 + i].shape[..] || inputs[i].kind != body[1 + i].kind {
                return Err(Malformed::Items { given: inputs[i].clone().into(), steps: n, item: body[1 + i].clone().into() }.into());
            }
        }
        for i in self.carries + self.items..each {
            if inputs[i] != &body[1 + i] {
                return Err(ErrorKind::types(Typed::Constant, &body[1 + i], inputs[i]));
            }
        }
        if let Trip::Until { test, .. } = &self.trip {
            self.check_test(test, inputs)?;
        }
        if matches!(self.trip, Trip::Counted(_)) && inputs[each] != &counter {
            return Err(ErrorKind::NotOneNumber { of: Scalar::Count, given: inputs[each].clone() });
        }
        let mut out: Types = made[..self.carries].iter().cloned().collect();
        out.extend(made[self.carries..].iter().map(|t| self.stack(t)));
        out.extend(made[..self.carries].iter().map(|t| self.stack(t)));
        out.push(counter);
        Ok(out)
    }
    /// Whether the test is one number of the carries and constants.
    fn check_test(&self, test: &Program, inputs: &[&LeafType]) -> Result<(), ErrorKind> {
        let given = inputs[..self.carries].iter().chain(&inputs[self.carries + self.items..]);
        if !test.input_types().iter().eq(given.clone().copied()) {
            return Err(ErrorKind::Types { of: Typed::Test, expected: given.map(|t| (*t).clone()).collect(), given: test.input_types() });
        }
        match &test.output_types()[..] {
            [t] if t.shape.is_empty() => Ok(()),
            [t] => Err(ErrorKind::NotOneNumber { of: Scalar::LoopTest, given: t.clone() }),
            many => Err(ErrorKind::count(Counted::Test, 1, many.len())),
        }
    }
}

impl CondSpec {
    /// Types of the branch's outputs for inputs of these types, or what does not fit.
    pub fn types(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let Some((test, operands)) = inputs.split_first() else { return Err(ErrorKind::misuse("takes a test and operands")) };
        if !test.shape.is_empty() {
            return Err(ErrorKind::NotOneNumber { of: Scalar::Test, given: (*test).clone() });
        }
        for (name, p) in [("yes", &self.yes), ("no", &self.no)] {
            if !p.input_types().iter().eq(operands.iter().copied()) {
                let expected = operands.iter().map(|t| (*t).clone()).collect();
                return Err(ErrorKind::Types { of: Typed::Branch(name), expected, given: p.input_types() });
            }
        }
        let (yes, no) = (self.yes.output_types(), self.no.output_types());
        if yes != no {
            return Err(ErrorKind::Types { of: Typed::Branches, expected: yes, given: no });
        }
        Ok(yes.into_iter().collect())
    }
}
