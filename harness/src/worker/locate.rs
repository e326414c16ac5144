//! Where a backend's executable is: named by the user, beside this program, or on `PATH`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

/// The backends that are built from this repository.
pub const BUNDLED: [&str; 3] = ["libtorch", "tensorflow", "reference"];

/// A backend's executable, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerProgram {
    /// The backend's name.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
}

/// A backend that can't be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// Not where the user said.
    #[error("there is no executable at {}, where `--backend {name}=...` points", path.display())]
    NotThere {
        /// The backend.
        name: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// Nowhere.
    #[error(
        "no executable `study-backend-{name}` was found beside this program or on PATH; build it with `just build`, or name it with `--backend {name}=PATH`"
    )]
    NotFound {
        /// The backend.
        name: String,
    },
}

/// Where to look for backends.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    named: BTreeMap<String, PathBuf>,
    directories: Vec<PathBuf>,
}

impl Registry {
    /// Looks at `named` first, then beside this program, then along `PATH`.
    #[must_use]
    pub fn new(named: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        let beside = env::current_exe().ok().and_then(|program| program.parent().map(Path::to_path_buf));
        let path = env::var_os("PATH").unwrap_or_default();
        let directories = beside.into_iter().chain(env::split_paths(&path)).collect();
        Self { named: named.into_iter().collect(), directories }
    }

    /// The executable of a backend.
    ///
    /// # Errors
    /// If there is none; the error says what to do.
    pub fn locate(&self, name: &str) -> Result<WorkerProgram, LocateError> {
        if let Some(path) = self.named.get(name) {
            return if path.is_file() {
                Ok(WorkerProgram { name: name.to_owned(), path: path.clone() })
            } else {
                Err(LocateError::NotThere { name: name.to_owned(), path: path.clone() })
            };
        }
        let file = format!("study-backend-{name}{}", env::consts::EXE_SUFFIX);
        self.directories
            .iter()
            .map(|directory| directory.join(&file))
            .find(|path| path.is_file())
            .map(|path| WorkerProgram { name: name.to_owned(), path })
            .ok_or_else(|| LocateError::NotFound { name: name.to_owned() })
    }

    /// The names of the bundled backends and of those the user named.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUNDLED.iter().map(|name| (*name).to_owned()).collect();
        names.extend(self.named.keys().filter(|name| !BUNDLED.contains(&name.as_str())).cloned());
        names
    }
}
