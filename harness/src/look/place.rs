//! From a path to what lies there: a study, or one run of it.

use std::path::{Path, PathBuf};

use harness_text::listed;

use crate::record::{OpenStudy, RunResult, StudyResults};

/// What a path names.
#[derive(Debug)]
pub(crate) struct Looked {
    study: OpenStudy,
    /// The run of it that was named, among `study.runs` followed by `study.earlier`; `None` where the whole study was.
    run: Option<usize>,
}

impl Looked {
    /// The study.
    pub(crate) fn study(&self) -> &StudyResults {
        &self.study.results
    }

    /// The run that was named.
    pub(crate) fn run(&self) -> Option<&RunResult> {
        self.study().runs.iter().chain(&self.study().earlier).nth(self.run?)
    }
}

/// A path that names neither a study nor a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// No study lies there or above.
    #[error("{} is no study and lies in none; a study is a directory with a study.json, e.g. runs/grid", .0.display())]
    NoStudy(PathBuf),
    /// The study has no such run.
    #[error("the study in {} has no run `{name}`; its runs are {}", study.display(), listed(runs))]
    NoRun {
        /// The study's directory.
        study: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        runs: Vec<String>,
    },
}

/// Whether a study is there: a directory with a `study.json`, or a file, which may be an archive.
pub(crate) fn is_study(place: &Path) -> bool {
    place.is_file() || place.join("study.json").exists()
}

/// The study that a path names or lies in: a directory with a `study.json`, or an archive.
///
/// # Errors
/// If there is none.
pub(crate) fn study_of(path: &Path) -> Result<&Path, PlaceError> {
    let home = path.ancestors().find(|place| is_study(place));
    home.ok_or_else(|| PlaceError::NoStudy(path.into()))
}

impl Looked {
    /// What a path names: a study's directory or archive, a run's directory, or a study and the name of a run of it, as in
    /// `runs/grid/libtorch-gru-base-s1`. `study` is what [`study_of`] found.
    ///
    /// # Errors
    /// If the study has no such run.
    pub(crate) fn at(path: &Path, home: &Path, study: OpenStudy) -> Result<Self, PlaceError> {
        let rest = path.strip_prefix(home).unwrap_or(Path::new(""));
        let Some(name) = rest.file_name() else { return Ok(Self { study, run: None }) };
        let named = |run: &RunResult| {
            run.planned.key.to_string() == name.to_string_lossy() || Path::new(&run.planned.directory) == rest
        };
        let runs = || study.results.runs.iter().chain(&study.results.earlier);
        match runs().position(named) {
            Some(place) => Ok(Self { run: Some(place), study }),
            None => Err(PlaceError::NoRun {
                study: home.into(),
                name: rest.display().to_string(),
                runs: runs().map(|run| run.planned.key.to_string()).collect(),
            }),
        }
    }
}
