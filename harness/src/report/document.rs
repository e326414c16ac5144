//! `report.md`: the sections in their order, with the figures.

use polars::prelude::DataFrame;

use super::Sources;
use super::arms::Arm;
use super::differences::Difference;
use super::figures::Subject;
use super::overview::Overview;
use super::sections::{
    alarms, also_here, arms, comparison, defaults, differences, environment, limits, method, protocol, replication,
    results, training,
};
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

/// The whole document, in the order of a replication report: question, alarms, verdicts, method, results, what was easy and what hard, limits; then
/// what can be looked up.
pub(super) fn document(overview: &Overview<'_>, parts: &Parts<'_>) -> String {
    let study = &overview.results.study;
    let mut text = format!("# {}\n", plain(&study.title));
    if study.demonstration {
        text.push_str(&format!(
            "\n> **This is a demonstration.** It was trained on a small part of the data for a few epochs, to show that \
             everything works. **Its figures stand for nothing and must not be quoted.** The full study is run by\n>\n> \
             ```sh\n> {FULL_STUDY}\n> ```\n"
        ));
    }
    let Parts { arms, sources, .. } = parts;
    let tally = if overview.results.runs.is_empty() { "none planned".into() } else { results::tally(overview.results) };
    let tally = match overview.results.runs.len().saturating_sub(study.runs.len()) {
        0 => tally,
        added => format!("{tally}; {added} of them by earlier calls with the same settings"),
    };
    let tally = match also_here::number(overview.results) {
        0 => tally,
        earlier => format!("{tally}; {earlier} more of earlier calls stand under \"Also here\""),
    };
    section(&mut text, "Question", &method::question(overview, &tally));
    section(&mut text, "Alarms", &alarms::alarms(overview, arms));
    if let Some(claims) = sources.claims {
        section(&mut text, "Verdicts", &claims.section());
    }
    section(&mut text, "Method", &method::method(overview, arms));
    results(&mut text, overview, parts);
    let compared = sources.published.map(|published| comparison::comparison(overview, arms, published));
    if let Some((comparison, _)) = &compared {
        section(&mut text, "Against the published figures", comparison);
    }
    let reproduced = compared.as_ref().and_then(|(_, reproduced)| reproduced.as_ref());
    if let Some(replication) = replication::replication(overview, arms, reproduced, sources.audit) {
        section(&mut text, "What was easy and what was hard to reproduce", &replication);
    }
    if let Some(audit) = sources.audit {
        section(&mut text, "Audit of the printed figures", &audit_section(audit));
    }
    section(&mut text, "Limits", &limits::limits(overview, arms));
    if let Some(parameters) = training::parameters(overview, sources.published) {
        section(&mut text, "Parameters", &parameters);
    }
    if let Some(defaults) = defaults::defaults(study) {
        section(&mut text, "Native defaults", &defaults);
    }
    if let Some(protocol) = protocol::protocol(overview) {
        section(&mut text, "Protocol", &protocol);
    }
    section(&mut text, "Data", &data(overview));
    if let Some(environment) = environment::environment(overview) {
        section(&mut text, "Environment", &environment);
    }
    if let Some(earlier) = also_here::also_here(overview.results) {
        section(&mut text, "Also here", &earlier);
    }
    text.trim_end().to_owned() + "\n"
}

/// What was found, from the arms down to the cost.
fn results(text: &mut String, overview: &Overview<'_>, parts: &Parts<'_>) {
    let Parts { arms, frame, drawings, .. } = parts;
    section(
        text,
        "Results",
        "A row an arm is in `arms.csv`, a row a run in `results.csv` and `results.parquet` with every digit, for a paper in `results.tex`.",
    );
    let titles = results::variant_titles(overview).map_or_else(String::new, |titles| titles + "\n");
    let by_arm = format!("{titles}{}\n{}", arms::arms(overview, arms), figures(drawings, Subject::Levels));
    subsection(text, "By arm", &by_arm);
    let between =
        format!("{}\n{}", differences::differences(parts.differences), figures(drawings, Subject::Differences));
    subsection(text, "Differences between arms", &between);
    subsection(text, "Escape", &figures(drawings, Subject::Escape));
    if overview.has_seeds() {
        subsection(text, "Runs without a result", &results::without_result(overview));
    } else {
        subsection(text, "By run", &results::results(overview, frame));
    }
    subsection(text, "Last words", &training::last_words(overview).unwrap_or_default());
    let mut curves = figures(drawings, Subject::RocPanels);
    curves.push_str(&side_by_side(drawings, Subject::RocOfCells));
    subsection(text, "ROC curves", &curves);
    subsection(text, "Calibration", &figures(drawings, Subject::Reliability));
    subsection(text, "Predicted probabilities", &figures(drawings, Subject::Scores));
    let course = format!("{}\n{}", training::training(overview, arms), figures(drawings, Subject::Epochs));
    subsection(text, "Training", &course);
    subsection(text, "Gradients and recurrent kernels", &figures(drawings, Subject::Explanations));
    let cost = format!("{}\n{}", training::cost(overview, arms), figures(drawings, Subject::Seconds));
    subsection(text, "Time and memory", &cost);
}

fn audit_section(audit: &Findings) -> String {
    let sections = audit.sections().into_iter();
    let body: String = sections.map(|(title, body)| format!("### {title}\n\n{}\n\n", body.trim_end())).collect();
    format!("Of \"{}\": {}\n{body}", audit.title, audit.introduction())
}

fn data(overview: &Overview<'_>) -> String {
    let data = &overview.results.study.data;
    // Every run of a study may cut at its own length; the table is for the longest. Before any run has ended no length
    // is known, and the table is for uncut reviews.
    let longest = overview.recorded().map(|(_, record)| record.protocol.max_length).max();
    let uncut = || data.splits().map(|(_, split)| split.lengths.quantile(1.0) as usize).into_iter().max();
    summary_table(data, longest.or_else(uncut).unwrap_or(0))
}

/// Text of one line in which Markdown and HTML see no sign of theirs.
pub(super) fn plain(title: &str) -> String {
    let sign = |c: char| matches!(c, '\\' | '<' | '`' | '[' | '*' | '_');
    title.chars().flat_map(|c| sign(c).then_some('\\').into_iter().chain([c])).collect()
}

/// A section, unless it has nothing to say.
fn section(text: &mut String, title: &str, body: &str) {
    if !body.trim().is_empty() {
        text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
    }
}

/// A part of a section, unless it has nothing to say.
fn subsection(text: &mut String, title: &str, body: &str) {
    if !body.trim().is_empty() {
        text.push_str(&format!("\n### {title}\n\n{}\n", body.trim_end()));
    }
}

fn figures(drawings: &[(Subject, Drawing)], subject: Subject) -> String {
    let own = drawings.iter().filter(|(own, _)| *own == subject).map(|(_, drawing)| drawing);
    own.map(|Drawing { caption, name, .. }| format!("![{caption}]({name}.png)\n\n*{caption}*\n\n")).collect()
}

/// Narrow figures in a table of one row, up to three to a table.
fn side_by_side(drawings: &[(Subject, Drawing)], subject: Subject) -> String {
    let own: Vec<_> = drawings.iter().filter(|(own, _)| *own == subject).map(|(_, drawing)| drawing).collect();
    let mut text = String::new();
    for row in own.chunks(3) {
        let images: Vec<_> =
            row.iter().map(|drawing| format!("![{}]({}.png)", drawing.caption, drawing.name)).collect();
        let blank = vec![" "; row.len()].join(" | ");
        let rule = vec!["---"; row.len()].join(" | ");
        text.push_str(&format!("| {blank} |\n| {rule} |\n| {} |\n\n", images.join(" | ")));
    }
    text
}
