//! Arrays and vectors of structures.
use super::faces::{Arrays, Feed, Give, Structure, Vars};
use crate::array::{AnyArray, AnyView, AnyViewMut, LeafType};
use crate::tape::DynVar;

impl<S: Structure, const N: usize> Structure for [S; N] {
    type Vars = [S::Vars; N];
    type Arrays = [S::Arrays; N];
    type Views<'a> = [S::Views<'a>; N];
    fn leaves(&self, out: &mut Vec<LeafType>) {
        self.iter().for_each(|s| s.leaves(out));
    }
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        self.iter().for_each(|s| s.lengths(out));
    }
    fn vars(&self, next: &mut dyn FnMut(&LeafType) -> DynVar) -> Self::Vars {
        self.each_ref().map(|s| s.vars(next))
    }
    fn arrays(&self, next: &mut dyn FnMut(&LeafType) -> AnyArray) -> Self::Arrays {
        self.each_ref().map(|s| s.arrays(next))
    }
    fn views<'a>(&self, next: &mut dyn FnMut(&LeafType) -> AnyView<'a>) -> Self::Views<'a> {
        self.each_ref().map(|s| s.views(next))
    }
}
impl<W: Vars, const N: usize> Vars for [W; N] {
    type Structure = [W::Structure; N];
    fn structure(&self) -> Self::Structure {
        self.each_ref().map(Vars::structure)
    }
    fn flatten(&self, out: &mut Vec<DynVar>) {
        self.iter().for_each(|w| w.flatten(out));
    }
}
impl<A: Arrays, const N: usize> Arrays for [A; N] {
    type Structure = [A::Structure; N];
    fn structure(&self) -> Self::Structure {
        self.each_ref().map(Arrays::structure)
    }
    fn each_mut(&mut self, f: &mut dyn FnMut(AnyViewMut<'_>)) {
        self.iter_mut().for_each(|a| a.each_mut(f));
    }
}
impl<S: Structure, F: Feed<S>, const N: usize> Feed<[S; N]> for [F; N] {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        self.iter().for_each(|f| f.feed(sink));
    }
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        self.iter().for_each(|f| f.lengths(out));
    }
}
impl<S: Structure, G: Give<S>, const N: usize> Give<[S; N]> for [G; N] {
    #[track_caller]
    fn give(&self) -> [S::Vars; N] {
        // In a closure, the line of the caller would be lost.
        let mut given = Vec::with_capacity(N);
        for g in self {
            given.push(g.give());
        }
        let mut given = given.into_iter();
        std::array::from_fn(|_| given.next().expect("one is given for each element"))
    }
}

impl<S: Structure> Structure for Vec<S> {
    type Vars = Vec<S::Vars>;
    type Arrays = Vec<S::Arrays>;
    type Views<'a> = Vec<S::Views<'a>>;
    fn leaves(&self, out: &mut Vec<LeafType>) {
        self.iter().for_each(|s| s.leaves(out));
    }
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        out(self.len());
        self.iter().for_each(|s| s.lengths(out));
    }
    fn vars(&self, next: &mut dyn FnMut(&LeafType) -> DynVar) -> Self::Vars {
        self.iter().map(|s| s.vars(next)).collect()
    }
    fn arrays(&self, next: &mut dyn FnMut(&LeafType) -> AnyArray) -> Self::Arrays {
        self.iter().map(|s| s.arrays(next)).collect()
    }
    fn views<'a>(&self, next: &mut dyn FnMut(&LeafType) -> AnyView<'a>) -> Self::Views<'a> {
        self.iter().map(|s| s.views(next)).collect()
    }
}
impl<W: Vars> Vars for Vec<W> {
    type Structure = Vec<W::Structure>;
    fn structure(&self) -> Self::Structure {
        self.iter().map(Vars::structure).collect()
    }
    fn flatten(&self, out: &mut Vec<DynVar>) {
        self.iter().for_each(|w| w.flatten(out));
    }
}
impl<A: Arrays> Arrays for Vec<A> {
    type Structure = Vec<A::Structure>;
    fn structure(&self) -> Self::Structure {
        self.iter().map(Arrays::structure).collect()
    }
    fn each_mut(&mut self, f: &mut dyn FnMut(AnyViewMut<'_>)) {
        self.iter_mut().for_each(|a| a.each_mut(f));
    }
}
impl<S: Structure, F: Feed<S>> Feed<Vec<S>> for Vec<F> {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        self.iter().for_each(|f| f.feed(sink));
    }
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        out(self.len());
        self.iter().for_each(|f| f.lengths(out));
    }
}
impl<S: Structure, F: Feed<S>> Feed<Vec<S>> for [F] {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        self.iter().for_each(|f| f.feed(sink));
    }
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        out(self.len());
        self.iter().for_each(|f| f.lengths(out));
    }
}
impl<S: Structure, G: Give<S>> Give<Vec<S>> for Vec<G> {
    #[track_caller]
    fn give(&self) -> Vec<S::Vars> {
        // In a closure, the line of the caller would be lost.
        let mut given = Vec::with_capacity(self.len());
        for g in self {
            given.push(g.give());
        }
        given
    }
}
