//! Arguments of the commands for who adds a backend or sets up a shell.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use harness_contract::conformance::CHECKS;

/// Arguments of `study backends`.
#[derive(Debug, Args)]
pub struct BackendsArguments {
    /// Only these; all that are bundled or named by `--backend` otherwise
    pub names: Vec<String>,
    /// Print JSON in place of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study knobs`.
#[derive(Debug, Args)]
pub struct KnobsArguments {
    /// Say what these backends can do and do by default; all that are bundled or named by `--backend` otherwise
    pub names: Vec<String>,
    /// Write JSON
    #[arg(long, conflicts_with = "page")]
    pub json: bool,
    /// Ask no backend: write the page that is kept in harness/studies/README.md
    #[arg(long)]
    pub page: bool,
}

/// Arguments of `study conform`.
#[derive(Debug, Args)]
pub struct ConformArguments {
    /// The backend
    pub name: String,
    /// Only the check of this name; may be given several times
    #[arg(long, value_name = "CHECK", value_parser = check_names())]
    pub only: Vec<String>,
    /// Compare models of the published study's full size as well
    #[arg(long)]
    pub study_size: bool,
    /// Instead of the suite, compare this many trainings that are drawn at random, far from the usual
    #[arg(long, value_name = "N", conflicts_with_all = ["only", "study_size"])]
    pub random: Option<u64>,
    /// The seed of the first of them; each next one has the next
    #[arg(long, value_name = "S", default_value = "1", requires = "random")]
    pub seed: u64,
    /// Instead of the suite, print digests of short trainings: equal ones on two machines, equal bytes
    #[arg(long, conflicts_with_all = ["only", "study_size", "random"])]
    pub digests: bool,
    /// Print JSON in place of text
    #[arg(long)]
    pub json: bool,
}

/// The names of the suite's checks with what each shows, for `--help` and for the error that a wrong one gets.
fn check_names() -> PossibleValuesParser {
    PossibleValuesParser::new(CHECKS.iter().map(|(name, shows)| PossibleValue::new(*name).help(*shows)))
}

/// Arguments of `study completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
}
