//! What is known about the data, small enough to go into every record.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::corpus::Corpus;
use super::encoded::{self, EncodedSplit, UNKNOWN_ID};
use super::vocabulary::Vocabulary;
use super::{DataSettings, LengthCounts};

/// Where the data came from, how it was split and what it looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSummary {
    /// SHA-256 over the encoded splits themselves: everything of the data that a run can see. It
    /// belongs into the run's fingerprint.
    pub hash: String,
    /// The corpus that the splits were drawn from.
    pub corpus: CorpusSummary,
    /// The settings that drew them.
    pub settings: DataSettings,
    /// Rows of the embedding actually used: the words kept and the two special ids. Less than the
    /// setting when the training split has fewer words.
    pub vocabulary_size: usize,
    /// Different words in the training split, whether kept or not.
    pub distinct_training_words: usize,
    /// The training split.
    pub train: SplitSummary,
    /// The validation split.
    pub validation: SplitSummary,
    /// The test split.
    pub test: SplitSummary,
    /// Texts that stand in more than one split.
    pub shared: SharedTexts,
}

impl DataSummary {
    /// Each split's summary with its name.
    #[must_use]
    pub fn splits(&self) -> [(&'static str, &SplitSummary); 3] {
        [("train", &self.train), ("validation", &self.validation), ("test", &self.test)]
    }
}

/// The corpus before it was split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusSummary {
    /// The source in a few words.
    pub source: String,
    /// SHA-256 of the source's file, where it is one file.
    pub source_hash: Option<String>,
    /// SHA-256 over all labels and texts in order, whatever file they came in.
    pub content_hash: String,
    /// Number of negative reviews.
    pub negative: u64,
    /// Number of positive reviews.
    pub positive: u64,
    /// Reviews whose text is, letter for letter, that of an earlier one.
    pub repeated_texts: u64,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSummary {
    /// Number of negative reviews.
    pub negative: u64,
    /// Number of positive reviews.
    pub positive: u64,
    /// Tokens that are not in the vocabulary, counted with repetition.
    pub unknown_tokens: u64,
    /// Reviews whose text is that of an earlier one in the same split.
    pub repeated_texts: u64,
    /// How many reviews have which length; also gives the number of tokens.
    pub lengths: LengthCounts,
}

impl SplitSummary {
    /// Share of the tokens that are not in the vocabulary; 0 when there are none.
    #[must_use]
    pub fn out_of_vocabulary_rate(&self) -> f64 {
        match self.lengths.tokens() {
            0 => 0.0,
            tokens => self.unknown_tokens as f64 / tokens as f64,
        }
    }
}

/// How many reviews of one split have a text that also stands in another. A model may have learnt
/// such a test review by heart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedTexts {
    /// Validation reviews whose text is in train.
    pub validation_in_train: u64,
    /// Test reviews whose text is in train.
    pub test_in_train: u64,
    /// Test reviews whose text is in validation.
    pub test_in_validation: u64,
}

/// Summarises the splits drawn from `corpus`.
pub(super) fn summarise(
    corpus: &Corpus,
    content_hash: String,
    settings: &DataSettings,
    vocabulary: &Vocabulary,
    splits: &[EncodedSplit; 3],
) -> DataSummary {
    let [train, validation, test] = splits;
    let texts = splits.each_ref().map(|split| texts_of(corpus, split));
    let distinct = texts.each_ref().map(|texts| texts.iter().copied().collect::<HashSet<_>>());
    let shared = |of: usize, with: usize| texts[of].iter().filter(|text| distinct[with].contains(*text)).count() as u64;
    let whole: HashSet<&str> = corpus.texts.iter().map(String::as_str).collect();
    let positive = count_positive(&corpus.labels);
    let of_split = |index: usize, split: &EncodedSplit| {
        let positive = count_positive(split.labels());
        SplitSummary {
            negative: split.len() as u64 - positive,
            positive,
            unknown_tokens: split.tokens().iter().filter(|token| **token == UNKNOWN_ID).count() as u64,
            repeated_texts: (split.len() - distinct[index].len()) as u64,
            lengths: split.lengths().collect(),
        }
    };
    DataSummary {
        hash: encoded::hash([train, validation, test], vocabulary.size()),
        corpus: CorpusSummary {
            source: corpus.name.clone(),
            source_hash: corpus.file_hash.clone(),
            content_hash,
            negative: corpus.labels.len() as u64 - positive,
            positive,
            repeated_texts: (corpus.texts.len() - whole.len()) as u64,
        },
        settings: settings.clone(),
        vocabulary_size: vocabulary.size(),
        distinct_training_words: vocabulary.distinct_training_words,
        train: of_split(0, train),
        validation: of_split(1, validation),
        test: of_split(2, test),
        shared: SharedTexts {
            validation_in_train: shared(1, 0),
            test_in_train: shared(2, 0),
            test_in_validation: shared(2, 1),
        },
    }
}

fn texts_of<'a>(corpus: &'a Corpus, split: &EncodedSplit) -> Vec<&'a str> {
    let rows = split.row_ids().iter();
    rows.map(|row| corpus.texts[*row as usize].as_str()).collect()
}

fn count_positive(labels: &[u8]) -> u64 {
    labels.iter().filter(|label| **label == 1).count() as u64
}
