//! A study in one file: its plan, and of each run that has ended the record, the steps and the predictions.
//!
//! The file is a tar archive compressed by zstd, which any tool opens. Files stand in it as the run left them, in the order of their names and without
//! times or owners, so that the same directory gives the same bytes. Weights, logs and the state to go on from are left out: no table or figure reads them.
//! Nothing in an archive is believed: [`contents`] bounds and checks it before a byte is written, and its runs are checked as those of any directory.

mod contents;
mod open;
mod pack;
#[cfg(test)]
mod tests;
mod unpack;

use std::io;
use std::path::{Path, PathBuf};

pub use open::{OpenStudy, open_study};
pub use pack::{Packed, pack};
pub use unpack::{Unpacked, unpack};

use super::store::RecordError;

/// An archive that can't be written, read or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A plan or a record can't be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Not an archive of this program, or damaged, or made to hurt.
    #[error("{}: not an archive that can be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What is to be written to belongs to another study.
    #[error("{} holds the study `{holds}`, and not `{asked}`; give another place", path.display())]
    OtherStudy {
        /// The directory or archive.
        path: PathBuf,
        /// Whose it is.
        holds: String,
        /// Which study was to go there.
        asked: String,
    },
    /// A directory that is to hold a study holds something else.
    #[error("{} holds something, but no study; give a directory of its own", path.display())]
    NoStudy {
        /// The directory.
        path: PathBuf,
    },
    /// An archive that would be replaced by one with fewer runs.
    #[error(
        "{} holds {} run{} that {} has not, {} among them; unpack it there first, or give another file",
        path.display(),
        runs.len(),
        if runs.len() == 1 { "" } else { "s" },
        directory.display(),
        runs.first().map_or("", String::as_str)
    )]
    WouldLose {
        /// The archive.
        path: PathBuf,
        /// The study that was to be packed.
        directory: PathBuf,
        /// The directories of those runs.
        runs: Vec<String>,
    },
}

impl ArchiveError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.into(), source }
    }
}
