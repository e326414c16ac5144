//! The record of a benchmark: what was measured, on what, with every sample.

use std::collections::BTreeMap;
use std::path::Path;

use harness_contract::ModelSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::record::{BackendRecord, Environment, RecordError, model_from_version_1, read_json};

/// The version of the records of benchmarks that this build writes. Those of version 1 are read too.
pub const BENCH_VERSION: u32 = 2;

/// A measurement of the backends alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchRecord {
    /// [`BENCH_VERSION`].
    pub version: u32,
    /// Where and when it was made.
    pub environment: Environment,
    /// Whether it was the short form.
    pub quick: bool,
    /// Wall-clock seconds that it took.
    pub seconds: f64,
    /// The backends with their versions, in the order in which reports list them.
    pub backends: Vec<BackendRecord>,
    /// Backends that could not be started, and why.
    pub unavailable: BTreeMap<String, String>,
    /// What the machine can do, by number of threads.
    pub peaks: Vec<PeakRecord>,
    /// The measurements, those of a group beside each other.
    pub measurements: Vec<Measurement>,
}

impl BenchRecord {
    /// Reads the record of a measurement.
    ///
    /// # Errors
    /// If it can't be read or is of a version that is not known.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let mut record: Value = read_json(path)?;
        if record.get("version") == Some(&json!(1)) {
            let rows = record.get_mut("measurements").and_then(Value::as_array_mut);
            let models = rows.into_iter().flatten().filter_map(|row| row.get_mut("model"));
            models.for_each(model_from_version_1);
            record["version"] = json!(BENCH_VERSION);
        }
        serde_json::from_value(record).map_err(|source| RecordError::Json { path: path.into(), source })
    }
}

/// What the machine can do with so many threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeakRecord {
    /// Threads.
    pub threads: usize,
    /// Thousands of millions of operations a second in a large float32 matrix product, a sample each.
    /// Empty where no program measured it.
    pub matmul_gflops: Vec<f64>,
    /// Thousands of millions of bytes a second, read and written, in copying memory, a sample each.
    pub copy_gigabytes: Vec<f64>,
}

/// What is varied in a group of measurements; everything else is as the study has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// The kernel and the number of threads.
    Kernel,
    /// The number of steps.
    Length,
    /// The units of a layer.
    Hidden,
    /// The rows of a batch.
    Batch,
    /// The words of the vocabulary.
    Vocabulary,
}

impl Factor {
    /// The factors with one number each, in the order in which reports list them.
    pub const NUMERIC: [Self; 4] = [Self::Length, Self::Hidden, Self::Batch, Self::Vocabulary];

    /// The name as records and tables write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Length => "length",
            Self::Hidden => "hidden",
            Self::Batch => "batch",
            Self::Vocabulary => "vocabulary",
        }
    }
}

/// One configuration and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// What its group varies.
    pub factor: Factor,
    /// The backend.
    pub backend: String,
    /// The model.
    pub model: ModelSpec,
    /// Rows of its training batches, all of them full.
    pub rows: usize,
    /// Steps of each row.
    pub time: usize,
    /// Rows of its prediction batches.
    pub evaluation_rows: usize,
    /// The samples, or why there are none.
    pub measured: Measured,
}

impl Measurement {
    /// The samples, if it could be measured.
    #[must_use]
    pub fn timing(&self) -> Option<&Timing> {
        match &self.measured {
            Measured::Timed { timing } => Some(timing),
            Measured::Failed { .. } => None,
        }
    }

    /// The number that its group varies; 0 for [`Factor::Kernel`], which varies none.
    #[must_use]
    pub fn value(&self) -> usize {
        match self.factor {
            Factor::Kernel => 0,
            Factor::Length => self.time,
            Factor::Hidden => self.model.hidden_size,
            Factor::Batch => self.rows,
            Factor::Vocabulary => self.model.vocabulary_size,
        }
    }
}

/// What came of a configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Measured {
    /// It was measured.
    Timed {
        /// The samples.
        timing: Timing,
    },
    /// It could not be.
    Failed {
        /// Why, as a sentence fragment.
        reason: String,
    },
}

/// The samples of a configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Seconds from the start of the worker's process to the end of its first training step.
    pub start_seconds: f64,
    /// The most memory the worker held, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Training steps, in order; warm-up is left out.
    pub train: Vec<Sample>,
    /// Predictions, in order; warm-up is left out.
    pub predict: Vec<Sample>,
}

/// One request to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Seconds that the worker spent inside the call, by its own account.
    pub compute_seconds: f64,
    /// Seconds until the answer was there.
    pub round_trip_seconds: f64,
}
