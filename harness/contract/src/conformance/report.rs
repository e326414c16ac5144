//! What a run of the suite found.

use std::fmt::Write as _;

use harness_text::{Align, Table};
use serde::{Deserialize, Serialize};

use crate::backend::LibraryVersion;

/// The outcome of every check, in the order in which they ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of this schema.
    pub version: u32,
    /// The backend that was examined.
    pub backend: String,
    /// What it computes with.
    pub libraries: Vec<LibraryVersion>,
    /// The backend that it was held against.
    pub reference: String,
    /// The checks.
    pub checks: Vec<Check>,
}

/// One check of one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The check's stable name, one of [`super::CHECKS`].
    pub name: String,
    /// What was examined, e.g. `gru, reset before (fused)`.
    pub subject: String,
    /// How many cases were run.
    pub cases: usize,
    /// The largest deviation seen, in the check's own measure; none where nothing was measured. Infinite (written as none in JSON) where
    /// a value was not finite or had the wrong shape, which `detail` then says.
    pub deviation: Option<f64>,
    /// The largest deviation that passes.
    pub tolerance: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Where the largest deviation was seen, or what went wrong.
    pub detail: String,
    /// Settings that the backend lacks and whose cases were left out.
    pub missing: Vec<String>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every case lay within the tolerance.
    Pass,
    /// A case did not, or the backend failed at it.
    Fail,
    /// No case could be run, for lack of the capabilities in [`Check::missing`].
    Skipped,
}

impl Report {
    /// The version of the schema that this build writes.
    pub const VERSION: u32 = 1;

    /// Whether nothing failed and something was checked.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none() && self.count(Outcome::Pass) > 0
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Fail)
    }

    /// How many checks ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.checks.iter().filter(|check| check.outcome == outcome).count()
    }

    /// One line that says it all: how many checks passed, failed and were skipped.
    #[must_use]
    pub fn summary(&self) -> String {
        let libraries: Vec<_> =
            self.libraries.iter().map(|library| format!("{} {}", library.name, library.version)).collect();
        format!(
            "{} ({}) against {}: {} checks passed, {} failed, {} skipped",
            self.backend,
            libraries.join(", "),
            self.reference,
            self.count(Outcome::Pass),
            self.count(Outcome::Fail),
            self.count(Outcome::Skipped)
        )
    }

    /// The report as a Markdown table whose columns are aligned for reading as plain text, with the summary above it.
    #[must_use]
    pub fn markdown(&self) -> String {
        let columns = ["check", "subject", "cases", "largest deviation", "tolerance", "outcome", "where"];
        let mut table = Table::new(columns.map(|column| (column, Align::Left)));
        self.checks.iter().for_each(|check| table.push(check.row()));
        format!("{}\n\n{}", self.summary(), table.to_terminal())
    }
}

impl Check {
    fn row(&self) -> Vec<String> {
        let outcome = match self.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Skipped => "skipped",
        };
        let mut detail = self.detail.clone();
        if !self.missing.is_empty() {
            let separator = if detail.is_empty() { "" } else { "; " };
            let _ = write!(detail, "{separator}not run: {}", self.missing.join(", "));
        }
        vec![
            self.name.clone(),
            self.subject.clone(),
            self.cases.to_string(),
            self.deviation.map_or_else(|| "-".into(), number),
            number(self.tolerance),
            outcome.into(),
            detail,
        ]
    }
}

/// Two digits, and a plain 0 for 0.
fn number(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: Outcome, deviation: Option<f64>) -> Check {
        Check {
            name: "logits".into(),
            subject: "lstm".into(),
            cases: 12,
            deviation,
            tolerance: 1e-5,
            outcome,
            detail: "3 layers".into(),
            missing: vec!["bias_vectors = one".into()],
        }
    }

    fn report(checks: Vec<Check>) -> Report {
        let libraries = vec![LibraryVersion { name: "lib".into(), version: "1.0".into() }];
        Report { version: Report::VERSION, backend: "some".into(), libraries, reference: "reference".into(), checks }
    }

    #[test]
    fn one_failure_fails_the_report_and_so_does_nothing_to_report() {
        assert!(report(vec![check(Outcome::Pass, None), check(Outcome::Skipped, None)]).passed());
        assert!(!report(vec![check(Outcome::Pass, None), check(Outcome::Fail, None)]).passed());
        assert!(!report(vec![check(Outcome::Skipped, None)]).passed());
        assert!(!report(Vec::new()).passed());
    }

    #[test]
    fn the_table_has_a_line_for_each_check_and_columns_of_one_width() {
        let text = report(vec![check(Outcome::Fail, Some(0.25)), check(Outcome::Skipped, None)]).markdown();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "some (lib 1.0) against reference: 0 checks passed, 1 failed, 1 skipped");
        assert_eq!(
            lines[4],
            "| logits | lstm    | 12    | 2.5e-1            | 1.0e-5    | FAIL    | 3 layers; not run: bias_vectors = one |"
        );
        assert!(lines[2..].iter().all(|line| line.chars().count() == lines[2].chars().count()));
    }
}
