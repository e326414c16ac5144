//! What the runs of an arm came to, as numbers that rules can speak of.

use std::collections::BTreeMap;

use super::rules::{Arm, Measure};
use super::times::Timed;

/// Everything that rules may look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// The finished runs of each arm, by seed.
    pub arms: BTreeMap<Arm, Vec<RunEvidence>>,
    /// Values of native defaults, as a study file writes them, by study, backend and knob.
    pub defaults: BTreeMap<(String, String, String), String>,
    /// Whether each statement of the published figures is possible, with the audit's sentence.
    pub statements: BTreeMap<String, (bool, String)>,
    /// Printed AUCs with their two-sided p value under the null of no ranking, by row.
    pub printed_aucs: BTreeMap<String, (String, f64)>,
}

/// A completed run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunEvidence {
    /// Its seed.
    pub seed: u64,
    /// The first epoch at whose end its validation AUC was at least 0.60; `None` if none was.
    pub escape_epoch: Option<u32>,
    /// The last epoch it could have had.
    pub horizon: u32,
    /// Its measures; one that its record does not have is absent.
    pub measures: BTreeMap<Measure, f64>,
    /// Where its times were taken.
    pub timed: Timed,
    /// The 95 % DeLong interval of its test AUC.
    pub auc_interval: Option<(f64, f64)>,
    /// Variances over test sets of its accuracy and of its AUC.
    pub test_variance: Option<TestVariance>,
}

/// How much a run's figures would vary over test sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TestVariance {
    /// `p (1 - p) / n`.
    pub accuracy: f64,
    /// DeLong's.
    pub auc: f64,
}

impl RunEvidence {
    /// Whether it had escaped at the end of an epoch.
    #[must_use]
    pub(crate) fn escaped_by(&self, epoch: u32) -> bool {
        self.escape_epoch.is_some_and(|own| own <= epoch)
    }
}
