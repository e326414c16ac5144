//! A study file and what is given beside it, resolved: what `study run` carries out and `study slurm` has carried out.

use std::path::{Path, PathBuf};

use super::args::{Common, PlanArguments, RUNS};
use super::data::{descriptor, encoded_data};
use super::exit::{CliError, say};
use super::memory::needs;
use super::places::data_directory;
use crate::data::DataSettings;
use crate::plan::{Overrides, ResolvedRun, Study, resolve, resolve_data};
use crate::run::{Catalogue, Circumstances, PreparedStudy, Registry, Surroundings, prepare};

/// A plan, of which nothing is written yet.
pub(super) struct Planned {
    pub(super) study: Study,
    /// Where records go.
    pub(super) directory: PathBuf,
    data_dir: PathBuf,
    catalogue: Catalogue,
    pub(super) runs: Vec<ResolvedRun>,
    pub(super) settings: DataSettings,
    /// The memory that each run needs at least, by name, in bytes.
    pub(super) needs: Vec<(String, u64)>,
}

impl Planned {
    /// Resolves a study for runs that divide so many cores among so many at once.
    pub(super) fn new(arguments: &PlanArguments, common: &Common, cores: usize, jobs: usize) -> Result<Self, CliError> {
        let study = Study::find(&arguments.study).map_err(|error| CliError::new("read the study", error))?;
        let directory = arguments.out.clone().unwrap_or_else(|| PathBuf::from(RUNS).join(&study.file.name));
        let data_dir = data_directory(common.data_dir.as_deref())?;
        check_paths(&directory, &data_dir, common)?;
        let overrides = Overrides { set: arguments.set.clone(), only: arguments.only.clone(), cores, jobs };
        let registry = Registry::new(common.backends.iter().cloned());
        let catalogue = Catalogue::ask(&registry, &study.file.backends);
        let refused = |error| CliError::new("plan the study", error);
        let runs = resolve(&study, catalogue.asked(), &overrides).map_err(refused)?;
        let settings = resolve_data(&study, &overrides).map_err(refused)?;
        let corpus = descriptor(&settings, common)?;
        settings.check_against(&corpus).map_err(|error| CliError::new("plan the study", error))?;
        let reviews = settings.sizes().map(|(_, size)| size).iter().sum();
        let needs = needs(&runs, catalogue.asked(), settings.vocabulary_size, reviews);
        Ok(Self { study, directory, data_dir, catalogue, runs, settings, needs })
    }

    /// Says which backends can't be started, prepares the data, lets `first` do something before anything is written to the study's directory, and
    /// writes the plan there.
    pub(super) fn prepare(
        &self,
        arguments: &PlanArguments,
        common: &Common,
        jobs: usize,
        first: impl FnOnce() -> Result<(), CliError>,
    ) -> Result<PreparedStudy, CliError> {
        let asked = self.catalogue.asked();
        for (name, reason) in asked.iter().filter_map(|(name, answer)| Some((name, answer.as_ref().err()?))) {
            say(&format!("backend {name} can't be started: {reason}"));
        }
        // Each run reads the data itself.
        let data = encoded_data(&self.settings, &arguments.from, common)?.summary;
        first()?;
        let surroundings = Surroundings {
            catalogue: &self.catalogue,
            data: &data,
            data_dir: &self.data_dir,
            directory: &self.directory,
            circumstances: Circumstances { jobs, deadline_seconds: arguments.deadline.as_secs_f64() },
        };
        prepare(&self.study, &self.runs, &surroundings).map_err(|error| CliError::new("set up the grid", error))
    }
}

/// Refuses places that a run's file can't name: those that are no UTF-8.
fn check_paths(directory: &Path, data_dir: &Path, common: &Common) -> Result<(), CliError> {
    let named = common.backends.iter().map(|(_, program)| ("--backend", program.as_path()));
    for (what, path) in [("--out", directory), ("--data-dir", data_dir)].into_iter().chain(named) {
        let absolute = std::path::absolute(path).map_err(|error| CliError::new(&format!("use {what}"), error))?;
        if absolute.to_str().is_none() {
            let reason = format!("{} is no UTF-8, and records have to name it", absolute.display());
            return Err(CliError::new(&format!("use {what}"), reason));
        }
    }
    Ok(())
}
