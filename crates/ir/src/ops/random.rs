//! Random numbers as pure functions of a key, a counter and the place in the array: Philox4x32-10 (Salmon et al., 2011).
//!
//! The same key, counter and place give the same bits on every machine, in loops that run forwards and backwards, whole and in parts.
use crate::array::{AnyArray, Element, Kind, LeafType, Slice, SliceMut};
use crate::each_kind;
use crate::error::{Counted, Elements, ErrorKind, Nothing, Result, Scalar};
use crate::operation::typed::input;
use crate::operation::{Builder, Items, Kernel, Lowering, Made, Maybe, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::sync::Arc;

/// How random numbers are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// On [0, 1), in steps of 2⁻⁵³, or 2⁻²⁴ in single precision.
    Uniform,
    /// Mean 0, variance 1, by the inverse of the distribution function (Wichura, 1988, AS 241).
    Normal,
    /// Indices 0, …, n − 1 with equal probability.
    Below(u32),
}

/// An array of random numbers; operand: the counter, one u32. No derivative.
#[derive(Debug, Clone, PartialEq)]
pub struct Random {
    /// Names the stream.
    pub key: u64,
    /// How they are spread.
    pub distribution: Distribution,
    /// Shape and element type.
    pub of: LeafType,
}

/// Ten rounds of Philox on a counter of four words.
fn philox(key: u64, counter: [u32; 4]) -> [u32; 4] {
    let mut k = [key as u32, (key >> 32) as u32];
    let mut c = counter;
    for _ in 0..10 {
        let (p, q) = (0xD251_1F53_u64 * u64::from(c[0]), 0xCD9E_8D57_u64 * u64::from(c[2]));
        c = [(q >> 32) as u32 ^ c[1] ^ k[0], q as u32, (p >> 32) as u32 ^ c[3] ^ k[1], p as u32];
        k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
    }
    c
}

/// The quantile function of the standard normal distribution, to 16 digits, for 0 < p < 1.
fn normal_quantile(p: f64) -> f64 {
    const NEAR: [[f64; 8]; 2] = [
        [
            3.387_132_872_796_366_5,
            1.331_416_678_917_843_8e2,
            1.971_590_950_306_551_3e3,
            1.373_169_376_550_946e4,
            4.592_195_393_154_987e4,
            6.726_577_092_700_87e4,
            3.343_057_558_358_813e4,
            2.509_080_928_730_122_7e3,
        ],
        [
            1.0,
            4.231_333_070_160_091e1,
            6.871_870_074_920_579e2,
            5.394_196_021_424_751e3,
            2.121_379_430_158_659_7e4,
            3.930_789_580_009_271e4,
            2.872_908_573_572_194_3e4,
            5.226_495_278_852_854e3,
        ],
    ];
    const TAIL: [[f64; 8]; 2] = [
        [
            1.423_437_110_749_683_5,
            4.630_337_846_156_546,
            5.769_497_221_460_691,
            3.647_848_324_763_204_5,
            1.270_458_252_452_368_4,
            2.417_807_251_774_506e-1,
            2.272_384_498_926_918_4e-2,
            7.745_450_142_783_414e-4,
        ],
        [
            1.0,
            2.053_191_626_637_759,
            1.676_384_830_183_803_8,
            6.897_673_349_851e-1,
            1.481_039_764_274_800_8e-1,
            1.519_866_656_361_645_7e-2,
            5.475_938_084_995_345e-4,
            1.050_750_071_644_416_9e-9,
        ],
    ];
    const FAR: [[f64; 8]; 2] = [
        [
            6.657_904_643_501_103,
            5.463_784_911_164_114,
            1.784_826_539_917_291_3,
            2.965_605_718_285_048_7e-1,
            2.653_218_952_657_612_4e-2,
            1.242_660_947_388_078_4e-3,
            2.711_555_568_743_487_6e-5,
            2.010_334_399_292_288_1e-7,
        ],
        [
            1.0,
            5.998_322_065_558_88e-1,
            1.369_298_809_227_358e-1,
            1.487_536_129_085_061_5e-2,
            7.868_691_311_456_133e-4,
            1.846_318_317_510_054_8e-5,
            1.421_511_758_316_446e-7,
            2.044_263_103_389_939_8e-15,
        ],
    ];
    let ratio = |c: &[[f64; 8]; 2], r: f64| {
        let value = |c: &[f64; 8]| c.iter().rev().fold(0.0, |y, c| y * r + c);
        value(&c[0]) / value(&c[1])
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&NEAR, 0.180_625 - q * q);
    }
    let r = libm::sqrt(-libm::log(if q < 0.0 { p } else { 1.0 - p }));
    let z = if r <= 5.0 { ratio(&TAIL, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    if q < 0.0 { -z } else { z }
}

/// 2⁻ⁿ.
fn step(n: u32) -> f64 {
    1.0 / (1_u64 << n) as f64
}

impl Random {
    /// Element `i` of the array for a counter.
    fn element<T: Element>(&self, counter: u32, i: usize) -> T {
        let family = match self.distribution {
            Distribution::Uniform => 0,
            Distribution::Normal => 1,
            Distribution::Below(_) => 2,
        };
        let block = (i / 2) as u64;
        let words = philox(self.key, [block as u32, (block >> 32) as u32, counter, family]);
        let (low, high) = if i.is_multiple_of(2) { (words[0], words[1]) } else { (words[2], words[3]) };
        let bits = (u64::from(high) << 32) | u64::from(low);
        T::from_f64(match self.distribution {
            Distribution::Uniform if T::KIND == Kind::F32 => (bits >> 40) as f64 * step(24),
            Distribution::Uniform => (bits >> 11) as f64 * step(53),
            // Half a step away from 0 and from 1.
            Distribution::Normal => normal_quantile(((bits >> 12) as f64 + 0.5) * step(52)),
            Distribution::Below(n) => ((u128::from(bits) * u128::from(n)) >> 64) as f64,
        })
    }
}

impl Operation for Random {
    fn name(&self) -> &str {
        match self.distribution {
            Distribution::Uniform => "uniform",
            Distribution::Normal => "normal",
            Distribution::Below(_) => "random_index",
        }
    }
    fn attributes(&self) -> String {
        let below = if let Distribution::Below(n) = self.distribution { format!(", below {n}") } else { String::new() };
        format!("key {}{below}", self.key)
    }
    fn arity(&self) -> Option<usize> {
        Some(1)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let [counter] = inputs else { return Err(ErrorKind::count(Counted::Operands, 1, inputs.len())) };
        if **counter != LeafType::new(&[], Kind::U32) {
            return Err(ErrorKind::NotOneNumber { of: Scalar::Counter, given: (*counter).clone() });
        }
        match self.distribution {
            Distribution::Below(0) => Err(ErrorKind::Empty(Nothing::Indices)),
            Distribution::Below(_) if self.of.kind.is_real() => Err(ErrorKind::elements(Elements::RandomIndices, &[&self.of])),
            Distribution::Uniform | Distribution::Normal if !self.of.kind.is_real() => {
                Err(ErrorKind::elements(Elements::RandomReal, &[&self.of]))
            }
            _ => Ok(smallvec![self.of.clone()]),
        }
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn fill<T: Element>(op: &Random, counter: u32, y: &mut ndarray::ArrayD<T>) {
            y.iter_mut().enumerate().for_each(|(i, y)| *y = op.element(counter, i));
        }
        let counter = inputs[0].to_f64()[0] as u32;
        let mut y = AnyArray::full(&self.of, 0.0);
        each_kind!(AnyArray, &mut y, y => fill(self, counter, y));
        Ok(vec![y])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], _: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), inputs), vec![None])
    }
    fn vjp(&self, _: &mut Builder, _: &[Value], _: &[Value], _: &[Option<Value>], _: &[bool]) -> Maybe {
        vec![None]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        // Each item has a counter of its own.
        items.one_by_one(b, op).map(Some)
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Kernel(Arc::new(self.clone()))
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

impl Kernel for Random {
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        fn fill<T: Element>(op: &Random, counter: u32, y: &mut [T]) {
            y.iter_mut().enumerate().for_each(|(i, y)| *y = op.element(counter, i));
        }
        let counter = input::<u32>(inputs, 0)?.first().copied().unwrap_or(0);
        each_kind!(SliceMut, &mut outputs[0], y => fill(self, counter, y));
        Ok(())
    }
}

impl Probed for Random {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probe = |distribution, shape: &[usize], kind| {
            let op = Random { key: 42, distribution, of: LeafType::new(shape, kind) };
            Probe::new(op, vec![Probe::indices(&[], &[7])])
        };
        let shapes: [&[usize]; 4] = [&[], &[7], &[2, 3], &[0]];
        let mut probes: Vec<Probe> = shapes.iter().map(|s| probe(Distribution::Uniform, s, kind)).collect();
        probes.extend(shapes.iter().map(|s| probe(Distribution::Normal, s, kind)));
        probes.push(probe(Distribution::Below(10), &[20], Kind::U32));
        probes
    }
}

impl Builder {
    /// Uniform on [0, 1): a pure function of the key and the counter, one u32 value.
    pub fn uniform(&mut self, key: u64, counter: Value, of: &LeafType) -> Value {
        self.emit1(Op::new(Random { key, distribution: Distribution::Uniform, of: of.clone() }), &[counter])
    }
    /// Normal with mean 0 and variance 1: a pure function of the key and the counter, one u32 value.
    pub fn normal(&mut self, key: u64, counter: Value, of: &LeafType) -> Value {
        self.emit1(Op::new(Random { key, distribution: Distribution::Normal, of: of.clone() }), &[counter])
    }
    /// Indices below n: a pure function of the key and the counter, one u32 value.
    pub fn random_index(&mut self, key: u64, counter: Value, shape: &[usize], n: u32) -> Value {
        let of = LeafType::new(shape, Kind::U32);
        self.emit1(Op::new(Random { key, distribution: Distribution::Below(n), of }), &[counter])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_words() {
        assert_eq!(philox(0, [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox(u64::MAX, [u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(philox(0x299f_31d0_a409_3822, counter), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn the_quantile_inverts_the_distribution_function() {
        let mut p: f64 = 0.5;
        while p >= 2f64.powi(-53) {
            let z = normal_quantile(p);
            let back = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
            // An error of some roundings of z is larger in p by the slope, about z² + 1, of its logarithm.
            assert!((back / p - 1.0).abs() <= 8.0 * f64::EPSILON * (2.0 + z * z), "{p}: {z} {back}");
            assert_eq!(normal_quantile(1.0 - p), -z);
            p /= 2.0;
        }
        for p in [0.01, 0.06, 0.1, 0.3, 0.45] {
            let z = normal_quantile(p);
            assert!((0.5 * libm::erfc(-z / std::f64::consts::SQRT_2) / p - 1.0).abs() <= 8.0 * f64::EPSILON * (2.0 + z * z));
        }
        assert_eq!(normal_quantile(0.5), 0.0);
    }

    #[test]
    fn moments_and_independence() {
        let n = 200_000;
        let of = LeafType::new(&[n], Kind::F64);
        let sample = |key, counter, distribution| -> Vec<f64> {
            let op = Random { key, distribution, of: of.clone() };
            (0..n).map(|i| op.element(counter, i)).collect()
        };
        let mean = |v: &[f64]| v.iter().sum::<f64>() / n as f64;
        let close = |found: f64, expected: f64, variance: f64| (found - expected).abs() < 5.0 * (variance / n as f64).sqrt();
        let z = sample(1, 0, Distribution::Normal);
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            assert!(close(mean(&z.iter().map(|z| z.powi(power)).collect::<Vec<_>>()), expected, variance), "moment {power}");
        }
        let u = sample(1, 0, Distribution::Uniform);
        assert!(u.iter().all(|u| (0.0..1.0).contains(u)) && close(mean(&u), 0.5, 1.0 / 12.0));
        for other in
            [sample(1, 1, Distribution::Normal), sample(2, 0, Distribution::Normal), z[1..].iter().copied().chain([z[0]]).collect()]
        {
            assert!(close(mean(&z.iter().zip(&other).map(|(a, b)| a * b).collect::<Vec<_>>()), 0.0, 1.0));
        }
        let op = Random { key: 3, distribution: Distribution::Below(10), of: LeafType::new(&[n], Kind::U32) };
        let mut counts = [0; 10];
        (0..n).for_each(|i| counts[op.element::<u32>(5, i) as usize] += 1);
        assert!(counts.iter().all(|c| close(f64::from(*c) / n as f64, 0.1, 0.09)));
    }
}
