//! Encoded reviews: token ids, labels and row ids of each split.

use sha2::{Digest, Sha256};

use super::DataSummary;
use super::corpus::hexadecimal;

/// Id that fills up short reviews.
pub const PADDING_ID: i32 = 0;
/// Id of every word that is not in the vocabulary.
pub const UNKNOWN_ID: i32 = 1;

/// All three splits with what is known about them.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedData {
    /// Reviews to train on.
    pub train: EncodedSplit,
    /// Reviews that steer training: the plateau scheduler and the figures of every epoch.
    pub validation: EncodedSplit,
    /// Reviews that are looked at once, after training.
    pub test: EncodedSplit,
    /// Counts, rates and hashes.
    pub summary: DataSummary,
}

impl EncodedData {
    /// Each split with its name.
    #[must_use]
    pub fn splits(&self) -> [(&'static str, &EncodedSplit); 3] {
        [("train", &self.train), ("validation", &self.validation), ("test", &self.test)]
    }
}

/// One split as ragged token ids, neither truncated nor padded: that happens when batches are made, so
/// that one set of encoded splits serves every variant of a study.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedSplit {
    row_ids: Vec<u32>,
    labels: Vec<u8>,
    /// Where each review begins in `tokens`, and the end of the last: `[reviews + 1]`.
    offsets: Vec<u64>,
    tokens: Vec<i32>,
}

impl EncodedSplit {
    /// Puts together a split of reviews given as row id, label (0 or 1) and token ids.
    pub fn from_reviews<T: AsRef<[i32]>>(reviews: impl IntoIterator<Item = (u32, u8, T)>) -> Self {
        let mut split = Self { offsets: vec![0], ..Self::default() };
        for (row_id, label, tokens) in reviews {
            split.row_ids.push(row_id);
            split.labels.push(label);
            split.tokens.extend_from_slice(tokens.as_ref());
            split.offsets.push(split.tokens.len() as u64);
        }
        split
    }

    /// Number of reviews.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row_ids.len()
    }

    /// Whether there are no reviews.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.row_ids.is_empty()
    }

    /// Token ids of review `index`, `[its length]`. `index` counts within the split.
    ///
    /// # Panics
    /// Panics when there is no such review, as indexing a slice does.
    #[must_use]
    pub fn review(&self, index: usize) -> &[i32] {
        &self.tokens[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// Label of review `index`, 0 for negative and 1 for positive.
    ///
    /// # Panics
    /// Panics when there is no such review, as indexing a slice does.
    #[must_use]
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// Position in the corpus of review `index`, counted from 0.
    ///
    /// # Panics
    /// Panics when there is no such review, as indexing a slice does.
    #[must_use]
    pub fn row_id(&self, index: usize) -> u32 {
        self.row_ids[index]
    }

    /// All labels, `[reviews]`.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// All positions in the corpus, `[reviews]`.
    #[must_use]
    pub fn row_ids(&self) -> &[u32] {
        &self.row_ids
    }

    /// Token ids of all reviews, one after the other.
    #[must_use]
    pub fn tokens(&self) -> &[i32] {
        &self.tokens
    }

    /// Length of each review in tokens, in order.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.len()).map(|index| (self.offsets[index + 1] - self.offsets[index]) as usize)
    }
}

/// SHA-256 over everything a run can see of the splits: the number of embedding rows and, for each split
/// in turn, its size, row ids, labels, lengths and token ids, all little-endian.
pub(super) fn hash(splits: [&EncodedSplit; 3], vocabulary_size: usize) -> String {
    let mut hasher = Sha256::new();
    hasher.update((vocabulary_size as u64).to_le_bytes());
    for split in splits {
        hasher.update((split.len() as u64).to_le_bytes());
        hasher.update(little_endian(&split.row_ids, |id| id.to_le_bytes()));
        hasher.update(&split.labels);
        hasher.update(little_endian(&split.offsets, |offset| offset.to_le_bytes()));
        hasher.update(little_endian(&split.tokens, |token| token.to_le_bytes()));
    }
    hexadecimal(&hasher.finalize())
}

fn little_endian<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(*value)).collect()
}
