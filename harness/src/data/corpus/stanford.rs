//! The corpus as its authors published it: one text file a review under `aclImdb/{train,test}/{neg,pos}`.
//!
//! The authors' own train and test parts are joined; the splits are drawn anew for every source alike.
//! The unlabelled reviews (`train/unsup`) are left out.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::{Corpus, Pinned, given};
use crate::data::DataError;
use crate::data::error::Place;

/// The folders of labelled reviews with their labels, in the order in which they are joined.
const FOLDERS: [(&str, u8); 4] = [("train/neg", 0), ("train/pos", 1), ("test/neg", 0), ("test/pos", 1)];

/// Reads a folder that is `aclImdb` or contains it; `None` when it is neither.
pub(super) fn read_folder(path: &Path) -> Result<Option<Corpus>, DataError> {
    let inner = path.join("aclImdb");
    let root = if inner.is_dir() { inner } else { path.to_path_buf() };
    if !FOLDERS.iter().all(|(folder, _)| root.join(folder).is_dir()) {
        return Ok(None);
    }
    let mut members = Vec::new();
    for (index, (folder, _)) in FOLDERS.iter().enumerate() {
        let folder_path = root.join(folder);
        let entries = fs::read_dir(&folder_path).map_err(DataError::io("read", &folder_path))?;
        for entry in entries {
            let name = entry.map_err(DataError::io("read", &folder_path))?.file_name();
            let name = name.to_string_lossy().into_owned();
            if let Some(member) = Member::new(index, &name) {
                let file = root.join(folder).join(&name);
                let bytes = fs::read(&file).map_err(DataError::io("read", &file))?;
                members.push((member, bytes));
            }
        }
    }
    corpus_of(&root, None, members).map(Some)
}

/// Reads the archive `aclImdb_v1.tar.gz` out of its bytes.
pub(super) fn read_archive(path: &Path, file: Pinned) -> Result<Corpus, DataError> {
    let damaged = || DataError::damaged(path);
    let mut archive = tar::Archive::new(GzDecoder::new(file.bytes.as_slice()));
    let mut members = Vec::new();
    for entry in archive.entries().map_err(damaged())? {
        let mut entry = entry.map_err(damaged())?;
        let inside = entry.path().map_err(damaged())?.into_owned();
        let Some(member) = member_of(&inside) else {
            continue;
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(damaged())?;
        members.push((member, bytes));
    }
    corpus_of(path, Some(file.hash), members)
}

/// One review's file. The derived order is that of the corpus: by folder, then by number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    /// Index into [`FOLDERS`].
    folder: usize,
    /// The number before the underscore of `123_7.txt`.
    number: u64,
    name: String,
}

impl Member {
    /// `None` for a file that isn't named like a review.
    fn new(folder: usize, name: &str) -> Option<Self> {
        let (number, _rating) = name.strip_suffix(".txt")?.split_once('_')?;
        Some(Self { folder, number: number.parse().ok()?, name: name.to_owned() })
    }

    fn path(&self) -> PathBuf {
        Path::new(FOLDERS[self.folder].0).join(&self.name)
    }
}

/// The review that an archive's entry holds, if it is one of the labelled.
fn member_of(inside: &Path) -> Option<Member> {
    let name = inside.file_name()?.to_str()?;
    let parent = inside.parent()?;
    let folder = FOLDERS.iter().position(|(folder, _)| parent.ends_with(folder))?;
    Member::new(folder, name)
}

fn corpus_of(root: &Path, file_hash: Option<String>, mut found: Vec<(Member, Vec<u8>)>) -> Result<Corpus, DataError> {
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut corpus = Corpus {
        texts: Vec::with_capacity(found.len()),
        labels: Vec::with_capacity(found.len()),
        file: root.to_path_buf(),
        name: given(root),
        file_hash,
        members: None,
    };
    let mut members = Vec::with_capacity(found.len());
    for (member, bytes) in found {
        let text = String::from_utf8(bytes)
            .map_err(|_| DataError::InvalidUtf8 { place: Place { file: root.join(member.path()), row: None } })?;
        corpus.texts.push(text);
        corpus.labels.push(FOLDERS[member.folder].1);
        members.push(member.path());
    }
    corpus.members = Some(members);
    Ok(corpus)
}
