//! Study files that were written to hurt, or by somebody who was tired.

use std::fs;

use super::{Chance, Scale, Tally, seed, watched};
use crate::support::{Bench, small_study};

/// What may stand where something else should.
const HURTFUL: [&str; 24] = [
    "nan",
    "-inf",
    "1e308",
    "-1",
    "0",
    "18446744073709551615",
    "9223372036854775808",
    "4294967296",
    "\"\"",
    "\"../../esc\"",
    "\"a\\nb\"",
    "\"\\u0000\"",
    "\"\\u202E\"",
    "\"$(reboot)\"",
    "[]",
    "[[[[]]]]",
    "{}",
    "{ kind = \"plateau\" }",
    "true",
    "1979-05-27",
    "'''",
    "\u{feff}",
    "[1, 1, 1]",
    "\"auto\"",
];

/// Tokens, lines and bytes of a study change; it is planned, and carried out where that works.
pub(super) fn studies(scale: Scale) -> Tally {
    let mut tally = Tally::of("studies");
    let bench = Bench::new("");
    let variant = "[[variant]]\nname = \"one\"\nseeds = [1]\n[variant.protocol]\nhidden_size = 3\n";
    let whole = format!("{}{variant}", small_study(&["fake"], &["rnn"]));
    let mut chance = Chance(seed());
    for _ in 0..scale.of(60, 2500) {
        let before = tally.complaints.len();
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        for _ in 0..=chance.below(2) {
            let at = chance.below(lines.len());
            match (chance.below(6), lines[at].clone().split_once('=')) {
                (0, _) => drop(lines.remove(at)),
                (1, _) => lines.insert(at, lines[chance.below(lines.len())].clone()),
                (2, _) => {
                    let cut = lines[at].chars().take(chance.below(20)).collect();
                    lines[at] = cut;
                }
                (_, Some((key, _))) => lines[at] = format!("{key}= {}", chance.one_of(&HURTFUL)),
                (_, None) => lines[at] = format!("{}{}", lines[at], chance.one_of(&HURTFUL)),
            }
        }
        let text = lines.join("\n");
        fs::write(bench.path("study.toml"), &text).unwrap();
        let ended = watched(&bench, bench.run(&["fake"], &["--dry-run"]), |_| {});
        tally.take(&ended);
        match ended.code() {
            Some(1 | 2) if !ended.words.is_empty() => {}
            // Whatever is planned can be carried out, unless it is large.
            Some(0) if text.matches("18446744073709551615").count() == 0 => {
                let ended = watched(&bench, bench.run(&["fake"], &["--out", "out"]), |_| {});
                tally.take(&ended);
                if ![Some(0), Some(3)].contains(&ended.code()) {
                    tally
                        .complaints
                        .push(format!("was planned and ended with {:?}: {}\n{text}", ended.status, ended.words));
                }
                drop(fs::remove_dir_all(bench.path("out")));
            }
            Some(0) => {}
            code => tally.complaints.push(format!("{code:?}: {}\n{text}", ended.words)),
        }
        tally.note("a study", before);
    }
    tally.orphans(&bench);
    tally
}

#[test]
fn whatever_stands_in_a_study_file_is_refused_or_carried_out() {
    studies(Scale::Short).check();
}
