//! What an archive may hold, and going through one within bounds.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tar::EntryType;
use zstd::stream::read::Decoder;

use super::ArchiveError;
use crate::record::run::KEPT;
use crate::record::store::{LARGEST, STUDY};
use crate::record::version::FormatVersion;

/// The first file of an archive.
pub(super) const INDEX: &str = "archive.json";

/// The format of archives that this build writes.
pub(super) const VERSION: FormatVersion = FormatVersion { major: 1, minor: 0 };

/// The folder of a study in which its runs lie.
pub(super) const RUNS: &str = "runs";

/// The longest name of a run's directory, in bytes: with `runs/` it fits the header of a tar archive. Names of backends and variants have at most 64.
const LONGEST_NAME: usize = 150;

/// The most files, three a run.
const MOST_FILES: usize = 300_000;

/// The largest archive, in bytes.
const LARGEST_ARCHIVE: u64 = 4 << 30;

/// The largest index, in bytes.
const LARGEST_INDEX: u64 = 1 << 16;

/// The most that an archive may hold in times of its own size; beyond [`SLACK`]. Records of many small runs come to a few dozen.
const MOST_EXPANSION: u64 = 200;

/// What an archive may hold whatever its size, in bytes.
const SLACK: u64 = 64 << 20;

/// The base-2 logarithm of the most bytes that the decoder may look back; also what the encoder uses.
pub(super) const WINDOW_LOG: u32 = 23;

/// The size of a tar header, and of what files are padded to.
const BLOCK: u64 = 512;

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    /// [`VERSION`].
    pub(super) version: FormatVersion,
    /// The study's name.
    pub(super) study: String,
    /// Files after this one.
    pub(super) files: usize,
}

/// The directory of the run that a file of an archive belongs to; `Some(None)` for the plan, `None` if no archive has a file of this name.
fn run_of(name: &str) -> Option<Option<&str>> {
    if name == STUDY {
        return Some(None);
    }
    let (run, file) = name.rsplit_once('/')?;
    (is_run(run) && KEPT.contains(&file)).then_some(Some(run))
}

/// Whether this is a run's directory in its study: `runs/` and one plain name.
pub(super) fn is_run(directory: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    directory.strip_prefix(RUNS).and_then(|rest| rest.strip_prefix('/')).is_some_and(|name| {
        (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with('.') && name.chars().all(plain)
    })
}

/// What is done with a file of an archive: its name, its run's directory unless it is the plan, and its content.
type Take<'t> = dyn FnMut(&str, Option<&str>, &mut dyn Read) -> Result<(), ArchiveError> + 't;

/// Goes through an archive from beginning to end and hands each file but the index to `take`, with its name and its run's directory. Names, kinds, number
/// and sizes are checked before a file is handed over, and the checksum at the end. Returns the index.
///
/// # Errors
/// If it is no archive, damaged or cut, holds what no archive holds, or `take` refuses.
pub(super) fn walk(
    path: &Path,
    mut take: impl FnMut(&str, Option<&str>, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<Index, ArchiveError> {
    let io = ArchiveError::io(path);
    // Opening a pipe would wait for somebody who writes.
    if !std::fs::metadata(path).map_err(&io)?.is_file() {
        return Err(unreadable(path, "it is no plain file"));
    }
    walk_file(path, File::open(path).map_err(io)?, &mut take)
}

/// As [`walk`], of an open file that `path` names in messages.
pub(super) fn walk_file(path: &Path, file: File, take: &mut Take<'_>) -> Result<Index, ArchiveError> {
    let refuse = |reason: &str| unreadable(path, reason);
    let damaged = |error: io::Error| unreadable(path, &format!("damaged or cut: {error}"));
    let compressed = file.metadata().map_err(ArchiveError::io(path))?.len();
    if compressed > LARGEST_ARCHIVE {
        return Err(refuse(&format!("it is larger than {LARGEST_ARCHIVE} bytes")));
    }
    let most = compressed.saturating_mul(MOST_EXPANSION).saturating_add(SLACK);
    let mut decoder = Decoder::new(file).map_err(damaged)?.single_frame();
    decoder.window_log_max(WINDOW_LOG).map_err(damaged)?;
    let mut archive = tar::Archive::new(decoder);
    let (mut index, mut last, mut files, mut total) = (None::<Index>, String::new(), 0, 0_u64);
    // Raw, so that no entry can lengthen the name or the size of the next.
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| refuse("a name is not text"))?;
        if entry.header().entry_type() != EntryType::Regular {
            return Err(refuse(&format!("`{}` is no plain file", name.escape_debug())));
        }
        total = total.saturating_add(entry.size()).saturating_add(2 * BLOCK);
        if entry.size() > LARGEST || total > most {
            return Err(refuse("it would unpack to more than an archive may hold"));
        }
        let Some(index) = &index else {
            index = Some(read_index(path, &name, &mut entry)?);
            last = name;
            continue;
        };
        files += 1;
        if files > index.files || files > MOST_FILES {
            return Err(refuse("it has more files than it says"));
        }
        let Some(run) = run_of(&name) else {
            return Err(refuse(&format!("`{}` has no place in a study", name.escape_debug())));
        };
        if name <= last {
            return Err(refuse(&format!("`{name}` is not in its place")));
        }
        take(&name, run, &mut Damaged { path, entry: &mut entry })?;
        last = name;
    }
    let Some(index) = index else { return Err(refuse("it is empty")) };
    if files != index.files {
        return Err(refuse(&format!("it has {files} files, and {} were packed", index.files)));
    }
    if last != STUDY {
        return Err(refuse("it has no plan"));
    }
    end(path, archive.into_inner())?;
    Ok(index)
}

/// Reads the first file.
fn read_index(path: &Path, name: &str, entry: &mut dyn Read) -> Result<Index, ArchiveError> {
    let mut bytes = Vec::new();
    entry
        .take(LARGEST_INDEX)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &format!("damaged or cut: {error}")))?;
    let parsed = (name == INDEX).then(|| serde_json::from_slice::<Index>(&bytes).ok()).flatten();
    let index = parsed.ok_or_else(|| unreadable(path, "it was not written by `study pack`"))?;
    if index.version.major > VERSION.major {
        let reason = format!(
            "it is of version {}, and this program reads up to {}.x; use a newer program",
            index.version, VERSION.major
        );
        return Err(unreadable(path, &reason));
    }
    Ok(index)
}

/// Reads what follows the last file: zeros, the checksum, and nothing more.
fn end(path: &Path, mut decoder: Decoder<'_, BufReader<File>>) -> Result<(), ArchiveError> {
    let mut rest = Vec::new();
    let read = decoder.by_ref().take(1 << 16).read_to_end(&mut rest);
    read.map_err(|error| unreadable(path, &format!("damaged or cut: {error}")))?;
    let after = decoder.finish().read(&mut [0]).map_err(ArchiveError::io(path))?;
    if rest.iter().any(|byte| *byte != 0) || rest.len() >= 1 << 16 || after != 0 {
        return Err(unreadable(path, "something follows its end"));
    }
    Ok(())
}

pub(super) fn unreadable(path: &Path, reason: &str) -> ArchiveError {
    ArchiveError::Unreadable { path: path.into(), reason: reason.to_owned() }
}

/// A file of an archive, whose errors say that it is the archive which is damaged.
struct Damaged<'a> {
    path: &'a Path,
    entry: &'a mut dyn Read,
}

impl Read for Damaged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.entry.read(buffer).map_err(|error| {
            io::Error::new(error.kind(), format!("{} is damaged or cut: {error}", self.path.display()))
        })
    }
}
