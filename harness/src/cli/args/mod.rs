//! Arguments as they are given, a file for each group of commands in `study --help`.

mod extend;
mod judge;
mod look;
mod measure;
mod run;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(super) use extend::{BackendsArguments, CompletionsArguments, ConformArguments, KnobsArguments};
pub(super) use judge::{AuditArguments, ClaimsArguments, DiagnoseArguments};
pub(super) use look::{CleanArguments, DiffArguments, ListArguments, ReportArguments, ShowArguments};
pub(super) use measure::{BenchArguments, BenchPeersArguments, LockstepArguments};
pub(super) use run::{
    CheckArguments, DataArguments, Jobs, PackArguments, PlanArguments, RunArguments, RunOneArguments, SlurmArguments,
    UnpackArguments,
};
use values::name_and_path;

use crate::plan::BackendName;

/// The folder of studies unless another is named.
pub(super) const RUNS: &str = "runs";

/// Trains the same sentiment classifiers under several frameworks and compares them.
#[derive(Debug, Parser)]
#[command(name = "study", version, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Use this executable for a backend, e.g. `mine=./study-backend-mine`
    #[arg(long = "backend", global = true, value_name = "NAME=PATH", value_parser = name_and_path)]
    pub backends: Vec<(BackendName, PathBuf)>,
    /// Where the corpus and its encoded splits are kept [default: STUDY_DATA_DIR, else `data` of the repository, else
    /// `study` where this platform keeps a user's data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The descriptor of another corpus or of a mirror, in the form of data/imdb.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub sources: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a study: every run that has not ended yet, then the report
    #[command(after_help = "Example: study run grid --jobs auto")]
    Run(RunArguments),
    /// Carry out one resolved run, as a grid or a cluster does, and print its events
    #[command(after_help = "Example: study run-one runs/grid/resolved/libtorch-gru-base-s1.json")]
    RunOne(RunOneArguments),
    /// Print what submits a study's runs to Slurm as a job array, then its report
    #[command(after_help = "Example: study slurm grid --time 4:00:00 > grid.sh && sh grid.sh")]
    Slurm(SlurmArguments),
    /// Write tables and figures from a study's records
    #[command(after_help = "Example: study report runs/grid")]
    Report(ReportArguments),
    /// Write a study's directory as one file that has all but weights and logs
    #[command(after_help = "Example: study pack runs/grid grid.tar.zst")]
    Pack(PackArguments),
    /// Unpack such a file, or add its runs to a directory of the same study
    #[command(after_help = "Example: study unpack grid.tar.zst runs/grid")]
    Unpack(UnpackArguments),
    /// Say of every run of a study whether it is there and as it was written
    #[command(after_help = "Example: study check runs/grid")]
    Check(CheckArguments),
    /// List the studies in a folder, or the runs of a study
    #[command(after_help = "Example: study list runs")]
    List(ListArguments),
    /// Show one run: how it ended, figures, epochs, settings
    #[command(after_help = "Example: study show runs/grid/libtorch-gru-base-s1")]
    Show(ShowArguments),
    /// Say in what two runs or two studies differ, in settings and in figures
    #[command(after_help = "Example: study diff runs/grid runs/demo")]
    Diff(DiffArguments),
    /// Remove what no plan has from a study's directory, after asking
    #[command(after_help = "Example: study clean runs/grid")]
    Clean(CleanArguments),
    /// Judge what was claimed by the runs of studies
    #[command(after_help = "Example: study claims runs/headline runs/escape")]
    Claims(ClaimsArguments),
    /// Say whether printed figures are possible at all, and agree with their text
    #[command(after_help = "Example: study audit reports/published.toml")]
    Audit(AuditArguments),
    /// Say which runs of a study are at chance, and why by what their records show
    #[command(after_help = "Example: study diagnose runs/grid libtorch-rnn-base-s1")]
    Diagnose(DiagnoseArguments),
    /// Fetch, check and encode the corpus, and say what is in it
    #[command(after_help = "Example: study data --set data.train=4000")]
    Data(DataArguments),
    /// Say what each backend is, can do and does by default
    #[command(after_help = "Example: study backends libtorch")]
    Backends(BackendsArguments),
    /// Say of every setting what it means, what it may be and where it comes from
    #[command(after_help = "Example: study knobs libtorch tensorflow")]
    Knobs(KnobsArguments),
    /// Hold a backend against the reference: logits, gradients, optimiser, refusals
    #[command(after_help = "Example: study conform mine --backend mine=./study-backend-mine")]
    Conform(ConformArguments),
    /// Measure the speed of backends alone: steps, share of the peak, how cost grows
    #[command(after_help = "Example: study bench libtorch --quick")]
    Bench(BenchArguments),
    /// Measure the backends' speed beside plain scripts over real Keras and PyTorch
    #[command(after_help = "Example: study bench-peers --cell lstm --quick")]
    BenchPeers(BenchPeersArguments),
    /// Feed two backends the same weights and batches, and say where they part
    #[command(after_help = "Example: study lockstep tensorflow libtorch --cell gru --steps 200")]
    Lockstep(LockstepArguments),
    /// Print what makes a shell complete this program's arguments
    #[command(after_help = "Example: study completions bash > ~/.local/share/bash-completion/completions/study")]
    Completions(CompletionsArguments),
    /// Print the manual page, for `man -l`
    #[command(after_help = "Example: study manual > study.1 && man -l study.1")]
    Manual,
}
