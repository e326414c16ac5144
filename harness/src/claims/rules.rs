//! Claims as data: what is measured on which arms, and which outcome means what.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use harness_contract::CellKind;
use serde::Deserialize;

/// The version of the claims format that this program reads.
const VERSION: u32 = 1;

/// The largest claims file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// How deep `all` and `any` may be nested.
const DEEPEST: usize = 16;

/// A file of claims.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimsFile {
    /// 1.
    version: u32,
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
pub struct Arm {
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
pub struct Claim {
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
pub struct Note {
    /// When it is made.
    pub when: Condition,
    /// The remark.
    pub say: String,
}

/// Something that holds of the runs, does not, or can't be told yet. A table with one key in a claims file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
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
pub struct EscapedCount {
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
pub struct RunCount {
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
pub struct Bounds {
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
    pub fn contain(&self, value: f64) -> bool {
        self.at_least.is_none_or(|bound| value >= bound)
            && self.above.is_none_or(|bound| value > bound)
            && self.at_most.is_none_or(|bound| value <= bound)
            && self.below.is_none_or(|bound| value < bound)
    }

    fn given(&self) -> impl Iterator<Item = f64> {
        [self.at_least, self.above, self.at_most, self.below].into_iter().flatten()
    }
}

/// A number that each run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
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
pub struct Later {
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
pub struct Equivalent {
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
pub struct Ratio {
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
pub struct Ahead {
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
pub struct DefaultOf {
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
pub struct Statement {
    /// Its name there.
    pub id: String,
    /// Whether it is possible beside the printed figures.
    pub possible: bool,
}

/// AUC intervals of runs at chance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChanceIntervals {
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
pub enum Exclusions {
    /// The Clopper-Pearson interval of the share contains the level, or lies below it.
    AsExpected,
    /// It lies above the level.
    MoreThanExpected,
}

/// Printed AUCs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrintedAuc {
    /// The rows of the published table, as `framework-cell`.
    pub rows: Vec<String>,
}

/// Arms in an order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ascending {
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
pub struct SumOfProducts {
    /// Factors of each term.
    pub terms: Vec<Vec<u32>>,
    /// A value.
    pub value: u64,
    /// Whether the sum is this value, or another.
    pub equal: bool,
}

/// A claims file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// It can't be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no claims file, or says something that can't be.
    #[error("{}: {message}", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl ClaimsFile {
    /// Reads a claims file.
    ///
    /// # Errors
    /// If it can't be read, has an unknown key or a wrong type, or a rule that names an arm it does not define.
    pub fn read(path: &Path) -> Result<Self, RulesError> {
        let io = |source| RulesError::Io { path: path.into(), source };
        let about = fs::metadata(path).map_err(io)?;
        let refuse = |message: String| RulesError::Rules { path: path.into(), message };
        if !about.is_file() || about.len() > LARGEST_FILE {
            return Err(refuse(format!("no plain file of at most {LARGEST_FILE} bytes")));
        }
        Self::parse(&fs::read_to_string(path).map_err(io)?).map_err(refuse)
    }

    /// Reads claims from text.
    ///
    /// # Errors
    /// What is wrong, with its place as far as it is known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        if file.version != VERSION {
            return Err(format!("claims of version {}, and this program reads version {VERSION}", file.version));
        }
        if !(file.level > 0.0 && file.level < 0.5) {
            return Err(format!("level: {} does not lie between 0 and 0.5", file.level));
        }
        let mut ids = BTreeSet::new();
        for claim in &file.claims {
            if !ids.insert(&claim.id) {
                return Err(format!("two claims are named `{}`", claim.id));
            }
            let conditions = [&claim.supported, &claim.contradicted];
            for condition in conditions.into_iter().chain(claim.notes.iter().map(|note| &note.when)) {
                file.check(condition, 0).map_err(|message| format!("claim {}: {message}", claim.id))?;
            }
        }
        Ok(file)
    }

    /// Every primary comparison of the file, each once, in the order in which they stand.
    #[must_use]
    pub fn primary(&self) -> Vec<&Later> {
        fn collect<'f>(condition: &'f Condition, found: &mut Vec<&'f Later>) {
            match condition {
                Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| collect(part, found)),
                Condition::Later(later)
                    if later.primary
                        && !found.iter().any(|known| (&known.arm, &known.than) == (&later.arm, &later.than)) =>
                {
                    found.push(later);
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        for claim in &self.claims {
            collect(&claim.supported, &mut found);
            collect(&claim.contradicted, &mut found);
        }
        found
    }

    fn check(&self, condition: &Condition, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("conditions are nested deeper than {DEEPEST}"));
        }
        let arms: Vec<&String> = match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                if parts.is_empty() {
                    return Err("a rule without conditions".into());
                }
                return parts.iter().try_for_each(|part| self.check(part, depth + 1));
            }
            Condition::Escaped(rule) => {
                check_counts(rule.of, rule.at_least, rule.at_most)?;
                vec![&rule.arm]
            }
            Condition::Runs(rule) => {
                check_counts(rule.of, rule.at_least, rule.at_most)?;
                check_bounds(&rule.is)?;
                vec![&rule.arm]
            }
            Condition::Later(rule) => vec![&rule.arm, &rule.than],
            Condition::Equivalent(rule) => {
                if !(rule.margin.is_finite() && rule.margin > 0.0) {
                    return Err(format!("margin: {} is no positive number", rule.margin));
                }
                rule.arms.iter().collect()
            }
            Condition::Ratio(rule) => {
                check_bounds(&rule.is)?;
                rule.arms.iter().collect()
            }
            Condition::Ahead(rule) => {
                if !matches!(rule.measure, Measure::Accuracy | Measure::Auc) {
                    return Err("`ahead` compares `accuracy` or `auc`".into());
                }
                if rule.lower_at_least.is_none() && rule.upper_below.is_none() {
                    return Err("`ahead` needs `lower_at_least` or `upper_below`".into());
                }
                vec![&rule.arm, &rule.than]
            }
            Condition::ChanceIntervals(rule) => rule.arms.iter().collect(),
            Condition::Ascending(rule) if rule.arms.len() < 2 => {
                return Err("`ascending` needs two arms or more".into());
            }
            Condition::Ascending(rule) => rule.arms.iter().collect(),
            Condition::Default(_)
            | Condition::Statement(_)
            | Condition::PrintedAucDiffersFromChance(_)
            | Condition::SumOfProducts(_) => Vec::new(),
        };
        match arms.into_iter().find(|arm| !self.arms.contains_key(*arm)) {
            Some(unknown) => Err(format!("no arm is named `{unknown}` under [arms]")),
            None => Ok(()),
        }
    }
}

fn check_counts(of: usize, at_least: Option<usize>, at_most: Option<usize>) -> Result<(), String> {
    match (at_least, at_most) {
        (None, None) => Err("a count needs `at_least` or `at_most`".into()),
        _ if of == 0 || at_least.is_some_and(|least| least > of) || at_most.is_some_and(|most| most > of) => {
            Err(format!("a count out of {of} can't be that"))
        }
        _ => Ok(()),
    }
}

fn check_bounds(bounds: &Bounds) -> Result<(), String> {
    match bounds.given().collect::<Vec<_>>() {
        none if none.is_empty() => Err("`is` needs a bound: at_least, above, at_most or below".into()),
        given if given.iter().any(|bound| !bound.is_finite()) => Err("a bound must be a finite number".into()),
        _ => Ok(()),
    }
}
