//! Which runs are at chance, and why.

use crate::diagnosis::{Cause, Diagnosis, RULE};
use crate::report::arms::{Arm, ArmRun};
use crate::report::overview::Overview;
use harness_text::{Align, Table, listed};

/// A row an arm and cause, with what was seen in the first of its runs; then what is not known.
pub(in crate::report) fn alarms(overview: &Overview<'_>, arms: &[Arm<'_>]) -> String {
    let judged = arms.iter().flat_map(|arm| &arm.runs).filter(|run| run.record().is_some()).count();
    let number = arms.iter().map(|arm| arm.alarms().count()).sum::<usize>();
    if number == 0 {
        let of = if judged == 0 { "No run has ended yet" } else { "No run gives alarm" };
        return format!("{of}. {RULE}.\n");
    }
    let mut table = Table::new(["arm", "runs", "standing", "cause", "what was seen"].map(|name| (name, Align::Left)));
    let mut unknown: Vec<&str> = Vec::new();
    for arm in arms {
        let mut causes: Vec<Cause> = arm.alarms().filter_map(|run| run.diagnosis.cause()).collect();
        causes.sort_unstable();
        causes.dedup();
        for cause in causes {
            let own: Vec<_> = arm.alarms().filter(|run| run.diagnosis.cause() == Some(cause)).collect();
            table.push(row(arm.name(overview), arm.runs.len(), &own, cause));
        }
        for words in arm.alarms().flat_map(|run| &run.diagnosis.unknown) {
            let general = words.split(';').next().unwrap_or(words);
            if !unknown.contains(&general) {
                unknown.push(general);
            }
        }
    }
    let runs = if number == 1 { "1 run gives alarm" } else { &format!("{number} runs give alarm") };
    let mut text = format!("**{runs}, of {judged} that have ended.** {RULE}.\n\n{}", table.to_markdown());
    if !unknown.is_empty() {
        text.push_str(&format!("\nNot known of some of them: {}.\n", listed(&unknown)));
    }
    text.push_str("\n`study diagnose DIR RUN` says everything that was looked at in one run.\n");
    text
}

fn row(name: String, of: usize, own: &[&ArmRun<'_>], cause: Cause) -> Vec<String> {
    let seeds: Vec<_> = own.iter().map(|run| run.diagnosis.run.seed.to_string()).collect();
    let runs = match (of, seeds.len()) {
        (1, _) => "the only one".to_owned(),
        (_, 1) => format!("1 of {of}: seed {}", seeds.concat()),
        (_, number) => format!("{number} of {of}: seeds {}", seeds.join(", ")),
    };
    let mut standings: Vec<&str> = own.iter().map(|run| run.diagnosis.standing.name()).collect();
    standings.sort_unstable();
    standings.dedup();
    let seen = own.first().map_or_else(String::new, |run| {
        let words = seen(&run.diagnosis);
        if own.len() == 1 { words } else { format!("seed {}: {words}", run.diagnosis.run.seed) }
    });
    vec![name, runs, standings.join("; "), format!("**{}**", cause.title()), seen]
}

fn seen(own: &Diagnosis) -> String {
    let mut text = format!("{}; ", own.standing);
    let signs: Vec<_> = own.signs.iter().map(|sign| sign.words.clone()).collect();
    // A diverged run stands as its sign says.
    if own.signs.first().is_some_and(|sign| own.standing.to_string() == sign.words) {
        text.clear();
    }
    text.push_str(&signs.join("; also "));
    text
}
