//! What a report says: its sections in their order, with the figures. [`super::markdown`] and [`super::page`] write it down.

use polars::prelude::DataFrame;

use super::arms::Arm;
use super::claims::IN_FULL;
use super::differences::Difference;
use super::figures::Subject;
use super::overview::Overview;
use super::sections::{
    alarms, also_here, arms, comparison, defaults, differences, environment, limits, method, protocol, replication,
    results, training,
};
use super::{JudgedClaims, Sources};
use crate::audit::Findings;
use crate::data::summary_table;
use harness_drawing::Drawing;

/// What runs the full study.
const FULL_STUDY: &str = "just study";

/// What a document is made of, beside the study.
pub(super) struct Parts<'p> {
    pub(super) arms: &'p [Arm<'p>],
    pub(super) differences: &'p [Difference],
    pub(super) sources: &'p Sources<'p>,
    pub(super) frame: &'p DataFrame,
    pub(super) drawings: &'p [(Subject, Drawing)],
}

/// A report, before it is Markdown or a page. All words in it are Markdown, in which text from records stands escaped or as table cells and code.
#[derive(Debug)]
pub(super) struct Document<'d> {
    /// Plain text of one line.
    pub(super) title: String,
    /// What stands above everything, if anything must.
    pub(super) notice: Option<String>,
    /// Its sections; none is empty.
    pub(super) sections: Vec<Section<'d>>,
}

/// A section.
#[derive(Debug)]
pub(super) struct Section<'d> {
    pub(super) title: &'static str,
    /// Whether it is there to be looked up: a page shows it when it is asked for.
    pub(super) folded: bool,
    pub(super) blocks: Vec<Block<'d>>,
    pub(super) parts: Vec<Section<'d>>,
}

/// What a section consists of.
#[derive(Debug)]
pub(super) enum Block<'d> {
    /// Paragraphs, lists, tables and code, in Markdown.
    Words(String),
    /// Figures, each with its caption.
    Figures(Vec<&'d Drawing>),
    /// Narrow figures that belong together.
    Narrow(Vec<&'d Drawing>),
}

impl Block<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Words(text) => text.trim().is_empty(),
            Self::Figures(own) | Self::Narrow(own) => own.is_empty(),
        }
    }
}

/// The whole document, in the order of a replication report: question, alarms, verdicts, method, results, what was easy and what hard, limits; then
/// what can be looked up.
pub(super) fn document<'p>(overview: &Overview<'_>, parts: &Parts<'p>) -> Document<'p> {
    let study = &overview.results.study;
    let Parts { arms, sources, .. } = parts;
    let mut all = Sections::default();
    all.add("Question", method::question(overview, &tally(overview)));
    all.add("Alarms", alarms::alarms(overview, arms));
    all.add("Verdicts", sources.claims.map(JudgedClaims::section).unwrap_or_default());
    all.add("Method", method::method(overview, arms));
    all.0.push(results(overview, parts));
    let compared = sources.published.map(|published| comparison::comparison(overview, arms, published));
    let (comparison, reproduced) = compared.unwrap_or_default();
    all.add("Against the published figures", comparison);
    let replication = replication::replication(overview, arms, reproduced.as_ref(), sources.audit);
    all.add("What was easy and what was hard to reproduce", replication.unwrap_or_default());
    all.0.extend(sources.audit.map(audited));
    all.add("Limits", limits::limits(overview, arms));
    all.fold(IN_FULL, sources.claims.map(JudgedClaims::in_full).unwrap_or_default());
    all.fold("Parameters", training::parameters(overview, sources.published).unwrap_or_default());
    all.fold("Native defaults", defaults::defaults(study).unwrap_or_default());
    all.fold("Protocol", protocol::protocol(overview).unwrap_or_default());
    all.fold("Data", data(overview));
    all.fold("Environment", environment::environment(overview).unwrap_or_default());
    all.fold("Every run", if overview.has_seeds() { results::results(overview, parts.frame) } else { String::new() });
    all.fold("Also here", also_here::also_here(overview.results).unwrap_or_default());
    let demonstration = format!(
        "**This is a demonstration.** It was trained on a small part of the data for a few epochs, to show that everything works. **Its figures stand for nothing \
         and must not be quoted.** The full study is run by\n\n```sh\n{FULL_STUDY}\n```\n"
    );
    Document { title: study.title.clone(), notice: study.demonstration.then_some(demonstration), sections: all.0 }
}

/// How many runs ended how, and how many stand elsewhere.
fn tally(overview: &Overview<'_>) -> String {
    let runs = &overview.results.runs;
    let mut text = if runs.is_empty() { "none planned".into() } else { results::tally(overview.results) };
    let added = runs.len().saturating_sub(overview.results.study.runs.len());
    if added > 0 {
        text.push_str(&format!("; {added} of them by earlier calls with the same settings"));
    }
    let earlier = also_here::number(overview.results);
    if earlier > 0 {
        text.push_str(&format!("; {earlier} more of earlier calls stand under \"Also here\""));
    }
    text
}

/// What was found, from the arms down to the cost.
fn results<'p>(overview: &Overview<'_>, parts: &Parts<'p>) -> Section<'p> {
    let Parts { arms, frame, drawings, .. } = parts;
    let of = |subject| drawings.iter().filter(|(own, _)| *own == subject).map(|(_, drawing)| drawing).collect();
    let figures = |subject| Block::Figures(of(subject));
    let mut all = Sections::default();
    let titles = results::variant_titles(overview).unwrap_or_default();
    all.put("By arm", vec![Block::Words(titles), Block::Words(arms::arms(overview, arms)), figures(Subject::Levels)]);
    let between = Block::Words(differences::differences(parts.differences));
    all.put("Differences between arms", vec![between, figures(Subject::Differences)]);
    all.put("Escape", vec![figures(Subject::Escape)]);
    if overview.has_seeds() {
        all.add("Runs without a result", results::without_result(overview));
    } else {
        all.add("By run", results::results(overview, frame));
    }
    all.add("Last words", training::last_words(overview).unwrap_or_default());
    all.put("ROC curves", vec![figures(Subject::RocPanels), Block::Narrow(of(Subject::RocOfCells))]);
    all.put("Calibration", vec![figures(Subject::Reliability)]);
    all.put("Predicted probabilities", vec![figures(Subject::Scores)]);
    all.put("Training", vec![Block::Words(training::training(overview, arms)), figures(Subject::Epochs)]);
    all.put("Gradients and recurrent kernels", vec![figures(Subject::Explanations)]);
    all.put("Time and memory", vec![Block::Words(training::cost(overview, arms)), figures(Subject::Seconds)]);
    let files = "A row an arm is in `arms.csv`, a row a run in `results.csv` and `results.parquet` with every digit, for a paper in `results.tex`.";
    Section { title: "Results", folded: false, blocks: vec![Block::Words(files.into())], parts: all.0 }
}

fn audited<'p>(audit: &Findings) -> Section<'p> {
    let mut parts = Sections::default();
    for (title, body) in audit.sections() {
        parts.add(title, body);
    }
    let lead = format!("Of \"{}\": {}", audit.title, audit.introduction());
    Section { title: "Audit of the printed figures", folded: false, blocks: vec![Block::Words(lead)], parts: parts.0 }
}

/// Sections so far; one that has nothing to say does not come in.
#[derive(Debug, Default)]
struct Sections<'d>(Vec<Section<'d>>);

impl<'d> Sections<'d> {
    fn add(&mut self, title: &'static str, words: String) {
        self.put(title, vec![Block::Words(words)]);
    }

    fn fold(&mut self, title: &'static str, words: String) {
        let before = self.0.len();
        self.add(title, words);
        self.0.iter_mut().skip(before).for_each(|section| section.folded = true);
    }

    fn put(&mut self, title: &'static str, mut blocks: Vec<Block<'d>>) {
        blocks.retain(|block| !block.is_empty());
        if !blocks.is_empty() {
            self.0.push(Section { title, folded: false, blocks, parts: Vec::new() });
        }
    }
}

fn data(overview: &Overview<'_>) -> String {
    let data = &overview.results.study.data;
    // Every run of a study may cut at its own length; the table is for the longest. Before any run has ended no length
    // is known, and the table is for uncut reviews.
    let longest = overview.recorded().map(|(_, record)| record.protocol.max_length).max();
    let uncut = || data.splits().map(|(_, split)| split.lengths.quantile(1.0) as usize).into_iter().max();
    summary_table(data, longest.or_else(uncut).unwrap_or(0))
}
