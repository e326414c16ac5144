//! One harness at a time on a study's directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Held while a harness works on a study's directory. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct StudyLock {
    _file: File,
}

/// A study's directory that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is being worked on by {holder}; wait for it, or end it", directory.display())]
    Held {
        /// The directory.
        directory: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The lock can't be made.
    #[error("could not lock {}: {source}", directory.display())]
    Io {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StudyLock {
    /// Locks a directory, which must be there.
    ///
    /// # Errors
    /// If another process holds it, which is named, or the lock file can't be written.
    pub fn take(directory: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { directory: directory.into(), source };
        let path = directory.join("study.lock");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                let holder = if holder.trim().is_empty() { "another process".into() } else { holder.trim().to_owned() };
                return Err(LockError::Held { directory: directory.into(), holder });
            }
            Err(error) => return Err(io(error.into())),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "process {} (`{}`)", std::process::id(), command_line()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn command_line() -> String {
    std::env::args().collect::<Vec<_>>().join(" ")
}
