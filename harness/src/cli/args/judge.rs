//! Arguments of the commands that judge.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `study claims`.
#[derive(Debug, Args)]
pub struct ClaimsArguments {
    /// Directories or archives of studies
    #[arg(required = true, value_name = "DIR_OR_FILE")]
    pub studies: Vec<PathBuf>,
    /// The claims and their rules
    #[arg(long, value_name = "FILE", default_value = "reports/claims.toml")]
    pub claims: PathBuf,
    /// Print JSON in place of Markdown
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArguments {
    /// A study's directory, e.g. runs/grid, or an archive of `study pack`
    #[arg(value_name = "DIR_OR_FILE")]
    pub study: PathBuf,
    /// One run, e.g. `libtorch-lstm-base-s1` [default: all]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Print JSON in place of Markdown
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study audit`.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// A table as it was printed, e.g. reports/published.toml; harness/src/audit/README.md has the format
    pub file: PathBuf,
    /// Print everything that was found as JSON, and not the page
    #[arg(long)]
    pub json: bool,
}
