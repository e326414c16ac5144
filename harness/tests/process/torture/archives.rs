//! Archives that were damaged or made to hurt.

use std::fs;

use super::{Chance, HalfDone, Scale, Tally, seed, watched};
use crate::support::small_study;

/// Bytes of an archive change, packed or unpacked; then it is looked through, reported on and unpacked.
pub(super) fn archives(scale: Scale) -> Tally {
    let mut tally = Tally::of("archives");
    let half = HalfDone::of("fake", &small_study(&["fake"], &["rnn", "lstm"]));
    let bench = &half.bench;
    assert!(bench.study(&[]).args(["pack", "whole", "whole.tar.zst"]).output().unwrap().status.success());
    let packed = fs::read(bench.path("whole.tar.zst")).unwrap();
    let plain = zstd::decode_all(packed.as_slice()).unwrap();
    let mut chance = Chance(seed());
    for attempt in 0..scale.of(24, 600) {
        let before = tally.complaints.len();
        let inside = attempt % 3 != 0;
        let mut bytes = if inside { plain.clone() } else { packed.clone() };
        for _ in 0..=chance.below(3) {
            let at = chance.below(bytes.len());
            match chance.below(4) {
                0 => bytes[at] ^= 1 << chance.below(8),
                1 => bytes[at] = chance.next().to_le_bytes()[0],
                2 => bytes.truncate(at.max(1)),
                _ => bytes.extend_from_within(at..),
            }
        }
        let bytes = if inside { zstd::encode_all(bytes.as_slice(), 1).unwrap() } else { bytes };
        fs::write(bench.path("bad.tar.zst"), &bytes).unwrap();
        drop(fs::remove_dir_all(bench.path("bad")));
        for arguments in [
            &["check", "bad.tar.zst"][..],
            &["report", "bad.tar.zst", "--out", "bad-report"],
            &["unpack", "bad.tar.zst", "bad"],
        ] {
            let mut command = bench.study(&[]);
            command.args(arguments);
            let ended = watched(bench, command, |_| {});
            tally.take(&ended);
            if ![Some(0), Some(1), Some(3)].contains(&ended.code()) {
                tally.complaints.push(format!("{arguments:?} ended with {:?}: {}", ended.status, ended.words));
            }
        }
        // What was unpacked can be gone on from.
        if bench.path("bad").exists() {
            let ended = watched(bench, bench.run(&["fake"], &["--out", "bad"]), |_| {});
            tally.take(&ended);
            if ended.code() != Some(0) {
                tally.wedged += 1;
                tally.complaints.push(format!("what was unpacked: {}", ended.words));
            }
        }
        tally.note(if inside { "bytes in an archive" } else { "bytes of an archive" }, before);
    }
    tally.orphans(bench);
    tally
}

#[test]
fn no_damaged_archive_ends_the_program_or_wedges_what_is_unpacked() {
    archives(Scale::Short).check();
}
