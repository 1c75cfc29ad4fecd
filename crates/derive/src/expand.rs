//! The implementations: each goes through the fields in order.
use crate::input::{Parameter, Tree};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::{Fields, Index, Member, Type};

/// `quote!` whose local names cannot meet those of the user. Constants could still be met: names of arguments begin with `__`.
macro_rules! own {
    ($($tokens:tt)*) => { quote_spanned! { Span::mixed_site() => $($tokens)* } };
}

pub(crate) fn expand(tree: &Tree<'_>) -> TokenStream {
    [structure(tree), vars(tree), arrays(tree), feed(tree), give(tree)].into_iter().collect()
}

fn structure(tree: &Tree<'_>) -> TokenStream {
    let root = &tree.root;
    let face = own!(#root::tree::Structure);
    let of_vars = tree.with(|leaf| own!(<#leaf as #face>::Vars));
    let of_arrays = tree.with(|leaf| own!(<#leaf as #face>::Arrays));
    let of_views = tree.with(|leaf| own!(<#leaf as #face>::Views<'a>));
    let leaves = tree.each(|field, ty| own!(<#ty as #face>::leaves(&self.#field, __out);));
    let lengths = tree.each(|field, ty| own!(<#ty as #face>::lengths(&self.#field, __out);));
    let vars = tree.build(|field, ty| own!(<#ty as #face>::vars(&self.#field, __next)));
    let arrays = tree.build(|field, ty| own!(<#ty as #face>::arrays(&self.#field, __next)));
    let views = tree.build(|field, ty| own!(<#ty as #face>::views(&self.#field, __next)));
    tree.implement(
        &face,
        own! {
            type Vars = #of_vars;
            type Arrays = #of_arrays;
            type Views<'a> = #of_views;
            fn leaves(&self, __out: &mut ::std::vec::Vec<#root::array::LeafType>) { #leaves }
            fn lengths(&self, __out: &mut dyn ::core::ops::FnMut(usize)) { #lengths }
            fn vars(&self, __next: &mut dyn ::core::ops::FnMut(&#root::array::LeafType) -> #root::record::DynVar) -> Self::Vars { #vars }
            fn arrays(&self, __next: &mut dyn ::core::ops::FnMut(&#root::array::LeafType) -> #root::array::AnyArray) -> Self::Arrays { #arrays }
            fn views<'a>(
                &self,
                __next: &mut dyn ::core::ops::FnMut(&#root::array::LeafType) -> #root::array::AnyView<'a>,
            ) -> Self::Views<'a> { #views }
        },
    )
}

fn vars(tree: &Tree<'_>) -> TokenStream {
    let root = &tree.root;
    let face = own!(#root::tree::Vars);
    let of_shapes = tree.with(|leaf| own!(<#leaf as #face>::Structure));
    let shapes = tree.build(|field, ty| own!(<#ty as #face>::structure(&self.#field)));
    let flatten = tree.each(|field, ty| own!(<#ty as #face>::flatten(&self.#field, __out);));
    tree.implement(
        &face,
        own! {
            type Structure = #of_shapes;
            fn structure(&self) -> Self::Structure { #shapes }
            fn flatten(&self, __out: &mut ::std::vec::Vec<#root::record::DynVar>) { #flatten }
        },
    )
}

fn arrays(tree: &Tree<'_>) -> TokenStream {
    let root = &tree.root;
    let face = own!(#root::tree::Arrays);
    let of_shapes = tree.with(|leaf| own!(<#leaf as #face>::Structure));
    let shapes = tree.build(|field, ty| own!(<#ty as #face>::structure(&self.#field)));
    let each_mut = tree.each(|field, ty| own!(<#ty as #face>::each_mut(&mut self.#field, __f);));
    tree.implement(
        &face,
        own! {
            type Structure = #of_shapes;
            fn structure(&self) -> Self::Structure { #shapes }
            fn each_mut(&mut self, __f: &mut dyn ::core::ops::FnMut(#root::array::AnyViewMut<'_>)) { #each_mut }
        },
    )
}

fn feed(tree: &Tree<'_>) -> TokenStream {
    let root = &tree.root;
    let face = own!(#root::tree::Feed);
    let feed = tree.each(|field, ty| own!(<#ty as #face<_>>::feed(&self.#field, __sink);));
    let lengths = tree.each(|field, ty| own!(<#ty as #face<_>>::lengths(&self.#field, __out);));
    tree.implement_for(
        &face,
        own! {
            fn feed<'a>(&'a self, __sink: &mut dyn ::core::ops::FnMut(#root::array::AnyView<'a>)) { #feed }
            fn lengths(&self, __out: &mut dyn ::core::ops::FnMut(usize)) { #lengths }
        },
    )
}

fn give(tree: &Tree<'_>) -> TokenStream {
    let root = &tree.root;
    let face = own!(#root::tree::Give);
    let of_vars = tree.with(|leaf| {
        let shape = shape(leaf);
        own!(<#shape as #root::tree::Structure>::Vars)
    });
    let vars = tree.build(|field, ty| own!(<#ty as #face<_>>::give(&self.#field)));
    tree.implement_for(
        &face,
        own! {
            #[track_caller]
            fn give(&self) -> #of_vars { #vars }
        },
    )
}

/// The name for the shapes that `leaf` fits.
fn shape(leaf: &Ident) -> Ident {
    format_ident!("__{}", leaf.unraw())
}

impl Tree<'_> {
    /// The struct with another type in place of each leaf.
    fn with(&self, face: impl Fn(&Ident) -> TokenStream) -> TokenStream {
        let name = self.name;
        let arguments = self.parameters.iter().map(|parameter| match parameter {
            Parameter::Leaf(leaf) => face(leaf),
            Parameter::Const(constant, _) => own!(#constant),
        });
        own!(#name<#(#arguments),*>)
    }
    /// The struct as it was written.
    fn own(&self) -> TokenStream {
        self.with(|leaf| own!(#leaf))
    }
    /// The parameters for an implementation, each leaf with a bound.
    fn bounded(&self, bound: impl Fn(&Ident) -> TokenStream) -> TokenStream {
        let parameters = self.parameters.iter().map(|parameter| match parameter {
            Parameter::Leaf(leaf) => {
                let bound = bound(leaf);
                own!(#leaf: #bound)
            }
            Parameter::Const(constant, ty) => own!(const #constant: #ty),
        });
        own!(#(#parameters),*)
    }
    /// A trait of which every leaf and the struct are.
    fn implement(&self, face: &TokenStream, body: TokenStream) -> TokenStream {
        let (parameters, own) = (self.bounded(|_| face.clone()), self.own());
        own! {
            #[automatically_derived]
            #[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
            impl<#parameters> #face for #own { #body }
        }
    }
    /// A trait of fitting shapes, for the struct of leaves that fit.
    fn implement_for(&self, face: &TokenStream, body: TokenStream) -> TokenStream {
        let root = &self.root;
        let shapes = self.parameters.iter().filter_map(Parameter::leaf).map(shape);
        let parameters = self.bounded(|leaf| {
            let shape = shape(leaf);
            own!(#face<#shape>)
        });
        let own = self.own();
        let of_shapes = self.with(|leaf| {
            let shape = shape(leaf);
            own!(#shape)
        });
        own! {
            #[automatically_derived]
            #[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
            impl<#(#shapes: #root::tree::Structure,)* #parameters> #face<#of_shapes> for #own { #body }
        }
    }
    /// A statement for each field.
    fn each(&self, statement: impl Fn(&Member, &Type) -> TokenStream) -> TokenStream {
        self.members().map(|(member, ty)| statement(&member, ty)).collect()
    }
    /// A struct of an expression for each field.
    fn build(&self, value: impl Fn(&Member, &Type) -> TokenStream) -> TokenStream {
        let name = self.name;
        let values = self.members().map(|(member, ty)| value(&member, ty));
        match self.fields {
            Fields::Named(_) => {
                let names = self.members().map(|(member, _)| member);
                own!(#name { #(#names: #values),* })
            }
            Fields::Unnamed(_) => own!(#name(#(#values),*)),
            Fields::Unit => own!(#name),
        }
    }
    /// Each field's name or number, and its type.
    fn members(&self) -> impl Iterator<Item = (Member, &Type)> {
        (0..).zip(self.fields).map(|(index, field)| {
            let number = || Member::Unnamed(Index { index, span: Span::mixed_site() });
            (field.ident.clone().map_or_else(number, Member::Named), &field.ty)
        })
    }
}
