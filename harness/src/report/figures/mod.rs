//! The figures of a report, each a function of records that draws the same on SVG and PNG.

mod epochs;
mod growth;
mod histograms;
mod lockstep;
mod roc;
mod roofline;
mod seconds;

use std::path::Path;

use harness_drawing::{Drawing, DrawingError, Figure, save};

use super::ReportError;
use super::overview::Overview;
use super::scores::Scores;
use crate::bench::BenchRecord;
use crate::lockstep::LockstepRecord;

/// What stands below every figure of a demonstration, so that none can be taken for a result.
const DEMONSTRATION: &str = "Demonstration: these figures stand for nothing.";

/// What stands below every figure of a short measurement.
const SHORT: &str = "A short measurement: these figures are not to be quoted.";

/// What a figure is about; the report has a section for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// ROC curves, a panel for each backend and cell.
    RocPanels,
    /// ROC curves, one plot per cell.
    RocOfCells,
    /// Losses, accuracies and gradient norms over the epochs.
    Epochs,
    /// Histograms of scores.
    Scores,
    /// Seconds an epoch.
    Seconds,
}

/// Draws every figure into a directory. `scores` has an entry for each run of the study.
///
/// # Errors
/// If a curve can't be computed, or a figure not be drawn or written.
pub(super) fn draw_all(
    overview: &Overview<'_>,
    scores: &[Option<Scores>],
    directory: &Path,
) -> Result<Vec<(Subject, Drawing)>, ReportError> {
    let mut drawings =
        Drawings { note: overview.results.study.demonstration.then_some(DEMONSTRATION), directory, all: Vec::new() };
    if overview.results.runs.is_empty() {
        return Ok(drawings.all);
    }
    let curves = |source| ReportError::Curve { source };
    // Without a single curve, empty frames would say less than the table does.
    if scores.iter().any(Option::is_some) {
        let panels = roc::panels(overview, scores).map_err(curves)?;
        drawings.add(Subject::RocPanels, &panels)?;
        let cells = roc::of_cells(overview, scores).map_err(curves)?;
        drawings.add(Subject::RocOfCells, &cells)?;
        drawings.add(Subject::Scores, &histograms::histograms(overview, scores))?;
    }
    drawings.add(Subject::Epochs, &epochs::learning_curves(overview))?;
    drawings.add(Subject::Epochs, &epochs::gradient_norms(overview))?;
    drawings.add(Subject::Seconds, &seconds::seconds(overview))?;
    Ok(drawings.all)
}

/// Draws the figures of a benchmark into a directory; those that it has nothing for are left out.
///
/// # Errors
/// If a figure can't be drawn or written.
pub(super) fn draw_bench(record: &BenchRecord, directory: &Path) -> Result<Vec<Drawing>, DrawingError> {
    let note = record.quick.then_some(SHORT);
    let roofline = roofline::roofline(record).map(|figure| save(&figure, note, directory));
    let growth = growth::growth(record).map(|figure| save(&figure, note, directory));
    roofline.into_iter().chain(growth).collect()
}

/// Draws the figures of a lockstep into a directory.
///
/// # Errors
/// If a figure can't be drawn or written.
pub(super) fn draw_lockstep(record: &LockstepRecord, directory: &Path) -> Result<Vec<Drawing>, DrawingError> {
    lockstep::lockstep(record).iter().map(|figure| save(figure, None, directory)).collect()
}

/// What has been drawn so far, and where to.
struct Drawings<'d> {
    note: Option<&'static str>,
    directory: &'d Path,
    all: Vec<(Subject, Drawing)>,
}

impl Drawings<'_> {
    fn add(&mut self, subject: Subject, figures: &[impl Figure]) -> Result<(), DrawingError> {
        for figure in figures {
            self.all.push((subject, save(figure, self.note, self.directory)?));
        }
        Ok(())
    }
}
