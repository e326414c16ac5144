//! Masking without a mask: how a unidirectional model answers for padded rows.
//!
//! Where padded steps leave the state as it was, a row's answer and every gradient depend on its tokens alone and in
//! order. The same holds for a row whose padding stands at the end and whose answer is read at its last token: steps
//! after it can't reach it. So a backend needs no mask; it moves the tokens to the front, drops the steps that are
//! padding in every row, and gathers one step a row. This is exact for one direction only.

use std::borrow::Cow;

use crate::batch::{Side, TokenBatch};
use crate::spec::{ModelSpec, Pooling};

/// What a unidirectional model runs over, and where it reads its answers.
#[derive(Debug, Clone)]
pub struct Aligned<'a> {
    /// Token ids, `[batch, time]`, row-major.
    pub tokens: Cow<'a, [i32]>,
    /// Steps of each row; at most those of the batch.
    pub time: usize,
    /// For each row the step whose output is the answer, `[batch]`.
    pub answers: Vec<usize>,
    /// For each row how many steps its tokens were moved to the left, `[batch]`.
    pub shifts: Vec<usize>,
}

/// Arranges a batch for a unidirectional model of this spec.
#[must_use]
pub fn align<'a>(batch: TokenBatch<'a>, spec: &ModelSpec) -> Aligned<'a> {
    let rows = batch.rows();
    if spec.masking {
        let ranges: Vec<_> = (0..rows).map(|row| batch.valid_steps(row)).collect();
        let time = ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let answers = ranges.iter().map(|valid| valid.len() - 1).collect();
        let shifts = ranges.iter().map(|valid| valid.start).collect();
        if batch.padding() == Side::End && time == batch.time() {
            return Aligned { tokens: Cow::Borrowed(batch.tokens()), time, answers, shifts };
        }
        let mut tokens = vec![0; rows * time];
        for (row, valid) in ranges.into_iter().enumerate() {
            let start = row * time;
            tokens[start..start + valid.len()].copy_from_slice(&batch.row(row)[valid]);
        }
        return Aligned { tokens: Cow::Owned(tokens), time, answers, shifts };
    }
    let answers = (0..rows)
        .map(|row| match spec.pooling {
            Pooling::LastStep => batch.time() - 1,
            Pooling::LastValidStep => batch.valid_steps(row).end - 1,
        })
        .collect();
    Aligned { tokens: Cow::Borrowed(batch.tokens()), time: batch.time(), answers, shifts: vec![0; rows] }
}

impl Aligned<'_> {
    /// Moves values per aligned step, `[batch, self.time]`, back to the steps of the batch, `[batch, time]`; steps that
    /// were left out get 0.
    #[must_use]
    pub fn restore(&self, values: &[f32], time: usize) -> Vec<f32> {
        let mut restored = vec![0.0; self.shifts.len() * time];
        for (row, &shift) in self.shifts.iter().enumerate() {
            let kept = self.time.min(time - shift);
            let from = row * self.time;
            let to = row * time + shift;
            restored[to..to + kept].copy_from_slice(&values[from..from + kept]);
        }
        restored
    }
}
