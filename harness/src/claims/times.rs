//! Times count only where they were taken alone and on one sort of machine.

use std::collections::BTreeSet;

use super::evidence::RunEvidence;
use super::findings::Finding;
use super::rules::{Condition, Measure};
use crate::record::RunRecord;
use harness_text::numbers::counted;

/// Where a run's times were taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timed {
    /// The processors that it was made on, each once, with the device where that is another.
    pub processors: BTreeSet<String>,
    /// Threads that computed.
    pub threads: usize,
    /// Runs at once.
    pub at_once: usize,
    /// What the frameworks' runtimes were told by their user's environment.
    pub variables: Vec<String>,
}

impl Timed {
    /// Where those of this record were.
    pub(crate) fn of(record: &RunRecord) -> Self {
        let named = |processor: &str| match record.environment.device.as_str() {
            "cpu" => processor.to_owned(),
            device => format!("{device} of {processor}"),
        };
        Self {
            processors: record.processors().map(named).collect(),
            threads: record.environment.threads,
            at_once: record.environment.jobs,
            variables: record.environment.assignments(),
        }
    }

    /// E.g. `Intel(R) Xeon(R) Processor, 2 threads, 1 run at once`.
    fn words(&self) -> String {
        let processors: Vec<&str> = self.processors.iter().map(String::as_str).collect();
        let variables: String = self.variables.iter().map(|own| format!(", {own}")).collect();
        format!(
            "{}, {}, {} at once{variables}",
            processors.join(" and "),
            counted(self.threads, "thread"),
            counted(self.at_once, "run")
        )
    }
}

impl Condition {
    /// The arms whose times it speaks of; none if it speaks of something else.
    pub(super) fn timed_arms(&self) -> &[String] {
        let (measure, arms): (Measure, &[String]) = match self {
            Self::Runs(rule) => (rule.measure, std::slice::from_ref(&rule.arm)),
            Self::Equivalent(rule) => (rule.measure, &rule.arms),
            Self::Ratio(rule) => (rule.measure, &rule.arms),
            Self::Ascending(rule) => (rule.measure, &rule.arms),
            _ => return &[],
        };
        if measure == Measure::TrainSeconds { arms } else { &[] }
    }
}

/// A finding about the times of these runs. It names the machine, and tells nothing where there are several, or where other runs were made beside them.
pub(super) fn judged<'r>(finding: Finding, runs: impl Iterator<Item = &'r RunEvidence>) -> Finding {
    let machines: BTreeSet<&Timed> = runs.map(|run| &run.timed).collect();
    let words: Vec<String> = machines.iter().map(|machine| machine.words()).collect();
    let words = words.join("; ");
    let like = machines.iter().all(|machine| machine.processors.len() == 1) && machines.len() == 1;
    match finding.holds {
        Some(holds) if like && machines.iter().all(|machine| machine.at_once == 1) => {
            Finding { holds: Some(holds), words: format!("{} ({words})", finding.words) }
        }
        Some(_) if like => Finding {
            holds: None,
            words: format!(
                "{}; not judged, for runs that are made at once slow each other down ({words})",
                finding.words
            ),
        },
        Some(_) => Finding {
            holds: None,
            words: format!("{}; not judged, for times of unlike machines do not compare ({words})", finding.words),
        },
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::claims::evidence::Evidence;
    use crate::claims::judge::{Verdict, judge};
    use crate::claims::rules::ClaimsFile;

    const CLAIMS: &str = r#"
version = 1
title = "Times"
level = 0.05

[arms]
short = { study = "s", backend = "b", cell = "rnn", variant = "base" }
long = { study = "s", backend = "b", cell = "gru", variant = "base" }

[[claim]]
id = "order"
[claim.supported]
all = [ { ascending = { arms = ["short", "long"], measure = "train-seconds", hold = true } } ]
[claim.contradicted]
all = [ { ascending = { arms = ["short", "long"], measure = "train-seconds", hold = false } } ]
"#;

    fn found(short: &Timed, long: &Timed) -> (Verdict, Vec<String>) {
        let file = ClaimsFile::parse(CLAIMS).unwrap();
        let mut evidence = Evidence::default();
        for (arm, seconds, timed) in [("short", 10.0, short), ("long", 20.0, long)] {
            let run = RunEvidence {
                seed: 1,
                escape_epoch: None,
                horizon: 2,
                measures: BTreeMap::from([(Measure::TrainSeconds, seconds)]),
                timed: timed.clone(),
                auc_interval: None,
                test_variance: None,
            };
            evidence.arms.insert(file.arms[arm].clone(), vec![run]);
        }
        let judged = judge(&file, &evidence).remove(0);
        (judged.verdict, judged.findings.into_iter().map(|finding| finding.words).collect())
    }

    #[test]
    fn times_are_judged_where_they_were_taken_alone_on_one_machine() {
        let on = |processor: &str, threads, at_once| Timed {
            processors: BTreeSet::from([processor.to_owned()]),
            threads,
            at_once,
            variables: Vec::new(),
        };
        let one = on("P", 2, 1);
        let times = "seconds an epoch: short 10.0, long 20.0";
        assert_eq!(found(&one, &one), (Verdict::Supported, vec![format!("{times} (P, 2 threads, 1 run at once)")]));

        let unlike = format!("{times}; not judged, for times of unlike machines do not compare");
        let told = Timed { variables: vec!["OMP_WAIT_POLICY=passive".to_owned()], ..one.clone() };
        for other in [on("Q", 2, 1), on("P", 1, 1), on("P", 2, 2), told] {
            let (verdict, words) = found(&one, &other);
            assert_eq!(verdict, Verdict::Undecided, "{other:?}");
            assert!(words.iter().all(|words| words.starts_with(&unlike)), "{words:?}");
        }
        let moved = Timed { processors: BTreeSet::from(["P".to_owned(), "Q".to_owned()]), ..one.clone() };
        assert_eq!(
            found(&moved, &moved),
            (Verdict::Undecided, vec![format!("{unlike} (P and Q, 2 threads, 1 run at once)")])
        );
        let beside = on("P", 1, 2);
        let words = format!(
            "{times}; not judged, for runs that are made at once slow each other down (P, 1 thread, 2 runs at once)"
        );
        assert_eq!(found(&beside, &beside), (Verdict::Undecided, vec![words]));
    }
}
