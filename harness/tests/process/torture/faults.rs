//! One system call that fails, or at which the process dies, in a whole run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Chance, HalfDone, Scale, Tally, seed, watched};
use crate::support::small_study;

/// Input/output error, no space left, interrupted, and death.
const KINDS: [(&str, i32); 4] = [("EIO", 5), ("ENOSPC", 28), ("EINTR", 4), ("death", 0)];

/// The program that fails calls, compiled here.
fn tracer(half: &HalfDone) -> PathBuf {
    let program = half.bench.path("fail-one-call");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/process/torture/fail_one_call.c");
    let compiled = Command::new("cc").args(["-O1", "-Wall", "-o"]).arg(&program).arg(source).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    program
}

/// The program's command under the one that fails its call of this number.
fn failing(half: &HalfDone, call: usize, error: i32, report: &str) -> Command {
    let inner = half.bench.run(&["fake"], &["--out", "out"]);
    let mut command = Command::new(half.bench.path("fail-one-call"));
    command.args([&call.to_string(), &error.to_string(), report]).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(half.bench.path(""));
    command
}

/// Calls spread over a whole command that makes one run of two.
pub(super) fn faults(scale: Scale) -> Tally {
    let mut tally = Tally::of("failing system calls");
    let half = HalfDone::of("fake", &small_study(&["fake"], &["rnn", "lstm"]));
    tracer(&half);
    half.begin("out");
    let counted = watched(&half.bench, failing(&half, 0, 0, "calls"), |_| {});
    assert_eq!(counted.code(), Some(0), "{}", counted.words);
    let calls: usize = fs::read_to_string(half.bench.path("calls")).unwrap().trim().parse().unwrap();
    assert!(calls > 500, "{calls} calls in a whole command");
    let attempts = scale.of(12, 600);
    let mut chance = Chance(seed());
    for attempt in 0..attempts {
        let before = tally.complaints.len();
        let call = 1 + attempt * calls / attempts + chance.below((calls / attempts).max(1));
        let (name, error) = KINDS[attempt % KINDS.len()];
        half.begin("out");
        let ended = watched(&half.bench, failing(&half, call, error, "calls"), |_| {});
        tally.take(&ended);
        tally.orphans(&half.bench);
        half.kept("out", None, &mut tally);
        half.finish("fake", "out", &mut tally);
        let which = fs::read_to_string(half.bench.path("calls")).unwrap_or_default();
        tally.note(&format!("{name} at call {call} of {calls} ({})", which.trim()), before);
    }
    tally
}

#[test]
fn no_system_call_that_fails_costs_a_finished_run() {
    faults(Scale::Short).check();
}
