//! Signals at random moments, to the harness, to a run's process and to a worker.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Chance, HalfDone, Scale, Tally, children_of, seed, watched};
use crate::support::small_study;

const KINDS: [Signal; 6] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL, Signal::STOP, Signal::ABORT];

/// Signals of one kind each, a study at a time, until the study has ended.
pub(super) fn signals(scale: Scale) -> Tally {
    let mut tally = Tally::of("signals");
    let study = small_study(&["counting"], &["rnn", "lstm"]).replace("epochs = 2", "epochs = 4");
    let half = HalfDone::of("counting", &study);
    let mut chance = Chance(seed());
    for _ in 0..scale.of(3, 40) {
        half.begin("out");
        for _ in 0..scale.of(4, 10) {
            let before = tally.complaints.len();
            let done = half.done("out");
            let (kind, depth) = (*chance.one_of(&KINDS), chance.below(3));
            let moment = Duration::from_millis(20 + chance.next() % 900);
            let start = Instant::now();
            let mut sent = Vec::new();
            let ended = watched(&half.bench, half.bench.run(&["counting"], &["--out", "out"]), |harness| {
                if sent.is_empty() && start.elapsed() >= moment {
                    // The harness, a process that it has started, or one that that has started.
                    let mut target = harness;
                    for _ in 0..depth {
                        target = children_of(target).first().copied().unwrap_or(target);
                    }
                    let process = Pid::from_raw(i32::try_from(target).unwrap()).unwrap();
                    // It may be gone by now.
                    let _ = kill_process(process, kind);
                    sent.push(process);
                } else if kind == Signal::STOP && start.elapsed() >= moment + Duration::from_millis(200) {
                    for process in &sent {
                        let _ = kill_process(*process, Signal::CONT);
                    }
                }
            });
            tally.take(&ended);
            tally.orphans(&half.bench);
            half.kept("out", done.as_ref(), &mut tally);
            tally.note(&format!("{kind:?} at depth {depth} after {moment:?}"), before);
        }
        let before = tally.complaints.len();
        half.finish("counting", "out", &mut tally);
        tally.note("the end", before);
    }
    tally
}

#[test]
fn no_signal_at_any_moment_costs_a_finished_run_or_leaves_a_process() {
    signals(Scale::Short).check();
}
