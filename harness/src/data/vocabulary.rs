//! The vocabulary: which words get an id, and the tokenizer that says so to others.

use std::cmp::Reverse;
use std::collections::HashMap;

use rayon::prelude::*;
use tokenizers::Tokenizer;
use tokenizers::models::wordlevel::WordLevel;

use super::encoded::{PADDING_ID, UNKNOWN_ID};
use super::words::{for_each_word, normalizer, pre_tokenizer};
use super::{DataError, DataSettings};

/// The token of id 0. No word can be equal to it, since brackets separate words.
const PADDING: &str = "[PAD]";
/// The token of id 1.
const UNKNOWN: &str = "[UNK]";
/// Reviews that one task counts or encodes: large enough to save merging, small enough to share out.
const REVIEWS_PER_TASK: usize = 512;

/// The words that have ids, found in the training split alone.
#[derive(Debug)]
pub(super) struct Vocabulary {
    ids: HashMap<String, i32>,
    /// Different words in the training split, whether kept or not.
    pub(super) distinct_training_words: usize,
}

impl Vocabulary {
    /// Keeps the most frequent words of `texts`, as many as fit beside the two special ids. Words of equal
    /// frequency are taken in alphabetical order (by code point).
    pub(super) fn fit(texts: &[&str], settings: &DataSettings) -> Self {
        let counts = texts.par_chunks(REVIEWS_PER_TASK).map(count_words).reduce(HashMap::new, |a, b| {
            let (mut larger, smaller) = if a.len() < b.len() { (b, a) } else { (a, b) };
            for (word, count) in smaller {
                *larger.entry(word).or_default() += count;
            }
            larger
        });
        let distinct_training_words = counts.len();
        let mut words: Vec<(String, u64)> = counts.into_iter().collect();
        words.par_sort_unstable_by(|(a, count_a), (b, count_b)| (Reverse(count_a), a).cmp(&(Reverse(count_b), b)));
        words.truncate(settings.vocabulary_size.saturating_sub(2));
        let ids = (UNKNOWN_ID + 1..).zip(words).map(|(id, (word, _))| (word, id)).collect();
        Self { ids, distinct_training_words }
    }

    /// Rows that an embedding needs: the words and the two special ids.
    pub(super) fn size(&self) -> usize {
        self.ids.len() + 2
    }

    /// Token ids of each text, neither truncated nor padded.
    pub(super) fn encode(&self, texts: &[&str]) -> Vec<Vec<i32>> {
        let encode_chunk = |chunk: &[&str]| -> Vec<Vec<i32>> {
            let mut buffer = String::new();
            let encode_text = |text: &&str| {
                let mut ids = Vec::new();
                for_each_word(text, &mut buffer, |word| {
                    ids.push(self.ids.get(word).copied().unwrap_or(UNKNOWN_ID));
                });
                ids
            };
            chunk.iter().map(encode_text).collect()
        };
        texts.par_chunks(REVIEWS_PER_TASK).flat_map_iter(encode_chunk).collect()
    }

    /// The same rule and the same ids as a tokenizer of the `tokenizers` library.
    ///
    /// # Errors
    /// Fails when the library refuses a part of it.
    pub(super) fn tokenizer(&self) -> Result<Tokenizer, DataError> {
        let refused = |error: tokenizers::Error| DataError::Tokenizer { doing: "built", reason: error.to_string() };
        let special = [(PADDING, PADDING_ID), (UNKNOWN, UNKNOWN_ID)];
        let words = self.ids.iter().map(|(word, id)| (word.as_str(), *id)).chain(special);
        let model = WordLevel::builder()
            .vocab(words.map(|(word, id)| (word.to_owned(), id.unsigned_abs())).collect())
            .unk_token(UNKNOWN.to_owned())
            .build()
            .map_err(refused)?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_normalizer(Some(normalizer().map_err(refused)?)).map_err(refused)?;
        tokenizer.with_pre_tokenizer(Some(pre_tokenizer().map_err(refused)?));
        Ok(tokenizer)
    }
}

/// How often each word occurs in `texts`.
fn count_words(texts: &[&str]) -> HashMap<String, u64> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut buffer = String::new();
    for text in texts {
        for_each_word(text, &mut buffer, |word| match counts.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                counts.insert(word.to_owned(), 1);
            }
        });
    }
    counts
}
