//! The figures of a report, each a function of records that draws the same on SVG and PNG.

mod epochs;
mod escape;
mod facets;
mod histograms;
mod levels;
mod reach;
mod roc;
mod seconds;

use std::path::Path;

use harness_drawing::{Drawing, DrawingError, Figure, Style, save};

pub(super) use levels::COMPARED;

use super::ReportError;
use super::arms::Arm;
use super::differences::Difference;
use super::overview::Overview;

/// What stands below every figure of a demonstration, so that none can be taken for a result.
const DEMONSTRATION: &str = "Demonstration: these figures stand for nothing.";

/// What a figure is about; the report has a section for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// The share that escaped and the level, a row an arm.
    Levels,
    /// Differences between arms, a row a pair.
    Differences,
    /// When runs escape.
    Escape,
    /// ROC curves, a panel for each arm or a row for each variant.
    RocPanels,
    /// ROC curves, one plot per cell.
    RocOfCells,
    /// Reliability curves.
    Reliability,
    /// Losses, accuracies and gradient norms over the epochs.
    Epochs,
    /// Input gradients and the spectra of recurrent kernels.
    Explanations,
    /// Histograms of scores.
    Scores,
    /// Seconds an epoch.
    Seconds,
}

/// Draws every figure into a directory.
///
/// # Errors
/// If a curve can't be computed, or a figure not be drawn or written.
pub(super) fn draw_all(
    overview: &Overview<'_>,
    arms: &[Arm<'_>],
    differences: &[Difference],
    style: Style,
    directory: &Path,
) -> Result<Vec<(Subject, Drawing)>, ReportError> {
    let mut drawings = Drawings {
        note: overview.results.study.demonstration.then_some(DEMONSTRATION),
        style,
        directory,
        all: Vec::new(),
    };
    if overview.results.runs.is_empty() {
        return Ok(drawings.all);
    }
    let curves = |source| ReportError::Curve { source };
    // Without a single curve, empty frames would say less than the table does.
    if arms.iter().flat_map(|arm| &arm.runs).any(|run| run.scores.is_some()) {
        drawings.add(Subject::Levels, &levels::levels(overview, arms))?;
        drawings.add(Subject::Differences, &levels::forest(differences))?;
        drawings.add(Subject::Escape, &escape::escape_curves(overview, arms).map_err(curves)?)?;
        drawings.add(Subject::RocPanels, &roc::panels(overview, arms).map_err(curves)?)?;
        drawings.add(Subject::RocOfCells, &roc::of_cells(overview, arms).map_err(curves)?)?;
        drawings.add(Subject::Reliability, &roc::reliability(overview, arms).map_err(curves)?)?;
        drawings.add(Subject::Scores, &histograms::histograms(overview, arms))?;
    }
    drawings.add(Subject::Epochs, &epochs::learning_curves(overview))?;
    drawings.add(Subject::Epochs, &epochs::gradient_norms(overview))?;
    drawings.add(Subject::Explanations, &reach::input_gradients(overview, arms).map_err(curves)?)?;
    drawings.add(Subject::Explanations, &epochs::recurrent_spectra(overview))?;
    drawings.add(Subject::Seconds, &seconds::seconds(overview))?;
    Ok(drawings.all)
}

/// What has been drawn so far, and where to.
struct Drawings<'d> {
    note: Option<&'static str>,
    style: Style,
    directory: &'d Path,
    all: Vec<(Subject, Drawing)>,
}

impl Drawings<'_> {
    fn add(&mut self, subject: Subject, figures: &[impl Figure]) -> Result<(), DrawingError> {
        for figure in figures {
            self.all.push((subject, save(figure, self.note, self.style, self.directory)?));
        }
        Ok(())
    }
}
