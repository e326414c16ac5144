//! Where a backend's executable is: named by the user, beside this program, or on `PATH`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use crate::plan::BackendName;

/// The backends that come with this repository.
pub const BUNDLED: [&str; 5] = ["libtorch", "tensorflow", "reference", "pytorch", "keras"];

/// Where those that are not built lie, seen from a build's folder.
const SCRIPTS: &str = "../../backends/python";

/// A backend that can't be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// Not where the user said.
    #[error("there is no executable at {}, where `--backend {name}=...` points", path.display())]
    NotThere {
        /// The backend.
        name: BackendName,
        /// Where it should be.
        path: PathBuf,
    },
    /// Nowhere.
    #[error(
        "no executable `study-backend-{name}` was found beside this program or on PATH; build it with `just build`, or name it with `--backend {name}=PATH`"
    )]
    NotFound {
        /// The backend.
        name: BackendName,
    },
}

/// Where to look for backends.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    named: BTreeMap<BackendName, PathBuf>,
    directories: Vec<PathBuf>,
}

impl Registry {
    /// Looks at `named` first, then beside this program, then in the repository that it was built in, then along `PATH`.
    #[must_use]
    pub fn new(named: impl IntoIterator<Item = (BackendName, PathBuf)>) -> Self {
        let beside = env::current_exe().ok().and_then(|program| program.parent().map(Path::to_path_buf));
        let path = env::var_os("PATH").unwrap_or_default();
        let scripts = beside.as_ref().map(|beside| beside.join(SCRIPTS));
        let directories = beside.into_iter().chain(scripts).chain(env::split_paths(&path)).collect();
        // A file that is named without a folder is here: the system would look for it along PATH.
        let here = |path: PathBuf| if path.parent() == Some(Path::new("")) { Path::new(".").join(path) } else { path };
        Self { named: named.into_iter().map(|(name, path)| (name, here(path))).collect(), directories }
    }

    /// The executable of a backend.
    ///
    /// # Errors
    /// If there is none; the error says what to do.
    pub fn locate(&self, name: &BackendName) -> Result<PathBuf, LocateError> {
        if let Some(path) = self.named.get(name) {
            return if path.is_file() {
                Ok(path.clone())
            } else {
                Err(LocateError::NotThere { name: name.clone(), path: path.clone() })
            };
        }
        let file = format!("study-backend-{name}{}", env::consts::EXE_SUFFIX);
        self.directories
            .iter()
            .map(|directory| directory.join(&file))
            .find(|path| path.is_file())
            .ok_or_else(|| LocateError::NotFound { name: name.clone() })
    }

    /// The names of the bundled backends and of those the user named.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUNDLED.iter().map(|name| (*name).to_owned()).collect();
        names.extend(self.named.keys().map(BackendName::to_string).filter(|name| !BUNDLED.contains(&name.as_str())));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_folder_is_the_one_that_is_here() {
        let name: BackendName = "mine".parse().unwrap();
        let registry = Registry::new([(name.clone(), "Cargo.toml".into())]);
        assert_eq!(registry.locate(&name), Ok("./Cargo.toml".into()));
    }
}
