//! What lies in a study's directory and belongs to no plan.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::listing::size;
use crate::record::{StudyRecord, draft_place};

/// A folder that no plan has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// Where it is.
    pub(crate) directory: PathBuf,
    /// The size of what is in it.
    pub(crate) bytes: u64,
}

/// Folders among a study's runs that neither its plan nor an earlier one names: runs that were set aside, drafts of
/// other runs, and what someone else put there. By name. The draft of a run that a plan names is what that run goes on from.
///
/// # Errors
/// If the folder of runs can't be read.
pub(crate) fn leftovers(directory: &Path, study: &StudyRecord) -> io::Result<Vec<Leftover>> {
    let folder = directory.join("runs");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let planned = |path: &Path| {
        let mut plans = study.runs.iter().chain(&study.earlier);
        plans.any(|run| {
            let place = directory.join(&run.directory);
            path == place || path == draft_place(&place)
        })
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() && !planned(&path) {
            found.push(Leftover { bytes: size(&path), directory: path });
        }
    }
    found.sort_by(|one, other| one.directory.cmp(&other.directory));
    Ok(found)
}
