//! What a lockstep leaves behind: `lockstep.json`, from which table and figure are made.

use harness_contract::{BackendInfo, CellKind};
use serde::{Deserialize, Serialize};

use crate::plan::Protocol;
use crate::record::{BackendRecord, Environment};

/// The version of the record this build writes.
pub const LOCKSTEP_VERSION: u32 = 1;

/// Two backends walked step by step, and what each was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockstepRecord {
    /// [`LOCKSTEP_VERSION`].
    pub version: u32,
    /// `native` or `matched`.
    pub division: String,
    /// In the matched division, the backend whose defaults hold for both.
    pub matched_to: Option<String>,
    /// Names of the two sides, e.g. `libtorch`, `libtorch (kernel=stock)`.
    pub sides: [String; 2],
    /// Whether dropout was switched off because the sides would draw different masks.
    pub dropout_switched_off: bool,
    /// Optimiser steps that were asked for.
    pub steps: u64,
    /// Seeds initial weights and the order of the reviews.
    pub seed: u64,
    /// The hash of the encoded data.
    pub data_hash: String,
    /// Where it was made.
    pub environment: Environment,
    /// Comparisons that have ended, in the order in which they were planned.
    pub comparisons: Vec<Comparison>,
    /// Native settings that differ but change nothing in these steps.
    pub inert: Vec<InertSetting>,
}

/// One pair of models fed the same reviews.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The cell.
    pub cell: CellKind,
    /// What it shows.
    pub subject: Subject,
    /// SHA-256 of everything its numbers depend on.
    pub identity: String,
    /// The two models.
    pub arms: [ArmRecord; 2],
    /// How it ended.
    pub ending: Ending,
    /// Losses and gradient norms, a row a step.
    pub steps: Vec<StepPair>,
    /// Weights and logits where they were read.
    pub readings: Vec<Reading>,
}

/// What a comparison shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Subject {
    /// The two sides, each with its own settings.
    Pair,
    /// In the native division, the two sides with the first one's settings.
    Equal,
    /// One backend against itself with another number of threads.
    Threads {
        /// The side, 0 or 1.
        side: usize,
        /// Threads of either arm.
        threads: [usize; 2],
    },
    /// One backend against itself from initial weights of which each was moved to a neighbouring float32.
    Rounding {
        /// The side, 0 or 1.
        side: usize,
    },
    /// The first side's settings on both, but for some that the second arm has from the second side.
    Switched {
        /// Dotted keys.
        keys: Vec<String>,
        /// The values of the two sides, or how many there are.
        values: [String; 2],
    },
}

/// One of the two models of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmRecord {
    /// The side's name.
    pub name: String,
    /// The backend and its libraries.
    pub backend: BackendRecord,
    /// Every knob.
    pub protocol: Protocol,
}

/// How a comparison ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ending {
    /// All steps were taken.
    Completed,
    /// Something was not finite; the steps before it stand.
    Diverged {
        /// The arm, 0 or 1.
        arm: usize,
        /// The step, counted from 1.
        step: u64,
        /// What was not finite.
        what: String,
    },
    /// A backend failed or its process died.
    Failed {
        /// The arm, 0 or 1.
        arm: usize,
        /// Why, as a sentence fragment.
        reason: String,
        /// The last lines its worker wrote to stderr.
        last_words: String,
    },
    /// A backend can't do what it was asked for.
    Unsupported {
        /// The arm, 0 or 1.
        arm: usize,
        /// What, and what it could do instead.
        reason: String,
    },
}

/// What both arms reported of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPair {
    /// Counted from 1.
    pub step: u64,
    /// Loss before the update, nats.
    pub loss: [f64; 2],
    /// Global gradient norm before clipping.
    pub gradient_norm: [f64; 2],
}

/// Weights and logits of both arms after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Steps taken; 0 is before the first.
    pub step: u64,
    /// Of the logits of the probe batch.
    pub logits: Difference,
    /// Of each tensor, in canonical order.
    pub tensors: Vec<TensorDifference>,
}

/// How far a tensor's values lie apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorDifference {
    /// Its canonical name.
    pub name: String,
    /// How far.
    pub difference: Difference,
}

/// How far two arrays of numbers lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Euclidean norm of the difference.
    pub distance: f64,
    /// The larger of the two Euclidean norms.
    pub norm: f64,
    /// The largest absolute difference of two elements.
    pub largest: f64,
}

/// A native setting that differs between the sides and changes nothing here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InertSetting {
    /// The cell.
    pub cell: CellKind,
    /// Its dotted key.
    pub key: String,
    /// The values of the two sides.
    pub values: [String; 2],
}

impl BackendRecord {
    /// What a backend says of itself, as a record keeps it.
    pub(super) fn of(info: &BackendInfo) -> Self {
        Self { name: info.name.clone(), libraries: info.libraries.clone() }
    }
}

impl Comparison {
    /// Whether it is to be made again by the same command: a worker that failed says nothing about the framework.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        !matches!(self.ending, Ending::Failed { .. })
    }

    /// Which side did not get to the last step, and why; `None` where both did.
    #[must_use]
    pub fn unfinished(&self) -> Option<String> {
        let (arm, what) = match &self.ending {
            Ending::Completed => return None,
            Ending::Diverged { arm, step, what } => (arm, format!("{what} was not finite in step {step}")),
            Ending::Failed { arm, reason, last_words } => {
                let last = last_words.lines().last().map_or_else(String::new, |line| format!(": `{line}`"));
                (arm, format!("failed, {reason}{last}"))
            }
            Ending::Unsupported { arm, reason } => (arm, format!("unsupported, {reason}")),
        };
        let side = self.arms.get(*arm).map_or("", |arm| arm.name.as_str());
        Some(format!("{side}: {what}"))
    }
}
