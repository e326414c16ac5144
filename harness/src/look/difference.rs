//! In what two runs or two studies differ: settings first, then figures with their uncertainty.

use std::collections::{BTreeMap, BTreeSet};

use harness_contract::CellKind;
use harness_statistics::comparison::{Discordant, welch};
use harness_statistics::intervals::mean_interval;
use harness_statistics::metrics::{METRICS, Metric, compare_aucs};
use harness_text::numbers::NONE;
use harness_text::{Align, Table, plain};
use serde::Serialize;

use super::place::Looked;
use crate::plan::{flat, value_text};
use crate::record::{PREDICTIONS, PredictionSplit, RecordError, RunRecord, RunResult, read_predictions};

/// The confidence of every interval.
const CONFIDENCE: f64 = 0.95;

/// A value that two sides don't share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ValueDifference {
    /// What it is the value of, e.g. `adam.epsilon`.
    pub(crate) name: String,
    /// Every value that the first side has.
    pub(crate) first: Vec<String>,
    /// Every value that the second side has.
    pub(crate) second: Vec<String>,
}

/// A figure of two sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FigureDifference {
    /// The key of the metric.
    pub(crate) metric: &'static str,
    /// The first side's, the mean over its runs.
    pub(crate) first: f64,
    /// The second side's.
    pub(crate) second: f64,
    /// Second less first.
    pub(crate) difference: f64,
    /// The ends of the difference's 95 % interval, where one can be given.
    pub(crate) interval: Option<[f64; 2]>,
    /// The two-sided probability of so large a difference where there is none.
    pub(crate) p_value: Option<f64>,
    /// How interval and probability were found.
    pub(crate) method: &'static str,
}

/// Figures of one backend, cell and variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ArmDifference {
    /// What is compared, e.g. `libtorch-gru-base`.
    pub(crate) arm: String,
    /// Completed runs of the first side.
    pub(crate) first_runs: usize,
    /// Completed runs of the second side.
    pub(crate) second_runs: usize,
    /// Metrics.
    pub(crate) figures: Vec<FigureDifference>,
}

/// In what two sides differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StudyDifference {
    /// The first side.
    pub(crate) first: String,
    /// The second side.
    pub(crate) second: String,
    /// Settings, data and libraries that are not the same.
    pub(crate) settings: Vec<ValueDifference>,
    /// Arms that both sides have.
    pub(crate) arms: Vec<ArmDifference>,
    /// Arms with a completed run that only one side has.
    pub(crate) unpaired: Vec<String>,
}

type Arm<'a> = (&'a str, CellKind, &'a str);

/// Compares two runs, whatever they are, or the arms that two studies share.
///
/// # Errors
/// If predictions can't be read.
pub(crate) fn difference(first: &Looked, second: &Looked) -> Result<StudyDifference, RecordError> {
    let name = |looked: &Looked| match looked.run() {
        Some(run) => format!("{} of {}", run.planned.key, looked.study().study.name),
        None => looked.study().study.name.clone(),
    };
    let (ours, theirs) = (completed(first), completed(second));
    let mut arms = Vec::new();
    let mut unpaired = Vec::new();
    if let (Some(one), Some(other)) = (first.run(), second.run()) {
        if one.record.is_some() && other.record.is_some() {
            let (ours, theirs): (Vec<_>, Vec<_>) = ([one].into(), [other].into());
            arms.push(arm_difference("these runs".into(), &ours, &theirs)?);
        }
    } else {
        let (ours, theirs) = (by_arm(&ours), by_arm(&theirs));
        for arm in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
            let text = format!("{}-{}-{}", arm.0, arm.1, arm.2);
            match (ours.get(arm), theirs.get(arm)) {
                (Some(ours), Some(theirs)) => arms.push(arm_difference(text, ours, theirs)?),
                _ => unpaired.push(text),
            }
        }
    }
    Ok(StudyDifference { first: name(first), second: name(second), settings: settings(&ours, &theirs), arms, unpaired })
}

fn completed(looked: &Looked) -> Vec<&RunResult> {
    let chosen: Vec<_> = looked.run().map_or_else(|| looked.study().runs.iter().collect(), |run| vec![run]);
    chosen.into_iter().filter(|run| run.record.as_ref().is_some_and(|record| record.test.is_some())).collect()
}

fn by_arm<'a>(runs: &[&'a RunResult]) -> BTreeMap<Arm<'a>, Vec<&'a RunResult>> {
    let mut arms: BTreeMap<Arm<'a>, Vec<&RunResult>> = BTreeMap::new();
    for run in runs {
        let key = &run.planned.key;
        arms.entry((key.backend.as_str(), key.cell, key.variant.as_str())).or_default().push(run);
    }
    arms
}

/// Settings that differ, each with every value that either side's runs have; then data and libraries.
fn settings(ours: &[&RunResult], theirs: &[&RunResult]) -> Vec<ValueDifference> {
    let (ours, theirs) = (values(ours), values(theirs));
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let of = |side: &BTreeMap<String, BTreeSet<String>>, name: &String| {
        side.get(name).map(|values| values.iter().cloned().collect()).unwrap_or_default()
    };
    let both = names.into_iter().map(|name| ValueDifference {
        name: name.clone(),
        first: of(&ours, name),
        second: of(&theirs, name),
    });
    both.filter(|found: &ValueDifference| found.first != found.second).collect()
}

fn values(runs: &[&RunResult]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in runs.iter().filter_map(|run| run.record.as_ref()) {
        let settings = flat(&record.protocol).into_iter().map(|(name, value)| (name, value_text(&value)));
        let libraries = record
            .backend
            .libraries
            .iter()
            .map(|own| (format!("library {}", plain(&own.name)), plain(&own.version).into_owned()));
        let rest = [
            ("backend".to_owned(), record.backend.name.clone()),
            ("cell".to_owned(), record.key.cell.name().to_owned()),
            ("data".to_owned(), record.data_hash.clone()),
            ("seed".to_owned(), record.key.seed.to_string()),
            ("processor".to_owned(), plain(&record.environment.cpu).into_owned()),
        ];
        let variables = record.environment.variables.iter();
        let variables = variables.map(|(name, value)| (format!("variable {}", plain(name)), plain(value).into_owned()));
        for (name, value) in settings.chain(libraries).chain(variables).chain(rest) {
            all.entry(name).or_default().insert(value);
        }
    }
    all
}

fn arm_difference(arm: String, ours: &[&RunResult], theirs: &[&RunResult]) -> Result<ArmDifference, RecordError> {
    let rows = match (ours, theirs) {
        ([one], [other]) => SameRows::read(one, other)?,
        _ => None,
    };
    let figures = METRICS.iter().filter_map(|metric| figure(metric, ours, theirs, rows.as_ref()));
    Ok(ArmDifference { arm, first_runs: ours.len(), second_runs: theirs.len(), figures: figures.collect() })
}

fn figure(
    metric: &Metric,
    ours: &[&RunResult],
    theirs: &[&RunResult],
    rows: Option<&SameRows>,
) -> Option<FigureDifference> {
    let of = |record: &RunRecord| metric.of(record.test.as_ref()?);
    let by_seed = |runs: &[&RunResult]| -> BTreeMap<u64, f64> {
        let records = runs.iter().filter_map(|run| run.record.as_ref());
        records.filter_map(|record| Some((record.key.seed, of(record)?))).collect()
    };
    let (ours, theirs) = (by_seed(ours), by_seed(theirs));
    let mean = |side: &BTreeMap<u64, f64>| (!side.is_empty()).then(|| side.values().sum::<f64>() / side.len() as f64);
    let (first, second) = (mean(&ours)?, mean(&theirs)?);
    let plain = FigureDifference {
        metric: metric.key,
        first,
        second,
        difference: second - first,
        interval: None,
        p_value: None,
        method: "one run a side: nothing is known of the spread over seeds",
    };
    let (ours_alone, theirs_alone): (Vec<_>, Vec<_>) =
        (ours.values().copied().collect(), theirs.values().copied().collect());
    Some(if let Some(rows) = rows {
        rows.compare(metric.key, plain)
    } else if ours.len() > 1 && ours.keys().eq(theirs.keys()) {
        let differences: Vec<_> = ours.values().zip(theirs.values()).map(|(first, second)| second - first).collect();
        let interval = mean_interval(&differences, CONFIDENCE).ok();
        let interval = interval.map(|found| [found.lower, found.upper]);
        FigureDifference { interval, method: "Student, over the seeds that both sides have", ..plain }
    } else if let Ok(found) = welch(&theirs_alone, &ours_alone, CONFIDENCE) {
        let interval = Some([found.lower, found.upper]);
        FigureDifference { interval, p_value: Some(found.p_value), method: "Welch, over unlike seeds", ..plain }
    } else {
        plain
    })
}

/// Two runs' logits for the same rows of the test split.
struct SameRows {
    first: Vec<f32>,
    second: Vec<f32>,
    labels: Vec<u8>,
}

impl SameRows {
    /// Reads them; `None` if the runs were tested on other rows.
    fn read(one: &RunResult, other: &RunResult) -> Result<Option<Self>, RecordError> {
        let read = |run: &RunResult| -> Result<BTreeMap<u32, (u8, f32)>, RecordError> {
            let rows = read_predictions(&run.directory.join(PREDICTIONS))?;
            let test = rows.into_iter().filter(|row| row.split == PredictionSplit::Test);
            Ok(test.map(|row| (row.row_id, (row.label, row.logit))).collect())
        };
        let (one, other) = (read(one)?, read(other)?);
        let same = one.len() == other.len()
            && one
                .iter()
                .zip(&other)
                .all(|((id, (label, _)), (other_id, (other_label, _)))| id == other_id && label == other_label);
        Ok(same.then(|| Self {
            first: one.values().map(|(_, logit)| *logit).collect(),
            second: other.values().map(|(_, logit)| *logit).collect(),
            labels: one.values().map(|(label, _)| *label).collect(),
        }))
    }

    /// What the same rows say about a metric. Nothing but accuracy and AUC has a paired test here.
    fn compare(&self, key: &str, plain: FigureDifference) -> FigureDifference {
        match key {
            "accuracy" => match Discordant::count(&self.first, &self.second, &self.labels) {
                Ok(found) => FigureDifference {
                    p_value: Some(found.test().mid_p),
                    method: "McNemar's mid-p, on the same reviews; seeds not counted",
                    ..plain
                },
                Err(_) => plain,
            },
            "auc" => match compare_aucs(&self.second, &self.first, &self.labels) {
                Ok(found) => FigureDifference {
                    interval: Some([found.lower, found.upper]),
                    p_value: Some(found.p_value),
                    method: "DeLong, on the same reviews; seeds not counted",
                    ..plain
                },
                Err(_) => plain,
            },
            _ => plain,
        }
    }
}

impl StudyDifference {
    /// The differences as Markdown.
    pub(crate) fn page(&self) -> String {
        let mut text = format!("# {} and {}\n\n## Settings\n\n", self.first, self.second);
        if self.settings.is_empty() {
            text.push_str("Every setting, the data and the libraries are the same.\n");
        } else {
            let mut table =
                Table::new([("setting", Align::Left), (&self.first, Align::Left), (&self.second, Align::Left)]);
            let values = |values: &[String]| if values.is_empty() { NONE.into() } else { values.join("; ") };
            for own in &self.settings {
                table.push(vec![own.name.clone(), values(&own.first), values(&own.second)]);
            }
            text.push_str(&table.to_terminal());
        }
        text.push_str("\n## Figures on the test split\n\n");
        if self.arms.is_empty() {
            text.push_str("Nothing that both sides completed can be compared.\n");
        } else {
            text.push_str(&self.figures());
        }
        if !self.unpaired.is_empty() {
            text.push_str(&format!("\nOnly one side has: {}.\n", self.unpaired.join(", ")));
        }
        text
    }

    fn figures(&self) -> String {
        let mut table = Table::new([
            ("arm", Align::Left),
            ("metric", Align::Left),
            ("runs", Align::Right),
            ("first", Align::Right),
            ("second", Align::Right),
            ("second less first", Align::Right),
            ("95 % interval", Align::Right),
            ("p", Align::Right),
            ("by", Align::Left),
        ]);
        for arm in &self.arms {
            for own in &arm.figures {
                let Some(metric) = Metric::named(own.metric) else { continue };
                let signed = |value: f64| format!("{value:+.*}", metric.digits);
                table.push(vec![
                    arm.arm.clone(),
                    metric.title.to_owned(),
                    format!("{} and {}", arm.first_runs, arm.second_runs),
                    metric.text(own.first),
                    metric.text(own.second),
                    signed(own.difference),
                    own.interval
                        .map_or_else(|| NONE.into(), |[low, high]| format!("{} to {}", signed(low), signed(high))),
                    own.p_value.map_or_else(|| NONE.into(), harness_text::numbers::significant),
                    own.method.to_owned(),
                ]);
            }
        }
        table.to_terminal()
    }
}
