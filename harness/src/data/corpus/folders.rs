//! One text file a review, in a folder for each class and part, in a gzipped archive or unpacked.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Corpus, Pinned, given, read_bounded, unpacked};
use crate::data::DataError;
use crate::data::error::Place;

/// The largest text that is read, in bytes; the longest review of IMDb has 14 kB.
const LARGEST_TEXT: u64 = 16 << 20;

/// Where labelled texts lie: the folder around all others, and folders with their labels in the order in which they are joined.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) root: &'a str,
    pub(super) folders: &'a [(String, u8)],
}

/// Reads a folder that is the layout's root or contains it; `None` when it is neither.
pub(super) fn read_folder(layout: Layout<'_>, path: &Path) -> Result<Option<Corpus>, DataError> {
    let inner = path.join(layout.root);
    let root = if inner.is_dir() { inner } else { path.to_path_buf() };
    if !layout.folders.iter().all(|(folder, _)| root.join(folder).is_dir()) {
        return Ok(None);
    }
    let mut members = Vec::new();
    for (index, (folder, _)) in layout.folders.iter().enumerate() {
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
    corpus_of(layout, &root, None, members).map(Some)
}

/// Reads the archive out of its bytes.
pub(super) fn read_archive(layout: Layout<'_>, path: &Path, file: Pinned) -> Result<Corpus, DataError> {
    let damaged = || DataError::damaged(path);
    let mut archive = tar::Archive::new(unpacked(file.bytes.as_slice()));
    let mut members = Vec::new();
    for entry in archive.entries().map_err(damaged())? {
        let mut entry = entry.map_err(damaged())?;
        let inside = entry.path().map_err(damaged())?.into_owned();
        let Some(member) = member_of(layout, &inside) else {
            continue;
        };
        members.push((member, read_bounded(&mut entry, LARGEST_TEXT, path, &inside)?));
    }
    corpus_of(layout, path, Some(file.hash), members)
}

/// One review's file. The derived order is that of the corpus: by folder, then by number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    /// Index into the layout's folders.
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

    fn path(&self, layout: Layout<'_>) -> PathBuf {
        Path::new(&layout.folders[self.folder].0).join(&self.name)
    }
}

/// The review that an archive's entry holds, if it is one of the labelled.
fn member_of(layout: Layout<'_>, inside: &Path) -> Option<Member> {
    let name = inside.file_name()?.to_str()?;
    let parent = inside.parent()?;
    let folder = layout.folders.iter().position(|(folder, _)| parent.ends_with(folder))?;
    Member::new(folder, name)
}

fn corpus_of(
    layout: Layout<'_>,
    root: &Path,
    file_hash: Option<String>,
    mut found: Vec<(Member, Vec<u8>)>,
) -> Result<Corpus, DataError> {
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
            .map_err(|_| DataError::InvalidUtf8 { place: Place { file: root.join(member.path(layout)), row: None } })?;
        corpus.texts.push(text);
        corpus.labels.push(layout.folders[member.folder].1);
        members.push(member.path(layout));
    }
    corpus.members = Some(members);
    Ok(corpus)
}
