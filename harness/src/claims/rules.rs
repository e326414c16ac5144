//! Claims as data: what is measured on which arms, and which outcome means what.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harness_contract::CellKind;
use serde::Deserialize;

/// A file of claims.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimsFile {
    /// 1.
    pub(super) version: u32,
    /// One line on what the claims are about.
    pub title: String,
    /// The published figures and the claims' own words, relative to this file; needed by `statement` and `printed_auc_differs_from_chance`.
    pub published: Option<PathBuf>,
    /// The level at which Holm's adjusted p values count, and 1 less the confidence of every interval.
    pub level: f64,
    /// Names for the groups of runs that the rules speak of.
    pub arms: BTreeMap<String, Arm>,
    /// The claims, in the order of the table.
    #[serde(rename = "claim")]
    pub claims: Vec<Claim>,
}

/// All runs of one study, backend, cell and variant; they differ in their seeds alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arm {
    /// The study's name.
    pub study: String,
    /// The backend's name.
    pub backend: String,
    /// The cell.
    pub cell: CellKind,
    /// The variant's name; `base` in a study without variants.
    pub variant: String,
}

/// One claim with its rules. It is supported where `supported` holds and `contradicted` does not, contradicted the other way round, in part where
/// both hold, undecided where neither does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// Its name, such as `C1`.
    pub id: String,
    /// What it says; taken from the published figures unless given.
    pub text: Option<String>,
    /// What supports it.
    pub supported: Condition,
    /// What contradicts it.
    pub contradicted: Condition,
    /// Remarks that go with the verdict where their condition holds.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// A remark on a verdict.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// When it is made.
    pub when: Condition,
    /// The remark.
    pub say: String,
}

/// Something that holds of the runs, does not, or can't be told yet. A table with one key in a claims file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Condition {
    /// Every one of these.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
    /// So many runs of an arm escaped chance.
    Escaped(EscapedCount),
    /// So many runs of an arm have a measure within bounds.
    Runs(RunCount),
    /// One arm escapes later than another, by the difference of restricted mean escape epochs and an exact permutation test.
    Later(Later),
    /// Two arms differ by less than a margin, by two one-sided tests.
    Equivalent(Equivalent),
    /// The ratio of two arms' means lies within bounds.
    Ratio(Ratio),
    /// One arm lies ahead of another, by the interval of the difference over seeds and test reviews.
    Ahead(Ahead),
    /// What a backend's framework does by default.
    Default(DefaultOf),
    /// Whether a statement in prose is possible beside the printed figures.
    Statement(Statement),
    /// How many runs at chance have an AUC whose interval leaves out 0.5.
    ChanceIntervals(ChanceIntervals),
    /// Whether a printed AUC differs from chance by more than its null standard error allows.
    PrintedAucDiffersFromChance(PrintedAuc),
    /// Whether the arms' means of a measure rise in this order.
    Ascending(Ascending),
    /// Whether a sum of products comes to a value.
    SumOfProducts(SumOfProducts),
}

/// Runs of an arm that escaped.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EscapedCount {
    /// The arm.
    pub arm: String,
    /// How many runs the rule speaks of; with more than these the counts grow in proportion.
    pub of: usize,
    /// The least number.
    pub at_least: Option<usize>,
    /// The greatest number.
    pub at_most: Option<usize>,
    /// Count only those that escaped by the end of this epoch.
    pub by_epoch: Option<u32>,
}

/// Runs of an arm with a measure within bounds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunCount {
    /// The arm.
    pub arm: String,
    /// How many runs the rule speaks of; with more than these the counts grow in proportion.
    pub of: usize,
    /// The least number.
    pub at_least: Option<usize>,
    /// The greatest number.
    pub at_most: Option<usize>,
    /// What is measured.
    pub measure: Measure,
    /// The bounds.
    pub is: Bounds,
}

/// Bounds of a number; each that is given must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    /// `value >= at_least`.
    pub at_least: Option<f64>,
    /// `value > above`.
    pub above: Option<f64>,
    /// `value <= at_most`.
    pub at_most: Option<f64>,
    /// `value < below`.
    pub below: Option<f64>,
}

impl Bounds {
    /// Whether a number lies within.
    #[must_use]
    pub(crate) fn contain(&self, value: f64) -> bool {
        self.at_least.is_none_or(|bound| value >= bound)
            && self.above.is_none_or(|bound| value > bound)
            && self.at_most.is_none_or(|bound| value <= bound)
            && self.below.is_none_or(|bound| value < bound)
    }

    pub(super) fn given(&self) -> impl Iterator<Item = f64> {
        [self.at_least, self.above, self.at_most, self.below].into_iter().flatten()
    }
}

/// A number that each run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// Accuracy on the test split.
    Accuracy,
    /// AUC on the test split.
    Auc,
    /// Precision on the test split.
    Precision,
    /// Recall on the test split.
    Recall,
    /// Share of the test reviews that are predicted positive.
    PositiveShare,
    /// The epoch at whose end the run had escaped; the last epoch where it had not.
    EscapeEpoch,
    /// Gradient norm at a row's last word over that at the last step, median over rows, after the first epoch.
    ReachFirst,
    /// The same after the last epoch.
    ReachLast,
    /// The largest factor by which a singular value of a recurrent block lay off 1, over layers, gates and epochs.
    SpectrumFactor,
    /// Absolute slope of the logarithm of the input gradient's norm, a time step, after the last epoch.
    GradientSlope,
    /// Median over spikes of the gradient norm: mean update norm after over that before.
    UpdateAfterSpike,
    /// Mean padded length of a training batch.
    PaddedLength,
    /// Weights of the recurrent layers, with one bias vector each.
    RecurrentWeights,
    /// Mean wall-clock seconds of an epoch's training.
    TrainSeconds,
}

/// One arm escapes later than another.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Later {
    /// The arm that is said to be later.
    pub arm: String,
    /// The arm it is compared with.
    pub than: String,
    /// Runs that each arm must have.
    pub of: usize,
    /// The least difference of restricted means that counts, in epochs.
    pub by: f64,
    /// Whether its p value is one of the family that Holm's correction is for; others are exploratory and never decide.
    pub primary: bool,
}

/// Two arms that differ by less than a margin.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Equivalent {
    /// The two arms.
    pub arms: [String; 2],
    /// Runs that each arm must have.
    pub of: usize,
    /// What is compared.
    pub measure: Measure,
    /// The margin, in the measure's unit.
    pub margin: f64,
}

/// The ratio of two arms' means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ratio {
    /// Numerator and denominator.
    pub arms: [String; 2],
    /// Runs that each arm must have.
    pub of: usize,
    /// What is compared.
    pub measure: Measure,
    /// The bounds.
    pub is: Bounds,
}

/// One arm ahead of another.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ahead {
    /// The arm that is said to be ahead.
    pub arm: String,
    /// The arm it is compared with.
    pub than: String,
    /// Runs that each arm must have.
    pub of: usize,
    /// `accuracy` or `auc`.
    pub measure: Measure,
    /// The interval's lower end is at least this.
    pub lower_at_least: Option<f64>,
    /// The interval's upper end is below this.
    pub upper_below: Option<f64>,
}

/// A native default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefaultOf {
    /// The knob.
    pub knob: String,
    /// The study that noted it.
    pub study: String,
    /// The backend.
    pub backend: String,
    /// A value, as a study file writes it.
    pub value: String,
    /// Whether the default is this value, or another.
    pub equal: bool,
}

/// A statement in prose of the published figures.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    /// Its name there.
    pub id: String,
    /// Whether it is possible beside the printed figures.
    pub possible: bool,
}

/// AUC intervals of runs at chance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChanceIntervals {
    /// The arms whose runs that did not escape are looked at.
    pub arms: Vec<String>,
    /// The least number of such runs.
    pub least_runs: usize,
    /// How many leave out 0.5.
    pub exclusions: Exclusions,
}

/// How many intervals leave out the true value, against the share that must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exclusions {
    /// The Clopper-Pearson interval of the share contains the level, or lies below it.
    AsExpected,
    /// It lies above the level.
    MoreThanExpected,
}

/// Printed AUCs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrintedAuc {
    /// The rows of the published table, as `framework-cell`.
    pub rows: Vec<String>,
}

/// Arms in an order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ascending {
    /// The arms.
    pub arms: Vec<String>,
    /// What is compared.
    pub measure: Measure,
    /// Whether the order holds, or another does.
    pub hold: bool,
}

/// Arithmetic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SumOfProducts {
    /// Factors of each term.
    pub terms: Vec<Vec<u32>>,
    /// A value.
    pub value: u64,
    /// Whether the sum is this value, or another.
    pub equal: bool,
}
