//! What a report says of times where runs were made on unlike processors.

use harness::contract::CellKind;
use harness::record::Resumption;
use tempfile::TempDir;

use super::{Report, fixture};

#[test]
fn times_of_unlike_processors_are_marked_wherever_they_stand() {
    let records = TempDir::new().unwrap();
    let plan = fixture::arms_plan(&[CellKind::Lstm, CellKind::Gru], &["base"]);
    let mut results = fixture::study(plan, 2_000, records.path());
    let like = Report::written(&results);
    assert!(!like.text("report.md").contains("unlike"));
    let other = "Another | CPU";
    for run in &mut results.runs {
        let Some(record) = &mut run.record else { continue };
        let (backend, cell) = (run.planned.key.backend.as_str(), run.planned.key.cell);
        match (backend, cell) {
            ("libtorch", CellKind::Lstm) => record.environment.cpu = other.into(),
            // It went on elsewhere: half of its times are of the other.
            ("libtorch", CellKind::Gru) => {
                let cpu = Some(other.to_owned());
                record.resumed = vec![Resumption { epoch: 1, extends: None, threads: Some(2), cpu }];
            }
            _ => {}
        }
    }
    let text = Report::written(&results).text("report.md");
    let marks = |row: &str| -> Vec<&str> {
        let rows = text.lines().filter(|line| line.starts_with(row));
        rows.filter_map(|line| line.trim_end_matches([' ', '|']).rsplit('|').next().map(str::trim)).collect()
    };
    assert!(marks("| libtorch LSTM ").contains(&"A"), "{text}");
    assert!(marks("| libtorch GRU ").contains(&"A, B"), "{text}");
    assert!(marks("| tensorflow GRU ").contains(&"B"), "{text}");
    let said = "Letters are processors; times of unlike ones do not compare.";
    assert_eq!(
        text.matches(said).count(),
        4,
        "by arm, beside the table, and twice with the figure, for those who do not see it too"
    );
    let named = |line: &str| line.starts_with("| A ") && line.contains("Another \\| CPU");
    assert!(text.lines().any(named), "{text}");
    assert!(text.contains("Runs were made on unlike processors. Their times do not compare"));
    let seconds = Report::written(&results).text("seconds-per-epoch.svg");
    assert!(seconds.contains("libtorch GRU (A, B)"));
}
