//! Text that no one wrote: reviews of a given length whose words are spread as in running text.

use harness_contract::CellKind;

use crate::data::{EncodedSplit, UNKNOWN_ID};
use crate::train::Stream;

/// Reviews of `length` tokens each. The frequency of a word is inversely proportional to its rank (Zipf's law), which decides how often
/// the embedding's rows are read and how many of them have a gradient. No row is padded, so that every step is work.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a vocabulary's size fits 31 bits")]
pub(super) fn reviews(count: usize, length: usize, vocabulary_size: usize, cell: CellKind) -> EncodedSplit {
    let mut stream = Stream::new(1, &format!("text for measuring {cell}"));
    // Ids from that of the unknown word on; the density of ranks between 1 and their number falls with the rank.
    let ranks = (vocabulary_size.saturating_sub(1)).max(1) as f64;
    let mut word = || UNKNOWN_ID - 1 + (ranks.powf(stream.uniform()) as i32).clamp(1, ranks as i32);
    EncodedSplit::from_reviews((0..count).map(|review| {
        let tokens: Vec<i32> = (0..length).map(|_| word()).collect();
        (review as u32, (review % 2) as u8, tokens)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fill_the_vocabulary_and_frequent_ones_come_first() {
        let split = reviews(50, 400, 1000, CellKind::Gru);
        assert_eq!((split.len(), split.tokens().len()), (50, 20_000));
        let share = |low, high| {
            split.tokens().iter().filter(|id| (low..high).contains(*id)).count() as f64 / split.tokens().len() as f64
        };
        assert!((share(1, 1000) - 1.0).abs() < f64::EPSILON, "every id is that of a word");
        // ln(10) / ln(999) of the words are of the first nine ranks, and as many of ranks 10 to 99.
        assert!((share(1, 10) - 1.0 / 3.0).abs() < 0.02, "{}", share(1, 10));
        assert!((share(10, 100) - 1.0 / 3.0).abs() < 0.02, "{}", share(10, 100));
        assert!(share(900, 1000) > 0.0);
    }
}
