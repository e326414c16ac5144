//! Tables and figures, each a pure function of records.
//!
//! [`write()`] turns a study's records into `report.md` and `report.html`, which say the same, tables in three formats and figures. It reads records and
//! predictions and nothing else: no clock, no environment, no framework. The same records give the same bytes.

mod arms;
mod arms_file;
mod claims;
mod current;
mod differences;
mod document;
mod earlier;
mod figures;
mod files;
mod latex;
mod markdown;
mod overview;
mod page;
mod processors;
mod published;
mod results;
mod scores;
mod sections;

use std::path::{Path, PathBuf};

use harness_drawing::DrawingError;
use polars::prelude::PolarsError;

pub use published::{
    PUBLISHED_VERSION, Published, PublishedClaim, PublishedData, PublishedFramework, PublishedParameters,
    PublishedProtocol, PublishedResult, published,
};

pub use claims::JudgedClaims;
pub use current::current;
pub use harness_drawing::Style;

use crate::audit::Findings;
use crate::record::StudyResults;
use harness_statistics::metrics::MetricsError;
use overview::Overview;
pub(crate) use overview::{reason, standing};

/// A report that can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A ROC curve can't be computed.
    #[error("a ROC curve: {source}")]
    Curve {
        /// Why.
        source: MetricsError,
    },
    /// Polars refused a table.
    #[error("{what}: {source}")]
    Table {
        /// Which table.
        what: &'static str,
        /// Why.
        source: PolarsError,
    },
    /// A figure can't be drawn or written.
    #[error(transparent)]
    Drawing(#[from] DrawingError),
    /// The page can't be made.
    #[error("report.html: {source}")]
    Page {
        /// Why.
        source: minijinja::Error,
    },
    /// The published figures that this build carries are broken.
    #[error("published.toml: {reason}")]
    Published {
        /// What is wrong.
        reason: String,
    },
}

/// What a report has beside its figures.
const PAGES_AND_TABLES: [&str; 6] =
    [REPORT, "report.html", "results.csv", "arms.csv", "results.tex", "results.parquet"];

/// What a report is made with, beside the study's own records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'s> {
    /// The published figures; without them there is no comparison.
    pub published: Option<&'s Published>,
    /// Claims that have been judged.
    pub claims: Option<&'s JudgedClaims>,
    /// What an audit of printed figures found.
    pub audit: Option<&'s Findings>,
    /// What its figures are made for.
    pub style: Style,
}

/// Writes the report of a study into `directory`, which is created where it is missing, and returns the files written:
/// `report.md`, `report.html`, `results.csv`, `arms.csv`, `results.tex`, `results.parquet`, then the figures, each as SVG, PNG and PDF.
///
/// Each file is there whole or not at all. Figures that need a finished run or epoch are left out while there is none; a figure of the earlier report there
/// that is not drawn again is removed. A run that can't be believed is named with the reason and stops nothing.
///
/// # Errors
/// If a file can't be written.
pub fn write(results: &StudyResults, sources: &Sources<'_>, directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    files::write_whole(directory, |directory| draw(results, sources, directory))
}

/// Writes every file of the report.
fn draw(results: &StudyResults, sources: &Sources<'_>, directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let (results, scores) = scores::believed(&earlier::with_earlier_points(results));
    let overview = Overview::new(&results);
    let arms = arms::arms(&overview, &scores);
    let differences = differences::differences(&overview, &arms);
    let frame = results::results_frame(&overview, sources.published)?;
    let drawings = figures::draw_all(&overview, &arms, &differences, sources.style, directory)?;

    let files = PAGES_AND_TABLES.map(|name| directory.join(name));
    let [report, page, csv, by_arm, tex, parquet] = &files;
    results::write_csv(&frame, csv)?;
    arms_file::write(&arms, sources.published, by_arm)?;
    write_text(tex, &latex::results(&overview, &frame))?;
    results::write_parquet(&frame, parquet)?;
    let parts = document::Parts { arms: &arms, differences: &differences, sources, frame: &frame, drawings: &drawings };
    let document = document::document(&overview, &parts);
    write_text(report, &markdown::markdown(&document))?;
    write_text(page, &page::page(&document)?)?;
    Ok(files.into_iter().chain(drawings.into_iter().flat_map(|(_, drawing)| drawing.paths)).collect())
}

/// The report as people read it.
const REPORT: &str = "report.md";

fn write_text(path: &Path, text: &str) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|source| ReportError::Io { path: path.into(), source })
}
