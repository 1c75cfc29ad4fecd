//! A fixed vector of signs that looks random: a direction to try an operator on.

/// Entry i of a fixed pseudo-random vector of signs (Steele, Lea and Flood 2014).
pub(crate) fn sign(seed: u64, i: usize) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03).wrapping_add((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    if (z ^ (z >> 31)) & 1 == 0 { 1.0 } else { -1.0 }
}
