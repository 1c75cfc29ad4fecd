//! Extension points are checked, not believed.
//!
//! Places that were looked at, and what was found:
//! - `Operation::lower`: views, folds, products, placements, loops and branches went to the executor as they were. `plan/verify/lowering.rs` holds every one
//!   against the types of its values, in bodies too; composites are checked where they are written out.
//! - `Operation::infer`: given fewer operands than it reads, it panicked. Operations say how many they take.
//! - `Program`, `Function::with_doors`, `Plan::new`, `Builder::inline`: a program that was changed by hand is checked before it is followed.
//! - `Kernel`, `External`, `Primitive`: get slices of the planned sizes, and can do no harm.
//! - `kernels`: functions that take layouts are no longer public. `Class`, `Geometry`, `Boundary` and `Csr` are.
//! - `Executor`: checks its inputs before each run. `Workspace::run_into` asked for outputs that are not there; it reports them.
use hypertape::array::{AnyArray, Kind, Layout, LeafType};
use hypertape::operation::{Builder, Lowering, Maybe, Op, Operation, Part, Program, Value, View};
use hypertape::plan::Plan;
use hypertape::prelude::*;
use ndarray::arr1;
use smallvec::{SmallVec, smallvec};

/// Says that it gives an array of `made`, and asks for a lowering.
#[derive(Debug, Clone)]
struct Claim(LeafType, View);

impl Operation for Claim {
    fn name(&self) -> &str {
        "claim"
    }
    fn infer(&self, _: &[&LeafType]) -> std::result::Result<SmallVec<[LeafType; 2]>, hypertape::ErrorKind> {
        Ok(smallvec![self.0.clone()])
    }
    fn value(&self, x: &[&AnyArray]) -> std::result::Result<Vec<AnyArray>, hypertape::ErrorKind> {
        Ok(vec![x[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, x: &[Value], _: &[Option<Value>]) -> (SmallVec<[Value; 4]>, Maybe) {
        (b.emit(op.clone(), x), vec![None])
    }
    fn vjp(&self, _: &mut Builder, x: &[Value], _: &[Value], _: &[Option<Value>], _: &[bool]) -> Maybe {
        vec![None; x.len()]
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::View(self.1.clone())
    }
    fn same(&self, _: &dyn Operation) -> bool {
        false
    }
}

fn f64s(shape: &[usize]) -> LeafType {
    LeafType::new(shape, Kind::F64)
}

fn claimed(from: &[usize], made: &[usize], view: View) -> Program {
    let mut b = Builder::new();
    let x = b.input(f64s(from));
    let y = b.emit1(Op::new(Claim(f64s(made), view)), &[x]);
    b.finish(&[y]).unwrap()
}

#[test]
fn false_views_are_refused() {
    let s = |v: &[usize]| SmallVec::<[usize; 4]>::from_slice(v);
    let slice = |start: usize, step: isize, len: usize| View::Slice { start: s(&[start]), step: smallvec![step], len: s(&[len]) };
    let views = [
        (&[3][..], &[1000][..], View::Reshape(s(&[1000]))),
        (&[3], &[1000], View::Reshape(s(&[3]))),
        (&[3], &[2], slice(5, 1, 2)),
        (&[3], &[9], slice(0, 1, 9)),
        (&[3], &[2], slice(0, -1, 2)),
        (&[3], &[2], slice(1, isize::MAX, 2)),
        (&[2, 3], &[3, 2], View::Permute(s(&[1, 1]))),
        (&[2, 3], &[3, 2], View::Permute(s(&[1, 7]))),
        (&[2], &[4, 4], View::Broadcast { shape: s(&[4, 4]), axes: s(&[1]) }),
        (&[2, 9], &[2], View::Diagonal),
        (&[], &[2], View::Diagonal),
    ];
    for (from, made, view) in views {
        let e = Plan::new(&claimed(from, made, view.clone())).unwrap_err().to_string();
        assert!(e.contains("`claim`") && e.contains("view"), "{view:?}: {e}");
    }
    // A true one is followed.
    let f = Function::with_doors(claimed(&[3], &[2], slice(2, -2, 2)), shape![3], shape![2]).unwrap();
    assert_eq!(f.eval(arr1(&[1.0, 2.0, 3.0])).unwrap().as_slice(), Some(&[3.0, 1.0][..]));
}

fn product() -> Program {
    let f = Function::record((shape![3], shape![3]), |(x, y)| ((x * y).sum(), x.sin())).unwrap();
    (*f.program().unwrap()).clone()
}

#[test]
fn programs_changed_by_hand_are_refused() {
    let changes: [(&str, fn(&mut Program)); 8] = [
        ("a longer type", |p| p.types.iter_mut().for_each(|t| t.shape.iter_mut().for_each(|n| *n *= 1000))),
        ("one type", |p| {
            let v = p.equations[0].outputs[0];
            p.types[v.index()] = f64s(&[1 << 30]);
        }),
        ("no operands", |p| p.equations[0].inputs.clear()),
        ("no results", |p| p.equations[0].outputs.clear()),
        ("a value that is not there", |p| p.equations[0].inputs[0] = Value(7_000)),
        ("no equations", |p| p.equations.clear()),
        ("made twice", |p| {
            let e = p.equations[0].clone();
            p.equations.push(e);
        }),
        ("an output that is not there", |p| p.outputs[0] = Value(u32::MAX)),
    ];
    for (what, change) in changes {
        let mut p = product();
        change(&mut p);
        // What became another, larger program in every place is one that can be; its doors do not fit.
        let e = Function::with_doors(p.clone(), (shape![3], shape![3]), (shape![], shape![3])).map(|_| ()).unwrap_err().to_string();
        assert!(e.contains("with_doors"), "{what}: {e}");
        if what != "a longer type" {
            let e = Plan::new(&p).unwrap_err().to_string();
            assert!(e.contains("the program is not right"), "{what}: {e}");
        }
        let e = Function::record((shape![3], shape![3]), |(x, y): (Var, Var)| x * y).unwrap();
        assert_eq!(e.eval((arr1(&[1.0, 2.0, 3.0]), arr1(&[1.0, 1.0, 1.0]))).unwrap().sum(), 6.0);
    }
    assert!(Function::with_doors(product(), (shape![3], shape![3]), (shape![], shape![3])).is_ok());
}

/// Parts that share places, or leave the whole, and layouts of any strides.
#[test]
fn placements_and_layouts_are_checked() {
    let place = |shape: &[usize], parts: &[(usize, usize, usize)]| {
        let mut b = Builder::new();
        let given: Vec<(Value, Part)> = parts
            .iter()
            .map(|(n, start, step)| (b.input(f64s(&[*n])), Part { start: smallvec![*start], step: smallvec![*step] }))
            .collect();
        let y = b.place(shape, &given);
        b.finish(&[y]).and_then(|p| Plan::new(&p))
    };
    assert!(place(&[4], &[(2, 0, 1), (2, 2, 1)]).is_ok());
    assert!(place(&[4], &[(2, 0, 2), (2, 1, 2)]).is_ok());
    assert!(place(&[4], &[(2, 0, 1), (2, 1, 1)]).is_err());
    assert!(place(&[4], &[(2, 3, 1)]).is_err());
    assert!(place(&[4], &[(2, 0, usize::MAX)]).is_err());
    // Sizes that no array has do not panic.
    assert_eq!(Layout::contiguous(&[usize::MAX, usize::MAX]).len(), usize::MAX);
    assert_eq!(f64s(&[1 << 40, 0, 1 << 40]).bytes(), 0);
}
