//! A report as Markdown: `report.md`.

use harness_drawing::Drawing;

use super::document::{Block, Document, Section};

/// The whole report.
pub(super) fn markdown(document: &Document<'_>) -> String {
    let mut text = format!("# {}\n", plain(&document.title));
    if let Some(notice) = &document.notice {
        let quoted: Vec<_> = notice.trim_end().lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
        text.push_str(&format!("\n{}\n", quoted.join("\n")));
    }
    for section in &document.sections {
        write_section(&mut text, section, 2);
    }
    text
}

fn write_section(text: &mut String, section: &Section<'_>, level: usize) {
    text.push_str(&format!("\n{} {}\n", "#".repeat(level), section.title));
    for block in &section.blocks {
        let written = match block {
            Block::Words(words) => words.clone(),
            Block::Figures(drawings) => drawings.iter().map(|drawing| figure(drawing)).collect(),
            Block::Narrow(drawings) => side_by_side(drawings),
        };
        text.push_str(&format!("\n{}\n", written.trim_end()));
    }
    for part in &section.parts {
        write_section(text, part, level + 1);
    }
}

/// Text of one line in which Markdown and HTML see no sign of theirs.
pub(super) fn plain(title: &str) -> String {
    let sign = |c: char| matches!(c, '\\' | '<' | '`' | '[' | '*' | '_');
    title.chars().flat_map(|c| sign(c).then_some('\\').into_iter().chain([c])).collect()
}

fn figure(Drawing { caption, name, .. }: &Drawing) -> String {
    format!("![{caption}]({name}.png)\n\n*{caption}*\n\n")
}

/// Narrow figures in a table of one row, up to three to a table.
fn side_by_side(drawings: &[&Drawing]) -> String {
    let table = |row: &[&Drawing]| {
        let images: Vec<_> =
            row.iter().map(|drawing| format!("![{}]({}.png)", drawing.caption, drawing.name)).collect();
        let blank = vec![" "; row.len()].join(" | ");
        let rule = vec!["---"; row.len()].join(" | ");
        format!("| {blank} |\n| {rule} |\n| {} |\n\n", images.join(" | "))
    };
    drawings.chunks(3).map(table).collect()
}
