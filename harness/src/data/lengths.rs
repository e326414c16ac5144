//! How long reviews are, and what that costs when they are padded into batches.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many reviews have which number of tokens. Everything a table says about lengths, whatever the
/// maximum length, follows from these counts.
///
/// In JSON it is one string, `"6x1 10x4"` for one review of 6 tokens and four of 10, since a record
/// holds one of these for each split and a list would fill pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LengthCounts {
    counts: BTreeMap<u32, u64>,
}

impl FromIterator<usize> for LengthCounts {
    fn from_iter<I: IntoIterator<Item = usize>>(lengths: I) -> Self {
        let mut counts = BTreeMap::new();
        for length in lengths {
            *counts.entry(u32::try_from(length).unwrap_or(u32::MAX)).or_default() += 1;
        }
        Self { counts }
    }
}

impl LengthCounts {
    /// Number of reviews.
    #[must_use]
    pub fn reviews(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Tokens of all reviews together.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.counts.iter().map(|(length, count)| u64::from(*length) * count).sum()
    }

    /// Mean length in tokens; 0 when there are no reviews.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean_truncated(usize::MAX)
    }

    /// Mean of the lengths once reviews are cut to `max_length` tokens; 0 when there are no reviews.
    #[must_use]
    pub fn mean_truncated(&self, max_length: usize) -> f64 {
        let cut = |length: &u32| u64::from(*length).min(max_length as u64);
        let total: u64 = self.counts.iter().map(|(length, count)| cut(length) * count).sum();
        ratio(total, self.reviews())
    }

    /// The least length that at least a share `share` (in `0..=1`) of the reviews don't exceed: 0 gives
    /// the shortest, 0.5 the median (the lower one of two), 1 the longest. 0 when there are no reviews.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u32 {
        let wanted = share * self.reviews() as f64;
        let mut seen = 0;
        for (length, count) in &self.counts {
            seen += count;
            if seen as f64 >= wanted {
                return *length;
            }
        }
        self.counts.keys().next_back().copied().unwrap_or(0)
    }

    /// Share of the reviews that have more than `max_length` tokens.
    #[must_use]
    pub fn share_longer_than(&self, max_length: usize) -> f64 {
        let longer = self.counts.iter().filter(|(length, _)| **length as usize > max_length);
        ratio(longer.map(|(_, count)| count).sum(), self.reviews())
    }

    /// Mean length to which a batch is padded, over the batches of an epoch, when reviews are cut to
    /// `max_length`, shuffled, and dealt into batches of `batch`, each padded to its longest. The short
    /// last batch counts as one batch.
    ///
    /// It is the exact expectation, not a sample: a batch of `b` out of `n` reviews stays within `t`
    /// tokens with probability `C(k, b) / C(n, b)`, where `k` reviews do, and the mean of the
    /// longest is the sum over `t` of the probabilities of exceeding it.
    #[must_use]
    pub fn mean_padded_shuffled(&self, max_length: usize, batch: usize) -> f64 {
        let reviews = self.reviews();
        let batch = batch as u64;
        if reviews == 0 || batch == 0 {
            return 0.0;
        }
        let (whole, rest) = (reviews / batch, reviews % batch);
        let of_whole = if whole > 0 { self.expected_longest(max_length, batch) } else { 0.0 };
        let of_rest = if rest > 0 { self.expected_longest(max_length, rest) } else { 0.0 };
        let batches = whole + u64::from(rest > 0);
        (whole as f64 * of_whole + of_rest) / batches as f64
    }

    /// The same mean when each batch is made of reviews that are neighbours in order of length, the
    /// least that bucketing by length can reach.
    #[must_use]
    pub fn mean_padded_sorted(&self, max_length: usize, batch: usize) -> f64 {
        let reviews = self.reviews();
        let batch = batch as u64;
        if reviews == 0 || batch == 0 {
            return 0.0;
        }
        // The batch's longest is its last in rising order: places batch, 2 batch, ... and the very last.
        let batches = reviews.div_ceil(batch);
        let (mut total, mut seen) = (0, 0);
        for (length, count) in &self.counts {
            let ended_before = if seen == reviews { batches } else { seen / batch };
            seen += count;
            let ended = if seen == reviews { batches } else { seen / batch };
            total += (ended - ended_before) * u64::from(*length).min(max_length as u64);
        }
        ratio(total, batches)
    }

    /// Expected longest of `batch` reviews drawn without replacement, cut to `max_length`.
    fn expected_longest(&self, max_length: usize, batch: u64) -> f64 {
        let reviews = self.reviews();
        let (mut expected, mut from, mut within) = (0.0, 0, 0);
        let mut add = |until: u64, within: u64| {
            // Every t in from..until has the same number of reviews of at most t tokens.
            let until = until.min(max_length as u64);
            if until > from {
                expected += (until - from) as f64 * (1.0 - chance_all(within, reviews, batch));
                from = until;
            }
        };
        for (length, count) in &self.counts {
            add(u64::from(*length), within);
            within += count;
        }
        expected
    }
}

/// Probability that `batch` draws without replacement out of `all` all fall among `within`.
fn chance_all(within: u64, all: u64, batch: u64) -> f64 {
    if within < batch {
        return 0.0;
    }
    (0..batch).map(|drawn| (within - drawn) as f64 / (all - drawn) as f64).product()
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Serialize for LengthCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words: Vec<String> = self.counts.iter().map(|(l, count)| format!("{l}x{count}")).collect();
        serializer.serialize_str(&words.join(" "))
    }
}

impl<'de> Deserialize<'de> for LengthCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pair = |word: &str| {
            let (length, count) = word.split_once('x')?;
            Some((length.parse().ok()?, count.parse().ok()?))
        };
        let counts = text.split_whitespace().map(|word| {
            pair(word)
                .ok_or_else(|| serde::de::Error::custom(format!("`{word}` is not a length and its count, as in 10x4")))
        });
        counts.collect::<Result<_, _>>().map(|counts| Self { counts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(lengths: &[usize]) -> LengthCounts {
        lengths.iter().copied().collect()
    }

    #[test]
    fn quantiles_and_means_by_hand() {
        let four = counts(&[10, 2, 4, 4]);
        assert_eq!((four.quantile(0.0), four.quantile(0.5), four.quantile(1.0)), (2, 4, 10));
        assert_eq!((four.mean(), four.mean_truncated(4), four.tokens()), (5.0, 3.5, 20));
        assert_eq!((four.share_longer_than(4), four.share_longer_than(3)), (0.25, 0.75));
        assert_eq!(LengthCounts::default().mean(), 0.0);
    }

    #[test]
    fn padded_means_by_hand() {
        // Lengths 1, 2, 3 in batches of 2: the pairs have longest 2, 3, 3, the single left over 3, 2, 1.
        let three = counts(&[1, 2, 3]);
        assert!((three.mean_padded_shuffled(10, 2) - (8.0 / 3.0 + 2.0) / 2.0).abs() < 1e-12);
        // Sorted: (1, 2) and (3).
        assert_eq!(three.mean_padded_sorted(10, 2), 2.5);
        // Cut to 2: pairs have longest 2, 2, 2, singles 2, 2, 1.
        assert!((three.mean_padded_shuffled(2, 2) - (2.0 + 5.0 / 3.0) / 2.0).abs() < 1e-12);
    }

    /// Mean over batches of the longest, for lengths in the order given.
    fn mean_longest(lengths: &[usize], max_length: usize, batch: usize) -> f64 {
        let longest = |batch: &[usize]| batch.iter().copied().max().unwrap().min(max_length);
        let batches: Vec<f64> = lengths.chunks(batch).map(|b| longest(b) as f64).collect();
        batches.iter().sum::<f64>() / batches.len() as f64
    }

    proptest! {
        #[test]
        fn sorted_batches_are_as_if_dealt_one_by_one(
            mut lengths in prop::collection::vec(1_usize..40, 1..80), max_length in 1_usize..50, batch in 1_usize..12
        ) {
            lengths.sort_unstable();
            let found = counts(&lengths).mean_padded_sorted(max_length, batch);
            prop_assert!((found - mean_longest(&lengths, max_length, batch)).abs() < 1e-9);
        }

        #[test]
        fn shuffled_batches_average_to_the_expectation_over_all_orders(
            lengths in prop::collection::vec(1_usize..20, 1..7), max_length in 1_usize..25, batch in 1_usize..5
        ) {
            let mut orders = Vec::new();
            permute(&mut lengths.clone(), 0, &mut |order| orders.push(mean_longest(order, max_length, batch)));
            let expected = orders.iter().sum::<f64>() / orders.len() as f64;
            let found = counts(&lengths).mean_padded_shuffled(max_length, batch);
            prop_assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }

        #[test]
        fn counts_survive_json(lengths in prop::collection::vec(0_usize..3000, 0..50)) {
            let counts = counts(&lengths);
            let text = serde_json::to_string(&counts).unwrap();
            prop_assert_eq!(serde_json::from_str::<LengthCounts>(&text).unwrap(), counts);
        }
    }

    fn permute(items: &mut [usize], from: usize, visit: &mut dyn FnMut(&[usize])) {
        if from == items.len() {
            return visit(items);
        }
        for other in from..items.len() {
            items.swap(from, other);
            permute(items, from + 1, visit);
            items.swap(from, other);
        }
    }

    #[test]
    fn a_malformed_count_is_refused() {
        let error = serde_json::from_str::<LengthCounts>("\"3x1 four\"").unwrap_err();
        assert!(error.to_string().contains("`four`"), "{error}");
    }
}
