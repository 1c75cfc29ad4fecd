//! Hard cases for the implicit layer, by every adjoint in both modes: the derivative is right, or there is an error, or a report that says it is not.
//!
//! `cargo test -p hypertape --test cases -- --nocapture` prints the table of all cells.
mod adjoint;
mod case;
mod certificate;
mod check;
mod fixed_points;
mod folds;
mod indefinite;
mod matrices;
mod minima;
mod models;
mod non_normal;
mod reference;
mod rule;
mod run;
mod scales;
mod sets;
mod singular;
mod spectra;
mod table;
mod truth;
mod unrolled;

/// A test for each case, in the order of the table.
macro_rules! cases {
    ($($family:ident: $($name:ident = $case:expr),+;)+) => {
        /// Every case.
        const NAMES: &[&str] = &[$($(stringify!($name)),+),+];
        $(
            mod $family {
                $(
                    #[test]
                    fn $name() {
                        crate::check::run(stringify!($name), &$case);
                    }
                )+
            }
        )+
    };
}

cases! {
    spectrum: log_1e2 = crate::spectra::logarithmic(24, 1e2), log_1e4 = crate::spectra::logarithmic(24, 1e4),
        log_1e6 = crate::spectra::logarithmic(24, 1e6), log_1e8 = crate::spectra::logarithmic(24, 1e8),
        log_1e10 = crate::spectra::logarithmic(24, 1e10), log_1e12 = crate::spectra::logarithmic(24, 1e12),
        log_1e14 = crate::spectra::logarithmic(24, 1e14), clusters_1e4 = crate::spectra::clustered(1e4),
        clusters_1e8 = crate::spectra::clustered(1e8), clusters_1e12 = crate::spectra::clustered(1e12),
        one_small_1e6 = crate::spectra::one_small(1e6), one_small_1e12 = crate::spectra::one_small(1e12),
        large = crate::spectra::logarithmic(120, 1e3), maximum = crate::spectra::maximum(), graded = crate::spectra::graded(),
        hilbert_6 = crate::spectra::hilbert(6), hilbert_10 = crate::spectra::hilbert(10);
    symmetric: saddle_3 = crate::indefinite::program(2, 1, crate::case::Kind::Argmin),
        saddle_16 = crate::indefinite::program(12, 4, crate::case::Kind::Root),
        saddle_55 = crate::indefinite::program(40, 15, crate::case::Kind::Argmin),
        nearly_parallel = crate::indefinite::nearly_parallel(1e-4), alternating_1e3 = crate::indefinite::alternating(20, 1e3),
        alternating_1e8 = crate::indefinite::alternating(20, 1e8), alternating_1e12 = crate::indefinite::alternating(20, 1e12),
        pairs = crate::indefinite::pairs(), exchange = crate::indefinite::exchange();
    general: jordan = crate::non_normal::jordan(30, 1.0), jordan_far = crate::non_normal::jordan(12, 5.0),
        grcar = crate::non_normal::grcar(40), triangular = crate::non_normal::triangular(10, 20.0),
        convection = crate::non_normal::convection(80, 0.9), convection_beyond = crate::non_normal::convection(60, 4.0),
        skew_and_identity = crate::non_normal::skew_and_identity(30), skew_alone = crate::non_normal::skew_alone(20),
        shift = crate::non_normal::shift(40), transient = crate::non_normal::transient(10, 2.0),
        transient_far = crate::non_normal::transient(12, 30.0);
    degenerate: flat_1 = crate::singular::flat(1), flat_2 = crate::singular::flat(2), flat_3 = crate::singular::flat(3),
        flat_1_beside = crate::singular::flat_beside(1), flat_3_beside = crate::singular::flat_beside(3),
        no_solution_nearby = crate::singular::no_solution_nearby(), twice = crate::singular::twice(),
        rank_one = crate::singular::rank_one(), markov = crate::singular::markov(), nothing = crate::singular::nothing(),
        nearly_1e_8 = crate::singular::nearly(1e-8), nearly_1e_13 = crate::singular::nearly(1e-13),
        repeated_constraint = crate::singular::repeated_constraint();
    maps: half = crate::fixed_points::symmetric(0.5), slow = crate::fixed_points::scalar_map(0.999),
        very_slow = crate::fixed_points::scalar_map(0.99999), repels = crate::fixed_points::scalar_map(2.0),
        repels_turning = crate::fixed_points::scalar_map(-1.5), repels_symmetric = crate::fixed_points::symmetric(3.0),
        one_repelled = crate::fixed_points::one_repelled(), rotation = crate::fixed_points::rotations(1, 0.999),
        rotations = crate::fixed_points::rotations(5, 0.99), rotations_of_modulus_1 = crate::fixed_points::rotations(3, 1.0),
        logistic_attracts = crate::fixed_points::logistic(2.8), logistic_repels = crate::fixed_points::logistic(3.7),
        equilibrium_network = crate::fixed_points::equilibrium_network(20, 0.9),
        equilibrium_network_wild = crate::fixed_points::equilibrium_network(20, 4.0), bellman = crate::fixed_points::bellman(15, 0.99),
        soft_bellman = crate::fixed_points::soft_bellman(), pagerank = crate::fixed_points::pagerank(30, 0.85),
        lyapunov = crate::fixed_points::lyapunov(4), nash = crate::fixed_points::nash();
    fold: square_1e_4 = crate::folds::square(1e-4), square_1e_8 = crate::folds::square(1e-8),
        square_below = crate::folds::square_from_below(1e-4), square_at_0 = crate::folds::square(0.0),
        fold_of_two = crate::folds::fold_of_two(1e-8), cusp_beside = crate::folds::cusp([1e-4, 0.0], 1e-2),
        cusp_at_0 = crate::folds::cusp([0.0, 0.0], 0.0), cube_8 = crate::folds::cube(8.0), cube_1e_9 = crate::folds::cube(1e-9),
        cube_at_0 = crate::folds::cube(0.0), quartic_1e_9 = crate::folds::quartic(1e-9), quartic_at_0 = crate::folds::quartic(0.0),
        double_root = crate::folds::double_root(1e-5);
    many: well_left = crate::minima::double_well(0.1, -1.0), well_right = crate::minima::double_well(0.1, 1.0),
        well_top = crate::minima::double_well(0.1, 0.0), sine_0 = crate::minima::sine(0.4, 0), sine_1 = crate::minima::sine(0.4, 1),
        sine_20 = crate::minima::sine(0.4, 20), polynomial_1 = crate::minima::polynomial(1), polynomial_4 = crate::minima::polynomial(4),
        circle_right = crate::minima::circle_and_line(1.0), circle_left = crate::minima::circle_and_line(-1.0);
    sizes: cotangent_1e150 = crate::scales::cotangent(1e150), cotangent_1e_150 = crate::scales::cotangent(1e-150),
        cotangent_0 = crate::scales::cotangent(0.0), tangent_1e150 = crate::scales::tangent(1e150),
        tangent_1e_150 = crate::scales::tangent(1e-150), mixed_cotangent = crate::scales::mixed_cotangent(),
        sparse_cotangent = crate::scales::sparse_cotangent(), roots_of_1e150 = crate::scales::roots_of(1e150),
        roots_of_1e_150 = crate::scales::roots_of(1e-150), equation_1e150 = crate::scales::equation(1e150),
        equation_1e_150 = crate::scales::equation(1e-150), parameters_1e150 = crate::scales::parameters(1e150),
        parameters_1e_150 = crate::scales::parameters(1e-150), unknowns = crate::scales::unknowns();
    borders: lasso_path = crate::sets::lasso_path(), box_path = crate::sets::box_path(),
        weakly_active_lasso = crate::sets::weakly_active_lasso(), weakly_active_bound = crate::sets::weakly_active_bound(),
        kink_of_parameters = crate::sets::kink_of_parameters();
    known: kepler = crate::models::kepler(0.6, 1.0), kepler_near_1 = crate::models::kepler(0.999, 1e-3).double_only(),
        implicit_euler = crate::models::implicit_euler(20, 0.1), softmax_kkt = crate::models::softmax_kkt(),
        eigenpair = crate::models::eigenpair(1.0), eigenpair_close = crate::models::eigenpair(1e-6),
        matrix_root = crate::models::matrix_root(), sylvester = crate::models::sylvester(), sinkhorn = crate::models::sinkhorn(0.3),
        market = crate::models::market();
}
