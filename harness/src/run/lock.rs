//! One process at a time on a study's directory, or on a run.

use std::fs::File;
use std::fs::{OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Held while a process works on something. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A lock that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is being worked on by {holder}; wait for it, or end it", place.display())]
    Held {
        /// What is locked.
        place: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The lock can't be made.
    #[error("could not lock {}: {source}", place.display())]
    Io {
        /// What was to be locked.
        place: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Locks a study's directory, which must be there.
    ///
    /// # Errors
    /// If another process holds it, which is named, or the lock file can't be written.
    pub fn study(directory: &Path) -> Result<Self, LockError> {
        Self::take(&directory.join("study.lock"), directory)
    }

    /// Locks a run by its directory, which need not be there. The file of the lock lies beside it, and stays.
    ///
    /// # Errors
    /// If another process holds it, which is named, or the lock file can't be written.
    pub fn run(directory: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { place: directory.into(), source };
        let name = directory.file_name().ok_or_else(|| io(io::ErrorKind::InvalidInput.into()))?;
        let runs = directory.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(runs).map_err(io)?;
        Self::take(&runs.join(format!(".lock-{}", name.to_string_lossy())), directory)
    }

    fn take(path: &Path, place: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { place: place.into(), source };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                let holder = if holder.trim().is_empty() { "another process".into() } else { holder.trim().to_owned() };
                return Err(LockError::Held { place: place.into(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "process {} (`{}`)", std::process::id(), command_line()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn command_line() -> String {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
