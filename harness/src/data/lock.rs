//! One process at a time prepares a data folder.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use super::DataError;
use super::error::refused;

/// Keeps other processes from preparing the same folder at the same time, until it is dropped or the
/// process ends.
pub(super) struct FolderLock {
    /// None where the folder can't be written and nobody has prepared it under a lock: then it doesn't change.
    file: Option<File>,
    may_write: bool,
}

impl FolderLock {
    /// Locks the folder, which is made if need be. One that can't be written is locked against others that read it while it is
    /// being prepared, as far as it has a lock.
    pub(super) fn take(data_dir: &Path, progress: &dyn Fn(&str)) -> Result<Self, DataError> {
        let path = data_dir.join(".lock");
        match fs::create_dir_all(data_dir).and_then(|()| File::create(&path)) {
            Ok(file) => Ok(Self { file: Some(locked(file, &path, progress)?), may_write: true }),
            Err(error) if refused(&error) && data_dir.is_dir() => {
                progress(&format!("{} can't be written ({error}); what it holds is read", data_dir.display()));
                let file = match File::open(&path) {
                    Ok(file) => Some(locked(file, &path, progress)?),
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(DataError::io("read", &path)(error)),
                };
                Ok(Self { file, may_write: false })
            }
            Err(error) => Err(DataError::io("create", &path)(error)),
        }
    }

    /// Whether the folder can be written.
    pub(super) const fn may_write(&self) -> bool {
        self.may_write
    }
}

fn locked(file: File, path: &Path, progress: &dyn Fn(&str)) -> Result<File, DataError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress("waiting for another process that prepares the same data");
            file.lock().map_err(DataError::io("lock", path))?;
        }
        Err(TryLockError::Error(error)) => return Err(DataError::io("lock", path)(error)),
    }
    Ok(file)
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file would do, were it not that another thread may be starting a process at this
        // very moment: until that process has begun its program, it holds the file open too. An error
        // leaves the lock to the end of this process, which is safe.
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}
