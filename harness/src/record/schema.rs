//! The schema of records. A version stands in each; a field is never reused for another meaning.

use std::collections::BTreeMap;
use std::fmt;

use harness_contract::{LibraryVersion, ModelSpec, NativeDefaults};
use harness_text::plain;
use serde::{Deserialize, Serialize};

use super::observation::Observation;
use super::run::FileRecord;
use super::state::{LostState, Resumption};
use super::version::FormatVersion;
use crate::data::DataSummary;
use crate::plan::{Protocol, RunKey};
use harness_statistics::metrics::Metrics;

/// What a study consists of; written before its first run, read by reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
    /// [`super::FORMAT`].
    pub version: FormatVersion,
    /// The study's name.
    pub name: String,
    /// One line on what it asks.
    pub title: String,
    /// `native` or `matched`.
    pub division: String,
    /// Whether it is a demonstration, whose figures stand for nothing.
    pub demonstration: bool,
    /// Its runs as they were last asked for, in the order in which reports list them.
    pub runs: Vec<PlannedRun>,
    /// Runs that were asked for earlier and are not among these any more; what is finished of them is kept.
    #[serde(default)]
    pub earlier: Vec<PlannedRun>,
    /// Titles of the variants that have one, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variant_titles: BTreeMap<String, String>,
    /// What each variant is held against, by name, where the study says so; not noted before format 2.4.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variant_against: BTreeMap<String, String>,
    /// The data it uses.
    pub data: DataSummary,
    /// Native defaults of each backend that could be asked.
    pub native_defaults: BTreeMap<String, NativeDefaults>,
}

/// One run of a study and where its record is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// The point of the grid.
    pub key: RunKey,
    /// The run's fingerprint, 64 hexadecimal digits.
    pub fingerprint: String,
    /// The run's directory, relative to the study's.
    pub directory: String,
    /// Why the run can't be made here: its backend can't be started. Such a run has a fingerprint only if it was planned before.
    pub unavailable: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// All epochs were trained and the test split was evaluated.
    Completed,
    /// A loss, a gradient norm or a logit was not finite.
    Diverged {
        /// The epoch, counted from 1.
        epoch: u32,
        /// The step within the epoch, counted from 1; 0 in an evaluation.
        step: u64,
        /// What was not finite.
        what: String,
    },
    /// The backend failed or its process died.
    Failed {
        /// Why, as a sentence fragment.
        reason: String,
        /// The last lines the worker wrote to stderr.
        last_words: String,
    },
    /// The backend did not answer within the deadline.
    TimedOut {
        /// What it was asked to do.
        request: String,
        /// The deadline in seconds.
        seconds: f64,
        /// The last lines the worker wrote to stderr.
        last_words: String,
    },
    /// The backend can't do what the run asks for, or can't be started at all.
    Unsupported {
        /// What, and what it could do instead.
        reason: String,
    },
}

impl Outcome {
    /// The outcome's name as tables write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Diverged { .. } => "diverged",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timed out",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// The last that the worker wrote to stderr, where it failed.
    #[must_use]
    pub fn last_words(&self) -> &str {
        match self {
            Self::Failed { last_words, .. } | Self::TimedOut { last_words, .. } => last_words,
            Self::Completed | Self::Diverged { .. } | Self::Unsupported { .. } => "",
        }
    }

    /// Why a run did not complete; `None` for one that did.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Completed => None,
            Self::Diverged { epoch, step, what } => {
                Some(format!("{what} was not finite in epoch {epoch}, step {step}"))
            }
            Self::Failed { reason, .. } | Self::Unsupported { reason } => Some(reason.clone()),
            Self::TimedOut { request, seconds, .. } => Some(format!("no answer to `{request}` within {seconds} s")),
        }
    }
}

/// One epoch of training and its validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: u32,
    /// The learning rate of its steps.
    pub learning_rate: f64,
    /// Optimiser steps.
    pub steps: u64,
    /// Mean training loss over examples, each step's loss being that before its update, in nats.
    pub train_loss: f64,
    /// Metrics on the validation split after the epoch.
    pub validation: Metrics,
    /// Mean over steps of the global gradient norm before clipping.
    pub gradient_norm_mean: f64,
    /// Maximum of the same.
    pub gradient_norm_max: f64,
    /// Share of steps that were clipped, in `0..=1`.
    pub clipped_share: f64,
    /// Mean number of steps (padded length) of a training batch.
    pub padded_length_mean: f64,
    /// Share of the token slots of training batches that held padding, in `0..=1`.
    pub padding_share: f64,
    /// Seconds, compute seconds and tokens a second.
    pub timing: Timing,
    /// What was looked at after the epoch, where the protocol asks for anything.
    #[serde(default)]
    pub observation: Observation,
}

impl EpochRecord {
    /// Whether the run is no longer at chance when the epoch ends: its validation AUC is at least `auc`.
    #[must_use]
    pub fn escaped(&self, auc: f64) -> bool {
        self.validation.auc >= auc
    }
}

/// The first of these epochs at whose end the run had escaped; `None` if it had at no end.
#[must_use]
pub fn escape_epoch(epochs: &[EpochRecord], auc: f64) -> Option<u32> {
    epochs.iter().find(|epoch| epoch.escaped(auc)).map(|epoch| epoch.epoch)
}

/// Where an epoch's time went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Wall-clock seconds of the epoch's training steps, batches and transport included.
    pub train_seconds: f64,
    /// Wall-clock seconds of its validation.
    pub evaluation_seconds: f64,
    /// Seconds the worker spent inside training calls.
    pub train_compute_seconds: f64,
    /// Seconds the worker spent inside prediction calls.
    pub evaluation_compute_seconds: f64,
    /// Tokens (padding not counted) trained on per wall-clock second of training.
    pub tokens_per_second: f64,
}

/// Numbers of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterCounts {
    /// The embedding.
    pub embedding: u64,
    /// Recurrent layers, as the model was built.
    pub recurrent: u64,
    /// Recurrent layers by `gates * (d h + h^2 + h)` summed over layers, i.e. with one bias vector.
    pub recurrent_formula: u64,
    /// The dense head.
    pub head: u64,
    /// All of them.
    pub total: u64,
}

/// What moves when equal settings would no longer give equal numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numerics {
    /// That of initial weights, orders of examples and batches.
    pub harness: u32,
    /// What the backend says of itself.
    pub backend: u32,
}

/// The backend that made a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendRecord {
    /// Its name.
    pub name: String,
    /// Its libraries with their versions.
    pub libraries: Vec<LibraryVersion>,
}

/// Where a run that is made again gives the same bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SameBytes {
    /// On the machine that made it.
    #[default]
    ThisMachine,
    /// On every x86-64 processor with AVX2 and FMA, with the same libraries and as many threads.
    EveryX86WithAvx2AndFma,
}

impl fmt::Display for SameBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ThisMachine => "on this machine",
            Self::EveryX86WithAvx2AndFma => "on every x86-64 with AVX2 and FMA",
        })
    }
}

impl RunRecord {
    /// Processors that it was made on, so far as was noted, one or several times each.
    pub fn processors(&self) -> impl Iterator<Item = &str> {
        self.resumed.iter().filter_map(|part| part.cpu.as_deref()).chain([self.environment.cpu.as_str()])
    }
}

/// Where a run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// This program's version.
    pub harness_version: String,
    /// The git commit it was built from, if known, with `-dirty` where the tree had changes.
    pub git_commit: Option<String>,
    /// Operating system and architecture.
    pub platform: String,
    /// The processor's name.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Threads the framework was told to use.
    pub threads: usize,
    /// Runs at once; their timings bear on each other.
    pub jobs: usize,
    /// The device.
    pub device: String,
    /// Seconds since 1970-01-01 UTC when the run began.
    pub started_unix: u64,
    /// The variables in its user's environment that the frameworks' runtimes listen to, such as `OMP_WAIT_POLICY`; not noted before format 2.5.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

impl Environment {
    /// Its variables as a shell would set them, e.g. `OMP_WAIT_POLICY=passive`, made fit to be read.
    #[must_use]
    pub fn assignments(&self) -> Vec<String> {
        self.variables.iter().map(|(name, value)| plain(&format!("{name}={value}")).into_owned()).collect()
    }
}

/// What a run leaves behind. Written last, so its presence means the run has ended. The file has a digest of its content beside these fields, `sha256`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`super::FORMAT`].
    pub version: FormatVersion,
    /// The study's name.
    pub study: String,
    /// The point of the grid.
    pub key: RunKey,
    /// The fingerprint, 64 hexadecimal digits.
    pub fingerprint: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The backend that made it.
    pub backend: BackendRecord,
    /// The SHA-256 of its executable, where it could be read. A circumstance: another build of the same numbers is the same run.
    #[serde(default)]
    pub executable_sha256: Option<String>,
    /// Versions of the numbers, part of the fingerprint.
    #[serde(default)]
    pub numerics: Numerics,
    /// Where it gives the same bytes if it is made again.
    #[serde(default)]
    pub same_bytes: SameBytes,
    /// The protocol, every knob resolved.
    pub protocol: Protocol,
    /// Where each knob's value came from, by dotted key.
    pub origins: BTreeMap<String, String>,
    /// The specification the backend was given.
    pub model: ModelSpec,
    /// Numbers of weights.
    pub parameters: ParameterCounts,
    /// The hash of the encoded data.
    pub data_hash: String,
    /// Where it was made.
    pub environment: Environment,
    /// What was looked at before the first epoch, where the protocol asks for anything.
    #[serde(default)]
    pub start: Observation,
    /// Finished epochs.
    pub epochs: Vec<EpochRecord>,
    /// Where it went on after an interruption, or from a finished run of fewer epochs; in this order.
    #[serde(default)]
    pub resumed: Vec<Resumption>,
    /// States that were kept and that it did not go on from, since they could not be read or the backend refused them.
    #[serde(default)]
    pub lost: Vec<LostState>,
    /// The epoch whose weights were tested; 0 if none were.
    pub tested_epoch: u32,
    /// Metrics on the test split; `None` unless the run completed.
    pub test: Option<Metrics>,
    /// The most memory the worker held, in bytes, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Wall-clock seconds from the worker's start to the last evaluation.
    pub wall_seconds: f64,
    /// Seconds from the worker's start to the end of its first training step.
    pub first_step_seconds: Option<f64>,
    /// The run's other files, by name.
    #[serde(default)]
    pub files: BTreeMap<String, FileRecord>,
}
