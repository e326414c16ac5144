//! The backends that a command works with: each found and asked once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness_contract::{Backend, BackendInfo};
use serde::{Deserialize, Serialize};

use super::locate::Registry;
use super::session::Session;
use super::worker::WorkerOptions;
use crate::plan::{Asked, BackendName};

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
    /// Finds and asks these backends. One that can't be found or asked is there with the reason and what to do.
    #[must_use]
    pub fn ask(registry: &Registry, names: &[String]) -> Self {
        let mut catalogue = Self::default();
        for name in names {
            let answer = catalogue.ask_one(registry, name);
            catalogue.asked.insert(name.clone(), answer);
        }
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

    fn ask_one(&mut self, registry: &Registry, name: &str) -> Asked {
        let checked: BackendName = name.parse().map_err(|error| format!("{error}"))?;
        let program = registry.locate(&checked).map_err(|error| error.to_string())?;
        self.programs.insert(name.to_owned(), program.clone());
        let session = Session::open(&program, &WorkerOptions::default());
        session.map(|mut session| session.backend().describe()).map_err(|failure| failure.to_string())
    }
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
