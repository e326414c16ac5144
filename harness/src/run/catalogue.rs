//! The backends that a command works with: each found and asked once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use harness_contract::{Backend, BackendInfo};
use serde::{Deserialize, Serialize};

use super::locate::Registry;
use super::session::Session;
use super::worker::WorkerOptions;
use crate::plan::{Asked, BackendNameError};

/// Backends that are asked at the same time.
const AT_ONCE: usize = 8;

/// A backend that can be started, and what it said of itself when it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handle {
    /// The executable.
    pub program: PathBuf,
    /// What it said.
    pub info: BackendInfo,
}

/// By name, each backend's handle or why there is none.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    programs: BTreeMap<String, PathBuf>,
    asked: BTreeMap<String, Asked>,
}

impl Catalogue {
    /// Finds and asks these backends, several at once: one that hangs costs its own time and not that of the others too. One that can't be found or
    /// asked is there with the reason and what to do.
    #[must_use]
    pub fn ask(registry: &Registry, names: &[String]) -> Self {
        let mut catalogue = Self::default();
        let mut found = Vec::new();
        for name in names {
            let checked = name.parse().map_err(|error: BackendNameError| error.to_string());
            let program = checked.and_then(|name| registry.locate(&name).map_err(|error| error.to_string()));
            match program {
                Ok(program) => found.push((name.clone(), program)),
                Err(reason) => drop(catalogue.asked.insert(name.clone(), Err(reason))),
            }
        }
        for some in found.chunks(AT_ONCE) {
            thread::scope(|scope| {
                let answers: Vec<_> = some.iter().map(|(_, program)| scope.spawn(|| ask_one(program))).collect();
                for ((name, _), answer) in some.iter().zip(answers) {
                    let answer = answer.join().unwrap_or_else(|_| Err("asking it failed in this program".into()));
                    catalogue.asked.insert(name.clone(), answer);
                }
            });
        }
        catalogue.programs.extend(found);
        catalogue
    }

    /// What each backend said of itself, or why it can't be asked.
    #[must_use]
    pub fn asked(&self) -> &BTreeMap<String, Asked> {
        &self.asked
    }

    /// A backend's executable, if it was found.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<&Path> {
        self.programs.get(name).map(PathBuf::as_path)
    }

    /// A backend that can be started.
    ///
    /// # Errors
    /// Why it can't, and what to do.
    pub fn handle(&self, name: &str) -> Result<Handle, String> {
        match (self.asked.get(name), self.programs.get(name)) {
            (Some(Ok(info)), Some(program)) => Ok(Handle { program: program.clone(), info: info.clone() }),
            (Some(Err(reason)), _) => Err(reason.clone()),
            _ => Err(format!("the backend `{name}` was not asked")),
        }
    }
}

/// What a backend says of itself, in a process that ends with this call.
fn ask_one(program: &Path) -> Asked {
    let session = Session::open(program, &WorkerOptions::default());
    session.map(|mut session| session.backend().describe()).map_err(|failure| failure.to_string())
}

impl FromIterator<(String, Handle)> for Catalogue {
    /// The catalogue of backends that are known without asking.
    fn from_iter<T: IntoIterator<Item = (String, Handle)>>(handles: T) -> Self {
        let mut catalogue = Self::default();
        for (name, handle) in handles {
            catalogue.programs.insert(name.clone(), handle.program);
            catalogue.asked.insert(name, Ok(handle.info));
        }
        catalogue
    }
}
