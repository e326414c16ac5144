//! Verdicts as a document.

use harness_text::{Align, Table};

use super::judge::{Finding, Judged};

/// A table of verdicts, a row a claim, and below it what was found of each. `texts` gives a claim's words by its id.
#[must_use]
pub(crate) fn verdicts(title: &str, judged: &[Judged], text: &dyn Fn(&str) -> String) -> String {
    let columns = [("claim", Align::Left), ("what it says", Align::Left), ("verdict", Align::Left)];
    let mut table = Table::new(columns);
    for claim in judged {
        table.push(vec![claim.id.clone(), text(&claim.id), claim.verdict.name().to_owned()]);
    }
    let mut document = format!("# {title}: verdicts\n\n{}", table.to_markdown());
    for claim in judged {
        document.push_str(&format!("\n## {}: {}\n\n{}\n\n", claim.id, claim.verdict.name(), text(&claim.id)));
        for Finding { words, .. } in &claim.findings {
            document.push_str(&format!("- {words}.\n"));
        }
        for note in &claim.notes {
            document.push_str(&format!("- Note: {note}.\n"));
        }
    }
    document
}
