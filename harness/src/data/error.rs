//! Why the data can't be prepared.

use std::io;
use std::path::{Path, PathBuf};

/// Whether the system refused to write there.
pub(super) fn refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// What went wrong on the way from a source to encoded splits. The text completes "failed to prepare
/// the data:".
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused something.
    #[error("can't {doing} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The descriptor of a corpus can't be understood.
    #[error("the corpus' descriptor is not valid: {reason}")]
    Sources {
        /// What the parser said.
        reason: String,
    },
    /// A setting that no corpus could meet.
    #[error("{reason}")]
    Setting {
        /// Which setting, what is wrong and what is allowed.
        reason: String,
    },
    /// A file is not the one that was expected, byte for byte.
    #[error("{} has SHA-256 {found} where {expected} is expected: it is damaged or another version", file.display())]
    WrongHash {
        /// The file.
        file: PathBuf,
        /// The pinned hash, in hexadecimal.
        expected: String,
        /// The file's hash, in hexadecimal.
        found: String,
    },
    /// A file can't be parsed or unpacked.
    #[error("{} can't be read: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A path given by the user holds nothing that is known.
    #[error("{} is no copy of the corpus: expected {forms}", path.display())]
    UnknownKind {
        /// The path.
        path: PathBuf,
        /// The forms in which the corpus may be given.
        forms: String,
    },
    /// A path given by the user is a pipe, a socket or a device.
    #[error("{} is neither a file nor a folder", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// A table has no such column, or a record no such field.
    #[error("{place} has no `{column}`, only {}", listed(there))]
    MissingColumn {
        /// File, and row where only one row lacks it.
        place: Place,
        /// The column's name.
        column: String,
        /// The names that there are.
        there: Vec<String>,
    },
    /// A label that names neither class.
    #[error("{place} has label {found}, which is none of 0, 1, \"negative\" and \"positive\"")]
    Label {
        /// File and row.
        place: Place,
        /// The label as it stands there.
        found: String,
    },
    /// A text that is not Unicode.
    #[error("{place} is not valid UTF-8")]
    InvalidUtf8 {
        /// File and row.
        place: Place,
    },
    /// A review without a single word.
    #[error("{place} has no words left after tokenizing")]
    EmptyReview {
        /// File and row.
        place: Place,
    },
    /// The corpus is not whole.
    #[error(
        "{} holds {negative} negative and {positive} positive reviews where {expected_negative} and \
         {expected_positive} are expected",
        file.display()
    )]
    WrongCounts {
        /// File or folder.
        file: PathBuf,
        /// Negative reviews found.
        negative: usize,
        /// Positive reviews found.
        positive: usize,
        /// Negative reviews expected.
        expected_negative: usize,
        /// Positive reviews expected.
        expected_positive: usize,
    },
    /// The npm client didn't deliver.
    #[error("`{command}` failed: {reason}")]
    Npm {
        /// The command as it was run.
        command: String,
        /// What it said, or why it could not be started.
        reason: String,
    },
    /// A download didn't arrive whole.
    #[error("downloading {url} failed: {reason}")]
    Download {
        /// From where.
        url: String,
        /// What happened.
        reason: String,
    },
    /// Every source failed.
    #[error(
        "no source of the corpus could be used; a copy of it can be named with `--from PATH`{}",
        reasons.iter().map(|(source, reason)| format!("\n  {source}: {reason}")).collect::<String>()
    )]
    NoSource {
        /// Name of each source tried, in order, and why it failed.
        reasons: Vec<(String, DataError)>,
    },
    /// The `tokenizers` library refused.
    #[error("the tokenizer can't be {doing}: {reason}")]
    Tokenizer {
        /// What was being done, as a participle.
        doing: &'static str,
        /// What the library said.
        reason: String,
    },
    /// Encoded splits can't be written.
    #[error("encoded splits can't be written to {}: {reason}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
}

/// A few names for a message, each cut to a length that can be read.
fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    if names.is_empty() {
        return "an empty one".into();
    }
    let short = |name: &String| format!("`{}`", name.chars().take(40).collect::<String>());
    let more = if names.len() > MOST { ", ..." } else { "" };
    names.iter().take(MOST).map(short).collect::<Vec<_>>().join(", ") + more
}

impl DataError {
    /// Whether a folder can't be written that has to be.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Io { source, .. } if refused(source))
    }

    /// Whether what was read is damaged or not there, and not a disk that refuses, which says nothing about it.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            // A file that is not there, or has become a folder.
            Self::Io { source, .. } => {
                use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
                matches!(source.kind(), NotFound | IsADirectory | NotADirectory)
            }
            _ => true,
        }
    }

    /// Wraps an error of the operating system; to be used with `map_err`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }

    /// Wraps what a parser said about a file; to be used with `map_err`.
    pub(super) fn damaged<E: ToString>(file: &Path) -> impl FnOnce(E) -> Self {
        let file = file.to_path_buf();
        move |error| Self::Damaged { file, reason: error.to_string() }
    }
}

/// A file and, where one is meant, a row of it counted from 0 as the row ids are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, or the folder when the corpus is one.
    pub file: PathBuf,
    /// The row, if the trouble is with one.
    pub row: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.row {
            Some(row) => write!(f, ", row {row} (counted from 0),"),
            None => Ok(()),
        }
    }
}
