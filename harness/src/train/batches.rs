//! From a split and an order of its reviews to padded batches.

use harness_contract::defaults::Batching;
use harness_contract::{BatchError, LabelledBatch, Side, TokenBatch};

use super::order::{Stream, shuffled};
use crate::data::EncodedSplit;
use crate::plan::Protocol;

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

    /// Tokens of all rows, padding not counted.
    #[must_use]
    pub fn token_count(&self) -> u64 {
        self.lengths.iter().map(|&length| u64::from(length.unsigned_abs())).sum()
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
    /// How many steps a batch is padded to.
    pub batching: Batching,
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
            batching: protocol.batching,
        }
    }

    /// The settings of a protocol's validation and test batches.
    #[must_use]
    pub const fn evaluation(protocol: &Protocol) -> Self {
        Self { rows: protocol.evaluation_batch_size, ..Self::training(protocol) }
    }

    /// Assembles one batch of the reviews at these positions.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "lengths are at most max_length")]
    pub fn assemble(&self, split: &EncodedSplit, reviews: &[usize]) -> HostBatch {
        let kept = |review: usize| split.review(review).len().min(self.max_length);
        let time = match self.batching {
            Batching::Static => self.max_length,
            Batching::Dynamic | Batching::LengthBucketed => {
                reviews.iter().map(|&review| kept(review)).max().unwrap_or(0)
            }
        };
        let mut tokens = vec![0; reviews.len() * time];
        for (row, &review) in tokens.chunks_exact_mut(time.max(1)).zip(reviews) {
            let ids = split.review(review);
            let length = kept(review);
            let ids = match self.truncation {
                Side::Front => &ids[ids.len() - length..],
                Side::End => &ids[..length],
            };
            let start = match self.padding {
                Side::Front => time - length,
                Side::End => 0,
            };
            row[start..start + length].copy_from_slice(ids);
        }
        HostBatch {
            reviews: reviews.to_vec(),
            tokens,
            lengths: reviews.iter().map(|&review| kept(review) as i32).collect(),
            labels: reviews.iter().map(|&review| split.label(review)).collect(),
            time,
            padding: self.padding,
        }
    }
}

/// The batches of one training epoch, as positions in the split: every review exactly once, the last batch perhaps short.
#[must_use]
pub fn training_batches(split: &EncodedSplit, settings: &BatchSettings, stream: &mut Stream) -> Vec<Vec<usize>> {
    let mut order = shuffled(split.len(), stream);
    if settings.batching != Batching::LengthBucketed {
        return order.chunks(settings.rows).map(<[usize]>::to_vec).collect();
    }
    for bucket in order.chunks_mut(settings.rows * BUCKET_BATCHES) {
        bucket.sort_by_key(|&review| split.review(review).len().min(settings.max_length));
    }
    let mut batches: Vec<_> = order.chunks(settings.rows).map(<[usize]>::to_vec).collect();
    stream.shuffle(&mut batches);
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
