//! Tuples of structures.
use super::faces::{Arrays, Feed, Give, Structure, Vars};
use crate::array::{AnyArray, AnyView, AnyViewMut, LeafType};
use crate::tape::DynVar;

macro_rules! tuple {
    ($($s:ident $f:ident $i:tt),*) => {
        impl<$($s: Structure),*> Structure for ($($s,)*) {
            type Vars = ($($s::Vars,)*);
            type Arrays = ($($s::Arrays,)*);
            type Views<'a> = ($($s::Views<'a>,)*);
            fn leaves(&self, _out: &mut Vec<LeafType>) { $(self.$i.leaves(_out);)* }
            fn lengths(&self, _out: &mut dyn FnMut(usize)) { $(self.$i.lengths(_out);)* }
            fn vars(&self, _next: &mut dyn FnMut(&LeafType) -> DynVar) -> Self::Vars { ($(self.$i.vars(_next),)*) }
            fn arrays(&self, _next: &mut dyn FnMut(&LeafType) -> AnyArray) -> Self::Arrays { ($(self.$i.arrays(_next),)*) }
            fn views<'a>(&self, _next: &mut dyn FnMut(&LeafType) -> AnyView<'a>) -> Self::Views<'a> { ($(self.$i.views(_next),)*) }
        }
        impl<$($s: Vars),*> Vars for ($($s,)*) {
            type Structure = ($($s::Structure,)*);
            fn structure(&self) -> Self::Structure { ($(self.$i.structure(),)*) }
            fn flatten(&self, _out: &mut Vec<DynVar>) { $(self.$i.flatten(_out);)* }
        }
        impl<$($s: Arrays),*> Arrays for ($($s,)*) {
            type Structure = ($($s::Structure,)*);
            fn structure(&self) -> Self::Structure { ($(self.$i.structure(),)*) }
            fn each_mut(&mut self, _f: &mut dyn FnMut(AnyViewMut<'_>)) { $(self.$i.each_mut(_f);)* }
        }
        impl<$($s: Structure, $f: Feed<$s>),*> Feed<($($s,)*)> for ($($f,)*) {
            fn feed<'a>(&'a self, _sink: &mut dyn FnMut(AnyView<'a>)) { $(self.$i.feed(_sink);)* }
            fn lengths(&self, _out: &mut dyn FnMut(usize)) { $(self.$i.lengths(_out);)* }
        }
        impl<$($s: Structure, $f: Give<$s>),*> Give<($($s,)*)> for ($($f,)*) {
            #[track_caller]
            fn give(&self) -> ($($s::Vars,)*) { ($(self.$i.give(),)*) }
        }
    };
}
#[allow(clippy::unused_unit)]
mod unit {
    use super::*;
    tuple!();
}
tuple!(A FA 0);
tuple!(A FA 0, B FB 1);
tuple!(A FA 0, B FB 1, C FC 2);
tuple!(A FA 0, B FB 1, C FC 2, D FD 3);
tuple!(A FA 0, B FB 1, C FC 2, D FD 3, E FE 4);
tuple!(A FA 0, B FB 1, C FC 2, D FD 3, E FE 4, F FF 5);
tuple!(A FA 0, B FB 1, C FC 2, D FD 3, E FE 4, F FF 5, G FG 6);
tuple!(A FA 0, B FB 1, C FC 2, D FD 3, E FE 4, F FF 5, G FG 6, H FH 7);
