//! `peers.md`: the backends beside plain scripts over real Keras and PyTorch.

mod goals;
mod grid;

use super::words::{QUICK, environment, memory, ratio, spread};
use crate::bench::peers::{Comparison, PeerMeasured, PeerTiming, PeersRecord, Role, SubjectRecord};
use harness_statistics::samples::Spread;
use harness_text::numbers::{self, NONE, significant};
use harness_text::{Align, Table};

/// The whole document.
pub(super) fn document(record: &PeersRecord) -> String {
    let mut text = String::from("# Beside real Keras and PyTorch\n\n");
    if record.quick {
        text.push_str(QUICK);
    }
    text.push_str(&format!(
        "The backends, the plain scripts of `harness/benches/peers/` and those scripts with what their framework offers for speed, on the same \
         reviews, {} rows of {} steps a batch, {} rows in prediction. All of a cell live at the same time and take turns of {} steps after {} not counted, one \
         computing at a time; {:.0} s in all. A ratio is ours over theirs in the same round; medians stand before the least and the greatest. Our times include \
         assembling batches and the pipe, theirs leave out what `fit` and `predict` do before the first batch and after the last.\n",
        record.rows, record.time, record.evaluation_rows, record.steps_per_turn, record.uncounted_steps, record.seconds
    ));
    section(&mut text, "Against the goals", &goals::goals(record));
    section(&mut text, "Training steps", &times(record, "step, ms", |timing| &timing.step_seconds, 1e3));
    let per_thousand = times(record, "1,000 reviews, s", |timing| &timing.review_seconds, 1e3);
    section(&mut text, "Predictions", &per_thousand);
    section(&mut text, "Memory and start", &costs(record));
    section(&mut text, "The whole grid", &grid::whole(record));
    section(&mut text, "Harness overhead", &grid::overhead(record));
    section(&mut text, "Encoding", &encoding(record));
    section(&mut text, "Not measured", &failures(record));
    let libraries = record.libraries.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>();
    let more = [("peers".to_owned(), libraries.join(", "))];
    section(&mut text, "Environment", &environment(&record.environment, &record.backends, &more));
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
    }
}

/// The backend that a peer is held against.
fn ours<'c>(comparison: &'c Comparison, peer: &SubjectRecord) -> Option<&'c PeerTiming> {
    let mut backends = comparison.subjects.iter().filter(|subject| subject.role == Role::Backend);
    backends.find(|subject| subject.framework == peer.framework)?.timing()
}

/// Ours over theirs, round by round.
fn ratios(ours: &[f64], theirs: &[f64]) -> Option<Spread> {
    Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
}

/// A table of times and ratios, a row for each that took part.
fn times(record: &PeersRecord, unit: &str, of: fn(&PeerTiming) -> &Vec<f64>, scale: f64) -> String {
    let mut table = Table::new([
        ("cell", Align::Left),
        ("threads", Align::Right),
        ("who", Align::Left),
        (unit, Align::Right),
        ("ours / theirs", Align::Right),
    ]);
    for comparison in &record.comparisons {
        for subject in &comparison.subjects {
            let Some(timing) = subject.timing() else { continue };
            let held = (subject.role != Role::Backend).then(|| ours(comparison, subject)).flatten();
            table.push(vec![
                comparison.cell.title().into(),
                comparison.threads.to_string(),
                subject.name.clone(),
                spread(Spread::of(of(timing).iter().map(|seconds| scale * seconds)), significant),
                held.map_or_else(String::new, |ours| spread(ratios(of(ours), of(timing)), ratio)),
            ]);
        }
    }
    if table.is_empty() { String::new() } else { table.to_markdown() }
}

fn costs(record: &PeersRecord) -> String {
    let mut table = Table::new([
        ("cell", Align::Left),
        ("threads", Align::Right),
        ("who", Align::Left),
        ("peak memory", Align::Right),
        ("ours / theirs", Align::Right),
        ("to the first step, s", Align::Right),
    ]);
    for comparison in &record.comparisons {
        for subject in &comparison.subjects {
            let Some(timing) = subject.timing() else { continue };
            let held = (subject.role != Role::Backend).then(|| ours(comparison, subject)).flatten();
            table.push(vec![
                comparison.cell.title().into(),
                comparison.threads.to_string(),
                subject.name.clone(),
                memory(timing.peak_memory_bytes),
                held.and_then(|ours| memory_ratio(ours, timing)).map_or_else(String::new, ratio),
                significant(timing.start_seconds),
            ]);
        }
    }
    if table.is_empty() {
        return String::new();
    }
    format!(
        "The most that each process held (`VmHWM`), the scripts with no more reviews than the comparison needs; and the seconds from the start of the \
         process to the end of its first step, loading libraries and compiling included.\n\n{}",
        table.to_markdown()
    )
}

fn memory_ratio(ours: &PeerTiming, theirs: &PeerTiming) -> Option<f64> {
    Some(ours.peak_memory_bytes? as f64 / theirs.peak_memory_bytes? as f64)
}

fn encoding(record: &PeersRecord) -> String {
    let Some(encoding) = &record.encoding else { return String::new() };
    let seconds = |samples: &[f64]| spread(Spread::of(samples.iter().copied()), significant);
    let mut table = Table::new([("what", Align::Left), ("seconds", Align::Right)]);
    table.push(vec!["`study data`, cold".into(), seconds(&encoding.seconds)]);
    table.push(vec!["`tokenizers` from Python".into(), seconds(&encoding.peer_seconds)]);
    table.push(vec!["of it vocabulary and encoding alone".into(), seconds(&encoding.peer_encoding_seconds)]);
    let ratios = spread(ratios(&encoding.seconds, &encoding.peer_seconds), ratio);
    table.push(vec!["ratio, ours / theirs".into(), ratios]);
    let same = if encoding.tokens == encoding.peer_tokens {
        format!("Both find {} tokens.", numbers::count(encoding.tokens))
    } else {
        format!(
            "**They disagree**: {} tokens here, {} there.",
            numbers::count(encoding.tokens),
            numbers::count(encoding.peer_tokens)
        )
    };
    format!(
        "{} reviews from the corpus' file, {} threads, each a process from its start to its end. Ours checks the corpus, splits it and stores the \
         result as well. {same}\n\n{}",
        numbers::count(encoding.reviews as u64),
        encoding.threads,
        table.to_markdown()
    )
}

fn failures(record: &PeersRecord) -> String {
    let mut table =
        Table::new([("cell", Align::Left), ("threads", Align::Right), ("who", Align::Left), ("reason", Align::Left)]);
    for comparison in &record.comparisons {
        for subject in &comparison.subjects {
            if let PeerMeasured::Failed { reason } = &subject.measured {
                table.push(vec![
                    comparison.cell.title().into(),
                    comparison.threads.to_string(),
                    subject.name.clone(),
                    reason.clone(),
                ]);
            }
        }
    }
    if table.is_empty() { String::new() } else { table.to_markdown() }
}

/// A cell of a table that may have no number.
fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| NONE.to_owned())
}
