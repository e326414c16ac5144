//! What the user can choose about the data.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{CorpusDescriptor, DataError};

/// The corpus, sizes of the splits, the seed that draws them, and the size of the vocabulary. The defaults are
/// the published study's, with a fixed seed since it names none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSettings {
    /// Name of the corpus, as its descriptor gives it.
    pub corpus: String,
    /// Reviews to train on, half of each class.
    pub train: usize,
    /// Reviews to validate on, half of each class.
    pub validation: usize,
    /// Reviews to test on, half of each class.
    pub test: usize,
    /// Seed of the split. Another seed draws other reviews into each split.
    pub seed: u64,
    /// Rows of the embedding: words kept, plus the two ids for padding and for unknown words.
    pub vocabulary_size: usize,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self { corpus: "imdb".into(), train: 20_000, validation: 5_000, test: 25_000, seed: 1, vocabulary_size: 30_000 }
    }
}

impl DataSettings {
    /// Checks what can be known without the corpus.
    ///
    /// # Errors
    /// Fails when a size is odd or zero (classes are exactly 1:1), or when the vocabulary has no room
    /// for a word.
    pub fn check(&self) -> Result<(), DataError> {
        for (split, size) in self.sizes() {
            if size == 0 || size % 2 == 1 || u32::try_from(size).is_err() {
                return Err(DataError::Setting {
                    reason: format!(
                        "the {split} split can't have {size} reviews: the classes are 1:1, so give an \
                         even number from 2 to 4294967294"
                    ),
                });
            }
        }
        if self.vocabulary_size < 3 || i32::try_from(self.vocabulary_size).is_err() {
            return Err(DataError::Setting {
                reason: format!(
                    "a vocabulary size of {} is not possible: give 3 (padding, unknown and one word) \
                     to {}",
                    self.vocabulary_size,
                    i32::MAX
                ),
            });
        }
        Ok(())
    }

    /// Checks that a corpus is the one that is asked for and can give these splits.
    ///
    /// # Errors
    /// As [`Self::check`], when the corpus has another name, and when a class has too few reviews.
    pub fn check_against(&self, known: &CorpusDescriptor) -> Result<(), DataError> {
        if known.name != self.corpus {
            return Err(DataError::Setting {
                reason: format!(
                    "data.corpus is `{}` and the descriptor is of `{}`; set data.corpus to that",
                    self.corpus, known.name
                ),
            });
        }
        self.check_counts(known.negative, known.positive)
    }

    /// Checks that a corpus with so many reviews of each class can give these splits.
    ///
    /// # Errors
    /// As [`Self::check`], and when a class has too few reviews.
    pub(super) fn check_counts(&self, negative: usize, positive: usize) -> Result<(), DataError> {
        self.check()?;
        // Each size is below 2^32 by now.
        let needed: usize = self.sizes().iter().map(|(_, size)| size / 2).sum();
        for (class, there) in [("negative", negative), ("positive", positive)] {
            if there < needed {
                return Err(DataError::Setting {
                    reason: format!(
                        "splits of {} + {} + {} reviews need {needed} of each class, and the corpus has {there} {class} ones",
                        self.train, self.validation, self.test
                    ),
                });
            }
        }
        Ok(())
    }

    /// Name and size of each split, in the order in which they are drawn.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 3] {
        [("train", self.train), ("validation", self.validation), ("test", self.test)]
    }
}

/// Where the corpus is taken from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// What was fetched before, else each form that can be fetched, in the order of the descriptor.
    #[default]
    Default,
    /// One form by its word in the descriptor, e.g. `stanford`, or a path to a copy on this machine in any of the forms.
    Named(PathBuf),
}

impl fmt::Display for Source {
    /// Writes what [`Source::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Named(name) => write!(f, "{}", name.display()),
        }
    }
}

impl FromStr for Source {
    type Err = Infallible;

    /// Reads the argument of `--from`: `default`, or else a form's word or a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "default" { Self::Default } else { Self::Named(text.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_back_as_they_are_written() {
        for source in [Source::Default, Source::Named("stanford".into()), Source::Named("some/reviews.json".into())] {
            assert_eq!(source.to_string().parse(), Ok(source));
        }
    }

    #[test]
    fn settings_left_out_take_the_published_study_values_and_unknown_ones_are_refused() {
        let settings: DataSettings = toml::from_str("train = 2000").unwrap();
        assert_eq!((settings.train, settings.test, settings.vocabulary_size), (2_000, 25_000, 30_000));
        assert!(toml::from_str::<DataSettings>("trian = 2000").is_err());
    }
}
