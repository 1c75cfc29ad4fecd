//! Comparisons with certificates: bounds hold, products add up by phase, and the picture and the table say the same.
use hypertape_autodiff::operation::Class;
use hypertape_autodiff::record::{Var, constant, scalar, zeros};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{Function, Result, shape};
use hypertape_implicit::{ImplicitExt, OnResidual, certify};
use hypertape_linear::{Cg, Lu};
use hypertape_solvers::{Compare, Comparison, FixedPoint, GradientDescent, Kinds, Measured, Method, Solve};
use ndarray::{Array1, Array2, arr0, arr1};

type Inner = Function<(Leaf, Leaf), Leaf>;

/// min ½ zᵀA z + ½ eᵗ‖z‖² − bᵀz, with products with A, and ½‖z‖².
fn ridge() -> (Inner, Inner, f64) {
    let a = Array2::from_shape_fn((4, 4), |(i, j)| if i == j { 2.0 } else { 0.1 * (i + j) as f64 });
    let b = arr1(&[1.0, -2.0, 0.5, 3.0]);
    let (shared, right) = (a.clone().into_shared(), b.clone().into_shared());
    let inner = Function::record((shape![4], shape![]), |(z, t)| {
        0.5 * z.dot(constant(&shared).dot(z)) + 0.5 * t.exp() * z.dot(z) - z.dot(constant(&right))
    });
    let outer = Function::record((shape![4], shape![]), |(z, _)| 0.5 * z.square().sum());
    // (A + eᵗ) z' = −eᵗ z: by the Jacobi iteration, to rounding.
    let t = 0.2_f64.exp();
    let solve = |b: &Array1<f64>| (0..5000).fold(Array1::zeros(4), |z: Array1<f64>, _| &z + 0.2 * (b - &a.dot(&z) - t * &z));
    let z = solve(&b);
    let slope = z.dot(&solve(&(-t * &z)));
    (inner.unwrap(), outer.unwrap(), slope)
}

fn measured(table: &Comparison, k: usize) -> &Measured {
    table.rows[k].outcome.as_ref().unwrap().as_ref().unwrap()
}

fn of(kinds: &Kinds, class: Class) -> u64 {
    kinds.iter().find(|k| k.0 == class).map_or(0, |k| k.1)
}

#[test]
fn bounds_hold_and_products_add_up() -> Result<()> {
    let (inner, outer, slope) = ridge();
    let descent = GradientDescent::new(&inner).step_size(0.2).tolerance(0.0);
    let stopped = |k| descent.clone().max_iterations(k).implicit(Cg::default()).on_residual(OnResidual::Warn);
    let table = certify(&inner, &outer).adjoint(Cg::default()).compare(
        &Compare::default().reference::<Leaf>(&arr0(slope)),
        &[&descent.unroll(5), &descent.unroll(40), &stopped(5), &stopped(40)],
        Array1::zeros(4),
        0.2,
    )?;
    for k in 0..4 {
        let m = measured(&table, k);
        let (error, c) = (m.error.unwrap(), m.certified.as_ref().unwrap());
        assert!(c.bound.is_some_and(|b| b >= error), "{table}");
        assert!(error < 1e-10 || c.estimate < 3.0 * error && error < 3.0 * c.estimate, "{table}");
        let phases = m.phases.as_ref().unwrap();
        for class in [Class::MatVec, Class::Dot] {
            let parts = of(&phases.inner, class) + of(&phases.adjoint, class) + of(&phases.outer, class);
            assert_eq!(parts, m.counts.products(class, None), "{table}");
        }
        assert_eq!(of(&phases.outer, Class::MatVec), 0, "the outer objective reads no matrix");
    }
    let matvecs = |k: usize| {
        let phases = measured(&table, k).phases.as_ref().unwrap();
        [of(&phases.inner, Class::MatVec), of(&phases.adjoint, Class::MatVec)]
    };
    // Each step is as many products, there and back; the adjoint of an implicit derivative does not see the steps.
    let [short, long, early, late] = [matvecs(0), matvecs(1), matvecs(2), matvecs(3)];
    assert!(short[0] > 0 && short[1] > 0);
    assert_eq!([(long[0] - short[0]) % 35, (long[1] - short[1]) % 35], [0, 0]);
    assert_eq!((late[0] - early[0]) % 35, 0);
    assert!(late[1].abs_diff(early[1]) < 8 && late[1] > 0, "{table}");
    Ok(())
}

#[test]
fn table_values_and_picture() -> Result<()> {
    let (inner, outer, slope) = ridge();
    let descent = GradientDescent::new(&inner).step_size(0.2).tolerance(1e-12);
    let diverging = GradientDescent::new(&inner).step_size(1e200).max_iterations(9);
    let how = Compare::default().reference::<Leaf>(&arr0(slope));
    let named = descent.implicit(Lu).named("implicit <\"LU\"> & more");
    let table = certify(&inner, &outer).compare(&how, &[&descent.unroll(5), &named, &diverging.unroll(9)], Array1::zeros(4), 0.2)?;
    let text = table.to_string();
    assert!(text.contains("estimate") && text.contains("inner") && text.contains("adjoint") && text.contains("failed"), "{text}");
    let csv = table.csv();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("solver,error,estimate,bound,standing,seconds,"));
    assert!(lines[2].starts_with("\"implicit <\"\"LU\"\"> & more\"") && lines[2].ends_with("\"run\""), "{csv}");
    let svg = table.svg().unwrap();
    for part in [
        "Error of the gradient",
        "Memory",
        "seconds",
        "relative error",
        "bytes",
        "unrolled 5 steps",
        "implicit &lt;&quot;LU&quot;&gt; &amp; more",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    // One mark in each panel and one in the legend; the row that failed has none.
    assert_eq!(svg.matches("<circle").count(), 6);
    // Every tag is closed.
    let opened = svg.matches('<').count() - svg.matches("</").count() - svg.matches("/>").count();
    assert_eq!(opened, svg.matches("</").count());
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    assert_eq!(Comparison { rows: vec![] }.svg(), None);
    // Without a reference the estimate is drawn.
    let table = certify(&inner, &outer).compare(&Compare::default(), &[&descent.unroll(5)], Array1::zeros(4), 0.2)?;
    assert!(table.svg().is_some_and(|s| s.contains("relative error")));
    // Wrong starts are refused.
    assert!(certify(&inner, &outer).compare(&how, &[&descent.unroll(5)], Array1::zeros(3), 0.2).is_err());
    Ok(())
}

#[test]
fn nothing_and_single_precision() -> Result<()> {
    let inner = Function::record((shape![0], shape![]), |(z, t)| (z.square() * t).sum())?;
    let outer = Function::record((shape![0], shape![]), |(z, t)| z.sum() + t.square())?;
    let descent = GradientDescent::new(&inner).step_size(0.5);
    let table = certify(&inner, &outer).compare(&Compare::default(), &[&descent.unroll(3)], Array1::zeros(0), 3.0)?;
    let m = measured(&table, 0);
    assert_eq!((m.value, m.certified.as_ref().unwrap().estimate), (9.0, 0.0));
    let (vector, number) = (Leaf::<f32>::new([2]), Leaf::<f32>::new([]));
    let half = || -> Var<f32> { scalar(0.5) };
    let inner = Function::record((vector.clone(), number.clone()), |(z, t)| (half() * t * z.square() - z).sum())?;
    let outer = Function::record((vector, number), |(z, _)| z.square().sum())?;
    let descent = GradientDescent::new(&inner).step_size(0.5);
    let table = certify(&inner, &outer).compare(&Compare::default(), &[&descent.unroll(4)], arr1(&[0.0_f32, 0.0]), arr0(1.25_f32))?;
    let m = measured(&table, 0);
    let error = (f64::from(m.gradient[0].to_f64()[0] as f32) + 4.0 / 1.25_f64.powi(3)).abs() / (4.0 / 1.25_f64.powi(3));
    assert!(m.certified.as_ref().unwrap().bound.is_some_and(|b| b >= error), "{table}");
    Ok(())
}

#[test]
fn a_loss_that_solves_twice_has_phases_too() -> Result<()> {
    let (inner, _, _) = ridge();
    let descent = GradientDescent::new(&inner).step_size(0.2);
    let table = Compare::default().run(&[&descent.unroll(6)], shape![], 0.2, |solver, t| {
        let once = solver.solve(zeros(shape![4]), t);
        solver.solve(once, 2.0 * t).square().sum()
    })?;
    let phases = measured(&table, 0).phases.as_ref().unwrap();
    assert!(of(&phases.inner, Class::MatVec) > 0 && of(&phases.outer, Class::MatVec) == 0, "{table}");
    Ok(())
}

#[test]
fn errors_of_implicit_derivatives_name_flat_directions_and_factors() -> Result<()> {
    // Two equations for five unknowns.
    let a = Array2::from_shape_fn((2, 5), |(i, j)| ((3 * i + 2 * j) as f64).sin()).into_shared();
    let b = arr1(&[1.0, -2.0]).into_shared();
    let inner = Function::record((shape![5], shape![]), |(z, t)| 0.5 * (constant(&a).dot(z) - t * constant(&b)).square().sum())?;
    let method = GradientDescent::new(&inner).step_size(0.2).tolerance(1e-10).max_iterations(5000);
    let slope = |f: &dyn Fn(Var) -> Var| Function::record(shape![], f)?.gradient(1.0).map(|g| g.number());
    for e in [
        slope(&|t| method.implicit(Lu).solve(zeros(shape![5]), t).sum()).unwrap_err(),
        slope(&|t| method.implicit(Cg::default()).solve(zeros(shape![5]), t).sum()).unwrap_err(),
    ] {
        assert!(e.to_string().contains("3 flat directions"), "{e}");
    }
    let map = Function::record((shape![], shape![]), |(z, t)| -1.07 * z + t)?;
    let repelled = FixedPoint::new(&map).max_iterations(60).implicit(Lu);
    let e = slope(&|t| repelled.solve(scalar(0.0), t)).unwrap_err();
    assert!(e.to_string().contains("not a contraction (factor 1.07"), "{e}");
    Ok(())
}

#[test]
fn rows_of_one_name_bounds_and_cells() -> Result<()> {
    let (inner, outer, slope) = ridge();
    let descent = GradientDescent::new(&inner).step_size(0.2).tolerance(1e-12);
    let twice = descent.implicit(Lu).named("same");
    let odd = descent.implicit(Cg::default()).named("a\nb\u{1}c\u{0}");
    let how = Compare::default().reference::<Leaf>(&arr0(slope));
    let table =
        certify(&inner, &outer).compare(&how, &[&twice, &twice, &odd, &descent.implicit(Lu).named("short")], Array1::zeros(4), 0.2)?;
    let (text, csv, svg) = (table.to_string(), table.csv(), table.svg().unwrap());
    for of in [&text, &csv, &svg] {
        assert!(of.contains("same (2)") && of.contains("a b c"), "{of}");
        assert!(of.chars().all(|c| c == '\n' || !c.is_control()), "{of:?}");
    }
    // A row is a line, a cell is one number, and all products are those of the phases.
    let lines: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
    let column = |name: &str| lines[0].iter().position(|c| *c == name).unwrap_or_else(|| panic!("{name}: {csv}"));
    assert_eq!(lines.len(), 5);
    for line in &lines[1..] {
        assert_eq!(line.len(), lines[0].len(), "{csv}");
        for kind in ["zero", "dot", "matvec", "vecmat", "outer", "gemm"] {
            let times = |of: &str| line[column(&format!("{of}_{kind}"))].parse::<u64>().unwrap();
            assert_eq!(times("all"), times("inner") + times("adjoint") + times("outer"), "{kind}: {csv}");
        }
    }
    assert!(lines[1][column("inner_matvec")] != "0");
    // A bar for each bound.
    let bounds = (0..4).filter(|k| measured(&table, *k).certified.as_ref().unwrap().bound.is_some()).count();
    assert!(bounds > 0 && svg.matches("stroke-width=\"1.5\"").count() == bounds && svg.contains("certified bound"));
    // Rows at one place have labels at places of their own.
    let row = table.rows[0].clone();
    let crowd = Comparison { rows: vec![row; 9] }.svg().unwrap();
    let mut places: Vec<(f64, f64)> = vec![];
    for label in crowd.split("<text ").filter(|t| t.contains("text-anchor=\"middle\">") && !t.contains("1e") && !t.contains("translate")) {
        let number = |of: &str| -> Option<f64> {
            label
                .split(&format!(" {of}=\""))
                .nth(1)
                .or(label.strip_prefix(&format!("{of}=\"")))
                .and_then(|t| t.split('"').next()?.parse().ok())
        };
        let written = label.split('>').nth(1).and_then(|t| t.split('<').next()).unwrap_or("");
        if let (Some(x), Some(y), Ok(_)) = (number("x"), number("y"), written.parse::<u32>()) {
            assert!(places.iter().all(|(a, b)| (a - x).abs() >= 7.9 || (b - y).abs() >= 11.9), "{label} lies on another one");
            places.push((x, y));
        }
    }
    assert_eq!(places.len(), 18);
    Ok(())
}
