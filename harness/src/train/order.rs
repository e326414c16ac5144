//! Random numbers of a run: one stream per purpose, the same for every backend.
//!
//! Streams are ChaCha8 (Bernstein 2008) keyed by the SHA-256 of seed and purpose, and everything drawn from them is computed
//! here, so that an upgrade of a library can't change an order or a weight.

use rand::rand_core::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A stream of random numbers for one purpose of one run.
#[derive(Debug, Clone)]
pub struct Stream {
    generator: ChaCha8Rng,
    spare: Option<f64>,
}

impl Stream {
    /// The stream of this seed and purpose, e.g. `order of epoch 3`.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(seed.to_le_bytes());
        digest.update(purpose.as_bytes());
        Self { generator: ChaCha8Rng::from_seed(digest.finalize().into()), spare: None }
    }

    /// Uniform on `[0, 1)`, with 53 random bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    pub fn uniform(&mut self) -> f64 {
        (self.generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, by the polar method of Marsaglia & Bray (1964).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Uniform on `0..bound`, without bias (Lemire 2019, by rejection). `bound` must be positive.
    #[expect(clippy::cast_possible_truncation, reason = "the high and the low half of a product of two words")]
    pub fn below(&mut self, bound: u64) -> u64 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.generator.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Shuffles in place (Fisher-Yates).
    #[expect(clippy::cast_possible_truncation, reason = "an index below a slice's length")]
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// `0..count` in the order that the stream gives.
#[must_use]
pub fn shuffled(count: usize, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    stream.shuffle(&mut order);
    order
}
