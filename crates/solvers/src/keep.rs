//! How an unrolled loop is kept for its derivative.

/// What an unrolled loop keeps for the reverse derivative, and what it computes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Keep {
    /// Every iterate: K states, one further step each.
    #[default]
    All,
    /// Every iterate, and within every step what is dear to compute and the derivative needs: products (the margins of a linear model),
    /// factorisations, inner solves. The same derivative, for fewer products. What it costs is in [`memory`](hypertape_autodiff::Function::memory)
    /// under "values of steps".
    Values,
    /// So many bytes of states: as many as fit, placed so that the fewest steps are run again (binomial checkpoints; Griewank and Walther 2000,
    /// Algorithm 799). The same derivative. Where every iterate fits, nothing is run again.
    ///
    /// The bound holds for what would grow with the steps: the states that are kept, each array of a state rounded up to 64 bytes (to 8, where the
    /// budget holds no state else). It does not hold for what is the same for any number of steps: two more states in passing (with the kept ones under
    /// "checkpoints" in [`memory`](hypertape_autodiff::Function::memory)), and what one step and its derivative work in. One state must fit, else it is
    /// an error that names the smallest budget.
    ///
    /// States are placed when the function is planned, so what only planning sees counts: with tangents along, as in a Hessian-vector product, fewer
    /// states fit, and one is always kept; several loops that read them hold two in passing each. A linearization at a point keeps none of them: each
    /// product runs the steps again. States that something else than a loop reads step by step, as in reverse mode over reverse mode, are all stored.
    Bytes(u64),
    /// The bytes of 2⌈√K⌉ states, used as [`Bytes`](Keep::Bytes) uses them. The same derivative, for about one more forward pass (Griewank 1992; Chen et
    /// al. 2016).
    Sqrt,
    /// The last k iterates: the derivative of the last k steps, their first state (of all K steps, when k = K: the start) held fixed.
    ///
    /// **This is another derivative**, biased by what the earlier steps would add (Shaban et al. 2019). At a fixed point it is that of
    /// k Neumann terms (Lorraine et al. 2020).
    Last(usize),
}
