//! Derived structs: every face, the order of leaves, and what may stand for them.
use hypertape_autodiff::array::{AnyArray, AnyView, AnyViewMut, Kind, LeafType};
use hypertape_autodiff::record::{DynVar, Var, ones, trace};
use hypertape_autodiff::tree::{Arrays, Feed, Give, Leaf, Structure, V, Vars};
use hypertape_autodiff::{Error, Result, Site, index, shape};
use hypertape_derive::Tree;
use ndarray::{ArcArray1, Array1, Array2, ArrayD, ArrayViewD, arr0, arr1, array};

#[derive(Tree, Clone, Copy, Debug, PartialEq)]
#[tree(crate = hypertape_autodiff)]
struct Layer<L> {
    w: L,
    b: L,
}

#[derive(Tree, Clone, Debug, PartialEq)]
#[tree(crate = hypertape_autodiff)]
struct Network<L> {
    layers: Vec<Layer<L>>,
    pair: (L, (L, L)),
    fixed: [L; 3],
    head: Layer<L>,
    scale: L,
}

#[derive(Tree, Clone, Copy, Debug, PartialEq)]
#[tree(crate = hypertape_autodiff)]
struct Point<L>(L, L);

#[derive(Tree, Clone, Copy, Debug)]
#[tree(crate = ::hypertape_autodiff)]
struct Windows<L, const N: usize>([Layer<L>; N], [(L,); 2]);

/// A problem whose matrix may be given differently from its labels.
#[derive(Tree, Clone, Copy, Debug)]
#[tree(crate = hypertape_autodiff)]
struct Batch<X, Y> {
    x: X,
    labels: Y,
    pairs: [(X, Y); 1],
}

/// As deep as its values.
#[derive(Tree, Clone, Debug, PartialEq)]
#[tree(crate = hypertape_autodiff)]
struct Branch<L> {
    value: L,
    children: Vec<Branch<L>>,
}

/// Names that a careless expansion would meet. This one is also deprecated, which must not warn.
mod names {
    #![deny(warnings, unused, rust_2018_idioms, nonstandard_style, missing_docs, unreachable_pub)]
    #![deny(unused_qualifications, single_use_lifetimes, unused_lifetimes, let_underscore_drop)]
    #![deny(clippy::all, clippy::pedantic)]
    #![allow(dead_code, non_camel_case_types, non_upper_case_globals)]
    use hypertape_derive::Tree;

    pub(super) struct Vec;
    struct S;
    struct F;
    struct Structure;
    trait FnMut {}
    const out: usize = 1;
    const next: usize = 2;
    const sink: usize = 3;

    #[allow(missing_docs)]
    #[deprecated]
    #[derive(Tree, Clone, Debug)]
    #[tree(crate = ::hypertape_autodiff)]
    pub(super) struct Names<r#type = ()> {
        pub(super) r#fn: r#type,
        pub(super) out: [r#type; out],
        pub(super) next: [r#type; next],
        pub(super) f: [r#type; sink],
        #[deprecated]
        pub(super) sink: r#type,
    }
}

/// A shape whose only length tells it from others.
fn s(n: usize) -> Leaf {
    shape![n]
}

fn shapes() -> Network<Leaf> {
    Network {
        layers: vec![Layer { w: s(1), b: s(2) }, Layer { w: s(3), b: s(4) }],
        pair: (s(5), (s(6), s(7))),
        fixed: [s(8), s(9), s(10)],
        head: Layer { w: s(11), b: s(12) },
        scale: shape![],
    }
}

fn lengths(types: &[LeafType]) -> Vec<usize> {
    types.iter().map(|t| t.shape.first().copied().unwrap_or(0)).collect()
}

/// Arrays whose elements are the number of the leaf.
fn numbered<S: Structure>(shapes: &S) -> S::Arrays {
    let mut number = 0.0;
    shapes.arrays(&mut |t| {
        number += 1.0;
        AnyArray::full(t, number)
    })
}

fn fed<S: Structure>(_: &S, values: &(impl Feed<S> + ?Sized)) -> Vec<Vec<f64>> {
    let mut all = vec![];
    values.feed(&mut |view| {
        all.push(match view {
            AnyView::F64(a) => a.iter().copied().collect(),
            AnyView::F32(a) => a.iter().map(|&v| f64::from(v)).collect(),
            AnyView::U32(a) => a.iter().map(|&v| f64::from(v)).collect(),
        });
    });
    all
}

/// Runs a body in a recording of inputs of these shapes.
fn record<S: Structure>(shapes: &S, body: impl FnOnce(S::Vars)) -> Result<()> {
    let types = shapes.leaf_types();
    trace(&types, Site::caller(), |given| {
        let mut given = given.iter().copied();
        body(shapes.vars(&mut |_| given.next().expect("one handle for each leaf")));
        ((), vec![])
    })
    .1
    .map(|_| ())
}

#[test]
fn leaves_come_in_the_order_of_fields() {
    assert_eq!(lengths(&shapes().leaf_types()), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0]);
    assert_eq!(lengths(&Point(s(4), s(2)).leaf_types()), [4, 2]);
    let windows = Windows([Layer { w: s(1), b: s(2) }, Layer { w: s(3), b: s(4) }], [(s(5),), (s(6),)]);
    assert_eq!(lengths(&windows.leaf_types()), [1, 2, 3, 4, 5, 6]);
    let branch = |value, children| Branch { value: s(value), children };
    let tree = branch(1, vec![branch(2, vec![branch(3, vec![])]), branch(4, vec![])]);
    assert_eq!(lengths(&tree.leaf_types()), [1, 2, 3, 4]);
}

#[test]
fn handles_go_there_and_back() -> Result<()> {
    let shapes = shapes();
    record(&shapes, |vars: Network<Var>| {
        assert_eq!(vars.structure(), shapes);
        let types: Vec<_> = vars.flat().iter().map(|v| v.leaf_type().expect("the recording is open")).collect();
        assert_eq!(types, shapes.leaf_types());
        assert_eq!(vars.layers[1].w.shape()[..], [3]);
        assert_eq!(vars.pair.1.1.shape()[..], [7]);
        let mapped: Network<Var> = vars.map(&mut |v| v);
        assert_eq!(mapped.structure(), shapes);
        let sum = vars.plus(&mapped);
        assert_eq!(sum.structure(), shapes);
        assert_eq!(ones(shapes.clone()).structure(), shapes);
        let Layer { w, b } = vars.head;
        let copied = vars.head;
        assert_eq!((w.shape(), b.shape()), (copied.w.shape(), copied.b.shape()));
    })
}

#[test]
fn arrays_go_there_and_back() {
    let shapes = shapes();
    let mut arrays: Network<ArrayD<f64>> = numbered(&shapes);
    assert_eq!(arrays.structure(), shapes);
    assert_eq!(arrays.layers[1].b, arr1(&[4.0; 4]).into_dyn());
    assert_eq!(arrays.fixed[2], arr1(&[10.0; 10]).into_dyn());
    assert_eq!(arrays.scale, arr0(13.0).into_dyn());
    let mut order = vec![];
    arrays.each_mut(&mut |view| {
        if let AnyViewMut::F64(mut a) = view {
            order.push(a.len());
            a += 1.0;
        }
    });
    assert_eq!(order, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1]);
    assert_eq!(arrays.head.w, arr1(&[12.0; 11]).into_dyn());
}

#[test]
fn views_have_the_names_of_the_fields() {
    let first = array![1.0, 2.0];
    let Point(a, b): Point<ArrayViewD<'_, f64>> = Point(s(2), s(2)).views(&mut |_| AnyView::F64(first.view().into_dyn()));
    assert_eq!((a[[0]], b[[1]]), (1.0, 2.0));
}

#[test]
fn what_fits_is_fed_in_order() {
    let shapes = shapes();
    let arrays = numbered(&shapes);
    let all = fed(&shapes, &arrays);
    assert_eq!(all.len(), 13);
    for (at, values) in all.iter().enumerate() {
        assert!(values.iter().all(|&v| v == (at + 1) as f64), "leaf {at}: {values:?}");
    }
    assert_eq!(fed(&shapes, &&arrays), all);
    // Arrays of a known rank, views, references and numbers.
    let layer = Layer { w: s(2), b: s(2) };
    let (w, b) = (array![1.0, 2.0], array![3.0, 4.0]);
    let expected = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
    assert_eq!(fed(&layer, &Layer { w: &w, b: &b }), expected);
    assert_eq!(fed(&layer, &Layer { w: w.view(), b: b.view() }), expected);
    assert_eq!(fed(&layer, &Layer { w, b }), expected);
    assert_eq!(fed(&Point(shape![], shape![]), &Point(1.0, 2.0)), [[1.0], [2.0]]);
    // Inside tuples and vectors, as parameters are.
    let nested = (vec![layer.clone(), layer], s(1));
    let one = Layer { w: array![1.0, 2.0], b: array![3.0, 4.0] };
    assert_eq!(fed(&nested, &(vec![&one, &one], array![5.0])).len(), 5);
    let tree = Branch { value: shape![], children: vec![Branch { value: shape![], children: vec![] }] };
    let values = Branch { value: 1.0, children: vec![Branch { value: 2.0, children: vec![] }] };
    assert_eq!(fed(&tree, &values), [[1.0], [2.0]]);
}

#[test]
fn what_fits_is_given() -> Result<()> {
    fn given<S: Structure>(_: &S, values: &impl Give<S>) -> V<S> {
        values.give()
    }
    let shapes = shapes();
    record(&shapes, |vars| {
        let same = |a: &[DynVar], b: &[DynVar]| assert_eq!(format!("{a:?}"), format!("{b:?}"));
        same(&given(&shapes, &vars).flat(), &vars.flat());
        same(&given(&shapes, &&vars).flat(), &vars.flat());
        let layer = Layer { w: s(1), b: s(2) };
        let references = Layer { w: &vars.layers[0].w, b: &vars.layers[0].b };
        same(&given(&layer, &references).flat(), &vars.layers[0].flat());
        let constants = Layer { w: ArcArray1::from(vec![1.0]), b: ArcArray1::from(vec![1.0, 2.0]) };
        assert_eq!(given(&layer, &constants).structure(), layer);
        assert_eq!(given(&Point(shape![], shape![]), &Point(1.0, 2.0)).structure(), Point(shape![], shape![]));
    })
}

#[test]
fn several_parameters_are_filled_separately() -> Result<()> {
    let shapes = Batch { x: shape![f32; 2, 2], labels: index![2], pairs: [(shape![f32; 1], index![3])] };
    let kinds: Vec<_> = shapes.leaf_types().iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [Kind::F32, Kind::U32, Kind::F32, Kind::U32]);
    let (x, labels): (Array2<f32>, Array1<u32>) = (array![[1.0, 2.0], [3.0, 4.0]], array![5, 6]);
    let (one, three) = (array![7f32], array![8u32, 9, 10]);
    let batch = Batch { x: x.view().into_dyn(), labels: &labels.into_dyn(), pairs: [(one.view().into_dyn(), &three.into_dyn())] };
    assert_eq!(fed(&shapes, &batch), [vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0], vec![7.0], vec![8.0, 9.0, 10.0]]);
    let arrays: Batch<ArrayD<f32>, ArrayD<u32>> = numbered(&shapes);
    assert_eq!(arrays.pairs[0].1, arr1(&[4; 3]).into_dyn());
    record(&shapes, |vars: Batch<Var<f32>, Var<u32>>| {
        let given = Give::<Batch<Leaf<f32>, Leaf<u32>>>::give(&Batch { x: &vars.x, labels: vars.labels, pairs: [(&vars.x, vars.labels)] });
        assert_eq!(given.pairs[0].0.shape()[..], [2, 2]);
    })
}

#[test]
#[allow(deprecated)]
fn names_of_the_user_are_not_captured() {
    let shapes = names::Names { r#fn: s(1), out: [s(2)], next: [s(3), s(4)], f: [s(5), s(6), s(7)], sink: s(8) };
    assert_eq!(lengths(&shapes.leaf_types()), [1, 2, 3, 4, 5, 6, 7, 8]);
    let _ = names::Vec;
}

#[test]
fn a_mistake_names_the_line_that_gives() {
    fn names<G: Give<S>, S: Structure>(value: G, line: u32, give: impl FnOnce(G) -> S::Vars) {
        let error = record(&(), |()| {
            give(value);
        });
        let site = error.as_ref().err().and_then(Error::site);
        assert_eq!(site.map(|at| (at.file(), at.line())), Some((file!(), line)), "{error:?}");
    }
    let point = Point(0.0, f64::NAN);
    names::<_, Point<Leaf>>(point, line!(), |g| g.give());
    names::<_, Branch<Leaf>>(Branch { value: 0.0, children: vec![Branch { value: f64::NAN, children: vec![] }] }, line!(), |g| g.give());
    names::<_, Windows<Leaf, 1>>(Windows([Layer { w: 0.0, b: f64::NAN }], [(0.0,), (0.0,)]), line!(), |g| g.give());
    names::<_, (Point<Leaf>, [Point<Leaf>; 2])>((point, [point; 2]), line!(), |g| g.give());
}
