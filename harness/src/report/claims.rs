//! Claims that have been judged, as sections.

use std::collections::BTreeMap;

use crate::claims::{Judged, Verdicts};

/// Verdicts, and what each claim says.
#[derive(Debug, Clone)]
pub struct JudgedClaims {
    /// The verdicts, in the order of the claims.
    pub judged: Vec<Judged>,
    /// What a claim says, by its id.
    pub texts: BTreeMap<String, String>,
    /// A table of the arms that the rules speak of, with their runs.
    pub arms: String,
    /// The names of the studies whose runs they were judged by.
    pub studies: Vec<String>,
}

impl JudgedClaims {
    /// As a table and as lists.
    pub(crate) fn verdicts(&self) -> Verdicts<'_> {
        Verdicts { judged: &self.judged, texts: &self.texts, arms: &self.arms }
    }

    /// A row a claim with what decided it.
    pub(super) fn section(&self) -> String {
        let runs = match self.studies.as_slice() {
            [] | [_] => "of this study alone; `study claims` judges over several studies".to_owned(),
            several => {
                let names: Vec<_> = several.iter().map(|name| format!("`{name}`")).collect();
                format!("of the studies {}", names.join(", "))
            }
        };
        format!(
            "By the rules of the claims file, on the runs {runs}. A claim whose runs are missing is undecided. All that was found is under [{IN_FULL}](#verdicts-in-full).\n\n{}",
            self.verdicts().table(|claim| claim.id.clone())
        )
    }

    /// All that was found of each claim, and on which runs.
    pub(super) fn in_full(&self) -> String {
        self.verdicts().in_full(3).trim_start().to_owned()
    }
}

/// The title of the section that has all that was found.
pub(super) const IN_FULL: &str = "Verdicts in full";
