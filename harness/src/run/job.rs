//! A single run, resolved to the last setting: all that `study run-one` needs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use harness_contract::{ModelSpec, TensorGroup};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::catalogue::Handle;
use super::environment::Machine;
use crate::plan::{HARNESS_NUMERICS, ResolvedSettings, RunKey};
use crate::record::{
    BackendRecord, Behind, Environment, FORMAT, Numerics, Outcome, ParameterCounts, PlannedRun, RecordError, RunRecord,
    SameBytes, file_record, load_run, write_json,
};

/// A run that is to be made, as the file that `study run-one` reads has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The study's name.
    pub study: String,
    /// The point of the grid.
    pub key: RunKey,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its settings, shared by the seeds.
    #[serde(with = "shared")]
    pub settings: Arc<ResolvedSettings>,
    /// What the backend is told to build.
    pub model: ModelSpec,
    /// The backend.
    pub backend: Handle,
    /// The encoded data.
    pub data: DataReference,
    /// The study's directory.
    pub folder: PathBuf,
    /// Where the run is to be published, from there.
    pub directory: String,
    /// Runs of this point of the grid that were asked for earlier. One of them may be this run with fewer epochs.
    pub earlier: Vec<PlannedRun>,
    /// What its numbers don't depend on.
    pub circumstances: Circumstances,
}

/// Encoded data that lie on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataReference {
    /// The folder of the splits.
    pub folder: PathBuf,
    /// Their hash.
    pub hash: String,
}

/// Under what a run is made, apart from what it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// Runs at once; their timings bear on each other.
    pub jobs: usize,
    /// Seconds that a backend may take over one request.
    pub deadline_seconds: f64,
}

impl Circumstances {
    /// How long a backend may take over one request; ten minutes where the number is none.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::try_from_secs_f64(self.deadline_seconds).unwrap_or(Duration::from_secs(600))
    }
}

/// A run that has ended without leaving its record, which was to be written then.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The data it refers to are not there or others.
    #[error("could not read the encoded data: {0}")]
    Data(#[from] crate::data::DataError),
    /// Another process makes it.
    #[error(transparent)]
    Claim(#[from] super::claim::ClaimError),
    /// The log of its events can't be written.
    #[error("could not write {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Job {
    /// The run as a plan lists it.
    #[must_use]
    pub fn planned(&self) -> PlannedRun {
        PlannedRun {
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            directory: self.directory.clone(),
            unavailable: None,
        }
    }

    /// Writes it into a folder, for `study run-one`. Gives the file's place.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(super) fn write(&self, folder: &Path) -> Result<PathBuf, RecordError> {
        let io = |source| RecordError::Io { path: folder.into(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        let name = self.directory.rsplit('/').next().unwrap_or_default();
        let file = std::path::absolute(folder.join(format!("{name}.json"))).map_err(io)?;
        write_json(&file, self)?;
        Ok(file)
    }

    /// Where the run is to be published.
    #[must_use]
    pub fn place(&self) -> PathBuf {
        self.folder.join(&self.directory)
    }

    /// Multiplications of all training epochs, up to a factor that all runs of a study share.
    #[must_use]
    pub fn cost(&self) -> u64 {
        let spec = &self.model;
        let layers: usize = (0..spec.layers)
            .map(|layer| spec.cell.gates() * spec.hidden_size * (spec.input_size(layer) + spec.hidden_size))
            .sum();
        (layers * spec.directions() * spec.max_time) as u64 * u64::from(self.settings.protocol.epochs)
    }

    /// The environment of this run, which starts now on this machine.
    pub(super) fn environment(&self, machine: &Machine) -> Environment {
        let protocol = &self.settings.protocol;
        machine.environment(protocol.threads, self.circumstances.jobs, &protocol.device.to_string())
    }

    /// What the run is, without where it lies on this machine.
    pub(super) fn resolved(&self, environment: &Environment) -> serde_json::Value {
        let ResolvedSettings { protocol, origins } = self.settings.as_ref();
        json!({ "key": self.key, "fingerprint": self.fingerprint, "model": self.model, "protocol": protocol, "origins": origins,
                "environment": environment })
    }

    /// The record of this run with what lies behind it, and without the test.
    pub(super) fn record(&self, outcome: Outcome, environment: Environment, behind: Behind) -> RunRecord {
        RunRecord {
            version: FORMAT,
            study: self.study.clone(),
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            outcome,
            backend: BackendRecord {
                name: self.backend.info.name.clone(),
                libraries: self.backend.info.libraries.clone(),
            },
            executable_sha256: file_record(&self.backend.program).ok().map(|file| file.sha256),
            same_bytes: match self.backend.info.is_portable(&self.model) {
                true => SameBytes::EveryX86WithAvx2AndFma,
                false => SameBytes::ThisMachine,
            },
            numerics: Numerics { harness: HARNESS_NUMERICS, backend: self.backend.info.numerics },
            protocol: self.settings.protocol.clone(),
            origins: self.settings.origins.clone(),
            model: self.model.clone(),
            parameters: parameter_counts(&self.model),
            data_hash: self.data.hash.clone(),
            environment,
            start: behind.start,
            epochs: behind.epochs,
            resumed: behind.resumed,
            lost: behind.lost,
            tested_epoch: 0,
            test: None,
            peak_memory_bytes: behind.peak_memory_bytes,
            wall_seconds: behind.wall_seconds,
            first_step_seconds: behind.first_step_seconds,
            files: BTreeMap::new(),
        }
    }
}

/// How a planned run ended, if it has and need not be made again.
///
/// # Errors
/// If the disk refuses, which says nothing about the run.
pub(super) fn kept_outcome(study: &Path, planned: &PlannedRun) -> Result<Option<Outcome>, RecordError> {
    Ok(load_run(study, planned)?.record().and_then(|record| match &record.outcome {
        outcome @ (Outcome::Completed | Outcome::Diverged { .. }) => Some(outcome.clone()),
        // A worker that died, fell silent or could not do it may do better the next time.
        Outcome::Failed { .. } | Outcome::TimedOut { .. } | Outcome::Unsupported { .. } => None,
    }))
}

/// Counts a model's weights, and its recurrent core once more by the formula with one bias vector.
#[must_use]
pub fn parameter_counts(spec: &ModelSpec) -> ParameterCounts {
    let count = |groups: &[TensorGroup]| -> u64 {
        let own = spec.parameters();
        own.iter().filter(|parameter| groups.contains(&parameter.group)).map(|parameter| parameter.len() as u64).sum()
    };
    let embedding = count(&[TensorGroup::Embedding]);
    let head = count(&[TensorGroup::HeadKernel, TensorGroup::HeadBias]);
    let total = count(&TensorGroup::ALL);
    let hidden = spec.hidden_size;
    let formula: usize = (0..spec.layers)
        .map(|layer| spec.directions() * spec.cell.gates() * hidden * (spec.input_size(layer) + hidden + 1))
        .sum();
    ParameterCounts { embedding, recurrent: total - embedding - head, recurrent_formula: formula as u64, head, total }
}

/// A value that several jobs share and each file has.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'a, T: Deserialize<'a>, D: Deserializer<'a>>(from: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}
