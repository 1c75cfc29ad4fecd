//! The derive macro for structured inputs.
mod expand;
mod input;

use proc_macro::TokenStream;

/// Makes a struct a nesting of leaves, as tuples and vectors are: inputs, outputs, states and parameters with names.
///
/// The struct takes a type parameter that stands for a leaf. One definition then has all four faces: with shapes in place of the
/// parameter it is a `Structure`, with handles it is `Vars`, with owned arrays `Arrays`, and with views what a user's own solver
/// reads. Arrays, numbers and references that fit are fed to a function (`Feed`) or given to one inside a recording (`Give`).
/// The leaves come in the order of the fields.
///
/// ```
/// # use hypertape_autodiff as hypertape;
/// # use hypertape_derive::Tree;
/// # use ndarray::{ArrayD, array};
/// use hypertape::record::Var;
/// use hypertape::{Function, shape};
///
/// #[derive(Tree, Clone, Copy, Debug)]
/// # #[tree(crate = hypertape_autodiff)]
/// struct Layer<L> {
///     weights: L,
///     bias: L,
/// }
///
/// #[derive(Tree, Clone, Debug)]
/// # #[tree(crate = hypertape_autodiff)]
/// struct Network<L> {
///     layers: Vec<Layer<L>>,
///     scale: L,
/// }
///
/// // Of variables, inside a recording.
/// fn forward(network: &Network<Var>, mut x: Var) -> Var {
///     for layer in &network.layers {
///         x = (x.dot(layer.weights) + layer.bias).tanh();
///     }
///     x * network.scale
/// }
///
/// # fn main() -> hypertape::Result<()> {
/// // Of shapes, to record.
/// let layer = |from: usize, to: usize| Layer { weights: shape![from, to], bias: shape![to] };
/// let shapes = Network { layers: vec![layer(2, 3), layer(3, 1)], scale: shape![] };
/// let output = Function::record((shapes, shape![2]), |(network, x)| forward(&network, x).sum())?;
///
/// // Of arrays, to run; gradients come as the same struct.
/// let layer = |from: usize, to: usize| Layer { weights: ArrayD::ones(vec![from, to]), bias: ArrayD::zeros(vec![to]) };
/// let network = Network { layers: vec![layer(2, 3), layer(3, 1)], scale: ArrayD::ones(vec![]) };
/// let gradient: Network<ArrayD<f64>> = output.wrt(|(network, _)| network).gradient().eval((&network, array![0.1, 0.2]))?;
/// assert_eq!(gradient.layers[0].weights.shape(), [2, 3]);
/// # Ok(())
/// # }
/// ```
///
/// # What it takes
///
/// - A struct with named or numbered fields. Every field holds leaves: its type is the parameter, a derived struct of it (this same
///   one too, behind a `Vec`), or a tuple, array or vector of these. What is no leaf, such as a size, stays outside of the struct.
/// - `Clone` and `Debug` beside it: `#[derive(Tree, Clone, Debug)]`. `Copy`, `PartialEq` and others may follow.
/// - A type parameter without bounds, because it stands for shapes, variables, arrays and views in turn. With several parameters,
///   each is filled on its own: matrices of one element type and labels of another. Parameters such as `const N: usize` may be added.
///
/// # Where the traits are found
///
/// In the crate `hypertape`. `#[tree(crate = path)]` on the struct names another path to its modules `tree`, `array` and `record`,
/// for a crate that renames or re-exports it.
#[proc_macro_derive(Tree, attributes(tree))]
pub fn tree(item: TokenStream) -> TokenStream {
    let item = syn::parse_macro_input!(item as syn::DeriveInput);
    match input::Tree::of(&item) {
        Ok(tree) => expand::expand(&tree).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
