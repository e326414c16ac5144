//! What the first layer makes of each word. Without dropout it is the same wherever the word stands, so an evaluation
//! computes it once for each word that it meets, and not for each token.

use tch::{TchError, Tensor};

use super::activation::Real;
use super::kernels::Forward;
use crate::host::elements;

/// Words that are projected together.
const AT_ONCE: usize = 32;

/// For each word the sums that it gives to the first layer's gates, as far as they have been asked for.
pub(super) struct ProjectedWords<T> {
    /// `[vocabulary_size, width]`.
    sums: Vec<T>,
    width: usize,
    known: Vec<bool>,
}

impl<T: Real> ProjectedWords<T> {
    /// Of no word so far.
    pub(super) fn new(vocabulary_size: usize, width: usize) -> Self {
        Self { sums: vec![T::ZERO; vocabulary_size * width], width, known: vec![false; vocabulary_size] }
    }

    /// Forgets all words, since weights have changed.
    pub(super) fn forget(&mut self) {
        self.known.fill(false);
    }

    /// Computes what is missing for these tokens, which are words of the vocabulary.
    pub(super) fn learn(&mut self, tokens: &[i64], embedding: &Tensor, kernels: &Forward<T>) -> Result<(), TchError> {
        let embedding = elements::<T>(embedding)?;
        let columns = embedding.len() / self.known.len().max(1);
        let mut missing = Vec::new();
        for &token in tokens {
            let word = usize::try_from(token).unwrap_or_default();
            if !std::mem::replace(&mut self.known[word], true) {
                missing.push(word);
            }
        }
        let (mut inputs, mut sums) = (vec![T::ZERO; AT_ONCE * columns], vec![T::ZERO; AT_ONCE * self.width]);
        for words in missing.chunks(AT_ONCE) {
            for (input, word) in inputs.chunks_exact_mut(columns).zip(words) {
                input.copy_from_slice(&embedding[word * columns..][..columns]);
            }
            let sums = &mut sums[..words.len() * self.width];
            kernels.project(&inputs, sums);
            for (sums, word) in sums.chunks_exact(self.width).zip(words) {
                self.sums[word * self.width..][..self.width].copy_from_slice(sums);
            }
        }
        Ok(())
    }

    /// Writes the sums of these tokens, which have been learnt, to the gates of as many rows.
    pub(super) fn read(&self, tokens: &[i64], gates: &mut [T]) {
        for (gates, &token) in gates.chunks_exact_mut(self.width).zip(tokens) {
            let word = usize::try_from(token).unwrap_or_default();
            gates.copy_from_slice(&self.sums[word * self.width..][..self.width]);
        }
    }
}
