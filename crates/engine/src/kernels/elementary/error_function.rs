//! The error function erf x = 2/√π ∫₀ˣ e^(−t²) dt.
//!
//! For |x| ≤ 1, erf x = x + x E(x²). Beyond, erf |x| = 1 − e^(−L(|x|)), with a polynomial L for −ln(1 − erf): this takes one exponential and no
//! division. The coefficients minimise the largest error, of E relative to erf(x) / x and of L times 1 − erf (Remez 1934, in 200 bits): 2⁻⁶²·⁷ and
//! 2⁻⁵⁹·⁵ in double, 2⁻²⁹·⁶ and 2⁻³⁵·⁵ in single precision.
//!
//! Error in double precision: 1.75 units in the last place.
use super::exponential::exp;
use super::words::{Word, choose, mul_add, polynomial_of};

const E: [f64; 13] = [
    0.1283791670955126,
    -0.3761263890318375,
    0.11283791670954857,
    -0.026866170645072893,
    0.00522397762478086,
    -0.0008548326978741841,
    0.0001205533103688604,
    -1.492559350655681e-05,
    1.646097281159292e-06,
    -1.635002516459898e-07,
    1.4657879451419462e-08,
    -1.1365664459571232e-09,
    5.945259235031865e-11,
];
const E_SINGLE: [f64; 7] = [
    0.12837916572671032,
    -0.37612625824230883,
    0.11283585148591767,
    -0.026853811934433175,
    0.005188327684178774,
    -0.0008010193612024417,
    7.853861310712162e-05,
];
const L: [f64; 19] = [
    1.8436612875203226e-07,
    1.1283772825863527,
    0.6366287028609876,
    0.1027466450661764,
    -0.019076960208710105,
    -0.00028222146606391937,
    0.0017709171859595914,
    -0.0006428262351689746,
    4.595055621953423e-05,
    6.975355174324824e-05,
    -4.477134263187799e-05,
    1.6421996374617816e-05,
    -4.301924482442732e-06,
    8.452240609131208e-07,
    -1.2483590799656404e-07,
    1.3522825340234414e-08,
    -1.0170955474312404e-09,
    4.751946112103068e-11,
    -1.039104133304676e-12,
];
const L_SINGLE: [f64; 8] = [
    -0.0001880364866350456,
    1.1295784077577529,
    0.6332199237546068,
    0.10841854624896927,
    -0.025208238183407738,
    0.004204555355398279,
    -0.00044135512962451295,
    2.1686749668854923e-05,
];

#[inline(always)]
pub(super) fn erf<T: Word, const FMA: bool>(x: T) -> T {
    // 1 − erf is below half a unit in the last place from here on.
    let most = choose(5.95, 4.0);
    let a = x.abs();
    let a = T::pick(a.greater(most), most, a);
    let z = a * a;
    let near = mul_add::<T, FMA>(a, polynomial_of::<T, FMA, _, _>(z, &E, &E_SINGLE), a);
    let far = T::one() - exp::<T, FMA>(-polynomial_of::<T, FMA, _, _>(a, &L, &L_SINGLE));
    T::pick(a.greater(T::one()), far, near).copysign(x)
}
