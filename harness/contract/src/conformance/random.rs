//! The suite's one source of numbers: the same on every machine, whatever is asked of it.

use super::digests::Digest;

/// SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"): small, and good enough to fill test inputs.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A stream of its own for a check or a case, named by `words`, so that adding one check doesn't change the inputs of another.
    pub(super) fn named(words: &str) -> Self {
        let mut name = Digest::new();
        name.add(words.as_bytes());
        Self(name.value())
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Uniform on `[-limit, limit)`, as an `f32`.
    #[expect(clippy::cast_precision_loss, reason = "24 bits are kept, which f32 holds exactly")]
    pub(super) fn around_zero(&mut self, limit: f32) -> f32 {
        let unit = (self.bits() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
        unit * limit
    }

    /// Uniform on `0..bound`; the bias of the remainder is of no concern for bounds this small.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is smaller than `bound`")]
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_output_of_seed_0_is_the_published_one() {
        assert_eq!(Random(0).bits(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn numbers_fill_their_range() {
        let mut random = Random::named("range");
        let numbers: Vec<f32> = (0..1000).map(|_| random.around_zero(2.0)).collect();
        assert!(numbers.iter().all(|x| (-2.0..2.0).contains(x)));
        assert!(numbers.iter().any(|&x| x > 1.9) && numbers.iter().any(|&x| x < -1.9));
        assert!((0..1000).all(|_| random.below(7) < 7));
    }
}
