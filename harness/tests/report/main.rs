//! Reports of synthetic studies: what people read, what programs read, and what a figure shows.

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use harness::record::StudyResults;
use harness::report::{self, ReportError};
use tempfile::TempDir;

const REVIEWS: u32 = 25_000;

fn written(results: &StudyResults, out: &Path) -> Vec<PathBuf> {
    report::write(results, Some(&report::published().unwrap()), out).unwrap()
}

/// Writes reports where they can be looked at: `REPORT_GALLERY=dir cargo test -p harness --test report gallery`.
#[test]
fn gallery() {
    let Some(gallery) = std::env::var_os("REPORT_GALLERY").map(PathBuf::from) else { return };
    for (name, plan) in [
        ("mixed", fixture::mixed_plan()),
        ("completed", fixture::completed_plan()),
        ("ablation", fixture::ablation_plan()),
    ] {
        let directory = TempDir::new().unwrap();
        let results = fixture::study(plan, REVIEWS, directory.path());
        written(&results, &gallery.join(name));
    }
}
