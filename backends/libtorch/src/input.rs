//! A batch as the tensors a step computes with: time-major token ids, the steps that answer, and which words occur.

use harness_contract::align::{Aligned, align};
use harness_contract::{LabelledBatch, ModelSpec, TokenBatch};
use tch::{Device, TchError, Tensor};

use crate::parameters::length;

/// Token ids of a batch, arranged as [`align`] says and time-major, so that each step is one contiguous block.
pub(crate) struct Input {
    /// Steps.
    pub(crate) time: usize,
    /// Rows of the batch.
    pub(crate) rows: usize,
    /// Row `t * rows + b` is the token of row `b` at step `t`, `[time * rows]`, int64.
    pub(crate) tokens: Tensor,
    /// For each row of the batch the row of a `[time * rows, _]` tensor that answers for it, `[rows]`, int64.
    pub(crate) answers: Tensor,
    /// For each row of the batch the step that answers.
    pub(crate) answer_steps: Vec<usize>,
}

/// Which words occur in a batch, and where.
pub(crate) struct Occurrences {
    /// Each word that occurs, once, in the order of its first occurrence.
    pub(crate) words: Vec<i64>,
    /// For each of [`Input::tokens`] where in `words` it stands.
    pub(crate) slots: Vec<i64>,
}

impl Input {
    /// Arranges a batch. The second value undoes it ([`Aligned::restore`]).
    pub(crate) fn new<'a>(
        batch: TokenBatch<'a>,
        spec: &ModelSpec,
        device: Device,
    ) -> Result<(Self, Aligned<'a>), TchError> {
        let aligned = align(batch, spec);
        let (time, rows) = (aligned.time, batch.rows());
        let tokens = Tensor::f_from_slice(&time_major(&aligned.tokens, rows, time))?.f_to_device(device)?;
        let answers: Vec<_> = aligned.answers.iter().enumerate().map(|(row, step)| length(step * rows + row)).collect();
        let answers = Tensor::f_from_slice(&answers)?.f_to_device(device)?;
        let answer_steps = aligned.answers.clone();
        Ok((Self { time, rows, tokens, answers, answer_steps }, aligned))
    }

    /// The embedded tokens, `[time, rows, embedding_size]`.
    pub(crate) fn embed(&self, embedding: &Tensor) -> Result<Tensor, TchError> {
        embedding.f_index_select(0, &self.tokens)?.f_view([length(self.time), length(self.rows), -1])
    }
}

impl Occurrences {
    /// Finds the words of an arranged batch.
    pub(crate) fn new(aligned: &Aligned<'_>, vocabulary_size: usize) -> Self {
        const ABSENT: i64 = -1;
        let rows = aligned.answers.len();
        let mut slot_of = vec![ABSENT; vocabulary_size];
        let mut words = Vec::new();
        let slots = time_major(&aligned.tokens, rows, aligned.time)
            .into_iter()
            .map(|word| {
                let slot = &mut slot_of[usize::try_from(word).unwrap_or_default()];
                if *slot == ABSENT {
                    *slot = length(words.len());
                    words.push(word);
                }
                *slot
            })
            .collect();
        Self { words, slots }
    }
}

/// The labels as targets of the loss, `[rows]`.
pub(crate) fn targets(
    batch: LabelledBatch<'_>,
    spec: &ModelSpec,
    options: (tch::Kind, Device),
) -> Result<Tensor, TchError> {
    let targets: Vec<_> = batch.labels().iter().map(|&label| spec.target(label)).collect();
    Tensor::f_from_slice(&targets)?.f_to_device(options.1)?.f_to_kind(options.0)
}

/// `[rows, time]` as `[time, rows]`, both row-major.
fn time_major(tokens: &[i32], rows: usize, time: usize) -> Vec<i64> {
    (0..time).flat_map(|step| (0..rows).map(move |row| i64::from(tokens[row * time + step]))).collect()
}
