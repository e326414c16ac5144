//! Which review goes into which split, and in which order.
//!
//! The algorithm is fixed here rather than taken from `rand`, whose shuffling may change with its
//! version: a seed has to mean the same splits for as long as records are compared.
//!
//! - The random source is ChaCha with 20 rounds. Its key is the seed as 8 little-endian bytes followed by
//!   24 zeros, and each purpose has a stream (nonce) of its own: 0 and 1 for drawing the negative
//!   and the positive reviews, 2, 3 and 4 for the order of train, validation and test.
//! - A shuffle is Fisher and Yates', from the last place down to the second: place `i` is swapped with a
//!   place drawn from `0..=i`.
//! - A draw from `0..n` takes 64 bits `x` (the stream's next 8 bytes, little-endian), again as long as
//!   `x < 2^64 mod n`, and is `x mod n`, so that every number is exactly equally likely.
//!
//! Each class' rows are shuffled and dealt in order: the first half of the training size to train,
//! then validation, then test. Each split is then shuffled as a whole, so that the classes mix.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{DataError, DataSettings};

/// Row ids of train, validation and test, each in its order, for `labels` `[reviews]`.
///
/// # Errors
/// Fails when a class has too few reviews for the sizes asked for.
pub(super) fn assign(labels: &[u8], settings: &DataSettings) -> Result<[Vec<u32>; 3], DataError> {
    let positive = labels.iter().filter(|label| **label == 1).count();
    settings.check_counts(labels.len() - positive, positive)?;
    let sizes = settings.sizes();
    let mut splits: [Vec<u32>; 3] = Default::default();
    for class in [0, 1] {
        let mut rows: Vec<u32> = (0..).zip(labels).filter(|(_, label)| **label == class).map(|(row, _)| row).collect();
        shuffle(&mut rows, settings.seed, u64::from(class));
        let mut dealt = rows.into_iter();
        for (split, (_, size)) in splits.iter_mut().zip(sizes) {
            split.extend(dealt.by_ref().take(size / 2));
        }
    }
    for (stream, split) in (2..).zip(&mut splits) {
        shuffle(split, settings.seed, stream);
    }
    Ok(splits)
}

/// Shuffles in place, as the module's first lines say.
fn shuffle<T>(items: &mut [T], seed: u64, stream: u64) {
    let mut random = generator(seed, stream);
    for last in (1..items.len()).rev() {
        let chosen = below(&mut random, last as u64 + 1);
        items.swap(last, chosen as usize);
    }
}

fn generator(seed: u64, stream: u64) -> ChaCha20Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha20Rng::from_seed(key);
    random.set_stream(stream);
    random
}

/// A number from `0..bound`, each equally likely. `bound` is above zero.
fn below(random: &mut ChaCha20Rng, bound: u64) -> u64 {
    // 2^64 mod bound, computed without 128 bits.
    let rejected = bound.wrapping_neg() % bound;
    loop {
        let bits = random.next_u64();
        if bits >= rejected {
            return bits % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn settings(train: usize, validation: usize, test: usize, seed: u64) -> DataSettings {
        DataSettings { train, validation, test, seed, ..DataSettings::default() }
    }

    /// Twelve of each class, in blocks as the package has them.
    fn labels() -> Vec<u8> {
        [[0; 12], [1; 12]].concat()
    }

    #[test]
    fn the_random_stream_is_the_published_chacha20_key_stream() {
        // The all-zero key and nonce, RFC 8439 appendix A.1, test vector 1: 76 b8 e0 ad a0 f1 3d 90 ...
        let mut random = generator(0, 0);
        assert_eq!(random.next_u64().to_le_bytes(), [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
        assert_eq!(random.next_u64().to_le_bytes(), [0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28]);
    }

    #[test]
    fn a_seed_means_the_same_splits_for_ever() {
        // Written by this code once, and confirmed by `tests/golden/data/split.py`, which computes ChaCha20
        // on its own. A change here makes every older record incomparable.
        let [train, validation, test] = assign(&labels(), &settings(8, 4, 12, 7)).unwrap();
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/data/split.json")).unwrap();
        assert_eq!(serde_json::json!([train, validation, test]), golden["splits"]);
    }

    #[test]
    fn splits_are_disjoint_and_exactly_balanced() {
        let labels = labels();
        let splits = assign(&labels, &settings(8, 4, 12, 3)).unwrap();
        let mut seen = BTreeSet::new();
        for (split, size) in splits.iter().zip([8, 4, 12]) {
            assert_eq!(split.len(), size);
            let positives = split.iter().filter(|row| labels[**row as usize] == 1).count();
            assert_eq!(positives, size / 2);
            assert!(split.iter().all(|row| seen.insert(*row)), "a row is in two splits");
        }
        assert_eq!(seen.len(), 24);
    }

    #[test]
    fn another_seed_draws_other_reviews() {
        let one = assign(&labels(), &settings(8, 4, 6, 1)).unwrap();
        let other = assign(&labels(), &settings(8, 4, 6, 2)).unwrap();
        let set = |rows: &[u32]| rows.iter().copied().collect::<BTreeSet<_>>();
        assert_ne!(set(&one[0]), set(&other[0]));
    }

    #[test]
    fn every_place_is_drawn_about_equally_often() {
        let mut random = generator(5, 0);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[below(&mut random, 6) as usize] += 1;
        }
        // Five standard deviations of a binomial count are 456.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 456), "{counts:?}");
    }

    #[test]
    fn sizes_that_cannot_be_met_are_refused_with_the_reason() {
        let odd = assign(&labels(), &settings(7, 4, 6, 1)).unwrap_err().to_string();
        assert!(odd.contains("train split can't have 7 reviews"), "{odd}");
        let none = assign(&labels(), &settings(8, 0, 6, 1)).unwrap_err().to_string();
        assert!(none.contains("validation split can't have 0 reviews"), "{none}");
        let large = assign(&labels(), &settings(20, 4, 6, 1)).unwrap_err().to_string();
        assert!(large.contains("need 15 of each class, and the corpus has 12 negative"), "{large}");
    }
}
