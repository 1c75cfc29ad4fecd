//! Handles where they do not belong: another recording, another thread, a finished loop body, no recording at all.
use crate::{fault, here, wrong};
use hypertape::prelude::*;
use hypertape::record;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A variable of a recording that is over.
fn leaked() -> Var {
    let mut out = None;
    Function::record(shape![2], |x| {
        out = Some(x.exp());
        x
    })
    .expect("nothing is wrong with it");
    out.expect("the body ran")
}

fn leaked_number() -> Var {
    let mut out = None;
    Function::record(shape![], |x| {
        out = Some(x);
        x
    })
    .expect("nothing is wrong with it");
    out.expect("the body ran")
}

fn quadratic() -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![2]), |(z, a)| 0.5 * z.dot(z) - a.dot(z))
}

wrong! {
    a_variable_of_a_recording_that_is_over: foreign("add", ["another recording", "make it an input"]) => {
        let old = leaked();
        Function::record(shape![2], |x| here!(x + old))
    };
    a_method_of_a_variable_of_a_recording_that_is_over: foreign("sin", []) => {
        let old = leaked();
        Function::record(shape![2], |x| x + here!(old.sin()))
    };
    a_result_that_belongs_to_another_recording: foreign("output", []) => {
        let old = leaked();
        here!(Function::record(shape![2], |_| old))
    };
    a_variable_of_the_recording_around: foreign("mul", ["another recording"]) => {
        let mut inner = None;
        Function::record(shape![2], |x| {
            inner = Some(Function::record(shape![2], |y| here!(y * x)).map(|_| ()));
            x
        })?;
        inner.expect("the body ran")
    };
    a_step_size_of_another_recording: foreign("step size", []) => {
        let old = leaked_number();
        let solver = GradientDescent::new(&quadratic()?).step_size(old);
        Function::record(shape![2], |a| here!(solver.unroll(3).solve(zeros(shape![2]), a)))
    };
    a_step_size_of_a_recording_that_is_over: foreign("step size", []) => {
        let solver = GradientDescent::new(&quadratic()?).step_size(leaked_number());
        here!(solver.solve(ndarray::arr1(&[0.0, 0.0]), ndarray::arr1(&[0.0, 0.0])))
    };
    a_start_of_another_recording: foreign("gradient descent", []) => {
        let old = leaked();
        let solver = GradientDescent::new(&quadratic()?);
        Function::record(shape![2], |a| here!(solver.unroll(3).solve(old, a)))
    };
    implicit_parameters_of_another_recording: foreign("gradient descent", []) => {
        let old = leaked();
        let solver = GradientDescent::new(&quadratic()?).implicit(Cg::default());
        Function::record(shape![2], |a| here!(solver.solve(a, old)))
    };
    a_carry_of_another_recording: foreign("scan", []) => {
        let old = leaked();
        Function::record(shape![2], |x| here!(scan(old, 3, |c, _| (c + 1.0, ()))).0 + x)
    };
    an_argument_of_a_call_from_another_recording: foreign("call", []) => {
        let old = leaked();
        let f = quadratic()?;
        Function::record(shape![2], |x| here!(f.call((x, old))))
    };
    a_handle_made_outside: outside("add", ["outside a recording", "inside the closure given to `Function::record`"]) => {
        let made = zeros(shape![2]);
        Function::record(shape![2], |x| here!(x + made))
    };
    a_number_made_outside: outside("mul", []) => {
        let made = scalar::<f64>(2.0);
        Function::record(shape![2], |x| here!(made * x))
    };
    a_result_made_outside: outside("output", []) => {
        let made: Var = zeros(shape![2]);
        here!(Function::record(shape![2], |_| made))
    };
    a_handle_that_left_a_loop_body: left_body("add", ["left the loop body", "return it as an output"]) => {
        let mut inner = None;
        Function::record(shape![2], |x| {
            let y = scan(x, 3, |c, _| { let d = c.exp(); inner = Some(d); (d, ()) }).0;
            here!(y + inner.expect("the body ran"))
        })
    };
    a_loop_counter_that_left_its_body: left_body("cast", []) => {
        let mut counter = None;
        Function::record(shape![2], |x| {
            let y = scan(x, 3, |c, k| { counter = Some(k); (c.exp(), ()) }).0;
            y * here!(counter.expect("the body ran").real::<f64>())
        })
    };
    a_handle_that_left_a_branch: left_body("mul", []) => {
        let mut inner = None;
        Function::record(shape![2], |x| {
            let y = cond(x.sum(), || { let d = x.exp(); inner = Some(d); d }, || x);
            here!(y * inner.expect("the body ran"))
        })
    };
    a_handle_that_left_a_body_and_is_the_result: left_body("output", []) => {
        let mut inner = None;
        here!(Function::record(shape![2], |x| {
            scan(x, 3, |c, _| { inner = Some(c.exp()); (c, ()) });
            inner.expect("the body ran")
        }))
    };
    a_handle_returned_as_another_element_type: operands("output", ["(f32[2])", "f64[2]", "`cast`"]) => {
        here!(Function::record(shape![2], |x| Var::<f32>::from_dyn(x.to_dyn())))
    };
    the_item_of_another_loop: left_body("add", []) => {
        let mut item = None;
        Function::record(shape![2, 3], |x| {
            map(x, |row| { item = Some(row); row });
            map(x, |row| here!(row + item.expect("the body ran")))
        })
    };
}

#[test]
fn an_untyped_handle_of_another_thread_is_a_foreign_one() {
    // Every thread counts its recordings in the same way: this one must not be mistaken for the first of the other.
    let far: DynVar = std::thread::spawn(|| {
        let mut out = DynVar::POISON;
        Function::record(shape![2], |x| {
            out = x.to_dyn();
            x
        })
        .expect("nothing is wrong with it");
        out
    })
    .join()
    .expect("it does not panic");
    let near = std::thread::spawn(move || {
        fault(file!(), || Function::record(shape![2], |x| here!(x + Var::from_dyn(far)))).foreign("add", &[]);
    });
    near.join().expect("the checks hold");
}

#[test]
fn the_first_mistake_is_the_one_that_is_named() {
    fault(file!(), || {
        Function::record((shape![2], shape![3]), |(x, y)| {
            let z = here!(x + y);
            (z.dot(y) + zeros(shape![7])).cholesky()
        })
    })
    .operands("add", &["f64[2], f64[3]"]);
}

#[test]
fn a_panic_that_follows_from_a_mistake_gives_the_mistake() {
    fault(file!(), || {
        Function::record((shape![2], shape![3]), |(x, y)| {
            let z = here!(x * y);
            let rows = z.shape()[0];
            z.reshape(&[rows, 1])
        })
    })
    .operands("mul", &["f64[2], f64[3]"]);
    assert!(!record::is_recording());
}

#[test]
fn a_body_that_panics_leaves_no_open_recording() {
    for depth in 0..3 {
        let panics = catch_unwind(AssertUnwindSafe(|| {
            Function::record(shape![2], |x| {
                let inner = |x: Var| if depth == 0 { panic!("on purpose") } else { x };
                scan(x, 2, |c, _| {
                    assert!(depth != 1, "on purpose");
                    (cond(c.sum(), || if depth == 2 { panic!("on purpose") } else { c }, || c), ())
                });
                inner(x)
            })
        }));
        assert!(panics.is_err());
        assert!(!record::is_recording());
        let f = Function::record(shape![], |x| x * x).expect("the thread can record again");
        assert_eq!(f.eval(3.0).expect("it runs")[[]], 9.0);
    }
}

#[test]
fn a_body_that_panics_inside_another_recording_leaves_that_one_open() {
    let f = Function::record(shape![], |x| {
        let panics = catch_unwind(AssertUnwindSafe(|| Function::record(shape![], |_| -> Var { panic!("on purpose") })));
        assert!(panics.is_err() && record::is_recording());
        x + 1.0
    });
    assert_eq!(f.and_then(|f| f.eval(1.0)).expect("it runs")[[]], 2.0);
}

#[test]
fn a_body_may_fail_in_its_own_way() {
    #[derive(Debug)]
    enum Mine {
        Own,
        Theirs(Error),
    }
    impl From<Error> for Mine {
        fn from(e: Error) -> Self {
            Mine::Theirs(e)
        }
    }
    let own = Function::try_record(shape![2], |_| Err::<Var, _>(Mine::Own));
    assert!(matches!(own, Err(Mine::Own)));
    assert!(!record::is_recording());
    let theirs = Function::try_record(shape![2], |x| Ok::<_, Mine>(x.trace()));
    assert!(matches!(theirs, Err(Mine::Theirs(e)) if e.operation() == "trace" && !e.operands().is_empty()));
}

#[test]
fn recordings_nest() {
    let f = Function::record(shape![], |x| {
        let square = Function::record(shape![], |y| y * y).expect("nothing is wrong with it");
        square.call(x) + 1.0
    });
    assert_eq!(f.and_then(|f| f.eval(3.0)).expect("it runs")[[]], 10.0);
}
