//! The figures of a report, each a function of records that draws the same on SVG and PNG.

mod axis;
mod canvas;
mod epochs;
mod frame;
mod growth;
mod histograms;
mod layout;
mod legend;
mod lockstep;
mod roc;
mod roofline;
mod save;
mod seconds;
mod simplify;
mod theme;

use std::path::{Path, PathBuf};

use save::{Figure, save};

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
    /// The speed of backends, alone.
    Bench,
    /// Differences of two models in lockstep.
    Lockstep,
}

/// A figure that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawing {
    /// What it is about.
    pub(super) subject: Subject,
    /// The name of its files, without extension.
    pub(super) name: String,
    /// What it shows.
    pub(super) caption: String,
    /// Its files.
    pub(super) paths: [PathBuf; 2],
}

/// Draws every figure into a directory. `scores` has an entry for each run of the study.
///
/// # Errors
/// If a curve can't be computed, or a figure not be drawn or written.
pub(super) fn draw_all(
    overview: &Overview<'_>,
    scores: &[Option<Scores>],
    directory: &Path,
) -> Result<Vec<Drawing>, ReportError> {
    canvas::register_fonts()?;
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
pub(super) fn draw_bench(record: &BenchRecord, directory: &Path) -> Result<Vec<Drawing>, ReportError> {
    canvas::register_fonts()?;
    let mut drawings = Drawings { note: record.quick.then_some(SHORT), directory, all: Vec::new() };
    drawings.add(Subject::Bench, roofline::roofline(record).as_slice())?;
    drawings.add(Subject::Bench, growth::growth(record).as_slice())?;
    Ok(drawings.all)
}

/// Draws the figures of a lockstep into a directory.
///
/// # Errors
/// If a figure can't be drawn or written.
pub(super) fn draw_lockstep(record: &LockstepRecord, directory: &Path) -> Result<Vec<Drawing>, ReportError> {
    canvas::register_fonts()?;
    let mut drawings = Drawings { note: None, directory, all: Vec::new() };
    drawings.add(Subject::Lockstep, &lockstep::lockstep(record))?;
    Ok(drawings.all)
}

/// What has been drawn so far, and where to.
struct Drawings<'d> {
    note: Option<&'static str>,
    directory: &'d Path,
    all: Vec<Drawing>,
}

impl Drawings<'_> {
    fn add(&mut self, subject: Subject, figures: &[impl Figure]) -> Result<(), ReportError> {
        for figure in figures {
            let paths = save(figure, self.note, self.directory)?;
            self.all.push(Drawing { subject, name: figure.name(), caption: figure.caption(), paths });
        }
        Ok(())
    }
}
