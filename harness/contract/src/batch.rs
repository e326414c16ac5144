//! Batches as host slices, checked once where they are made.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::ModelSpec;

/// An end of a row: where padding (id 0) is put, or where a long review is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Before the first token: both padding and cutting of Keras' `pad_sequences`.
    Front,
    /// After the last token: the padding of PyTorch's `pad_sequence`.
    End,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Front => "front",
            Self::End => "end",
        })
    }
}

/// Token ids of a batch.
#[derive(Debug, Clone, Copy)]
pub struct TokenBatch<'a> {
    tokens: &'a [i32],
    lengths: &'a [i32],
    time: usize,
    padding: Side,
}

/// Token ids of a batch with a label for each row.
#[derive(Debug, Clone, Copy)]
pub struct LabelledBatch<'a> {
    tokens: TokenBatch<'a>,
    labels: &'a [u8],
}

/// A batch that no model could be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No rows or no steps.
    #[error("the batch is empty ({rows} rows of {time} steps)")]
    Empty {
        /// Rows.
        rows: usize,
        /// Steps of each row.
        time: usize,
    },
    /// More rows than any batch has.
    #[error("the batch has {rows} rows, over the bound of {bound}", bound = crate::bounds::MAX_ROWS)]
    Rows {
        /// Rows.
        rows: usize,
    },
    /// Ids don't fill `[batch, time]`.
    #[error("{found} token ids don't fill {rows} rows of {time} steps")]
    Shape {
        /// Ids given.
        found: usize,
        /// Rows, i.e. lengths given.
        rows: usize,
        /// Steps of each row.
        time: usize,
    },
    /// A length below 1 or above `time`.
    #[error("row {row} has length {length}, which does not lie in 1..={time}")]
    Length {
        /// The row, counted from 0.
        row: usize,
        /// Its length.
        length: i32,
        /// Steps of each row.
        time: usize,
    },
    /// A padded step that doesn't hold id 0.
    #[error("row {row} has id {id} at step {step}, which is padding and must be 0")]
    Padding {
        /// The row, counted from 0.
        row: usize,
        /// The step, counted from 0.
        step: usize,
        /// The id found.
        id: i32,
    },
    /// An id that the embedding has no row for.
    #[error("row {row} has id {id} at step {step}, which does not lie in 0..{vocabulary_size}")]
    Id {
        /// The row, counted from 0.
        row: usize,
        /// The step, counted from 0.
        step: usize,
        /// The id found.
        id: i32,
        /// Rows of the embedding.
        vocabulary_size: usize,
    },
    /// More steps than the model was built for.
    #[error("the batch has {time} steps, the model was built for at most {max_time}")]
    Time {
        /// Steps of the batch.
        time: usize,
        /// `max_time` of the spec.
        max_time: usize,
    },
    /// Labels don't match rows.
    #[error("{labels} labels for {rows} rows")]
    LabelCount {
        /// Labels given.
        labels: usize,
        /// Rows given.
        rows: usize,
    },
    /// A label that is neither 0 nor 1.
    #[error("row {row} has label {label}, which is neither 0 nor 1")]
    Label {
        /// The row, counted from 0.
        row: usize,
        /// The label found.
        label: u8,
    },
}

impl<'a> TokenBatch<'a> {
    /// A batch of `lengths.len()` rows. `tokens` is `[batch, time]`, row-major; row `b` has `lengths[b]` tokens
    /// and padding (id 0) on side `padding`.
    ///
    /// # Errors
    /// What doesn't fit, by row and step.
    pub fn new(tokens: &'a [i32], lengths: &'a [i32], time: usize, padding: Side) -> Result<Self, BatchError> {
        let rows = lengths.len();
        if rows == 0 || time == 0 {
            return Err(BatchError::Empty { rows, time });
        }
        if rows > crate::bounds::MAX_ROWS {
            return Err(BatchError::Rows { rows });
        }
        if rows.checked_mul(time) != Some(tokens.len()) {
            return Err(BatchError::Shape { found: tokens.len(), rows, time });
        }
        let batch = Self { tokens, lengths, time, padding };
        for (row, &length) in lengths.iter().enumerate() {
            if usize::try_from(length).map_or(true, |length| length == 0 || length > time) {
                return Err(BatchError::Length { row, length, time });
            }
            let valid = batch.valid_steps(row);
            let ids = &tokens[row * time..(row + 1) * time];
            let padded = (0..valid.start).chain(valid.end..time);
            if let Some(step) = padded.into_iter().find(|&step| ids[step] != 0) {
                let id = ids[step];
                return Err(BatchError::Padding { row, step, id });
            }
        }
        Ok(batch)
    }

    /// Token ids, `[batch, time]`, row-major.
    #[must_use]
    pub const fn tokens(&self) -> &'a [i32] {
        self.tokens
    }

    /// Tokens of each row, `[batch]`, each in `1..=time`.
    #[must_use]
    pub const fn lengths(&self) -> &'a [i32] {
        self.lengths
    }

    /// Steps of each row.
    #[must_use]
    pub const fn time(&self) -> usize {
        self.time
    }

    /// Rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Where the padding is.
    #[must_use]
    pub const fn padding(&self) -> Side {
        self.padding
    }

    /// The ids of one row, `[time]`.
    #[must_use]
    pub fn row(&self, row: usize) -> &'a [i32] {
        &self.tokens[row * self.time..(row + 1) * self.time]
    }

    /// The steps of one row that hold tokens.
    #[must_use]
    #[expect(clippy::cast_sign_loss, reason = "lengths are checked to be positive")]
    pub fn valid_steps(&self, row: usize) -> std::ops::Range<usize> {
        let length = self.lengths[row] as usize;
        match self.padding {
            Side::Front => self.time - length..self.time,
            Side::End => 0..length,
        }
    }

    /// Checks the batch against the model it is meant for.
    ///
    /// # Errors
    /// An id outside the vocabulary, or more steps than the model was built for.
    pub fn check(&self, spec: &ModelSpec) -> Result<(), BatchError> {
        if self.time > spec.max_time {
            return Err(BatchError::Time { time: self.time, max_time: spec.max_time });
        }
        let vocabulary_size = spec.vocabulary_size;
        match self.tokens.iter().position(|&id| usize::try_from(id).map_or(true, |id| id >= vocabulary_size)) {
            Some(at) => {
                Err(BatchError::Id { row: at / self.time, step: at % self.time, id: self.tokens[at], vocabulary_size })
            }
            None => Ok(()),
        }
    }
}

impl<'a> LabelledBatch<'a> {
    /// A batch with its labels, `[batch]`, each 0 (negative) or 1 (positive).
    ///
    /// # Errors
    /// A label too many or too few, or one that is neither 0 nor 1.
    pub fn new(tokens: TokenBatch<'a>, labels: &'a [u8]) -> Result<Self, BatchError> {
        if labels.len() != tokens.rows() {
            return Err(BatchError::LabelCount { labels: labels.len(), rows: tokens.rows() });
        }
        match labels.iter().position(|&label| label > 1) {
            Some(row) => Err(BatchError::Label { row, label: labels[row] }),
            None => Ok(Self { tokens, labels }),
        }
    }

    /// The token ids.
    #[must_use]
    pub const fn tokens(&self) -> TokenBatch<'a> {
        self.tokens
    }

    /// Labels, `[batch]`, each 0 or 1.
    #[must_use]
    pub const fn labels(&self) -> &'a [u8] {
        self.labels
    }
}
