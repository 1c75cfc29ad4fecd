//! Fixed vectors that look random, of signs and of numbers: directions to try an operator on.

/// Bits that look random (Steele, Lea and Flood 2014).
fn bits(seed: u64, i: usize) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03).wrapping_add((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Entry i of a fixed pseudo-random vector of signs.
pub(crate) fn sign(seed: u64, i: usize) -> f64 {
    if bits(seed, i) & 1 == 0 { 1.0 } else { -1.0 }
}

/// Entry i of a fixed pseudo-random vector of numbers between ½ and 1 and of either sign, which single precision holds exactly.
pub(crate) fn noise(seed: u64, i: usize) -> f64 {
    sign(seed, i) * (0.5 + (bits(seed, i) >> 44) as f64 / f64::from(1 << 21))
}
