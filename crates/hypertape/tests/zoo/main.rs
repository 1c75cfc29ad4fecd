//! Problems with known derivatives, through every solver and every differentiation, from one table.
mod check;
mod composite;
mod data;
mod edges;
mod image;
mod iterates;
mod problem;
mod smooth;
mod solver;
mod table;

/// One test for each solver, in a module that carries the problem's name.
macro_rules! problem {
    ($name:ident, $run:expr) => {
        mod $name {
            fn run(solver: crate::table::Solver) {
                let run: fn(&str, crate::table::Solver) = $run;
                run(stringify!($name), solver);
            }
            crate::cells!(
                gradient_descent: GradientDescent, backtracking: Backtracking, sgd: Sgd, adam: Adam, ista: Ista, fista: Fista,
                condat_vu: CondatVu, fixed_point: FixedPoint, lbfgs: Lbfgs, newton_cg: NewtonCg, own_root: OwnRoot,
                own_fixed_point: OwnFixedPoint, own_argmin: OwnArgmin
            );
        }
    };
}

macro_rules! cells {
    ($($name:ident: $solver:ident),*) => {
        $(
            #[test]
            fn $name() {
                run(crate::table::Solver::$solver);
            }
        )*
        /// The tests of this module: as many as solvers.
        pub(crate) const SOLVERS: &[crate::table::Solver] = &[$(crate::table::Solver::$solver),*];
    };
}
pub(crate) use cells;

/// The problems, and a test that the table has a row for each, and each row a test for each solver.
macro_rules! problems {
    ($($name:ident: $run:expr;)*) => {
        $(problem!($name, $run);)*

        #[test]
        fn the_table_is_total() {
            let tested = [$((stringify!($name), $name::SOLVERS)),*];
            let rows: Vec<&str> = table::PROBLEMS.iter().map(|row| row.0).collect();
            assert_eq!(rows, tested.map(|t| t.0), "a row of the table for each problem with tests, in the same order");
            for (name, solvers) in tested {
                assert_eq!(solvers, table::Solver::ALL, "{name}: a test for each solver, in the order of the columns");
            }
            for (i, solver) in table::Solver::ALL.iter().enumerate() {
                assert_eq!(*solver as usize, i, "columns stand in the order of the solvers");
            }
            table::every_linear_solver_has_a_verdict_and_every_exclusion_a_reason();
        }
    };
}

problems! {
    ridge: |n, s| crate::check::solution(n, &crate::smooth::ridge(), s);
    heron: |n, s| crate::check::solution(n, &crate::smooth::heron(), s);
    cube_root: |n, s| crate::check::solution(n, &crate::smooth::cube_root(), s);
    linear_root: |n, s| crate::check::solution(n, &crate::smooth::linear_root(), s);
    contraction: |n, s| crate::check::solution(n, &crate::smooth::contraction(), s);
    contraction_terms: crate::iterates::contraction_terms;
    quadratic_iterate: crate::iterates::quadratic_iterate;
    soft_threshold: |n, s| crate::check::solution(n, &crate::composite::soft_threshold(), s);
    group_threshold: |n, s| crate::check::solution(n, &crate::composite::group_threshold(), s);
    lasso_full_support: |n, s| crate::check::solution(n, &crate::composite::lasso_full_support(), s);
    lasso_one_feature: |n, s| crate::check::solution(n, &crate::composite::lasso_one_feature(), s);
    simplex_projection: |n, s| crate::check::solution(n, &crate::composite::simplex_projection(), s);
    quadratic_program: |n, s| crate::check::solution(n, &crate::composite::quadratic_program(), s);
    box_argmin: |n, s| crate::check::solution(n, &crate::composite::box_argmin(), s);
    neumann_truncation: crate::iterates::neumann_truncation;
    min_min: |n, s| crate::check::solution(n, &crate::smooth::min_min(1), s);
    min_min_slopes: crate::iterates::min_min_slopes;
    denoising: crate::image::denoising;
    digits: crate::data::digits;
}
