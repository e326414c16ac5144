//! `report.md`: the sections in their order, with the figures.

use polars::prelude::DataFrame;

use super::figures::Subject;
use super::overview::Overview;
use super::published::Published;
use super::sections::{also_here, comparison, defaults, environment, protocol, results, training};
use crate::data::summary_table;
use harness_drawing::Drawing;

/// What runs the full study.
const FULL_STUDY: &str = "just study";

/// The whole document.
pub(super) fn document(
    overview: &Overview<'_>,
    published: Option<&Published>,
    frame: &DataFrame,
    drawings: &[(Subject, Drawing)],
) -> String {
    let study = &overview.results.study;
    let mut text = format!("# {}\n\n", heading(&study.title));
    if study.demonstration {
        text.push_str(&format!(
            "> **This is a demonstration.** It was trained on a small part of the data for a few epochs, to show that \
             everything works. **Its figures stand for nothing and must not be quoted.** The full study is run by\n>\n> \
             ```sh\n> {FULL_STUDY}\n> ```\n\n"
        ));
    }
    text.push_str(&lead(overview));

    section(&mut text, "Results", &results_section(overview, frame));
    if let Some(words) = training::last_words(overview) {
        section(&mut text, "Last words", &words);
    }
    if let Some(published) = published {
        section(&mut text, "Against the published figures", &comparison::comparison(overview, published));
    }
    let mut curves = figures(drawings, Subject::RocPanels);
    curves.push_str(&side_by_side(drawings, Subject::RocOfCells));
    section(&mut text, "ROC curves", &curves);
    section(&mut text, "Predicted probabilities", &figures(drawings, Subject::Scores));
    let course = format!("{}\n{}", training::training(overview), figures(drawings, Subject::Epochs));
    section(&mut text, "Training", &course);
    let cost = format!("{}\n{}", training::cost(overview), figures(drawings, Subject::Seconds));
    section(&mut text, "Time and memory", &cost);
    if let Some(parameters) = training::parameters(overview, published) {
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

fn lead(overview: &Overview<'_>) -> String {
    let study = &overview.results.study;
    let number = overview.results.runs.len();
    let division = match study.division.as_str() {
        "native" => "what the study does not set is each framework's own default".to_owned(),
        "matched" => "every numeric detail is equal between the backends".to_owned(),
        other => format!("division {other}"),
    };
    let earlier = match also_here::number(overview.results) {
        0 => String::new(),
        earlier => format!(" Of earlier calls, {earlier} more stand under \"Also here\"."),
    };
    format!(
        "Study `{}`, division `{}`: {division}. {} run{}: {}.{earlier}\n",
        study.name,
        study.division,
        number,
        if number == 1 { "" } else { "s" },
        if number == 0 { "none planned".to_owned() } else { results::tally(overview.results) }
    )
}

fn results_section(overview: &Overview<'_>, frame: &DataFrame) -> String {
    let mut text = String::from(
        "On the test split; a review is predicted positive when its logit is above 0. The same table with more columns \
         and every digit is in `results.csv` and `results.parquet`, for a paper in `results.tex`.\n\n",
    );
    if let Some(titles) = results::variant_titles(overview) {
        text.push_str(&titles);
        text.push('\n');
    }
    text.push_str(&results::results(overview, frame));
    if let Some(summary) = results::over_seeds(overview) {
        text.push_str("\nOver the seeds of completed runs, mean ± sample standard deviation:\n\n");
        text.push_str(&summary);
    }
    text
}

fn data(overview: &Overview<'_>) -> String {
    let data = &overview.results.study.data;
    // Every run of a study may cut at its own length; the table is for the longest. Before any run has ended no length
    // is known, and the table is for uncut reviews.
    let longest = overview.recorded().map(|(_, record)| record.protocol.max_length).max();
    let uncut = || data.splits().map(|(_, split)| split.lengths.quantile(1.0) as usize).into_iter().max();
    summary_table(data, longest.or_else(uncut).unwrap_or(0))
}

/// A section, unless it has nothing to say.
/// A title as the text of a heading: signs of Markdown and HTML are shown as they are.
fn heading(title: &str) -> String {
    let sign = |c: char| matches!(c, '\\' | '<' | '`' | '[' | '*' | '_');
    title.chars().flat_map(|c| sign(c).then_some('\\').into_iter().chain([c])).collect()
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.trim().is_empty() {
        text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
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
