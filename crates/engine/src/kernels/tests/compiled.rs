//! Machine code of groups gives the bits that the interpreter gives, on random instructions and special values.
#![allow(unsafe_code)]
use super::super::compiled;
use super::super::group::{Code, Group, Load, Store, Target};
use super::super::isa::{Isa, isa, on_each};
use super::super::join::{Join, Piece};
use super::super::math::Sum;
use super::super::parts;
use super::Random;
use hypertape_ir::array::{Element, Kind, Real};
use hypertape_ir::operation::{BinaryFn, UnaryFn};
use smallvec::SmallVec;

/// Functions that write their own micro-instructions.
const TRACED: [UnaryFn; 13] = {
    use UnaryFn::{Acos, Asin, Atan, Cosh, Erf, Exp, ExpM1, Ln, Ln1p, Sigmoid, Sinh, Softplus, Tanh};
    [Exp, ExpM1, Sigmoid, Softplus, Ln, Ln1p, Asin, Acos, Atan, Sinh, Cosh, Tanh, Erf]
};

fn number<T: Real>(d: &mut Random) -> T {
    let special = [0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e-310, 0.5, 3.0, 1e10];
    T::from_f64(if d.below(3) == 0 { d.pick(&special) } else { 8.0 * d.real() })
}

/// A random instruction on some of the first cells.
fn instruction(d: &mut Random, cells: usize, scalars: usize, fresh: u16, cheap: bool) -> Code {
    use BinaryFn::{Absorb, Add, Atan2, Div, Equal, Less, LessEq, Max, Min, Mul, Pow, Rem, Share, Sub};
    use UnaryFn::{Abs, Floor, Neg, Recip, Sign, Sin, Sqrt};
    let unary = [&[Neg, Abs, Sign, Sqrt, Recip, Floor, Sin], &TRACED[..]].concat();
    let binary = [Add, Sub, Mul, Div, Max, Min, Less, LessEq, Equal, Share, Absorb, Pow, Atan2, Rem];
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

/// A group of one loop over `n` elements in one part, which reads its first cells in place and writes the results that are named.
fn group<T: Real>(n: usize, registers: usize, given: usize, code: Vec<Code>, results: &[usize]) -> Group {
    let load = |k: usize| Load { kind: T::KIND, outer: SmallVec::new(), target: Target::Direct(k as u16) };
    let store = |k: &usize| Store { kind: T::KIND, cell: *k as u16, direct: true };
    Group {
        single: T::KIND == Kind::F32,
        len: n,
        outer: SmallVec::new(),
        inner: n,
        part: n,
        parts: 1,
        tile: n,
        registers,
        constants: vec![],
        loads: (0..given).map(load).collect(),
        joins: vec![],
        code,
        steps: vec![],
        stores: results.iter().map(store).collect(),
        tails: vec![],
        compiled: None,
    }
}

/// The cells after all instructions ran on `n` elements.
fn after<T: Real>(g: &Group, cells: &[Vec<T>], scalars: &[T], n: usize) -> Vec<Vec<T>> {
    let mut cells = cells.to_vec();
    let pointers: Vec<*mut T> = cells.iter_mut().map(Vec::as_mut_ptr).collect();
    // SAFETY: every cell has more than `n` elements of its own.
    unsafe { compiled::run(g, pointers.as_ptr(), scalars.as_ptr(), n, |_, _| ()) };
    cells
}

fn compare<T: Real>(seed: u64) {
    let mut d = Random::new(seed);
    let (given, made, scalars) = (1 + d.below(20), 1 + d.below(60), 1 + d.below(20));
    let cheap = d.below(2) == 0;
    let code: Vec<Code> = (0..made).map(|k| instruction(&mut d, given + k, scalars, (given + k) as u16, cheap)).collect();
    let mut results: Vec<usize> = (0..made).filter(|_| d.below(3) == 0).map(|k| given + k).collect();
    results.push(given + made - 1);
    let n = 1 + d.below(70);
    let plain = group::<T>(n, given + made, given, code, &results);
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

/// A function on numbers of every size, by machine code and by the interpreter.
fn traced<T: Real>(f: Code, seed: u64) {
    let mut d = Random::new(seed);
    let n = 5003;
    let sized = |d: &mut Random| 2f64.powi(d.below(1600) as i32 - 800) * d.real();
    let near = |d: &mut Random| [1.0, 0.5, 22.0, 40.0, 88.7, 104.0, 709.8, 745.0][d.below(8)] * (1.0 + 1e-3 * d.real()) * d.real().signum();
    let x: Vec<T> = (0..n)
        .map(|k| match k % 4 {
            0 => T::from_f64(sized(&mut d)),
            1 => T::from_f64(near(&mut d)),
            2 => T::from_f64(2.0 * d.real()),
            _ => number(&mut d),
        })
        .collect();
    let mut y = x.clone();
    y.rotate_left(1237);
    let plain = group::<T>(n, 4, 2, vec![f, Code::Unary(UnaryFn::Neg, 2, 3)], &[3]);
    let mut group = plain.clone();
    compiled::all(std::iter::once(&mut group));
    assert!(group.compiled.is_some() || isa() == Isa::Portable || cfg!(miri), "{f:?} is not compiled");
    let cells = vec![x.clone(), y, vec![T::zero(); n], vec![T::zero(); n]];
    let (wanted, found) = (after(&plain, &cells, &[], n), after(&group, &cells, &[], n));
    for (x, (w, f)) in x.iter().zip(wanted[3].iter().zip(&found[3])) {
        let (w, found) = (Element::to_f64(*w), Element::to_f64(*f));
        assert!(w.to_bits() == found.to_bits() || w.is_nan() && found.is_nan(), "{plain:?} at {x}: {found} instead of {w}");
    }
}

#[test]
fn functions_as_machine_code_give_their_own_bits() {
    on_each(|| {
        let of_two = [BinaryFn::Pow, BinaryFn::Atan2].map(|f| Code::Binary(f, 0, 1, 2));
        for (k, f) in TRACED.into_iter().map(|f| Code::Unary(f, 0, 2)).chain(of_two).enumerate() {
            traced::<f64>(f, k as u64);
            traced::<f32>(f, k as u64);
        }
    });
}

/// The results of a group that adds the second join to the product of the first with itself, with and without machine code.
fn joined<T: Real>(len: usize, joins: [(usize, f64, Vec<(usize, usize)>); 2], tile: usize) {
    let kind = T::KIND;
    let mut d = Random::new(len as u64);
    // An operand has only the elements of its piece: the first one is that of row 0 and column `from`.
    let reach = |row: usize, (from, to): (usize, usize)| (len / row - 1) * row + to - from;
    let lengths: Vec<usize> = joins.iter().flat_map(|j| j.2.iter().map(|p| reach(j.0, *p))).collect();
    let data: Vec<Vec<T>> = lengths.iter().map(|n| (0..*n).map(|_| number(&mut d)).collect()).collect();
    let mut load = 0;
    let mut piece = |row: usize, (from, to): (usize, usize)| {
        load += 1;
        Piece { load: load - 1, from, to, stride: row as isize }
    };
    let joins = [0, 1].map(|k| Join {
        cell: 3 + k as u16,
        register: k as u16,
        row: joins[k].0,
        fill: joins[k].1,
        pieces: joins[k].2.iter().map(|p| piece(joins[k].0, *p)).collect(),
    });
    let plain = Group {
        tile,
        loads: data.iter().map(|_| Load { kind, outer: SmallVec::new(), target: Target::Piece }).collect(),
        joins: joins.to_vec(),
        ..group::<T>(len, 3, 0, vec![Code::MulAdd(Sum::Plus, 3, 3, 4, 2), Code::Unary(UnaryFn::Neg, 2, 5)], &[5])
    };
    let mut group = plain.clone();
    compiled::all(std::iter::once(&mut group));
    let found = [&plain, &group].map(|g| {
        let mut out = vec![T::zero(); len];
        let mut ports: Vec<*mut u8> = data.iter().map(|d| d.as_ptr().cast_mut().cast()).collect();
        ports.push(out.as_mut_ptr().cast());
        // SAFETY: every operand has the elements of its piece, and the result has all.
        unsafe { parts::run(g, &ports, std::ptr::null_mut()) };
        out.iter().map(|v| Element::to_f64(*v).to_bits()).collect::<Vec<u64>>()
    });
    assert!(found[0] == found[1], "{:?} of {len}, tiles of {tile}: {:?} instead of {:?}", plain.joins, found[1], found[0]);
}

#[test]
fn machine_code_reads_joins_where_their_pieces_lie() {
    on_each(|| {
        for (rows, row) in [(1, 16), (3, 16), (5, 17), (2, 40), (7, 33)] {
            let len = rows * row;
            for tile in [16, 48, 512] {
                for (from, to) in [(0, row), (1, row), (0, row - 1), (3, 9), (row - 1, row)] {
                    let whole = || (len, 0.0, vec![(row.min(len - 1), len)]);
                    joined::<f64>(len, [(row, 0.0, vec![(from, to)]), whole()], tile);
                    joined::<f32>(len, [(row, -0.5, vec![(from, to)]), whole()], tile);
                    joined::<f64>(len, [(row, 2.0, vec![(0, 2), (5, 6), (from.max(7), to.max(8))]), (row, 0.0, vec![(from, to)])], tile);
                }
            }
        }
    });
}
