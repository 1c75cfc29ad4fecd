//! Arrays as values of any structure with as many leaves; types are checked where they are used.
use hypertape_autodiff::array::{AnyArray, AnyView};
use hypertape_autodiff::tree::{Feed, Structure};

/// Borrowed views.
pub(crate) struct Views<'v, 'a>(pub(crate) &'v [AnyView<'a>]);
impl<S: Structure> Feed<S> for Views<'_, '_> {
    fn feed<'b>(&'b self, sink: &mut dyn FnMut(AnyView<'b>)) {
        self.0.iter().for_each(|v| sink(v.reborrow()));
    }
}

/// Owned arrays.
pub(crate) struct Owned<'a>(pub(crate) &'a [AnyArray]);
impl<S: Structure> Feed<S> for Owned<'_> {
    fn feed<'b>(&'b self, sink: &mut dyn FnMut(AnyView<'b>)) {
        self.0.iter().for_each(|a| sink(a.view()));
    }
}

/// The leaves of a value.
pub(crate) fn owned<S: Structure>(x: &impl Feed<S>) -> Vec<AnyArray> {
    let mut out = vec![];
    x.feed(&mut |v| out.push(v.to_owned()));
    out
}
