//! What the project wants to reach, and whether this comparison shows it.

use harness_contract::CellKind;

use super::{grid, memory_ratio, ours, ratios};
use crate::bench::document::words::ratio;
use crate::bench::peers::{Comparison, Framework, PeersRecord, Role, SubjectRecord};
use harness_statistics::samples::Spread;
use harness_text::numbers::{percent, significant};
use harness_text::{Align, Table};

/// The most that a training step may take of the plain script's: SimpleRNN, LSTM, GRU.
const STEP: [(Framework, [f64; 3]); 2] =
    [(Framework::Keras, [0.27, 0.45, 0.36]), (Framework::Pytorch, [0.45, 0.55, 0.40])];
/// The same of a prediction.
const PREDICTION: f64 = 0.8;
/// The same of the most memory held.
const MEMORY: f64 = 0.85;
/// Seconds to the first step.
const START: f64 = 3.0;
/// The most that the whole grid may take of the two scripts one after the other.
const GRID: f64 = 0.25;
/// The greatest share of an epoch that is not computing.
const OVERHEAD: f64 = 0.02;
/// Seconds for encoding the corpus.
const ENCODING: f64 = 10.0;

/// One goal and what was measured.
struct Goal {
    what: String,
    case: String,
    /// The most it may be.
    most: f64,
    found: f64,
    /// What is written for the measured value.
    text: String,
    write: fn(f64) -> String,
}

/// The table, a row for each goal that was measured.
pub(super) fn goals(record: &PeersRecord) -> String {
    let mut all = Vec::new();
    for comparison in &record.comparisons {
        for peer in comparison.subjects.iter().filter(|subject| subject.role == Role::Plain) {
            against_plain(comparison, peer, &mut all);
        }
    }
    all.extend(of_the_grid(record));
    if let Some(encoding) = &record.encoding {
        let held = ratios(&encoding.seconds, &encoding.peer_seconds);
        let own = Spread::of(encoding.seconds.iter().copied());
        let case = format!("{} threads", encoding.threads);
        all.extend(own.map(|own| goal("encoding, seconds", case.clone(), ENCODING, own, significant)));
        all.extend(held.map(|held| goal("encoding / `tokenizers`", case, 1.0, held, ratio)));
    }
    let mut table = Table::new([
        ("measure", Align::Left),
        ("case", Align::Left),
        ("at most", Align::Right),
        ("measured", Align::Right),
        ("reached", Align::Left),
    ]);
    let reached = all.iter().filter(|goal| goal.found <= goal.most).count();
    let number = all.len();
    for goal in all {
        let verdict = if goal.found <= goal.most { "yes" } else { "**no**" };
        table.push(vec![goal.what, goal.case, (goal.write)(goal.most), goal.text, verdict.into()]);
    }
    if table.is_empty() {
        return String::new();
    }
    format!("{reached} of {number} reached.\n\n{}", table.to_markdown())
}

fn goal(what: &str, case: String, most: f64, found: Spread, write: fn(f64) -> String) -> Goal {
    let text = format!("{} ({}–{})", write(found.median), write(found.min), write(found.max));
    Goal { what: what.into(), case, most, found: found.median, text, write }
}

fn against_plain(comparison: &Comparison, peer: &SubjectRecord, all: &mut Vec<Goal>) {
    let (Some(own), Some(theirs)) = (ours(comparison, peer), peer.timing()) else { return };
    let backend = peer.framework.backend();
    let threads = match comparison.threads {
        1 => "1 thread".to_owned(),
        more => format!("{more} threads"),
    };
    let case = format!("{}, {threads}", comparison.cell.title());
    let place = CellKind::ALL.iter().position(|cell| *cell == comparison.cell);
    let most = STEP.iter().find(|(framework, _)| *framework == peer.framework).zip(place);
    if let (Some(((_, most), place)), Some(held)) = (most, ratios(&own.step_seconds, &theirs.step_seconds)) {
        all.push(goal(&format!("step, {backend} / {}", peer.name), case.clone(), most[place], held, ratio));
    }
    if let Some(held) = ratios(&own.review_seconds, &theirs.review_seconds) {
        all.push(goal(&format!("prediction, {backend} / {}", peer.name), case.clone(), PREDICTION, held, ratio));
    }
    let single = |what: String, most: f64, found: f64, write: fn(f64) -> String| Goal {
        what,
        case: case.clone(),
        most,
        found,
        text: write(found),
        write,
    };
    if let Some(held) = memory_ratio(own, theirs) {
        all.push(single(format!("memory, {backend} / {}", peer.name), MEMORY, held, ratio));
    }
    all.push(single(format!("first step, {backend}, seconds"), START, own.start_seconds, significant));
}

fn of_the_grid(record: &PeersRecord) -> Vec<Goal> {
    let Some(run) = &record.grid else { return Vec::new() };
    let case = format!("{} runs, {} at once", run.runs.len(), run.jobs);
    let single = |what: &str, most: f64, found: f64, write: fn(f64) -> String| Goal {
        what: what.into(),
        case: case.clone(),
        most,
        found,
        text: write(found),
        write,
    };
    let held = grid::ratio_to_scripts(record).map(|held| single("whole grid / the two scripts", GRID, held, ratio));
    let lost = grid::total_overhead(run).map(|lost| single("epochs without computing", OVERHEAD, lost, percent));
    held.into_iter().chain(lost).collect()
}
