//! The embedding's gradient, as rows for the words of a batch only.

use std::ops::{AddAssign, Mul};

use harness_contract::RepeatedWords;
use tch::kind::Element;
use tch::{Device, Kind, TchError, Tensor};

use crate::host::{elements, elements_mut};
use crate::input::Occurrences;
use crate::parameters::length;
use crate::share;

/// The gradient of the rows that occur; every other row's is zero.
pub(crate) struct EmbeddingGradient {
    /// The words, `[n]`, none twice.
    pub(crate) words: Vec<i64>,
    /// For each word the sum of the gradients of its occurrences, `[n, embedding_size]`.
    pub(crate) sum: Tensor,
    /// For each word the sum of the squared gradients of its occurrences, `[n, embedding_size]`, where asked for.
    pub(crate) squares: Option<Tensor>,
}

/// What is summed of an occurrence.
#[derive(Clone, Copy)]
enum Summand {
    Gradient,
    Square,
}

/// Collects the gradients of the embedded tokens, `[time, rows, embedding_size]`, by word.
///
/// Sums are in the order of the tokens whatever the number of threads. On CUDA they are libtorch's own, which sorts, so the result is reproducible.
pub(crate) fn collect(
    tokens: &Tensor,
    occurrences: Occurrences,
    repeated_words: RepeatedWords,
    threads: usize,
) -> Result<EmbeddingGradient, TchError> {
    let columns = tokens.size3()?.2;
    let tokens = tokens.f_reshape([-1, columns])?;
    let Occurrences { words, slots } = occurrences;
    let sums = |summand| match (tokens.device(), tokens.f_kind()?) {
        (Device::Cpu, Kind::Float) => by_word::<f32>(&tokens, &slots, words.len(), summand, threads),
        (Device::Cpu, Kind::Double) => by_word::<f64>(&tokens, &slots, words.len(), summand, threads),
        _ => by_libtorch(&tokens, &slots, words.len(), summand),
    };
    let sum = sums(Summand::Gradient)?;
    let squares = match repeated_words {
        RepeatedWords::SumThenSquare => None,
        RepeatedWords::SquareThenSum => Some(sums(Summand::Square)?),
    };
    Ok(EmbeddingGradient { words, sum, squares })
}

/// The sums over each word's occurrences, `[words, embedding_size]`; the words are shared among threads.
fn by_word<T: Element + Copy + AddAssign + Mul<Output = T> + Send + Sync>(
    tokens: &Tensor,
    slots: &[i64],
    words: usize,
    summand: Summand,
    threads: usize,
) -> Result<Tensor, TchError> {
    let (tokens, columns) = (tokens.f_contiguous()?, tokens.size2()?.1);
    let mut sums = Tensor::f_zeros([length(words), columns], (T::KIND, Device::Cpu))?;
    let columns = usize::try_from(columns).unwrap_or_default().max(1);
    let rows = elements::<T>(&tokens)?;
    let mut rest = elements_mut::<T>(&mut sums)?;
    let mut first = 0;
    let mut shares = Vec::new();
    for share in share::rows_each(words, threads, 1) {
        let (mine, others) = rest.split_at_mut(share * columns);
        shares.push((first, mine));
        (first, rest) = (first + share, others);
    }
    share::each(shares, |(first, sums)| {
        for (row, &slot) in rows.chunks_exact(columns).zip(slots) {
            let place = usize::try_from(slot).ok().and_then(|slot| slot.checked_sub(first));
            let Some(sum) = place.and_then(|place| sums.get_mut(place * columns..(place + 1) * columns)) else {
                continue;
            };
            match summand {
                Summand::Gradient => sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value),
                Summand::Square => sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value * value),
            }
        }
    });
    Ok(sums)
}

fn by_libtorch(tokens: &Tensor, slots: &[i64], words: usize, summand: Summand) -> Result<Tensor, TchError> {
    let slots = Tensor::f_from_slice(slots)?.f_to_device(tokens.device())?;
    let values = match summand {
        Summand::Gradient => tokens.shallow_clone(),
        Summand::Square => tokens.f_square()?,
    };
    Tensor::f_embedding_dense_backward(&values, &slots, length(words), -1, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_word_are_libtorchs_to_the_bit_with_any_number_of_threads() {
        let tokens = Tensor::rand([40, 7], (Kind::Float, Device::Cpu)) - 0.5;
        let slots: Vec<_> = (0..40).map(|token| (token * token) % 11).collect();
        for summand in [Summand::Gradient, Summand::Square] {
            let expected = by_libtorch(&tokens, &slots, 11, summand).unwrap();
            for threads in [1, 2, 5] {
                let found = by_word::<f32>(&tokens, &slots, 11, summand, threads).unwrap();
                assert_eq!(found, expected, "{threads} threads");
            }
        }
    }
}
