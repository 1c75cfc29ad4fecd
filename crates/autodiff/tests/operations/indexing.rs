//! Traced indices: errors that name them, one-hot rows, mini-batches and windows in loops, random numbers in loops.

use crate::support::derivatives::{Check, check};
use crate::support::{build, f64s, index, run, uniform};
use hypertape_autodiff::array::{AnyArray, AnyView, Kind, LeafType};
use hypertape_autodiff::execute::{Executor, reference};
use hypertape_autodiff::operation::{Program, ScanSpec, Storage, Trip};
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::transform::vjp;
use std::sync::Arc;

fn indices(shape: &[usize]) -> LeafType {
    LeafType::new(shape, Kind::U32)
}

fn index_array(v: &[u32]) -> AnyArray {
    AnyArray::U32(ndarray::Array1::from(v.to_vec()).into_dyn())
}

/// What both executors say.
#[track_caller]
fn problem(p: &Program, at: &[AnyArray]) -> String {
    let naive = reference::run(p, at).unwrap_err().to_string();
    let mut planned = Executor::new(Arc::new(Plan::new(p).unwrap()));
    let error = planned.run(&at.iter().map(AnyArray::view).collect::<Vec<AnyView<'_>>>()).unwrap_err();
    assert_eq!(naive, error.to_string());
    naive
}

#[test]
fn indices_out_of_range_are_named() {
    let p = build(&[f64s(&[3, 2]), indices(&[4])], |b, v| vec![b.rows(v[0], v[1])]);
    let at = [uniform(&f64s(&[3, 2]), 1), index_array(&[0, 2, 3, 9])];
    assert_eq!(problem(&p, &at), "`take`: index 3 at [2] is out of range: axis 0 has length 3; give indices below it");
    let p = build(&[f64s(&[2]), indices(&[2])], |b, v| vec![b.scatter_add(v[0], v[1], 0, 5)]);
    let at = [uniform(&f64s(&[2]), 1), index_array(&[0, 7])];
    assert_eq!(problem(&p, &at), "`scatter_add`: index 7 at [1] is out of range: axis 0 has length 5; give indices below it");
    let p = build(&[f64s(&[4]), indices(&[])], |b, v| vec![b.slice_at(v[0], v[1], 3)]);
    let advice = "; start earlier, or take fewer";
    let e = "`slice_at`: rows 2 to 5 are out of range: axis 0 has length 4".to_string() + advice;
    assert_eq!(problem(&p, &[uniform(&f64s(&[4]), 1), index(2)]), e);
    let p = build(&[f64s(&[3]), indices(&[])], |b, v| vec![b.place_at(v[0], v[1], 4)]);
    let e = "`place_at`: rows 2 to 5 are out of range: axis 0 has length 4".to_string() + advice;
    assert_eq!(problem(&p, &[uniform(&f64s(&[3]), 1), index(2)]), e);
}

#[test]
fn one_hot_rows() {
    let p = build(&[indices(&[3])], |b, v| vec![b.one_hot(v[0], 3, Kind::F64)]);
    assert_eq!(run(&p, &[index_array(&[2, 0, 2])])[0].to_f64(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    let e = "`one_hot`: index 3 at [1] is out of range: there are 3; give indices below that";
    assert_eq!(problem(&p, &[index_array(&[2, 3, 0])]), e);
    let none = build(&[indices(&[0])], |b, v| vec![b.one_hot(v[0], 0, Kind::F32)]);
    assert_eq!(run(&none, &[index_array(&[])])[0].shape(), [0, 0]);
}

#[test]
fn windows_at_known_places_are_slices() {
    let p = build(&[f64s(&[5, 2])], |b, v| {
        let at = b.full(&indices(&[]), 2.0);
        let s = b.slice_at(v[0], at, 3);
        vec![b.place_at(s, at, 5)]
    });
    assert!(!p.to_string().contains("_at"), "{p}");
    let mut expected = uniform(&f64s(&[5, 2]), 1).to_f64();
    expected[..4].fill(0.0);
    assert_eq!(run(&p, &[uniform(&f64s(&[5, 2]), 1)])[0].to_f64(), expected);
}

/// x ← x − 0.1 Σ over the batch of tanh(w_i·x) w_i, with rows of w by random indices, or by a window that the counter moves.
fn minibatches(windows: bool) -> Program {
    let body = build(&[indices(&[]), f64s(&[2]), f64s(&[8, 2])], |b, v| {
        let w = if windows {
            let two = b.full_like(v[0], 2.0);
            let start = b.mul(v[0], two);
            b.slice_at(v[2], start, 2)
        } else {
            let rows = b.random_index(7, v[0], &[3], 8);
            b.rows(v[2], rows)
        };
        let m = b.dot(w, v[1]);
        let m = b.tanh(m);
        let g = b.dot(m, w);
        let g = b.scale(g, 0.1);
        vec![b.sub(v[1], g)]
    });
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: 1,
        items: 0,
        constants: 1,
        stacked: 0,
        trip: Trip::Static(4),
        reverse: false,
        storage: Storage::Iterates,
    };
    build(&[f64s(&[2]), f64s(&[8, 2])], |b, v| vec![b.scan(spec, v)[0]])
}

#[test]
fn minibatches_in_a_loop() {
    for windows in [false, true] {
        let p = minibatches(windows);
        let at = [uniform(&f64s(&[2]), 1), uniform(&f64s(&[8, 2]), 2)];
        check(&p, &at, Check::default());
        let back = vjp(&p, &[true, true], &[true]).unwrap();
        assert!(back.to_string().contains(if windows { "place_at" } else { "scatter_add" }));
    }
}

#[test]
fn noise_in_a_loop_is_the_same_backwards() {
    let t = f64s(&[3]);
    let body = build(&[indices(&[]), t.clone(), t.clone()], |b, v| {
        let z = b.normal(5, v[0], &t);
        let u = b.uniform(5, v[0], &t);
        let z = b.mul(z, v[2]);
        let s = b.add(v[1], z);
        let s = b.sin(s);
        vec![b.mul(s, u)]
    });
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: 1,
        items: 0,
        constants: 1,
        stacked: 0,
        trip: Trip::Static(5),
        reverse: false,
        storage: Storage::Iterates,
    };
    let p = build(&[t.clone(), t.clone()], |b, v| vec![b.scan(spec, v)[0]]);
    check(&p, &[uniform(&t, 1), uniform(&t, 2)], Check::default());
}

#[test]
fn random_numbers_are_the_same_bits_planned() {
    let p = build(&[indices(&[])], |b, v| {
        let double = LeafType::new(&[1000], Kind::F64);
        let single = LeafType::new(&[1000], Kind::F32);
        vec![b.normal(1, v[0], &double), b.uniform(1, v[0], &double), b.normal(1, v[0], &single), b.random_index(1, v[0], &[1000], 7)]
    });
    let at = [index(3)];
    let mut planned = Executor::new(Arc::new(Plan::new(&p).unwrap()));
    planned.run(&[at[0].view()]).unwrap();
    let naive = reference::run(&p, &at).unwrap();
    for (i, y) in naive.iter().enumerate() {
        assert_eq!(&planned.output(i).to_owned(), y);
    }
    // Fixed for ever: a change of these numbers changes the results of users.
    let first = |k: usize| naive[k].to_f64()[..3].to_vec();
    assert_eq!(first(0), [-0.3345764588169442, 0.8512992456167529, -1.277173081812155]);
    assert_eq!(first(1), [0.8628929645145847, 0.008263465698166494, 0.7269148256963158]);
    assert_eq!(first(3), [2.0, 1.0, 2.0]);
}

/// A matrix by columns gives the batches of one by rows, in a loop that it is made in or given to, and is put in order once.
#[test]
fn batches_of_a_matrix_by_columns() -> hypertape_autodiff::Result<()> {
    use hypertape_autodiff::record::{constant, scan};
    use hypertape_autodiff::{Function, index, shape};
    let by_rows: ndarray::Array2<f64> = hypertape_testkit::random::sym(5, (30, 4));
    let mut by_columns = ndarray::Array2::zeros((4, 30)).reversed_axes();
    by_columns.assign(&by_rows);
    let made = |x: ndarray::Array2<f64>, inside: bool| {
        let x = x.into_shared();
        Function::record((shape![4], index![6, 5]), |(w, batches)| {
            let outside = constant(&x);
            let step = |w: hypertape_autodiff::record::Var, rows| {
                let x = if inside { constant(&x) } else { outside };
                let x = x.rows(rows);
                (w - 0.1 * (x.dot(w).tanh()).dot(x), ())
            };
            scan(w, batches, step).0.square().sum()
        })
    };
    let at = (ndarray::arr1(&[0.3, -0.2, 1.0, 0.5]), ndarray::Array2::from_shape_fn((6, 5), |(i, j)| ((7 * i + 11 * j) % 30) as u32));
    for inside in [false, true] {
        let (a, b) = (made(by_rows.clone(), inside)?, made(by_columns.clone(), inside)?);
        assert_eq!(a.eval((&at.0, &at.1))?, b.eval((&at.0, &at.1))?);
        let (a, b) = (a.wrt(|(w, _)| w).gradient(), b.wrt(|(w, _)| w).gradient());
        assert_eq!(a.eval((&at.0, &at.1))?, b.eval((&at.0, &at.1))?);
        let (a, b) = (a.memory(), b.memory());
        assert!(b.ordered >= 30 * 4 * 8 && b.ordered.is_multiple_of(30 * 4 * 8) && b.total() - b.ordered == a.total(), "{a}\n{b}");
    }
    Ok(())
}
