//! Verdicts as a document.

use std::collections::BTreeMap;

use harness_text::{Align, Table, anchor, inline, plain};

use super::evidence::Evidence;
use super::findings::Finding;
use super::judge::Judged;
use super::rules::ClaimsFile;

/// Claims that have been judged, with what is needed to write them down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdicts<'j> {
    /// The verdicts, in the order of the claims.
    pub judged: &'j [Judged],
    /// What a claim says, by its id.
    pub texts: &'j BTreeMap<String, String>,
    /// What [`arms`] says of the file.
    pub arms: &'j str,
}

impl Verdicts<'_> {
    fn text(&self, id: &str) -> &str {
        self.texts.get(id).map_or("", String::as_str)
    }

    /// A row a claim with its verdict and the sentence that it rests on. `name` writes the claim's name.
    pub(crate) fn table(&self, name: impl Fn(&Judged) -> String) -> String {
        let mut table =
            Table::new(["claim", "what it says", "verdict", "what decided"].map(|name| (name, Align::Left)));
        for claim in self.judged {
            table.push(vec![
                name(claim),
                self.text(&claim.id).to_owned(),
                format!("**{}**", claim.verdict.name()),
                words(&claim.decided_by).join("; "),
            ]);
        }
        table.to_markdown()
    }

    /// All that was found of each claim, and on which arms, under a heading of this level each.
    pub(crate) fn in_full(&self, level: usize) -> String {
        let mut text = String::new();
        let marks = "#".repeat(level);
        for claim in self.judged {
            text.push_str(&format!("\n{marks} {}\n\n{}\n\n", heading(claim), inline(self.text(&claim.id))));
            let notes = claim.notes.iter().map(|note| format!("Note: {note}"));
            for words in words(&claim.findings).into_iter().map(str::to_owned).chain(notes) {
                text.push_str(&format!("- {}.\n", inline(&words)));
            }
        }
        text.push_str(&format!("\n{marks} Arms\n\nWhich runs the names above stand for.\n\n{}", self.arms));
        text
    }
}

fn words(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.words.as_str()).collect()
}

/// What the arms of a claims file are, and how many completed runs the evidence has of each.
pub(crate) fn arms(file: &ClaimsFile, evidence: &Evidence) -> String {
    let texts = ["arm", "study", "backend", "cell", "variant"].map(|name| (name, Align::Left));
    let mut table = Table::new(texts.into_iter().chain([("runs", Align::Right)]));
    for (name, arm) in &file.arms {
        let runs = evidence.arms.get(arm).map_or(0, Vec::len);
        let cell = arm.cell.title().to_owned();
        table.push(vec![
            name.clone(),
            arm.study.clone(),
            arm.backend.clone(),
            cell,
            arm.variant.clone(),
            runs.to_string(),
        ]);
    }
    table.to_markdown()
}

/// The whole document: a table of verdicts, below it what was found of each, and which runs that is of.
pub(crate) fn document(title: &str, verdicts: Verdicts<'_>) -> String {
    // A cell of a table holds no address, so each claim's name is a reference that is defined below it.
    let table = verdicts.table(|claim| format!("[{}]", claim.id));
    let addresses: String =
        verdicts.judged.iter().map(|claim| format!("[{}]: #{}\n", plain(&claim.id), anchor(&heading(claim)))).collect();
    format!("# {title}: verdicts\n\n{table}\n{addresses}{}", verdicts.in_full(2))
}

fn heading(claim: &Judged) -> String {
    format!("{}: {}", inline(&claim.id), claim.verdict.name())
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;
    use crate::claims::judge::judge;

    /// The published claims before any run, the last of them in these words.
    fn without_runs(words: &str) -> String {
        let file = ClaimsFile::parse(include_str!("../../../reports/claims.toml")).unwrap();
        let evidence = Evidence::default();
        let judged = judge(&file, &evidence);
        let texts = BTreeMap::from([("C14".to_owned(), words.to_owned())]);
        document("Ours", Verdicts { judged: &judged, texts: &texts, arms: &arms(&file, &evidence) })
    }

    #[test]
    fn a_document_says_what_decided_each_claim_and_leads_to_all_that_was_found_of_it() {
        let text = without_runs("the formula");

        let row = text.lines().find(|line| line.starts_with("| [C14]")).unwrap();
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells[1..], ["the formula", "**contradicted**", "192 x 64 + 64 x 64 + 64 = 16448; printed: 12352"]);

        let links = Parser::new_ext(&text, Options::ENABLE_TABLES).filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
            _ => None,
        });
        let links: Vec<String> = links.collect();
        let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
        let anchors: Vec<String> = headings.map(|heading| format!("#{}", anchor(heading))).collect();
        assert_eq!(links.len(), 14);
        assert_eq!(links, anchors[..14]);
    }
    #[test]
    fn the_words_of_a_claim_are_no_elements_and_no_links() {
        let text = without_runs("<img src=x> [here](https://example.org)");
        let acts = |event: &Event<'_>| match event {
            Event::Html(_) | Event::InlineHtml(_) => true,
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => !dest_url.starts_with('#'),
            _ => false,
        };
        assert_eq!(text.matches("src=x").count(), 2);
        assert_eq!(Parser::new_ext(&text, Options::ENABLE_TABLES).find(acts), None);
    }
}
