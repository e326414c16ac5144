//! Whether a run gives alarm.

use std::fmt;

use harness_statistics::metrics::auc_interval;
use serde::Serialize;

use crate::claims::ESCAPE_AUC;
use crate::record::{Outcome, RunRecord, Scores, escape_epoch};

/// A test AUC that is no further from 0.5 than this is at chance even where its interval leaves 0.5 out: with 25,000 reviews an interval reaches
/// .007 to either side, and a ranking that is right 52 times in 100 is of no use to anyone.
pub const NEAR_CHANCE: f64 = 0.02;

/// When a run gives alarm, in words.
pub const RULE: &str = "A run is at chance when the 95 % DeLong interval of its test AUC contains 0.5, or its AUC is within .02 of it. It gives \
                        alarm when it is at chance, when its validation AUC was below 0.60 at the end of every epoch (it has not escaped), and when \
                        it diverged";

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// It escaped, and its test AUC is not at chance.
    Learnt(TestAuc),
    /// Its test AUC is at chance.
    AtChance(TestAuc),
    /// Its test AUC is not at chance, but no epoch's validation AUC reached 0.60 (`ESCAPE_AUC`).
    NotEscaped(TestAuc),
    /// Something in it was not finite.
    Diverged {
        /// What, and when.
        reason: String,
    },
    /// It has no result for another reason.
    NoResult {
        /// Which.
        how: String,
    },
}

/// A test AUC, and when the run escaped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TestAuc {
    /// The AUC.
    pub auc: f64,
    /// The 95 % DeLong interval; `None` without the scores, or where they have none.
    pub interval: Option<(f64, f64)>,
    /// The first epoch at whose end the validation AUC was at least [`ESCAPE_AUC`].
    pub escape_epoch: Option<u32>,
    /// The epochs that were trained.
    pub epochs: u32,
    /// The largest validation AUC after an epoch.
    pub best_validation_auc: f64,
}

impl Standing {
    /// How a run that has ended stands.
    pub(super) fn of(record: &RunRecord, scores: Option<&Scores>) -> Self {
        if let Outcome::Diverged { .. } = record.outcome {
            return Self::Diverged { reason: record.outcome.reason().unwrap_or_default() };
        }
        let Some(test) = &record.test else {
            let how = record.outcome.reason().unwrap_or_else(|| "no test metrics".into());
            return Self::NoResult { how: format!("{}: {how}", record.outcome.name()) };
        };
        let interval = scores.and_then(|scores| auc_interval(&scores.logits, &scores.labels).ok());
        let found = TestAuc {
            auc: test.auc,
            interval: interval.map(|interval| (interval.lower, interval.upper)),
            escape_epoch: escape_epoch(&record.epochs, ESCAPE_AUC),
            epochs: record.epochs.last().map_or(0, |epoch| epoch.epoch),
            best_validation_auc: record.epochs.iter().map(|epoch| epoch.validation.auc).fold(0.0, f64::max),
        };
        if found.is_at_chance() {
            Self::AtChance(found)
        } else if found.escape_epoch.is_none() {
            Self::NotEscaped(found)
        } else {
            Self::Learnt(found)
        }
    }

    /// Whether a run that stands so needs a diagnosis.
    #[must_use]
    pub const fn is_alarm(&self) -> bool {
        matches!(self, Self::AtChance(_) | Self::NotEscaped(_) | Self::Diverged { .. })
    }

    /// How it stands, in two or three words.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Learnt(_) => "learnt",
            Self::AtChance(TestAuc { escape_epoch: Some(_), .. }) => "back at chance",
            Self::AtChance(_) => "at chance",
            Self::NotEscaped(_) => "not escaped",
            Self::Diverged { .. } => "diverged",
            Self::NoResult { .. } => "no result",
        }
    }
}

impl TestAuc {
    /// Whether it is at chance: see [`RULE`].
    #[must_use]
    pub fn is_at_chance(&self) -> bool {
        let inside = self.interval.is_some_and(|(lower, upper)| (lower..=upper).contains(&0.5));
        inside || (self.auc - 0.5).abs() <= NEAR_CHANCE
    }
}

impl fmt::Display for TestAuc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test AUC {:.4}", self.auc)?;
        if let Some((lower, upper)) = self.interval {
            write!(f, " [{lower:.4}, {upper:.4}]")?;
        }
        match self.escape_epoch {
            Some(epoch) => write!(f, ", escaped in epoch {epoch} of {}", self.epochs),
            None => write!(
                f,
                ", validation AUC at most {:.4} in {} epochs, below {ESCAPE_AUC}",
                self.best_validation_auc, self.epochs
            ),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learnt(auc) | Self::AtChance(auc) | Self::NotEscaped(auc) => auc.fmt(f),
            Self::Diverged { reason } => f.write_str(reason),
            Self::NoResult { how } => f.write_str(how),
        }
    }
}
