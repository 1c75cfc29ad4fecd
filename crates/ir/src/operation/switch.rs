//! Switching variables as an operation states them: numbers whose signs decide which smooth piece of it is active.
use super::{Builder, Value};

/// A switching variable (Griewank 2013): an array of numbers. As long as none of them passes 0, the operation's value and rules are those of one
/// smooth piece. It is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// The slope changes and the value does not, as that of |x| at 0: it matters where a derivative of the value is asked for.
    Kink(Value),
    /// The value jumps, as that of a comparison or a rounding: it matters wherever the value is read.
    Jump(Value),
}

impl Switch {
    /// The array.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Switch::Kink(v) | Switch::Jump(v) => v,
        }
    }
}

impl Builder {
    /// a − b, which decides what is the larger of two operands; nothing where they are one value, or a literal is infinite.
    pub(crate) fn apart(&mut self, x: &[Value]) -> Option<Value> {
        let far = |b: &Self, v: Value| b.known_number(v).is_some_and(f64::is_infinite);
        (x[0] != x[1] && !far(self, x[0]) && !far(self, x[1])).then(|| self.sub(x[0], x[1]))
    }
}
