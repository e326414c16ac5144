//! The command line: arguments as given, then resolved, then carried out. stdout carries data, stderr everything else.

mod archive;
mod args;
mod audit;
mod backends;
mod bench;
mod bench_peers;
mod bench_whole;
mod check;
mod claims;
mod clean;
mod conform;
mod conform_random;
mod data;
mod diagnose;
mod exit;
mod help;
mod knobs;
mod lockstep;
mod lockstep_progress;
mod look;
mod measurement;
mod memory;
mod places;
mod planned;
mod progress;
mod report;
mod run;
mod run_one;
mod slurm;

use std::process::ExitCode;

pub use args::{Arguments, Command};
pub use exit::{COMPLETED, FAILED, GOES_ON, INTERRUPTED, NOT_ALL_COMPLETED};

/// The program: reads its arguments, carries them out, says what went wrong in a sentence.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = help::parsed();
    let result = match &arguments.command {
        Command::Run(command) => run::run(command, &arguments.common),
        Command::RunOne(command) => run_one::run_one_job(command),
        Command::Slurm(command) => slurm::slurm(command, &arguments.common),
        Command::Report(command) => report::report(command),
        Command::Pack(command) => archive::pack(command),
        Command::Unpack(command) => archive::unpack(command),
        Command::Check(command) => check::check(command),
        Command::List(command) => look::list(command),
        Command::Show(command) => look::show(command),
        Command::Diff(command) => look::diff(command),
        Command::Clean(command) => clean::clean(command),
        Command::Claims(command) => claims::claims(command),
        Command::Audit(command) => audit::audit(command),
        Command::Diagnose(command) => diagnose::diagnose(command),
        Command::Data(command) => data::data(command, &arguments.common),
        Command::Conform(command) => conform::conform(command, &arguments.common),
        Command::Bench(command) => bench::bench(command, &arguments.common),
        Command::BenchPeers(command) => bench_peers::bench_peers(command, &arguments.common),
        Command::Lockstep(command) => lockstep::lockstep(command, &arguments.common),
        Command::Backends(command) => backends::backends(command, &arguments.common),
        Command::Knobs(command) => knobs::knobs(command, &arguments.common),
        Command::Completions(command) => help::completions(command),
        Command::Manual => help::manual(),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            exit::say(&format!("error: {error}"));
            ExitCode::from(FAILED)
        }
    }
}
