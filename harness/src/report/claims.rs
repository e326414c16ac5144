//! Claims that have been judged, as a section.

use std::collections::BTreeMap;

use harness_text::{Align, Table};

use crate::claims::Judged;

/// Verdicts, and what each claim says.
#[derive(Debug, Clone)]
pub struct JudgedClaims {
    /// The verdicts, in the order of the claims.
    pub judged: Vec<Judged>,
    /// What a claim says, by its id.
    pub texts: BTreeMap<String, String>,
    /// The names of the studies whose runs they were judged by.
    pub studies: Vec<String>,
}

impl JudgedClaims {
    /// A row a claim with what was found of it.
    pub(super) fn section(&self) -> String {
        let mut table =
            Table::new(["claim", "what it says", "verdict", "what was found"].map(|name| (name, Align::Left)));
        for own in &self.judged {
            let known = own.findings.iter().filter(|finding| finding.holds.is_some());
            let mut found: Vec<String> = known.map(|finding| finding.words.clone()).collect();
            found.extend(own.notes.iter().map(|note| format!("note: {note}")));
            let waiting = own.findings.iter().filter(|finding| finding.holds.is_none()).count();
            if waiting > 0 {
                found.push(format!(
                    "{} for runs or records that are missing here",
                    if waiting == 1 { "1 condition waits".to_owned() } else { format!("{waiting} conditions wait") }
                ));
            }
            table.push(vec![
                own.id.clone(),
                self.texts.get(&own.id).cloned().unwrap_or_default(),
                format!("**{}**", own.verdict.name()),
                found.join("; "),
            ]);
        }
        let runs = match self.studies.as_slice() {
            [] | [_] => "of this study alone; `study claims` judges over several studies".to_owned(),
            several => {
                let names: Vec<_> = several.iter().map(|name| format!("`{name}`")).collect();
                format!("of the studies {}", names.join(", "))
            }
        };
        format!(
            "By the rules of the claims file, on the runs {runs}. A claim whose runs are missing is undecided.\n\n{}",
            table.to_markdown()
        )
    }
}
