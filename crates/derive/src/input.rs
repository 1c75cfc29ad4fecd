//! What a derived struct must look like, and the messages for one that does not.
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Path, Result};

/// A struct that can be derived.
pub(crate) struct Tree<'a> {
    pub(crate) name: &'a Ident,
    /// Path to the crate with the traits.
    pub(crate) root: Path,
    /// Types and constants, in order.
    pub(crate) parameters: Vec<Parameter<'a>>,
    pub(crate) fields: &'a Fields,
}

/// A generic parameter of the struct.
pub(crate) enum Parameter<'a> {
    /// Stands for a leaf.
    Leaf(&'a Ident),
    /// A constant and its type.
    Const(&'a Ident, &'a syn::Type),
}

impl<'a> Tree<'a> {
    /// Checks the item, and reports all that is wrong with it at once.
    pub(crate) fn of(item: &'a DeriveInput) -> Result<Self> {
        let fields = fields(item)?;
        let mut problems = Problems(None);
        let root = root(item, &mut problems);
        let parameters = parameters(item, &mut problems);
        let leaves: Vec<&Ident> = parameters.iter().filter_map(Parameter::leaf).collect();
        if leaves.is_empty() {
            let name = &item.ident;
            let text = format!("`Tree` needs a type parameter that stands for a leaf: `struct {name}<L> {{ field: L, .. }}`");
            problems.add(name, text);
        }
        for field in fields {
            for attribute in field.attrs.iter().filter(|a| a.path().is_ident("tree")) {
                problems.add(attribute, "`#[tree(..)]` belongs on the struct, not on a field");
            }
            if !leaves.is_empty() && !mentions(field.ty.to_token_stream(), &leaves) {
                let names = leaves.iter().map(|leaf| format!("`{leaf}`")).collect::<Vec<_>>().join(" or ");
                let text = format!(
                    "every field of a `Tree` holds leaves, so its type mentions {names}; keep what is no leaf outside of the struct"
                );
                problems.add(&field.ty, text);
            }
        }
        match problems.0 {
            None => Ok(Tree { name: &item.ident, root, parameters, fields }),
            Some(error) => Err(error),
        }
    }
}

impl<'a> Parameter<'a> {
    /// The name of a parameter that stands for a leaf.
    pub(crate) fn leaf(&self) -> Option<&'a Ident> {
        match self {
            Parameter::Leaf(name) => Some(name),
            Parameter::Const(..) => None,
        }
    }
}

/// What is wrong so far.
struct Problems(Option<Error>);

impl Problems {
    fn add(&mut self, at: impl ToTokens, message: impl std::fmt::Display) {
        self.combine(Error::new_spanned(at, message));
    }
    fn combine(&mut self, error: Error) {
        match &mut self.0 {
            None => self.0 = Some(error),
            Some(all) => all.combine(error),
        }
    }
}

fn fields(item: &DeriveInput) -> Result<&Fields> {
    match &item.data {
        Data::Struct(data) => Ok(&data.fields),
        Data::Enum(data) => Err(Error::new(
            data.enum_token.span,
            "`Tree` can be derived for structs only: the leaves of an enum would change with its variant",
        )),
        Data::Union(data) => Err(Error::new(
            data.union_token.span,
            "`Tree` can be derived for structs only: a union does not know which of its fields holds a value",
        )),
    }
}

fn root(item: &DeriveInput, problems: &mut Problems) -> Path {
    let mut root = None;
    for attribute in item.attrs.iter().filter(|a| a.path().is_ident("tree")) {
        let read = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown option; `#[tree(crate = path)]` is the only one"));
            }
            let value = meta.value()?;
            let path = value.call(Path::parse_mod_style).map_err(|_| value.error("expected a path, as in `crate = hypertape`"))?;
            match root.replace(path) {
                None => Ok(()),
                Some(_) => Err(meta.error("the path is given twice")),
            }
        });
        if let Err(error) = read {
            problems.combine(error);
        }
    }
    root.unwrap_or_else(|| syn::parse_quote!(::hypertape))
}

fn parameters<'a>(item: &'a DeriveInput, problems: &mut Problems) -> Vec<Parameter<'a>> {
    let mut parameters = vec![];
    for parameter in &item.generics.params {
        match parameter {
            GenericParam::Type(leaf) => {
                if !leaf.bounds.is_empty() {
                    let (name, bounds) = (&leaf.ident, &leaf.bounds);
                    problems.add(
                        bounds,
                        format!(
                            "`{name}` stands for shapes, variables, arrays and views in turn, so a `Tree` cannot bound it; \
                             bound it where it is used"
                        ),
                    );
                }
                parameters.push(Parameter::Leaf(&leaf.ident));
            }
            GenericParam::Const(constant) => parameters.push(Parameter::Const(&constant.ident, &constant.ty)),
            GenericParam::Lifetime(lifetime) => {
                let name = &lifetime.lifetime;
                let text = format!("a `Tree` borrows through its type parameter, which may be a view or a reference; remove `{name}`");
                problems.add(name, text);
            }
        }
    }
    if let Some(clause) = &item.generics.where_clause {
        let text = "a `Tree` holds shapes, variables, arrays and views in turn, so it cannot have bounds; state them where it is used";
        problems.add(clause, text);
    }
    parameters
}

/// Whether one of the names occurs in the tokens of a type.
fn mentions(tokens: TokenStream, names: &[&Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => names.contains(&&ident),
        TokenTree::Group(group) => mentions(group.stream(), names),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
