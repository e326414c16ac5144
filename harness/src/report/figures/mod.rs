//! The figures of a report, each a function of records that draws the same on SVG and PNG.

mod epochs;
mod histograms;
mod roc;
mod seconds;

use std::path::Path;

use harness_drawing::{Drawing, DrawingError, Figure, save};

use super::ReportError;
use super::overview::Overview;
use super::scores::Scores;

/// What stands below every figure of a demonstration, so that none can be taken for a result.
const DEMONSTRATION: &str = "Demonstration: these figures stand for nothing.";

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
