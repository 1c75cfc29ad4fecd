//! How an unrolled loop is kept for its derivative.

/// What an unrolled loop keeps for the reverse derivative, and what it computes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Keep {
    /// Every iterate: K states, one further step each.
    #[default]
    All,
    /// About 2√K states: ⌈√K⌉ steps make a segment that is run again from its first state. The same derivative, for about one more
    /// forward pass (Griewank 1992; Chen et al. 2016).
    Sqrt,
    /// The last k iterates: the derivative of the last k steps, their first state (of all K steps, when k = K: the start) held fixed.
    ///
    /// **This is another derivative**, biased by what the earlier steps would add (Shaban et al. 2019). At a fixed point it is that of
    /// k Neumann terms (Lorraine et al. 2020).
    Last(usize),
}
