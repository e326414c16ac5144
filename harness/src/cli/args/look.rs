//! Arguments of the commands that look at what was run.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::RUNS;
use super::values::seconds;
use crate::report::Style;

/// Arguments of `study list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// A folder with studies in it, or a study's directory or archive
    #[arg(default_value = RUNS, value_name = "DIR_OR_FILE")]
    pub place: PathBuf,
    /// Print JSON in place of Markdown
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// A run: its directory, or a study's directory or archive and the run's name, as in runs/grid/libtorch-gru-base-s1
    pub run: PathBuf,
    /// Print its record as JSON in place of Markdown
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// A study's directory, e.g. runs/grid, or an archive of `study pack`
    #[arg(value_name = "DIR_OR_FILE")]
    pub study: PathBuf,
    /// Where the report goes [default: DIR/report, or NAME-report beside an archive NAME.tar.zst]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write TensorBoard event files of every run too, into the study's folder `tensorboard`, or that of --out
    #[arg(long)]
    pub tensorboard: bool,
    /// Wait so long at most until every planned run is there, as on a shared folder whose files are seen late; then say
    /// which are missing, and exit with 3 if any are
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub wait: Option<Duration>,
    /// Give verdicts on these claims, e.g. reports/claims.toml
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// Judge the claims by the runs of these studies or archives, too
    #[arg(long, value_name = "DIR_OR_FILE", num_args = 1.., requires = "claims")]
    pub beside: Vec<PathBuf>,
    /// Audit this printed table, e.g. reports/published.toml
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// What figures are made for: a paper of one column (wide ones 5.5 in), of two (3.5 and 7 in), or a slide (large text)
    #[arg(long, value_name = "STYLE", default_value = Style::default().name(), value_parser = style())]
    pub style: Style,
}

/// The styles by name.
fn style() -> impl TypedValueParser<Value = Style> {
    let named = |name: String| Style::ALL.into_iter().find(|own| own.name() == name).ok_or("no such style");
    PossibleValuesParser::new(Style::ALL.map(Style::name)).try_map(named)
}

/// Arguments of `study diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// A study's directory or archive, or a run, as for `study show`
    pub a: PathBuf,
    /// What it is compared with
    pub b: PathBuf,
    /// Print JSON in place of Markdown
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study clean`.
#[derive(Debug, Args)]
pub struct CleanArguments {
    /// A study's directory, e.g. runs/grid
    pub directory: PathBuf,
    /// Remove without asking
    #[arg(long)]
    pub yes: bool,
    /// List what is removed as JSON
    #[arg(long)]
    pub json: bool,
}
