//! Machine code of groups gives the bits that the interpreter gives, on random instructions and special values.
#![allow(unsafe_code)]
use super::super::compiled;
use super::super::group::{Code, Group, Load, Store, Target};
use super::super::isa::{Isa, isa, on_each};
use super::super::math::Sum;
use super::Random;
use hypertape_ir::array::{Element, Kind, Real};
use hypertape_ir::operation::{BinaryFn, UnaryFn};
use smallvec::SmallVec;

fn number<T: Real>(d: &mut Random) -> T {
    let special = [0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e-310, 0.5, 3.0, 1e10];
    T::from_f64(if d.below(3) == 0 { d.pick(&special) } else { 8.0 * d.real() })
}

/// A random instruction on some of the first cells.
fn instruction(d: &mut Random, cells: usize, scalars: usize, fresh: u16, cheap: bool) -> Code {
    use BinaryFn::{Absorb, Add, Div, Equal, Less, LessEq, Max, Min, Mul, Pow, Share, Sub};
    use UnaryFn::{Abs, Exp, Floor, Neg, Recip, Sign, Sin, Sqrt};
    let unary = [Neg, Abs, Sign, Sqrt, Recip, Floor, Exp, Sin];
    let binary = [Add, Sub, Mul, Div, Max, Min, Less, LessEq, Equal, Share, Absorb, Pow];
    let (u, b) = if cheap { (6, 11) } else { (unary.len(), binary.len()) };
    let (f, g) = (d.pick(&unary[..u]), d.pick(&binary[..b]));
    let s = d.pick(&[Sum::Plus, Sum::Minus, Sum::From]);
    let [x, y, z] = [0; 3].map(|_| d.below(cells) as u16);
    let c = d.below(scalars) as u16;
    match d.below(10) {
        0 | 1 => Code::Unary(f, x, fresh),
        2 => Code::Binary(g, x, y, fresh),
        3 => Code::With(g, x, c, fresh),
        4 => Code::Of(g, c, x, fresh),
        5 => Code::MulAdd(s, x, y, z, fresh),
        6 => Code::ScaleAdd(s, x, c, y, fresh),
        7 => Code::Select(x, y, z, fresh),
        8 => d.pick(&[Code::Fill(c, fresh), Code::Round(x, fresh)]),
        _ => Code::Index(x, fresh),
    }
}

/// The cells after all instructions ran on `n` elements.
fn after<T: Real>(g: &Group, cells: &[Vec<T>], scalars: &[T], n: usize) -> Vec<Vec<T>> {
    let mut cells = cells.to_vec();
    let pointers: Vec<*mut T> = cells.iter_mut().map(Vec::as_mut_ptr).collect();
    // SAFETY: every cell has more than `n` elements of its own.
    unsafe { compiled::run(g, pointers.as_ptr(), scalars.as_ptr(), n) };
    cells
}

fn compare<T: Real>(seed: u64) {
    let mut d = Random::new(seed);
    let (given, made, scalars) = (1 + d.below(20), 1 + d.below(60), 1 + d.below(20));
    let cheap = d.below(2) == 0;
    let code: Vec<Code> = (0..made).map(|k| instruction(&mut d, given + k, scalars, (given + k) as u16, cheap)).collect();
    let load = |k: usize| Load { kind: T::KIND, outer: SmallVec::new(), target: Target::Direct(k as u16) };
    let mut stores: Vec<Store> =
        (0..made).filter(|_| d.below(3) == 0).map(|k| Store { kind: T::KIND, cell: (given + k) as u16, direct: true }).collect();
    stores.push(Store { kind: T::KIND, cell: (given + made - 1) as u16, direct: true });
    let n = 1 + d.below(70);
    let plain = Group {
        single: T::KIND == Kind::F32,
        len: n,
        outer: SmallVec::new(),
        inner: n,
        part: n,
        parts: 1,
        tile: n,
        registers: given + made,
        constants: vec![],
        loads: (0..given).map(load).collect(),
        joins: vec![],
        code,
        steps: vec![],
        stores,
        tails: vec![],
        compiled: None,
    };
    let mut group = plain.clone();
    compiled::all(std::iter::once(&mut group));
    let must = cheap && made > 1 && isa() != Isa::Portable && !cfg!(miri);
    assert!(group.compiled.is_some() || !must, "seed {seed} is not compiled\n{:?}", plain.code);
    let cells: Vec<Vec<T>> = (0..given + made).map(|_| (0..n + 3).map(|_| number(&mut d)).collect()).collect();
    let scalars: Vec<T> = (0..scalars).map(|_| number(&mut d)).collect();
    let (wanted, found) = (after(&plain, &cells, &scalars, n), after(&group, &cells, &scalars, n));
    for (k, (w, f)) in wanted.iter().zip(&found).enumerate() {
        let read = k < given || plain.stores.iter().any(|s| s.cell as usize == k);
        for i in (0..n + 3).filter(|i| read || *i >= n) {
            let (w, f) = (Element::to_f64(w[i]), Element::to_f64(f[i]));
            let same = w.to_bits() == f.to_bits() || w.is_nan() && f.is_nan();
            assert!(same, "seed {seed}, element {i} of {n} of cell {k}: {f} instead of {w}\n{:?}", plain.code);
        }
    }
}

#[test]
fn machine_code_gives_the_bits_of_the_interpreter() {
    on_each(|| {
        for seed in 0..if cfg!(miri) { 3 } else { 3000 } {
            compare::<f64>(seed);
            compare::<f32>(seed);
        }
    });
}
