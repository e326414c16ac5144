//! The embedding's gradient, as rows for the words of a batch only.

use harness_contract::RepeatedWords;
use tch::{TchError, Tensor};

use crate::input::Occurrences;
use crate::parameters::length;

/// The gradient of the rows that occur; every other row's is zero.
pub(crate) struct EmbeddingGradient {
    /// The words, `[n]`, none twice.
    pub(crate) words: Vec<i64>,
    /// For each word the sum of the gradients of its occurrences, `[n, embedding_size]`.
    pub(crate) sum: Tensor,
    /// For each word the sum of the squared gradients of its occurrences, `[n, embedding_size]`, where asked for.
    pub(crate) squares: Option<Tensor>,
}

/// Collects the gradients of the embedded tokens, `[time, rows, embedding_size]`, by word.
///
/// libtorch's own function for `nn.Embedding` does it, over the words of the batch instead of the whole vocabulary. It
/// adds in the order of the tokens whatever the number of threads, and on CUDA it sorts, so the result is reproducible.
pub(crate) fn collect(
    tokens: &Tensor,
    occurrences: Occurrences,
    repeated_words: RepeatedWords,
) -> Result<EmbeddingGradient, TchError> {
    let columns = tokens.size3()?.2;
    let tokens = tokens.f_reshape([-1, columns])?;
    let slots = Tensor::f_from_slice(&occurrences.slots)?.f_to_device(tokens.device())?;
    let words = length(occurrences.words.len());
    let by_word = |values: &Tensor| Tensor::f_embedding_dense_backward(values, &slots, words, -1, false);
    let sum = by_word(&tokens)?;
    let squares = match repeated_words {
        RepeatedWords::SumThenSquare => None,
        RepeatedWords::SquareThenSum => Some(by_word(&tokens.f_square()?)?),
    };
    Ok(EmbeddingGradient { words: occurrences.words, sum, squares })
}
