//! Views as the values of a structure.
use hypertape_autodiff::array::AnyView;
use hypertape_autodiff::tree::{Feed, Structure};

/// Views as values of any structure with as many leaves; types are checked where they are used.
pub(crate) struct Views<'v, 'a>(pub(crate) &'v [AnyView<'a>]);

impl<S: Structure> Feed<S> for Views<'_, '_> {
    fn feed<'b>(&'b self, sink: &mut dyn FnMut(AnyView<'b>)) {
        self.0.iter().for_each(|v| sink(v.reborrow()));
    }
}
