//! Whole runs of the scripts, from the first epoch to the test: what a few steps early in training can't tell.
//!
//! A script is run in two ways: alone with every core, one after the other, and beside others with one thread, as many at once as there are
//! cores; or with as many threads as are asked for, and as many at once as the cores allow. Only scripts that a user would choose are run: the
//! plain one of each framework, and the tuned one that gains most.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use harness_contract::{CellKind, Device};
use serde::{Deserialize, Serialize};

use super::process::Scripts;
use super::record::{Framework, GridRecord, GridShape, Role};
use super::script::{PEERS, Peer, script};
use crate::plan::Protocol;
use crate::record::Environment;
use crate::run::{LineProcess, Machine, NoLine};

/// Whole runs of the scripts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeRecord {
    /// [`crate::bench::BENCH_VERSION`].
    pub version: u32,
    /// What a run consists of.
    pub shape: GridShape,
    /// Those that have ended well, in the order in which they ended.
    pub runs: Vec<WholeRun>,
    /// Grids of the backends that were run, one for each way and processor.
    pub grids: Vec<GridRecord>,
}

impl WholeRecord {
    /// Takes a grid in, in the place of one that ran in the same way on the same processor.
    pub fn take(&mut self, grid: GridRecord) {
        self.grids.retain(|own| own.way() != grid.way() || own.cpu != grid.cpu);
        self.grids.push(grid);
        self.grids.sort_by(|a, b| (a.way(), &a.cpu).cmp(&(b.way(), &b.cpu)));
    }
}

/// A script that was run from start to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeRun {
    /// What was run.
    pub script: WholeScript,
    /// Where and when; its threads, and scripts at once.
    pub environment: Environment,
    /// Wall-clock seconds of each epoch with its validation, by the script's own account.
    pub epoch_seconds: Vec<f64>,
    /// Wall-clock seconds from the start of its process to its test, loading libraries included.
    pub wall_seconds: f64,
    /// The most memory its process held, in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// A script on a cell, in one of the two ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeScript {
    /// The cell.
    pub cell: CellKind,
    /// Its name, e.g. `pytorch, fused Adam`.
    pub name: String,
    /// Its framework.
    pub framework: Framework,
    /// What it is.
    pub role: Role,
    /// Scripts that run at once.
    pub at_once: usize,
    /// Threads of each.
    pub threads: usize,
}

/// What is run, and with what.
#[derive(Debug)]
pub(crate) struct Whole<'w> {
    /// Where it is run.
    pub machine: &'w Machine,
    /// On what.
    pub device: Device,
    /// The folder that [`super::export`] has written.
    pub arrays: &'w Path,
    /// The scripts.
    pub scripts: &'w Scripts,
    /// Words of the vocabulary.
    pub vocabulary: usize,
    /// How long an epoch may take.
    pub deadline: Duration,
}

/// What whole runs are doing.
#[derive(Debug)]
pub(crate) enum WholeEvent {
    /// One begins.
    Start(WholeScript),
    /// It said something of an epoch.
    Line(WholeScript, String),
    /// It has ended: what came of it, or why nothing did.
    End(WholeScript, Result<Box<WholeRun>, String>),
}

/// Every script on these cells that is worth a whole run, for each of these numbers of threads a script; as many run at once as the cores allow. The
/// slow ones come first, so that those at once end near each other.
pub(crate) fn whole_scripts(
    cells: &[CellKind],
    frameworks: &[Framework],
    cores: usize,
    threads: &[usize],
) -> Vec<WholeScript> {
    let mut all = Vec::new();
    for &threads in threads {
        let at_once = (cores / threads.max(1)).max(1);
        for &cell in cells.iter().rev() {
            for role in [Role::Plain, Role::Tuned] {
                let of = |framework: &Framework| {
                    let framework = *framework;
                    PEERS
                        .iter()
                        .filter(move |peer| peer.framework == framework && peer.role == role && peer.left_out.is_none())
                };
                all.extend(frameworks.iter().rev().flat_map(of).map(|peer| WholeScript {
                    cell,
                    name: peer.name.to_owned(),
                    framework: peer.framework,
                    role,
                    at_once,
                    threads,
                }));
            }
        }
    }
    all
}

/// The scripts that are not run whole, each with the reason.
pub(crate) fn left_out() -> impl Iterator<Item = (&'static str, &'static str)> {
    PEERS.iter().filter_map(|peer| Some((peer.name, peer.left_out?)))
}

/// Runs these, which all are of one way, and tells what happens. Once `tell` says no, none is begun any more.
pub(crate) fn run_whole(
    whole: &Whole<'_>,
    scripts: Vec<(WholeScript, Protocol)>,
    tell: &mut dyn FnMut(WholeEvent) -> bool,
) {
    let at_once = scripts.iter().map(|(script, _)| script.at_once).max().unwrap_or(1);
    let left = Mutex::new(VecDeque::from(scripts));
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (events, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..at_once {
            let events = events.clone();
            scope.spawn(move || {
                while let Some((script, protocol)) = next() {
                    let came = run(whole, &script, &protocol, &events);
                    // Who listens is there for as long as this thread is.
                    let _ = events.send(WholeEvent::End(script, came.map(Box::new)));
                }
            });
        }
        drop(events);
        for event in told {
            if !tell(event) {
                left.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
    });
}

/// One script from start to end.
fn run(
    whole: &Whole<'_>,
    own: &WholeScript,
    protocol: &Protocol,
    events: &Sender<WholeEvent>,
) -> Result<WholeRun, String> {
    let mut command = command(whole, own, protocol)?;
    command.env("PYTHONUNBUFFERED", "1");
    let _ = events.send(WholeEvent::Start(own.clone()));
    let environment = whole.machine.environment(own.threads, own.at_once, &whole.device.to_string());
    let start = Instant::now();
    let mut process = LineProcess::start(command, None, None).map_err(|error| error.to_string())?;
    let (mut epochs, mut peak) = (Vec::new(), None);
    loop {
        let line = match process.read(whole.deadline) {
            Ok(line) => line,
            Err(NoLine::Deadline) => {
                process.process().kill();
                return Err(format!("no epoch ended within {} s", whole.deadline.as_secs_f64()));
            }
            Err(NoLine::Ended | NoLine::Interrupted) => {
                let fate = process.end();
                let words = process.process().last_words();
                let last = words.lines().last().map_or_else(String::new, |line| format!(": {line}"));
                return Err(format!("it {fate} after {} epochs, before its test{last}", epochs.len()));
            }
        };
        peak = process.process().peak_memory_bytes().or(peak);
        if let Some(seconds) = epoch_seconds(&line) {
            epochs.push(seconds);
            let _ = events.send(WholeEvent::Line(own.clone(), line));
        } else if line.starts_with("test loss ") {
            let wall_seconds = start.elapsed().as_secs_f64();
            let asked = protocol.epochs as usize;
            if epochs.len() != asked {
                return Err(format!("it told of {} epochs where {asked} were asked for", epochs.len()));
            }
            let script = own.clone();
            return Ok(WholeRun { script, environment, epoch_seconds: epochs, wall_seconds, peak_memory_bytes: peak });
        }
    }
}

fn command(whole: &Whole<'_>, own: &WholeScript, protocol: &Protocol) -> Result<Command, String> {
    let known = |peer: &&Peer| peer.name == own.name && peer.framework == own.framework;
    let peer = PEERS.iter().find(known).ok_or_else(|| format!("there is no script {}", own.name))?;
    let mut command = script(whole.scripts, peer, protocol, own.cell, own.threads, whole.vocabulary, whole.arrays)?;
    command.args(["--epochs", &protocol.epochs.to_string()]);
    Ok(command)
}

/// The seconds of a line like `epoch 2: loss 0.6931, validation loss 0.6930, accuracy 0.5100, 118.2 s`.
fn epoch_seconds(line: &str) -> Option<f64> {
    let (_, seconds) = line.strip_prefix("epoch ")?.strip_suffix(" s")?.rsplit_once(' ')?;
    seconds.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_from_what_a_script_says_of_an_epoch() {
        let line = "epoch 2: loss 0.6931, validation loss 0.6930, accuracy 0.5100, 118.2 s";
        assert_eq!(epoch_seconds(line), Some(118.2));
        for other in ["epoch 1/10", "epoch 1: nan s", "epoch 1: -1 s", "test loss 0.6, accuracy 0.5", "epoch  s"] {
            assert_eq!(epoch_seconds(other), None, "{other}");
        }
    }

    #[test]
    fn scripts_that_gain_nothing_are_not_run_whole() {
        let scripts = whole_scripts(&CellKind::ALL, &Framework::ALL, 2, &[2, 1]);
        let names = |at_once: usize| -> Vec<&str> {
            let own = scripts.iter().filter(|script| script.at_once == at_once && script.cell == CellKind::Gru);
            own.map(|script| script.name.as_str()).collect()
        };
        assert_eq!(names(1), ["pytorch", "keras", "pytorch, fused Adam"]);
        assert_eq!(names(2), names(1));
        assert_eq!(scripts.len(), 18);
        let ways = |cores: usize, threads: usize| -> Vec<usize> {
            let own = whole_scripts(&[CellKind::Gru], &[Framework::Keras], cores, &[threads]);
            own.iter().map(|script| script.at_once).collect()
        };
        assert_eq!((ways(16, 4), ways(2, 3)), (vec![4], vec![1]), "as many at once as the cores allow");
    }
}
