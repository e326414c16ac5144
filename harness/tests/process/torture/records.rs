//! Bits that flip in the files of finished runs.

use std::fs;

use super::{Chance, HalfDone, Scale, Tally, seed, watched};
use crate::support::small_study;

/// A bit of a file of the finished run flips; then the report is made, and the same command runs again.
pub(super) fn records(scale: Scale) -> Tally {
    let mut tally = Tally::of("flipped bits in records");
    let half = HalfDone::of("fake", &small_study(&["fake"], &["rnn", "lstm"]));
    let mut chance = Chance(seed());
    for _ in 0..scale.of(16, 400) {
        let before = tally.complaints.len();
        drop(fs::remove_dir_all(half.bench.path("out")));
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(half.bench.path("whole"))
            .arg(half.bench.path("out"))
            .status();
        assert!(copied.unwrap().success());
        let whole = half.files_of("out", "lstm");
        let (name, bytes) = chance.one_of(&whole).clone();
        let mut changed = bytes.clone();
        if changed.is_empty() {
            changed.push(0);
        } else {
            let at = chance.below(changed.len());
            changed[at] ^= 1 << chance.below(8);
        }
        fs::write(half.place("out", "lstm").unwrap().join(&name), &changed).unwrap();
        let mut report = half.bench.study(&[]);
        report.args(["report", "out"]);
        let ended = watched(&half.bench, report, |_| {});
        tally.take(&ended);
        // What is between the values of a record may change.
        let harmless = name.ends_with("record.json") && !ended.words.contains("can't be believed");
        if !harmless && !ended.words.contains("can't be believed") {
            tally.lost += 1;
            tally.complaints.push(format!("{} is believed", name.display()));
        }
        if harmless && same_json(&bytes, &changed).is_none() {
            tally.lost += 1;
            tally.complaints.push("another record is believed".into());
        }
        half.finish("fake", "out", &mut tally);
        tally.note(&name.display().to_string(), before);
    }
    tally
}

fn same_json(one: &[u8], other: &[u8]) -> Option<()> {
    let read = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    (read(one)? == read(other)?).then_some(())
}

#[test]
fn no_bit_of_a_finished_run_flips_unnoticed() {
    records(Scale::Short).check();
}
