//! Random whole numbers by a key and a counter: the same key gives the same bits on every machine.

/// Numbers drawn one after another: splitmix64 (Steele, Lea and Flood, 2014) from a start that the key gives.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    start: u64,
    drawn: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finalizer of splitmix64.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of a key. Mixed once, so that streams of neighbouring keys are not shifted copies of each other.
    pub(crate) fn new(key: u64) -> Self {
        Stream { start: mix(key.wrapping_add(GOLDEN)), drawn: 0 }
    }
    /// The key of one of several streams that belong to a key.
    pub(crate) fn key_of(key: u64, number: u64) -> u64 {
        mix(Stream::new(key).start ^ mix(number.wrapping_mul(GOLDEN)))
    }

    fn bits(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        mix(self.start.wrapping_add(self.drawn.wrapping_mul(GOLDEN)))
    }

    /// A number below `end`, which is at least 1, each with the same probability (Lemire, 2019).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        loop {
            let product = u128::from(self.bits()) * u128::from(end);
            // Low halves below 2⁶⁴ mod end would come once too often.
            if product as u64 >= end.wrapping_neg() % end {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts elements into random order, all orders with the same probability (Fisher and Yates; Durstenfeld, 1964).
    pub(crate) fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            elements.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Against the published outputs of splitmix64, and uniformity by counting.
    use super::*;

    #[test]
    fn the_finalizer_is_that_of_splitmix64() {
        // The first outputs of the reference implementation (Vigna) for the seed 0.
        let outputs: Vec<u64> = (1..4).map(|i: u64| mix(i.wrapping_mul(GOLDEN))).collect();
        assert_eq!(outputs, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }

    #[test]
    fn all_orders_come_equally_often() {
        const ROUNDS: usize = 24_000;
        let mut counts = std::collections::BTreeMap::new();
        let mut stream = Stream::new(3);
        for _ in 0..ROUNDS {
            let mut order = [0, 1, 2, 3];
            stream.shuffle(&mut order);
            *counts.entry(order).or_insert(0_usize) += 1;
        }
        let expected = ROUNDS as f64 / 24.0;
        let chi2: f64 = counts.values().map(|c| (*c as f64 - expected).powi(2) / expected).sum();
        // 23 degrees of freedom: more than 70 has a probability of about 10⁻⁶, and the key is fixed.
        assert!(counts.len() == 24 && chi2 < 70.0, "{chi2}");
    }

    #[test]
    fn numbers_below_large_ends_are_unbiased() {
        // Two thirds of 2⁶⁴: without rejection, every other number would come twice as often as its neighbour.
        let end = u64::MAX / 3 * 2;
        let mut stream = Stream::new(1);
        let even = (0..10_000).filter(|_| stream.below(end).is_multiple_of(2)).count();
        // Five standard deviations of a fair coin are 250.
        assert!(even.abs_diff(5000) < 250, "{even}");
        assert_eq!((0..5).map(|_| stream.below(1)).max(), Some(0));
    }
}
