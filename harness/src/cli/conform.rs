//! `study conform`: whether a backend computes what its spec says, over the pipe.

use harness_contract::Backend;
use harness_contract::conformance::{self, Check, Options, Outcome, RandomOptions};

use super::args::{Common, ConformArguments};
use super::conform_random;
use super::exit::{COMPLETED, CliError, FAILED, print, print_json, say};
use crate::plan::BackendName;
use crate::run::{Registry, Session, WorkerOptions};

/// The backend that others are held against.
pub(super) const ORACLE: &str = "reference";

/// Runs the conformance suite on a backend and prints its table. Fails if a check does.
pub(super) fn conform(arguments: &ConformArguments, common: &Common) -> Result<u8, CliError> {
    let registry = Registry::new(common.backends.iter().cloned());
    let mut session = start(&registry, &arguments.name)?;
    if arguments.digests {
        return conform_random::digests(session.backend(), arguments.json);
    }
    if let Some(count) = arguments.random {
        let options = RandomOptions { count, seed: arguments.seed, kernels: Vec::new() };
        return conform_random::random(&registry, session.backend(), &options, arguments.json);
    }
    let mut oracle = start(&registry, ORACLE)?;
    let backend = session.backend();
    let options = Options { only: arguments.only.clone(), study_size: arguments.study_size, ..Options::default() };
    let mut watch = |check: &Check| {
        let outcome = match check.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Skipped => "skipped",
        };
        say(&format!("{outcome:<8} {:<28} {}", check.name, check.subject));
    };
    let worker = backend.worker();
    let info = backend.describe();
    let refusals = conformance::run_frames(&mut |frame| worker.exchange(frame), &info, &options, &mut watch);
    let mut report = conformance::run(backend, oracle.backend(), &options, &mut watch);
    report.checks.splice(0..0, refusals);
    let mut elsewhere = start(&registry, &arguments.name)?;
    if info.capabilities.state.is_some() {
        report.checks.extend(conformance::run_elsewhere(backend, elsewhere.backend(), &options, &mut watch));
    }
    // The last of it: it ends the worker.
    let other = elsewhere.backend().worker();
    report.checks.extend(conformance::run_another_version(&mut |frame| other.exchange(frame), &options, &mut watch));
    if arguments.json { print_json(&report) } else { print(&report.markdown()) }?;
    // The table is long and wide: what failed stands below it once more.
    for check in report.failures() {
        say(&format!("FAIL     {:<28} {}: {}", check.name, check.subject, check.detail));
    }
    if let Some(failure) = worker.failure() {
        say(&failure.with_last_words());
    }
    say(&report.summary());
    Ok(if report.passed() { COMPLETED } else { FAILED })
}

pub(super) fn start(registry: &Registry, name: &str) -> Result<Session, CliError> {
    let doing = format!("start the backend `{name}`");
    let name: BackendName = name.parse().map_err(|error| CliError::new(&doing, error))?;
    let program = registry.locate(&name).map_err(|error| CliError::new(&doing, error))?;
    Session::open(&program, &WorkerOptions::default())
        .map_err(|failure| CliError::new(&doing, failure.with_last_words()))
}
