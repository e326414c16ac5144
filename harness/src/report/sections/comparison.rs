//! The published figures beside the regenerated ones, with the difference and what it can mean.

use std::collections::BTreeMap;

use crate::record::RunRecord;
use crate::report::overview::{Group, Overview, mean_over_epochs};
use crate::report::published::{Published, PublishedResult};
use harness_statistics::metrics::{Metric, Metrics, hanley_mcneil_variance};
use harness_statistics::samples::mean_and_deviation;
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table, listed};

/// The variant that carries the study's own configuration.
const BASE: &str = "base";

/// The 97.5 % quantile of the normal distribution.
const TWO_SIDED_95: f64 = 1.959_963_984_540_054;

/// The section's text, or why there is no comparison.
pub(in crate::report) fn comparison(overview: &Overview<'_>, published: &Published) -> String {
    let study = &overview.results.study;
    if study.data.settings.corpus != published.data.corpus {
        return format!(
            "The published study is about the corpus `{}` and this one about `{}`, so there is nothing to compare.\n",
            published.data.corpus, study.data.settings.corpus
        );
    }
    if study.division != "native" {
        return format!(
            "The published study left each framework its own defaults. This study is of the `{}` division, so none of \
             its runs regenerates a published one and there is nothing to compare.\n",
            study.division
        );
    }
    let groups: Vec<_> = overview
        .groups()
        .into_iter()
        .filter(|group| group.variant == BASE)
        .filter_map(|group| Some((published.result(group.backend, group.cell)?, group)))
        .collect();
    if groups.is_empty() {
        return format!(
            "No run of this study has a published counterpart (variant `{BASE}` of a backend that stands for one of \
             the published frameworks), so there is nothing to compare.\n"
        );
    }

    let mut text = format!(
        "\"{}\" printed three digits; differences are regenerated minus published, in those digits.\n",
        published.title
    );
    if study.demonstration {
        text.push_str(
            "\n**The regenerated figures below come from a demonstration and say nothing about whether the published \
             ones can be reproduced.** The table shows what the comparison of the full study looks like.\n",
        );
    }
    if !study.demonstration {
        text.push_str(&summary(&groups, published, overview));
    }
    text.push_str(&departures(&groups, published, overview));
    text.push('\n');
    let mut table = Table::new(
        [("published as", Align::Left), ("backend", Align::Left), ("cell", Align::Left), ("figures", Align::Left)]
            .into_iter()
            .chain(published.metrics().into_iter().map(|metric| (metric.title, Align::Right))),
    );
    for (row, group) in &groups {
        push_rows(&mut table, row, group, overview, published);
    }
    text.push_str(&table.to_markdown());
    if !study.demonstration {
        text.push_str(&verdicts(&groups, published, overview));
    }
    text.push_str(&times(overview, published));
    text
}

/// Three rows for one published result: published, regenerated, difference.
fn push_rows(
    table: &mut Table,
    row: &PublishedResult,
    group: &Group<'_>,
    overview: &Overview<'_>,
    published: &Published,
) {
    let framework = published.frameworks.get(&row.framework).map_or(row.framework.as_str(), |found| &found.title);
    let names = [framework.to_owned(), group.backend.to_owned(), group.cell.title().to_owned()];
    let start = |what: &str| names.iter().cloned().chain([what.to_owned()]).collect::<Vec<_>>();
    let blank = |what: &str| ["", "", "", what].map(str::to_owned).to_vec();
    let tests = tests_of(group, overview);
    let mut first = start("published");
    let figure = |metric: &Metric| row.figures.get(metric.key).copied();
    first
        .extend(published.metrics().into_iter().map(|metric| figure(metric).map_or_else(|| NONE.into(), three_digits)));
    table.push(first);
    let mut second = blank(&regenerated_label(group, overview, tests.len()));
    let mut third = blank("difference");
    for metric in published.metrics() {
        let values: Vec<_> = tests.iter().filter_map(|test| metric.of(test)).collect();
        let found = mean_and_deviation(&values);
        second.push(found.map_or_else(
            || NONE.into(),
            |(mean, deviation)| {
                let spread = deviation.map_or_else(String::new, |deviation| format!(" ± {deviation:.3}"));
                format!("{}{spread}", three_digits(mean))
            },
        ));
        let difference = found.zip(figure(metric)).map(|((mean, _), published)| numbers::difference(mean - published));
        third.push(difference.unwrap_or_else(|| NONE.into()));
    }
    table.push(second);
    table.push(third);
}

/// The precision of the published figures.
fn three_digits(value: f64) -> String {
    format!("{value:.3}")
}

/// `regenerated`, and how many of how many seeds, or how the run ended, where that matters.
fn regenerated_label(group: &Group<'_>, overview: &Overview<'_>, completed: usize) -> String {
    match (completed, group.runs.as_slice()) {
        (0, [only]) => {
            let standing = overview.results.runs.get(*only).map_or("not planned", crate::report::overview::standing);
            format!("regenerated: {standing}")
        }
        (1, [_]) => "regenerated".into(),
        (_, runs) => format!("regenerated, mean ± sd of {completed} of {} seeds", runs.len()),
    }
}

/// What the numbers allow to say about each published accuracy, recall and AUC.
fn verdicts(groups: &[(&PublishedResult, Group<'_>)], published: &Published, overview: &Overview<'_>) -> String {
    let mut text = String::from(
        "\nHow far apart two measurements of the same configuration can be because of the reviews that fell into the \
         test split alone (95 %; binomial for accuracy and recall, Hanley and McNeil 1982 for AUC, both figures taken \
         as independent), and whether the difference is larger. With classes of one size accuracy and recall fix \
         precision and F1. The spread over initial weights and orders of the examples comes on top",
    );
    text.push_str(if overview.has_seeds() {
        " (the ± above).\n\n"
    } else {
        " and is not known from one seed: a difference within the bound agrees with the published figure but does not \
         prove it, and one beyond it is not reproduced by this run.\n\n"
    });
    let headers = ["backend", "cell"].map(|name| (name.to_owned(), Align::Left));
    let numbers = COMPARED.iter().flat_map(|name| [format!("{name} difference"), "bound".to_owned()]);
    let mut table = Table::new(
        headers
            .into_iter()
            .chain(numbers.map(|name| (name, Align::Right)))
            .chain([("published figures".to_owned(), Align::Left)]),
    );
    for (row, group) in groups {
        let tests = tests_of(group, overview);
        let name = [group.backend.to_owned(), group.cell.title().to_owned()];
        let Some(found) = Agreement::of(row, &tests, published) else {
            let nothing = COMPARED.iter().flat_map(|_| [NONE.to_owned(), NONE.to_owned()]);
            let standings: Vec<_> = group.runs.iter().filter_map(|place| overview.results.runs.get(*place)).collect();
            let tried = standings.iter().any(|run| run.record.is_some());
            let verdict = if tried { "**not reproduced**: no run completed" } else { "not run yet" };
            table.push(name.into_iter().chain(nothing).chain([verdict.to_owned()]).collect());
            continue;
        };
        let figures = found
            .figures
            .iter()
            .flat_map(|figure| [numbers::difference(figure.difference), format!("±{:.3}", figure.bound)]);
        table.push(name.into_iter().chain(figures).chain([found.verdict()]).collect());
    }
    text.push_str(&table.to_markdown());
    text
}

/// In one paragraph, which published results were reproduced.
fn summary(groups: &[(&PublishedResult, Group<'_>)], published: &Published, overview: &Overview<'_>) -> String {
    let name = |group: &Group<'_>| format!("{} {}", group.backend, group.cell.title());
    let (mut agree, mut differ, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for (row, group) in groups {
        match Agreement::of(row, &tests_of(group, overview), published) {
            None => open.push(name(group)),
            Some(found) => match found.names(false).as_slice() {
                [] => agree.push(name(group)),
                names => differ.push(format!("{} ({})", name(group), listed(names))),
            },
        }
    }
    let mut text = String::from("\n");
    if !differ.is_empty() {
        text.push_str(&format!("**Published figures that are not reproduced: {}.** ", differ.join(", ")));
    }
    if !agree.is_empty() {
        let all = listed(&COMPARED);
        text.push_str(&format!("All of {all} agree within sampling error for {}. ", agree.join(", ")));
    }
    if !open.is_empty() {
        text.push_str(&format!("No completed run for {}. ", open.join(", ")));
    }
    text.trim_end_matches(' ').to_owned() + "\n"
}

/// The figures that decide whether a published result is reproduced. A classifier that answers almost always "positive" and one
/// that answers almost always "negative" have the same accuracy and the same AUC, so recall is one of them.
const COMPARED: [&str; 3] = ["accuracy", "recall", "AUC"];

/// For each figure of [`COMPARED`] the difference, regenerated minus published, and how large chance alone makes it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Agreement {
    figures: [Difference; COMPARED.len()],
}

/// A difference and its bound.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Difference {
    difference: f64,
    bound: f64,
}

impl Agreement {
    /// `None` without a completed run.
    fn of(row: &PublishedResult, tests: &[Metrics], published: &Published) -> Option<Self> {
        let first = tests.first()?;
        let mean = |of: fn(&Metrics) -> f64| {
            mean_and_deviation(&tests.iter().map(of).collect::<Vec<_>>()).map(|(mean, _)| mean)
        };
        let (examples, positives) = (first.confusion.examples(), first.confusion.tp + first.confusion.fn_);
        let (then_examples, then_positives) = (published.data.test, published.data.test_positives);
        let published = |key: &str| row.figures.get(key).copied();
        let share = |here: f64, then: f64, number: u64, then_number: u64| {
            Difference::new(here, then, share_variance(here, number) + share_variance(then, then_number))
        };
        let (auc, then_auc) = (mean(|test| test.auc)?, published("auc")?);
        let auc_variances = hanley_mcneil_variance(auc, positives, examples - positives).ok()?
            + hanley_mcneil_variance(then_auc, then_positives, then_examples.checked_sub(then_positives)?).ok()?;
        Some(Self {
            figures: [
                share(mean(|test| test.confusion.accuracy())?, published("accuracy")?, examples, then_examples),
                share(mean(|test| test.confusion.recall())?, published("recall")?, positives, then_positives),
                Difference::new(auc, then_auc, auc_variances),
            ],
        })
    }

    /// The names of the figures that agree, or of those that don't.
    fn names(&self, agreeing: bool) -> Vec<&'static str> {
        let named = COMPARED.into_iter().zip(&self.figures);
        named.filter(|(_, figure)| figure.agrees() == agreeing).map(|(name, _)| name).collect()
    }

    fn verdict(&self) -> String {
        let agree = |names: &[&str]| {
            let verb = if names.len() == 1 { "agrees" } else { "agree" };
            format!("{} {verb} within the bound", listed(names))
        };
        match (self.names(true).as_slice(), self.names(false).as_slice()) {
            (all, []) => agree(all),
            ([], all) => format!("**{} not reproduced**", listed(all)),
            (some, others) => format!("{}; **{} not reproduced**", agree(some), listed(others)),
        }
    }
}

impl Difference {
    fn new(here: f64, then: f64, variance: f64) -> Self {
        Self { difference: here - then, bound: TWO_SIDED_95 * variance.sqrt() }
    }

    fn agrees(&self) -> bool {
        self.difference.abs() <= self.bound
    }
}

/// Variance of a share of `number` rows.
fn share_variance(share: f64, number: u64) -> f64 {
    share * (1.0 - share) / number as f64
}

/// Settings that the published study states and that the compared runs do not have.
fn departures(groups: &[(&PublishedResult, Group<'_>)], published: &Published, overview: &Overview<'_>) -> String {
    let mut found: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    let mut runs = 0_usize;
    for (row, group) in groups {
        for record in group.records(overview.results) {
            runs += 1;
            for (order, text) in record_departures(row, record, published).into_iter().enumerate() {
                let Some(text) = text else { continue };
                found.entry((order, text)).or_default().push(overview.run_name(&record.key));
            }
        }
    }
    if runs == 0 {
        return String::new();
    }
    if found.is_empty() {
        return "\nEvery compared run has the settings that the published study states. What it does not state (padding \
                side, scheduler patience, ...) is under Protocol, with where it came from.\n"
            .into();
    }
    let mut text = String::from("\nThe compared runs depart from what the published study states:\n\n");
    for ((_, what), names) in found {
        let whom = if names.len() == runs { "all compared runs".to_owned() } else { names.join("; ") };
        text.push_str(&format!("- {what} ({whom})\n"));
    }
    text
}

/// For each stated setting, in a fixed order, how a run departs from it.
fn record_departures(row: &PublishedResult, record: &RunRecord, published: &Published) -> Vec<Option<String>> {
    let stated = &published.protocol;
    let here = &record.protocol;
    let mut all = vec![
        departure("epochs", stated.epochs, here.epochs),
        departure("batch size", stated.batch_size, here.batch_size),
        departure("learning rate", stated.learning_rate, here.learning_rate),
        departure("maximum length", stated.max_length, here.max_length),
        departure("vocabulary", stated.vocabulary_size, record.model.vocabulary_size),
        departure("embedding size", stated.embedding_size, here.embedding_size),
        departure("hidden size", stated.hidden_size, here.hidden_size),
        departure("recurrent layers", stated.layers, here.layers),
        departure("both directions", stated.bidirectional, here.bidirectional),
        departure("dropout", stated.dropout, here.dropout.rate),
        record.test.and_then(|test| departure("test reviews", published.data.test, test.confusion.examples())),
    ];
    if let Some(framework) = published.frameworks.get(&row.framework) {
        let words = |text: String| text.to_lowercase();
        all.push(framework.clip_norm.and_then(|norm| departure("clipping norm", norm, here.clip_norm)));
        all.push(framework.batching.and_then(|batching| {
            let write = |value| words(format!("{value:?}"));
            departure("batches", write(batching), write(here.batching))
        }));
        all.push(framework.scheduler.and_then(|kind| {
            let write = |value| words(format!("{value:?}"));
            departure("scheduler", write(kind), write(here.scheduler.kind))
        }));
        all.push(framework.recurrent_kernel.as_ref().and_then(|name| {
            let group = harness_contract::TensorGroup::RecurrentKernel;
            let used = here.initializers.get(&group).map_or_else(|| NONE.to_owned(), ToString::to_string);
            (!used.starts_with(name)).then(|| format!("recurrent kernel: {name} published, {used} here"))
        }));
    }
    all
}

fn departure<T: PartialEq + std::fmt::Display>(what: &str, published: T, here: T) -> Option<String> {
    (published != here).then(|| format!("{what}: {published} published, {here} here"))
}

/// Published and measured seconds an epoch, where there is any measurement.
fn times(overview: &Overview<'_>, published: &Published) -> String {
    let mut headers = vec![("cell".to_owned(), Align::Left), ("published".to_owned(), Align::Right)];
    headers.extend(overview.backends.iter().map(|backend| ((*backend).to_owned(), Align::Right)));
    let mut table = Table::new(headers);
    for cell in &overview.cells {
        let Some(then) = published.seconds_per_epoch.get(cell) else { continue };
        let mut row = vec![cell.title().to_owned(), numbers::seconds(*then)];
        for backend in &overview.backends {
            let group = overview.group(backend, *cell, BASE);
            let times: Vec<_> = group
                .records(overview.results)
                .into_iter()
                .filter_map(|record| mean_over_epochs(record, |epoch| epoch.timing.train_seconds))
                .collect();
            let mean = mean_and_deviation(&times);
            row.push(mean.map_or_else(|| NONE.to_owned(), |(mean, _)| numbers::seconds(mean)));
        }
        table.push(row);
    }
    if table.is_empty() {
        return String::new();
    }
    format!(
        "\nSeconds of training an epoch. The published times are from an 8 GB GPU and name no framework; times of \
         different machines compare in their order and ratios at most.\n\n{}",
        table.to_markdown()
    )
}

fn tests_of(group: &Group<'_>, overview: &Overview<'_>) -> Vec<Metrics> {
    group.records(overview.results).into_iter().filter_map(|record| record.test).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn almost_all_positive_is_not_almost_all_negative() {
        let figure = |difference: f64| Difference { difference, bound: 0.01 };
        let found = Agreement { figures: [figure(0.002), figure(0.075 - 0.939), figure(-0.006)] };
        assert_eq!(found.verdict(), "accuracy and AUC agree within the bound; **recall not reproduced**");
        assert_eq!(found.names(false), ["recall"]);
    }
}
