//! The record of a comparison with the plain scripts.

use std::collections::BTreeMap;

use harness_contract::CellKind;
use serde::{Deserialize, Serialize};

use crate::record::{BackendRecord, Environment};

/// A comparison of the backends with their peers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersRecord {
    /// [`super::super::BENCH_VERSION`].
    pub version: u32,
    /// Where and when it was made.
    pub environment: Environment,
    /// Whether it was the short form.
    pub quick: bool,
    /// Wall-clock seconds that it took.
    pub seconds: f64,
    /// The backends with their versions.
    pub backends: Vec<BackendRecord>,
    /// The libraries of the peers with their versions.
    pub libraries: BTreeMap<String, String>,
    /// Rows of a training batch.
    pub rows: usize,
    /// Steps that every row is padded to.
    pub time: usize,
    /// Rows of a prediction batch.
    pub evaluation_rows: usize,
    /// Training steps of a turn.
    pub steps_per_turn: usize,
    /// Training steps before those that are not counted.
    pub uncounted_steps: usize,
    /// What the whole grid consists of.
    pub shape: GridShape,
    /// One for each number of threads and cell.
    pub comparisons: Vec<Comparison>,
    /// Encoding the corpus, if it was measured.
    pub encoding: Option<EncodingRecord>,
    /// A grid that was run, if one was named.
    pub grid: Option<GridRecord>,
}

/// The framework that a peer is written over and that a backend stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framework {
    /// Keras over TensorFlow.
    Keras,
    /// PyTorch.
    Pytorch,
}

impl Framework {
    /// Both, in the order in which reports list them.
    pub const ALL: [Self; 2] = [Self::Keras, Self::Pytorch];

    /// The backend that stands for it.
    #[must_use]
    pub const fn backend(self) -> &'static str {
        match self {
            Self::Keras => "tensorflow",
            Self::Pytorch => "libtorch",
        }
    }
}

/// What a subject of a comparison is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// One of our backends.
    Backend,
    /// The script as a user would write it.
    Plain,
    /// The script with what its framework offers for speed.
    Tuned,
}

/// Backends and peers on one cell with one number of threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The cell.
    pub cell: CellKind,
    /// Threads of each.
    pub threads: usize,
    /// Who took part, in the order of their turns.
    pub subjects: Vec<SubjectRecord>,
}

/// One that took part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectRecord {
    /// Its name, e.g. `libtorch` or `pytorch, fused Adam`.
    pub name: String,
    /// The framework it stands for.
    pub framework: Framework,
    /// What it is.
    pub role: Role,
    /// What was measured.
    pub measured: PeerMeasured,
}

impl SubjectRecord {
    /// The timing, if there is one.
    #[must_use]
    pub fn timing(&self) -> Option<&PeerTiming> {
        match &self.measured {
            PeerMeasured::Timed { timing } => Some(timing),
            PeerMeasured::Failed { .. } => None,
        }
    }
}

/// What came of one that took part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PeerMeasured {
    /// It was measured.
    Timed {
        /// Its times.
        timing: PeerTiming,
    },
    /// It could not be.
    Failed {
        /// Why, as a sentence fragment.
        reason: String,
    },
}

/// The times of one that took part; a number for each round.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerTiming {
    /// Seconds from the start of its process to the end of its first training step.
    pub start_seconds: f64,
    /// The most memory its process held, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Mean seconds of a training step.
    pub step_seconds: Vec<f64>,
    /// Mean seconds of a review in prediction.
    pub review_seconds: Vec<f64>,
}

/// What the runs of the whole grid consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridShape {
    /// Epochs of a run.
    pub epochs: u32,
    /// Training steps of an epoch.
    pub steps: usize,
    /// Reviews that are predicted after an epoch.
    pub validation: usize,
    /// Reviews that are predicted at the end.
    pub test: usize,
}

/// A grid that was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridRecord {
    /// The study's name.
    pub study: String,
    /// Wall-clock seconds from the start of its first run to the end of its last, to a second.
    pub wall_seconds: f64,
    /// Runs at once.
    pub jobs: usize,
    /// The processor, where all of its runs had one and it was written down.
    #[serde(default)]
    pub cpu: Option<String>,
    /// Its completed runs.
    pub runs: Vec<GridRun>,
    /// Runs that did not complete.
    pub not_completed: usize,
}

impl GridRecord {
    /// How many of its runs were made at once, and with how many threads each; `None` unless all had as many.
    #[must_use]
    pub fn way(&self) -> Option<(usize, usize)> {
        let threads = self.runs.first()?.threads;
        self.runs.iter().all(|run| run.threads == threads).then_some((self.jobs, threads))
    }
}

/// Where the seconds of a completed run went, summed over its epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridRun {
    /// The run.
    pub name: String,
    /// Threads.
    pub threads: usize,
    /// Epochs.
    pub epochs: usize,
    /// Wall-clock seconds of training and validation.
    pub epoch_seconds: f64,
    /// Seconds of them that the worker spent inside its calls.
    pub compute_seconds: f64,
    /// Wall-clock seconds of the whole run.
    pub wall_seconds: f64,
    /// Seconds to the end of the first training step.
    pub first_step_seconds: Option<f64>,
    /// The most memory the worker held, in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// Encoding the corpus, cold, by this program and by the package `tokenizers` from Python.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodingRecord {
    /// Reviews.
    pub reviews: usize,
    /// Threads of each.
    pub threads: usize,
    /// Tokens of all reviews, as this program counts them.
    pub tokens: u64,
    /// Tokens of all reviews, as the package counts them.
    pub peer_tokens: u64,
    /// Wall-clock seconds of `study data`, reading, checking and storing included, a number for each round.
    pub seconds: Vec<f64>,
    /// Wall-clock seconds of the script, a number for each round.
    pub peer_seconds: Vec<f64>,
    /// Seconds of it without the start of Python and reading the corpus.
    pub peer_encoding_seconds: Vec<f64>,
}
