//! `whole.md`: whole runs of the plain scripts, beside a grid of the backends.

use std::collections::BTreeSet;

use super::words::{memory, ratio};
use crate::bench::peers::{GridRecord, Role, WholeRecord, WholeRun, left_out};
use harness_contract::CellKind;
use harness_statistics::samples::Spread;
use harness_text::numbers::{NONE, count, counted, seconds, significant, utc_date};
use harness_text::{Align, Table, listed};

/// The whole document.
pub(super) fn document(record: &WholeRecord) -> String {
    let shape = record.shape;
    let left_out: Vec<_> = left_out().map(|(name, reason)| format!("`{name}` ({reason})")).collect();
    let mut text = format!(
        "# Whole runs of the scripts\n\n\
         The scripts of `harness/benches/peers/`, each from its start to its test: {} epochs of {} steps, {} reviews of validation after each, {} of test at the \
         end. A way is how many ran at once, and with how many threads each. Left out: {}, as `peers.md` has it.\n",
        shape.epochs,
        count(shape.steps as u64),
        count(shape.validation as u64),
        count(shape.test as u64),
        left_out.join(" and "),
    );
    if record.runs.is_empty() {
        text.push_str("\nNone has ended yet.\n");
        return text;
    }
    let runs = record.runs.iter();
    let text_of = [("The runs", runs_table(record)), ("The whole grid", grid_table(record))];
    for (title, body) in text_of.iter().filter(|(_, body)| !body.is_empty()) {
        text.push_str(&format!("\n## {title}\n\n{body}"));
    }
    let place = |run: &WholeRun| {
        let own = &run.environment;
        format!("{} cores of {}, {}", own.cores, own.cpu, utc_date(own.started_unix))
    };
    let places: BTreeSet<String> = runs.map(place).collect();
    text.push_str(&format!("\nMeasured on {}.\n", listed(&Vec::from_iter(places))));
    text
}

/// How many ran at once, and with how many threads each.
type Way = (usize, usize);

fn way((at_once, threads): Way) -> String {
    match at_once {
        1 => format!("one after the other, {}", counted(threads, "thread")),
        more => format!("{more} at once, {}", counted(threads, "thread")),
    }
}

fn runs_table(record: &WholeRecord) -> String {
    let mut table = Table::new([
        ("cell", Align::Left),
        ("script", Align::Left),
        ("way", Align::Left),
        ("first epoch, s", Align::Right),
        ("median", Align::Right),
        ("last", Align::Right),
        ("whole run, s", Align::Right),
        ("ours / theirs", Align::Right),
        ("memory", Align::Right),
    ]);
    let mut runs: Vec<&WholeRun> = record.runs.iter().collect();
    let place = |run: &WholeRun| CellKind::ALL.iter().position(|cell| *cell == run.script.cell);
    runs.sort_by_key(|run| (run.script.at_once, place(run), run.script.framework, run.script.role != Role::Plain));
    for run in runs {
        let epochs = &run.epoch_seconds;
        let median = Spread::of(epochs.iter().copied()).map_or_else(|| NONE.to_owned(), |own| significant(own.median));
        let end = |epoch: Option<&f64>| epoch.map_or_else(|| NONE.to_owned(), |own| significant(*own));
        table.push(vec![
            run.script.cell.title().into(),
            run.script.name.clone(),
            way(way_of(run)),
            end(epochs.first()),
            median,
            end(epochs.last()),
            seconds(run.wall_seconds),
            ours(record, run).map_or_else(|| NONE.to_owned(), |ours| ratio(ours / run.wall_seconds)),
            memory(run.peak_memory_bytes),
        ]);
    }
    let grids: Vec<_> = comparable(record).map(|grid| format!("`{}`, {} at once", grid.study, grid.jobs)).collect();
    let note = match grids.is_empty() {
        true => String::new(),
        false => format!(
            "\nOurs is the run with the same cell and framework of a study that ran in the same way on the same processor ({}).\n",
            grids.join("; ")
        ),
    };
    format!("{}{note}", table.to_markdown())
}

fn way_of(run: &WholeRun) -> Way {
    (run.script.at_once, run.script.threads)
}

/// The grids of the backends that are of the size that the scripts ran.
fn comparable(record: &WholeRecord) -> impl Iterator<Item = &GridRecord> {
    let epochs = record.shape.epochs as usize;
    record.grids.iter().filter(move |grid| grid.not_completed == 0 && grid.runs.iter().all(|run| run.epochs == epochs))
}

/// Those of them with every run that were made on this processor.
fn whole_grids<'r>(record: &'r WholeRecord, cpu: &'r str) -> impl Iterator<Item = &'r GridRecord> {
    comparable(record)
        .filter(move |grid| grid.runs.len() == 2 * CellKind::ALL.len() && grid.cpu.as_deref() == Some(cpu))
}

/// The seconds of the backend's run that stands for a script's, where both ran in one way on one processor.
fn ours(record: &WholeRecord, run: &WholeRun) -> Option<f64> {
    let same = |grid: &&GridRecord| grid.way() == Some(way_of(run)) && grid.cpu.as_ref() == Some(&run.environment.cpu);
    let name = format!("{}-{}-", run.script.framework.backend(), run.script.cell);
    let mut own = comparable(record).filter(same).flat_map(|grid| &grid.runs);
    own.find(|own| own.name.starts_with(&name)).map(|own| own.wall_seconds)
}

/// Whose runs make a whole grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Fastest,
    Plain,
}

impl Whose {
    const ALL: [Self; 2] = [Self::Fastest, Self::Plain];

    const fn words(self) -> &'static str {
        match self {
            Self::Fastest => "the fastest script of each run",
            Self::Plain => "the plain scripts",
        }
    }
}

/// What the six runs of the grid come to, in each way.
fn grid_table(record: &WholeRecord) -> String {
    let mut table = Table::new([
        ("whose runs", Align::Left),
        ("way", Align::Left),
        ("together, s", Align::Right),
        ("ours / theirs", Align::Right),
    ]);
    let ways: BTreeSet<Way> = record.runs.iter().map(way_of).collect();
    let mut sentences = Vec::new();
    for whose in Whose::ALL {
        let mut best: Option<(f64, &str)> = None;
        for &own in &ways {
            let Some((seconds_of, cpu)) = total(record, own, whose) else { continue };
            let grid = whole_grids(record, cpu).find(|grid| grid.way() == Some(own));
            table.push(vec![
                whose.words().into(),
                way(own),
                seconds(seconds_of),
                grid.map_or_else(|| NONE.to_owned(), |grid| ratio(grid.wall_seconds / seconds_of)),
            ]);
            if best.is_none_or(|(known, _)| seconds_of < known) {
                best = Some((seconds_of, cpu));
            }
        }
        let Some((theirs, cpu)) = best else { continue };
        if let Some(ours) = whole_grids(record, cpu).min_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds)) {
            let ratio = ratio(ours.wall_seconds / theirs);
            sentences.push(format!("{ratio} of the time of {}", whose.words()));
        }
    }
    if table.is_empty() {
        return String::new();
    }
    for grid in &record.grids {
        table.push(vec![
            format!("ours (`{}`)", grid.study),
            grid.way().map_or_else(|| NONE.to_owned(), way),
            seconds(grid.wall_seconds),
            String::new(),
        ]);
    }
    let sentence = match sentences.is_empty() {
        true => String::new(),
        false => format!("\nEach in the fastest way measured, ours takes {}.\n", listed(&sentences)),
    };
    format!(
        "All six runs. Of scripts at once it is the sum of their seconds over the number at once, as if none ever waited for another at the end, though \
         the last may have run beside none; ours is from the start of the first run to the end of the last.\n\n{}{sentence}",
        table.to_markdown()
    )
}

/// Seconds of all runs in one way, and the processor; `None` unless all were made on one.
fn total(record: &WholeRecord, own_way: Way, whose: Whose) -> Option<(f64, &str)> {
    let (mut total, mut processors) = (0.0, Vec::new());
    for cell in CellKind::ALL {
        for framework in crate::bench::peers::Framework::ALL {
            let own = record.runs.iter().filter(|run| {
                let script = &run.script;
                way_of(run) == own_way
                    && script.cell == cell
                    && script.framework == framework
                    && (whose == Whose::Fastest || script.role == Role::Plain)
            });
            let fastest = own.min_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds))?;
            total += fastest.wall_seconds;
            processors.push(fastest.environment.cpu.as_str());
        }
    }
    let first = *processors.first()?;
    #[expect(clippy::cast_precision_loss, reason = "runs at once")]
    let share = own_way.0 as f64;
    processors.iter().all(|cpu| *cpu == first).then_some((total / share, first))
}
