//! The published figures beside the regenerated ones, and whether they lie inside what this configuration gives.

use super::departures::departures;
use super::prediction::{Agreement, COMPARED, kinds, nearest};
use crate::report::arms::Arm;
use crate::report::overview::{Overview, mean_over_epochs, standing};
use crate::report::published::{Published, PublishedResult};
use harness_statistics::metrics::Metric;
use harness_statistics::samples::mean_and_deviation;
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table, listed};

/// The variant that carries the study's own configuration.
pub(in crate::report) const BASE: &str = "base";

/// What came out of the comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::report) struct Reproduced {
    /// Settings that the published study states and that a compared run does not have.
    pub(in crate::report) departures: usize,
    /// Arms of which every compared figure lies inside what they give.
    pub(in crate::report) inside: Vec<String>,
    /// The others, with the figures that lie outside.
    pub(in crate::report) outside: Vec<String>,
}

/// The section's text, or why there is no comparison; and what came out where there is one.
pub(in crate::report) fn comparison(
    overview: &Overview<'_>,
    arms: &[Arm<'_>],
    published: &Published,
) -> (String, Option<Reproduced>) {
    let study = &overview.results.study;
    if study.data.settings.corpus != published.data.corpus {
        let text = format!(
            "The published study is about the corpus `{}` and this one about `{}`, so there is nothing to compare.\n",
            published.data.corpus, study.data.settings.corpus
        );
        return (text, None);
    }
    if study.division != "native" {
        let text = format!(
            "The published study left each framework its own defaults. This study is of the `{}` division, so none of \
             its runs regenerates a published one and there is nothing to compare.\n",
            study.division
        );
        return (text, None);
    }
    let pairs: Vec<(&PublishedResult, &Arm<'_>)> = arms
        .iter()
        .filter(|arm| arm.group.variant == BASE)
        .filter_map(|arm| Some((published.result(arm.group.backend, arm.group.cell)?, arm)))
        .collect();
    if pairs.is_empty() {
        let text = format!(
            "No run of this study has a published counterpart (variant `{BASE}` of a backend that stands for one of \
             the published frameworks), so there is nothing to compare.\n"
        );
        return (text, None);
    }

    let mut text = format!(
        "\"{}\" printed three digits; differences are regenerated minus published, in those digits.\n",
        published.title
    );
    let (departed, departures) = departures(&pairs, published, overview);
    let mut reproduced = Reproduced { departures, ..Reproduced::default() };
    if study.demonstration {
        text.push_str(
            "\n**The regenerated figures below come from a demonstration and say nothing about whether the published \
             ones can be reproduced.** The table shows what the comparison of the full study looks like.\n",
        );
    } else {
        text.push_str(&summary(&pairs, published, &mut reproduced));
    }
    text.push_str(&departed);
    text.push('\n');
    let mut table = Table::new(
        [("published as", Align::Left), ("backend", Align::Left), ("cell", Align::Left), ("figures", Align::Left)]
            .into_iter()
            .chain(published.metrics().into_iter().map(|metric| (metric.title, Align::Right))),
    );
    for (row, arm) in &pairs {
        push_rows(&mut table, row, arm, published);
    }
    text.push_str(&table.to_markdown());
    if !study.demonstration {
        text.push_str(&verdicts(&pairs, published));
    }
    text.push_str(&times(overview, published));
    (text, (!study.demonstration).then_some(reproduced))
}

/// A row for what was published, one for each kind of regenerated runs, and one for the difference to the nearer kind.
fn push_rows(table: &mut Table, row: &PublishedResult, arm: &Arm<'_>, published: &Published) {
    let framework = published.frameworks.get(&row.framework).map_or(row.framework.as_str(), |found| &found.title);
    let figure = |metric: &Metric| row.figures.get(metric.key).copied();
    let blank = |what: String| vec![String::new(), String::new(), String::new(), what];
    let line = |start: Vec<String>, of: &dyn Fn(&Metric) -> Option<String>| {
        let figures = published.metrics().into_iter().map(|metric| of(metric).unwrap_or_else(|| NONE.into()));
        start.into_iter().chain(figures).collect::<Vec<_>>()
    };
    let names = vec![framework.to_owned(), arm.group.backend.to_owned(), arm.group.cell.title().to_owned()];
    let first = names.into_iter().chain(["published".to_owned()]).collect();
    table.push(line(first, &|metric| figure(metric).map(three_digits)));
    let nearest = nearest(row, arm);
    let all = kinds(arm);
    if all.is_empty() {
        let how = match arm.runs.as_slice() {
            [only] => standing(only.result).to_owned(),
            runs => format!("none of {} completed", runs.len()),
        };
        table.push(line(blank(format!("regenerated: {how}")), &|_| None));
    }
    for kind in &all {
        let label = match arm.runs.len() {
            1 => "regenerated".to_owned(),
            of => format!(
                "regenerated, mean ± sd{} of {of} seeds",
                match kind.words(arm) {
                    all if all.is_empty() => format!(" of {}", kind.runs.len()),
                    some => some,
                }
            ),
        };
        let mean = |metric: &Metric| {
            let (mean, deviation) = mean_and_deviation(&kind.values(metric))?;
            let spread = deviation.map_or_else(String::new, |deviation| format!(" ± {deviation:.3}"));
            Some(format!("{}{spread}", three_digits(mean)))
        };
        table.push(line(blank(label), &mean));
    }
    let words = nearest.as_ref().map_or_else(String::new, |kind| kind.words(arm));
    let difference = |metric: &Metric| {
        let (mean, _) = mean_and_deviation(&nearest.as_ref()?.values(metric))?;
        Some(numbers::difference(mean - figure(metric)?))
    };
    table.push(line(blank(format!("difference{words}")), &difference));
}

/// The precision of the published figures.
fn three_digits(value: f64) -> String {
    format!("{value:.3}")
}

/// Whether each published accuracy, recall and AUC lies inside what the arm gives.
fn verdicts(pairs: &[(&PublishedResult, &Arm<'_>)], published: &Published) -> String {
    let several = pairs.iter().any(|(_, arm)| kinds(arm).iter().any(|kind| kind.runs.len() > 1));
    let mut text = String::from(
        "\nWhat another run of the same configuration would give on other test reviews (95 %), beside what was published. ",
    );
    if several {
        text.push_str(
            "Three spreads add: that of one more seed and of the mean over ours (Student's t for the number of runs), that of our test reviews, and that of the published \
             study's (binomial for accuracy and recall; DeLong for our AUC, Hanley and McNeil 1982 for the published one). ",
        );
    } else {
        text.push_str(
            "It reckons with the reviews that fell into either test split alone (binomial for accuracy and recall; DeLong for our AUC, Hanley and McNeil 1982 for the \
             published one), because **the spread over initial weights and orders of the examples is not known from one seed**: a figure inside agrees with this run but does not prove it, and \
             one outside is not reproduced by this run. ",
        );
    }
    text.push_str("With classes of one size accuracy and recall fix precision and F1.\n\n");
    let headers = ["backend", "cell", "runs"].map(|name| (name.to_owned(), Align::Left));
    let figures = COMPARED.iter().flat_map(|(name, _)| [format!("{name} published"), "this configuration".to_owned()]);
    let mut table = Table::new(
        headers
            .into_iter()
            .chain(figures.map(|name| (name, Align::Right)))
            .chain([("published figures".to_owned(), Align::Left)]),
    );
    for (row, arm) in pairs {
        let name = [arm.group.backend.to_owned(), arm.group.cell.title().to_owned()];
        let Some((kind, found)) = Agreement::of(row, arm, published) else {
            let nothing = COMPARED.iter().flat_map(|_| [NONE.to_owned(), NONE.to_owned()]);
            let tried = arm.runs.iter().any(|run| run.record().is_some());
            let verdict = if tried { "**not reproduced**: no run completed" } else { "not run yet" };
            let start = name.into_iter().chain(["0".to_owned()]);
            table.push(start.chain(nothing).chain([verdict.to_owned()]).collect());
            continue;
        };
        let runs = match kind.words(arm) {
            all if all.is_empty() => kind.runs.len().to_string(),
            some => some.trim_start_matches(" of the ").to_owned(),
        };
        let figures = found.figures.iter().flat_map(|figure| {
            let (lower, upper) = figure.bounds();
            [three_digits(figure.published), format!("{lower:.3} to {upper:.3}")]
        });
        table.push(name.into_iter().chain([runs]).chain(figures).chain([found.verdict()]).collect());
    }
    text.push_str(&table.to_markdown());
    text
}

/// In one paragraph, which published results were reproduced.
fn summary(pairs: &[(&PublishedResult, &Arm<'_>)], published: &Published, reproduced: &mut Reproduced) -> String {
    let mut open = Vec::new();
    for (row, arm) in pairs {
        let name = format!("{} {}", arm.group.backend, arm.group.cell.title());
        match Agreement::of(row, arm, published) {
            None => open.push(name),
            Some((_, found)) => match found.names(false).as_slice() {
                [] => reproduced.inside.push(name),
                names => reproduced.outside.push(format!("{name} ({})", listed(names))),
            },
        }
    }
    let mut text = String::from("\n");
    if !reproduced.outside.is_empty() {
        let outside = reproduced.outside.join(", ");
        text.push_str(&format!("**Published figures outside what this configuration gives: {outside}.** "));
    }
    if !reproduced.inside.is_empty() {
        let all = listed(&COMPARED.map(|(name, _)| name));
        text.push_str(&format!("All of {all} lie inside for {}. ", reproduced.inside.join(", ")));
    }
    if !open.is_empty() {
        text.push_str(&format!("No completed run for {}. ", open.join(", ")));
    }
    text.trim_end_matches(' ').to_owned() + "\n"
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
            let mark = overview.processor_mark(&group.records(overview.results)).map(|letters| format!(" ({letters})"));
            let mean = mean_and_deviation(&times);
            row.push(mean.map_or_else(
                || NONE.to_owned(),
                |(mean, _)| numbers::seconds(mean) + mark.as_deref().unwrap_or_default(),
            ));
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
