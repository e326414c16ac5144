//! Differences between arms: of two backends with the same cell and variant, or of a variant and the one that the study holds it against.

use harness_statistics::comparison::{Discordant, fisher, superiority};
use harness_statistics::metrics::{Metric, compare_aucs};

use super::arms::{Arm, ArmRun, CONFIDENCE, NO_RESULT};
use super::figures::COMPARED;
use super::overview::Overview;
use super::sections::comparison::BASE;
use super::sections::prediction::TWO_SIDED_95;
use crate::claims::{Comparison, Measure, RunEvidence, ahead, later};
use crate::plan::knobs;

/// What intervals of differences reckon with, for captions.
pub(super) const SAME_PAIR: &str = "With two escaped runs or more on both sides the interval reckons with seeds (Welch) and with test reviews. It does not pair the runs of one seed, as \
                                    the dots do, because other initial weights break the pair: that errs on the careful side. With one on each side it reckons with the test reviews alone (DeLong's \
                                    paired variance for AUC, McNemar's counts for accuracy).";

/// Two arms.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    /// What is subtracted from what.
    pub(super) label: String,
    /// The settings in which their runs differ, of those that matter for their cell; `None` where an arm has no run yet that tells.
    pub(super) settings: Option<Vec<String>>,
    /// Whether it begins another subject than the one before.
    pub(super) begins: bool,
    /// Escaped and completed runs of either arm.
    pub(super) escaped: [(usize, usize); 2],
    /// Fisher's two-sided p value of the two shares.
    pub(super) share_p: Option<f64>,
    /// How much later the first arm escapes.
    pub(super) later: Option<Comparison>,
    /// For each metric of [`COMPARED`].
    pub(super) figures: Vec<FigureDifference>,
}

/// The difference in a metric.
#[derive(Debug, Clone, Default)]
pub(super) struct FigureDifference {
    /// Of each seed whose run escaped in both arms.
    pub(super) seeds: Vec<f64>,
    /// Lower end, difference of the means, upper end.
    pub(super) interval: Option<(f64, f64, f64)>,
    /// Probability that a run of the first arm has more than one of the second.
    pub(super) superiority: Option<f64>,
    /// Why there is none of these, and of which of the two: no run of it has completed, or none has escaped.
    pub(super) note: Option<String>,
}

/// Every pair, backends first, cell by cell.
pub(super) fn differences(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Vec<Difference> {
    let find = |backend: &str, cell, variant: &str| {
        let fits =
            |arm: &&Arm<'_>| arm.group.backend == backend && arm.group.cell == cell && arm.group.variant == variant;
        arms.iter().find(fits)
    };
    let mut found = Vec::new();
    let mut push = |label: String, begins: bool, first: Option<&Arm<'_>>, second: Option<&Arm<'_>>| {
        let pair = first.zip(second).filter(|pair| pair.0.evidence().len() + pair.1.evidence().len() > 0);
        let added = pair.map(|(first, second)| difference(label, begins, first, second));
        found.extend(added);
    };
    for cell in &overview.cells {
        let mut begins = true;
        for variant in &overview.variants {
            for (place, second) in overview.backends.iter().enumerate() {
                for first in overview.backends.iter().skip(place + 1) {
                    let name = if overview.has_variants() { format!(", {variant}") } else { String::new() };
                    let label = format!("{}{name}: {first} − {second}", cell.title());
                    push(label, begins, find(first, *cell, variant), find(second, *cell, variant));
                    begins = false;
                }
            }
        }
        for backend in &overview.backends {
            for (variant, other) in held_against(overview) {
                let label = format!("{backend} {}: {variant} − {other}", cell.title());
                push(label, false, find(backend, *cell, variant), find(backend, *cell, other));
            }
        }
    }
    found
}

/// Each variant with the one that it is held against: as the study says, or where it says nothing the study's own configuration.
fn held_against<'o>(overview: &'o Overview<'_>) -> Vec<(&'o str, &'o str)> {
    let named = &overview.results.study.variant_against;
    let base = || if overview.variants.contains(&BASE) { Some(BASE) } else { overview.variants.first().copied() };
    let own = |variant: &'o str| match named.is_empty() {
        true => base(),
        false => named.get(variant).map(String::as_str),
    };
    let pair = |variant: &&'o str| Some((*variant, own(variant)?)).filter(|(variant, other)| variant != other);
    overview.variants.iter().filter_map(pair).collect()
}

/// The names of the settings in which the runs of two arms of one cell differ.
fn settings(first: &Arm<'_>, second: &Arm<'_>) -> Option<Vec<String>> {
    let identity = |arm: &Arm<'_>| {
        let record = arm.runs.iter().find_map(|run| run.result.record.as_ref())?;
        Some(knobs::identity(&record.protocol, arm.group.cell))
    };
    let (first, second) = (identity(first)?, identity(second)?);
    let mut names: Vec<_> = first.keys().chain(second.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| first.get(name) != second.get(name));
    Some(names)
}

fn difference(label: String, begins: bool, first: &Arm<'_>, second: &Arm<'_>) -> Difference {
    let counts = [first, second].map(|arm| (arm.of_kind(true).count(), arm.completed().count()));
    let as_u64 = |(hits, of): (usize, usize)| (hits as u64, of as u64);
    Difference {
        label,
        settings: settings(first, second),
        begins,
        escaped: counts,
        share_p: fisher(as_u64(counts[0]), as_u64(counts[1])).ok().map(|found| found.two_sided),
        later: later(&first.evidence(), &second.evidence()),
        figures: COMPARED.iter().map(|key| figure(key, first, second)).collect(),
    }
}

fn figure(key: &str, first: &Arm<'_>, second: &Arm<'_>) -> FigureDifference {
    let Some(metric) = Metric::named(key) else { return FigureDifference::default() };
    let escaped = |arm: &Arm<'_>| -> (Vec<f64>, Vec<RunEvidence>) {
        arm.of_kind(true).filter_map(|(run, own)| Some((run.metric(metric)?, own.clone()))).unzip()
    };
    let ((a, a_runs), (b, b_runs)) = (escaped(first), escaped(second));
    let lack = |arm: &Arm<'_>| if arm.completed().next().is_none() { NO_RESULT } else { "none escaped" };
    let note = match (a.is_empty(), b.is_empty()) {
        (true, true) if lack(first) == lack(second) => Some(format!("both: {}", lack(first))),
        (true, _) => Some(format!("first: {}", lack(first))),
        (false, true) => Some(format!("second: {}", lack(second))),
        (false, false) => None,
    };
    if note.is_some() {
        return FigureDifference { note, ..FigureDifference::default() };
    }
    let pairs: Vec<(&ArmRun<'_>, &ArmRun<'_>)> = first
        .of_kind(true)
        .filter_map(|(run, own)| Some((run, second.of_kind(true).find(|(_, other)| other.seed == own.seed)?.0)))
        .collect();
    let interval = match (a.len(), b.len(), pairs.as_slice()) {
        (1, 1, [(one, other)]) => of_two_runs(key, one, other),
        (2.., 2.., _) => {
            let measure = if key == "auc" { Measure::Auc } else { Measure::Accuracy };
            ahead(&a_runs, &b_runs, measure, 1.0 - CONFIDENCE).map(|own| (own.lower, own.difference, own.upper))
        }
        _ => None,
    };
    FigureDifference {
        seeds: pairs.iter().filter_map(|(one, other)| Some(one.metric(metric)? - other.metric(metric)?)).collect(),
        interval,
        superiority: superiority(&a, &b).ok(),
        note: None,
    }
}

/// Two runs on the same test reviews.
fn of_two_runs(key: &str, first: &ArmRun<'_>, second: &ArmRun<'_>) -> Option<(f64, f64, f64)> {
    let (a, b) = (first.scores?, second.scores?);
    if a.labels != b.labels {
        return None;
    }
    if key == "auc" {
        let found = compare_aucs(&a.logits, &b.logits, &a.labels).ok()?;
        return Some((found.lower, found.difference, found.upper));
    }
    let discordant = Discordant::count(&a.logits, &b.logits, &a.labels).ok()?;
    let (only_first, only_second) = (discordant.first_only as f64, discordant.second_only as f64);
    let rows = a.labels.len() as f64;
    let difference = (only_first - only_second) / rows;
    let variance = (only_first + only_second - (only_first - only_second).powi(2) / rows) / (rows * rows);
    let half_width = TWO_SIDED_95 * variance.sqrt();
    Some((difference - half_width, difference, difference + half_width))
}
