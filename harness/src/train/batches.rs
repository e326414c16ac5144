//! From a split and an order of its reviews to padded batches.

use harness_contract::defaults::Batching;
use harness_contract::{BatchError, LabelledBatch, Side, TokenBatch};

use super::order::{Stream, shuffled};
use crate::data::EncodedSplit;
use crate::plan::Protocol;
use crate::plan::protocol::Shuffle;

/// How many batches of shuffled reviews are sorted together when batches are bucketed by length.
const BUCKET_BATCHES: usize = 50;

/// A padded batch that owns its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBatch {
    /// The reviews, as positions in their split, `[batch]`.
    pub reviews: Vec<usize>,
    tokens: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
    time: usize,
    padding: Side,
    gap: usize,
}

impl HostBatch {
    /// Its token ids.
    ///
    /// # Errors
    /// If a review is empty, which no encoded split has.
    pub fn tokens(&self) -> Result<TokenBatch<'_>, BatchError> {
        TokenBatch::new(&self.tokens, &self.lengths, self.time, self.padding)
    }

    /// Its token ids and labels.
    ///
    /// # Errors
    /// As [`Self::tokens`].
    pub fn labelled(&self) -> Result<LabelledBatch<'_>, BatchError> {
        LabelledBatch::new(self.tokens()?, &self.labels)
    }

    /// Steps of each row.
    #[must_use]
    pub const fn time(&self) -> usize {
        self.time
    }

    /// Words of each row, `[batch]`.
    pub fn words(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().map(|&length| usize::try_from(length).unwrap_or(0) - self.gap)
    }

    /// Tokens of all rows, padding not counted.
    #[must_use]
    pub fn token_count(&self) -> u64 {
        self.words().map(|words| words as u64).sum()
    }
}

/// How reviews become batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// Rows of a batch.
    pub rows: usize,
    /// Longer reviews are cut to this.
    pub max_length: usize,
    /// Where shorter ones are padded.
    pub padding: Side,
    /// Where longer ones are cut.
    pub truncation: Side,
    /// Padded steps between the last word and the last step of every row, with padding in front. They are steps of the row for the backend,
    /// with the id of padding.
    pub gap: usize,
    /// How many steps a batch is padded to, the gap not counted.
    pub batching: Batching,
    /// In which order an epoch takes the split.
    pub shuffle: Shuffle,
}

impl BatchSettings {
    /// The settings of a protocol's training batches.
    #[must_use]
    pub const fn training(protocol: &Protocol) -> Self {
        Self {
            rows: protocol.batch_size,
            max_length: protocol.max_length,
            padding: protocol.padding,
            truncation: protocol.truncation,
            gap: protocol.gap,
            batching: protocol.batching,
            shuffle: protocol.shuffle,
        }
    }

    /// Where tests begin: batches of four rows, padded to their longest at the end.
    #[cfg(test)]
    pub(super) const PLAIN: Self = Self {
        rows: 4,
        max_length: 3,
        padding: Side::End,
        truncation: Side::End,
        gap: 0,
        batching: Batching::Dynamic,
        shuffle: Shuffle::EachEpoch,
    };

    /// The settings of a protocol's validation and test batches.
    #[must_use]
    pub const fn evaluation(protocol: &Protocol) -> Self {
        Self { rows: protocol.evaluation_batch_size, ..Self::training(protocol) }
    }

    /// Assembles one batch of the reviews at these positions.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "lengths are bounded by the contract"
    )]
    pub fn assemble(&self, split: &EncodedSplit, reviews: &[usize]) -> HostBatch {
        let kept = |review: usize| split.review(review).len().min(self.max_length);
        let words = match self.batching {
            Batching::Static => self.max_length,
            Batching::Dynamic | Batching::LengthBucketed => {
                reviews.iter().map(|&review| kept(review)).max().unwrap_or(0)
            }
        };
        let time = words + self.gap;
        let mut tokens = vec![0; reviews.len() * time];
        for (row, &review) in tokens.chunks_exact_mut(time.max(1)).zip(reviews) {
            let ids = split.review(review);
            let length = kept(review);
            let ids = match self.truncation {
                Side::Front => &ids[ids.len() - length..],
                Side::End => &ids[..length],
            };
            let start = match self.padding {
                Side::Front => words - length,
                Side::End => 0,
            };
            row[start..start + length].copy_from_slice(ids);
        }
        HostBatch {
            reviews: reviews.to_vec(),
            tokens,
            lengths: reviews.iter().map(|&review| (kept(review) + self.gap) as i32).collect(),
            labels: reviews.iter().map(|&review| split.label(review)).collect(),
            time,
            padding: self.padding,
            gap: self.gap,
        }
    }
}

/// The batches of a run's epoch (counted from 1), as positions in the split: every review exactly once, the last batch perhaps short.
#[must_use]
pub fn training_batches(split: &EncodedSplit, settings: &BatchSettings, seed: u64, epoch: u32) -> Vec<Vec<usize>> {
    let mut stream = match settings.shuffle {
        Shuffle::EachEpoch => Some(epoch),
        Shuffle::Once => Some(1),
        Shuffle::Never => None,
    }
    .map(|epoch| Stream::new(seed, &format!("order of epoch {epoch}")));
    let mut order = match &mut stream {
        Some(stream) => shuffled(split.len(), stream),
        None => (0..split.len()).collect(),
    };
    let bucketed = settings.batching == Batching::LengthBucketed;
    if bucketed {
        for bucket in order.chunks_mut(settings.rows * BUCKET_BATCHES) {
            bucket.sort_by_key(|&review| split.review(review).len().min(settings.max_length));
        }
    }
    let mut batches: Vec<_> = order.chunks(settings.rows).map(<[usize]>::to_vec).collect();
    if let Some(stream) = stream.as_mut().filter(|_| bucketed) {
        stream.shuffle(&mut batches);
    }
    batches
}

/// The batches of an evaluation. Reviews keep their order, except where their length alone decides how they are padded.
#[must_use]
pub fn evaluation_batches(split: &EncodedSplit, settings: &BatchSettings) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..split.len()).collect();
    if settings.batching == Batching::LengthBucketed {
        order.sort_by_key(|&review| split.review(review).len().min(settings.max_length));
    }
    order.chunks(settings.rows).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reviews of the given lengths; review `r` holds ids `100 r + 2, 100 r + 3, ...`.
    fn split(lengths: &[usize]) -> EncodedSplit {
        EncodedSplit::from_reviews(lengths.iter().enumerate().map(|(review, &length)| {
            let first = 100 * review as i32 + 2;
            (review as u32, (review % 2) as u8, (first..first + length as i32).collect::<Vec<_>>())
        }))
    }

    fn settings(batching: Batching, padding: Side, truncation: Side) -> BatchSettings {
        BatchSettings { padding, truncation, batching, ..BatchSettings::PLAIN }
    }

    #[test]
    fn front_padding_puts_zeros_before_the_tokens_and_end_padding_after_them() {
        let split = split(&[2]);
        for (padding, expected) in [(Side::Front, [0, 2, 3]), (Side::End, [2, 3, 0])] {
            let batch = settings(Batching::Static, padding, Side::End).assemble(&split, &[0]);
            assert_eq!(batch.tokens().unwrap().tokens(), expected);
            assert_eq!(batch.tokens().unwrap().lengths(), [2]);
        }
    }

    #[test]
    fn truncation_cuts_the_side_it_names() {
        let split = split(&[5]);
        for (truncation, expected) in [(Side::Front, [4, 5, 6]), (Side::End, [2, 3, 4])] {
            let batch = settings(Batching::Static, Side::Front, truncation).assemble(&split, &[0]);
            assert_eq!(batch.tokens().unwrap().tokens(), expected);
        }
    }

    #[test]
    fn static_batches_have_the_maximum_length_and_dynamic_ones_that_of_their_longest_review() {
        let split = split(&[1, 2]);
        let time = |batching| settings(batching, Side::End, Side::End).assemble(&split, &[0, 1]).time();
        assert_eq!(time(Batching::Static), 3);
        assert_eq!(time(Batching::Dynamic), 2);
    }

    #[test]
    fn labels_go_with_their_reviews() {
        let split = split(&[1, 1, 1, 1]);
        let batch = settings(Batching::Dynamic, Side::End, Side::End).assemble(&split, &[3, 0, 1]);
        assert_eq!(batch.labelled().unwrap().labels(), [1, 0, 1]);
        assert_eq!(batch.tokens().unwrap().tokens(), [302, 2, 102]);
    }

    fn any_batching() -> impl Strategy<Value = Batching> {
        prop_oneof![Just(Batching::Static), Just(Batching::Dynamic), Just(Batching::LengthBucketed)]
    }

    fn any_shuffle() -> impl Strategy<Value = Shuffle> {
        prop_oneof![Just(Shuffle::EachEpoch), Just(Shuffle::Once), Just(Shuffle::Never)]
    }

    #[test]
    fn each_epoch_has_an_order_of_its_own_or_that_of_the_first_or_that_of_the_split() {
        let split = split(&[1; 40]);
        let order = |shuffle, seed, epoch| {
            let settings = BatchSettings { shuffle, ..settings(Batching::Dynamic, Side::End, Side::End) };
            training_batches(&split, &settings, seed, epoch).concat()
        };
        assert_ne!(order(Shuffle::EachEpoch, 1, 1), order(Shuffle::EachEpoch, 1, 2));
        assert_eq!(order(Shuffle::Once, 1, 2), order(Shuffle::EachEpoch, 1, 1));
        assert_ne!(order(Shuffle::Once, 1, 1), order(Shuffle::Once, 2, 1));
        assert_eq!(order(Shuffle::Never, 1, 2), (0..40).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn an_epoch_uses_every_review_exactly_once_and_only_its_last_batch_is_short(
            lengths in prop::collection::vec(1usize..9, 1..900), rows in 1usize..40, seed: u64, batching in any_batching(),
            shuffle in any_shuffle(),
        ) {
            let split = split(&lengths);
            let settings = BatchSettings { rows, shuffle, ..settings(batching, Side::End, Side::End) };
            for batches in [
                training_batches(&split, &settings, seed, 1),
                evaluation_batches(&split, &settings),
            ] {
                let mut all: Vec<_> = batches.concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
                prop_assert_eq!(batches.len(), lengths.len().div_ceil(rows));
                prop_assert_eq!(batches.iter().filter(|batch| batch.len() < rows).count(), usize::from(lengths.len() % rows > 0));
            }
        }

        #[test]
        fn every_batch_is_one_that_the_contract_accepts(
            lengths in prop::collection::vec(1usize..9, 1..40), front: bool, cut_front: bool, batching in any_batching(),
        ) {
            let side = |front| if front { Side::Front } else { Side::End };
            let split = split(&lengths);
            let settings = settings(batching, side(front), side(cut_front));
            for reviews in evaluation_batches(&split, &settings) {
                let batch = settings.assemble(&split, &reviews);
                let labelled = batch.labelled().unwrap();
                prop_assert_eq!(batch.token_count(), reviews.iter().map(|&r| lengths[r].min(3) as u64).sum::<u64>());
                for (row, &review) in reviews.iter().enumerate() {
                    let valid = labelled.tokens().valid_steps(row);
                    let kept = labelled.tokens().row(row)[valid].to_vec();
                    let whole = split.review(review);
                    prop_assert!(whole.windows(kept.len()).any(|window| window == kept));
                }
            }
        }

        #[test]
        fn bucketed_batches_hold_reviews_of_similar_length(seed: u64) {
            let lengths: Vec<usize> = (0..1600).map(|index| 1 + (index * 7919) % 300).collect();
            let split = split(&lengths);
            let padded = |batching| {
                let settings = BatchSettings { rows: 16, max_length: 300, ..settings(batching, Side::End, Side::End) };
                let batches = training_batches(&split, &settings, seed, 1);
                batches.iter().map(|batch| settings.assemble(&split, batch).time() * batch.len()).sum::<usize>()
            };
            let tokens: usize = lengths.iter().sum();
            prop_assert!(padded(Batching::LengthBucketed) < tokens * 11 / 10);
            prop_assert!(padded(Batching::Dynamic) > tokens * 15 / 10);
        }
    }
}
