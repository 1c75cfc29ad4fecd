//! Where a value that is not finite arose.
use super::Site;
use std::fmt;

/// Where a value that is not finite came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The operation that made it from finite operands.
    pub op: String,
    /// The user's line; none for an operation of the method itself.
    pub site: Option<Site>,
    /// The value.
    pub value: f64,
    /// The turn, from 0, of the loop that made it; none where it arose outside of one.
    pub turn: Option<u64>,
    /// Whether that loop runs backwards.
    pub backwards: bool,
}

impl Origin {
    /// The same for a solver used at line `at`, whose own equations carry that line too: those are of the method itself.
    #[must_use]
    pub fn seen_from(mut self, at: Option<Site>) -> Self {
        self.site = self.site.filter(|s| Some(*s) != at);
        self
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.op)?;
        match self.site {
            Some(s) => write!(f, " at {s}")?,
            None => f.write_str(" of the method itself")?,
        }
        write!(f, " gave {} from finite operands", self.value)
    }
}
