//! What each arm came to: the share that escaped, and the level among those.

use crate::plan::protocol::StopKind;
use crate::report::arms::{Arm, Level};
use crate::report::overview::{Overview, mean_over_epochs};
use crate::report::processors::UNLIKE;
use harness_statistics::metrics::{METRICS, Metric, Shown};
use harness_statistics::samples::Spread;
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table};

/// A row an arm.
pub(in crate::report) fn arms(overview: &Overview<'_>, arms: &[Arm<'_>]) -> String {
    let metrics = || METRICS.iter().filter(|metric| metric.shown == Shown::Everywhere);
    let mut headers = vec![("backend", Align::Left), ("cell", Align::Left)];
    headers.extend(overview.has_variants().then_some(("variant", Align::Left)));
    headers.extend(["completed", "escaped", "share", "escape epoch"].map(|name| (name, Align::Right)));
    headers.extend(metrics().map(|metric| (metric.title, Align::Right)));
    headers.extend(["AUC of the others", "s/epoch"].map(|name| (name, Align::Right)));
    let mut table = Table::new(headers);
    for arm in arms {
        let completed = arm.completed().count();
        let mut row = vec![arm.group.backend.to_owned(), arm.group.cell.title().to_owned()];
        row.extend(overview.has_variants().then(|| arm.group.variant.to_owned()));
        row.push(format!("{completed} of {}", arm.runs.len()));
        row.push(if completed == 0 { NONE.into() } else { format!("{} of {completed}", arm.of_kind(true).count()) });
        row.push(arm.escaped_share().map_or_else(
            || NONE.into(),
            |share| format!("{:.2} [{:.2}, {:.2}]", share.share, share.lower, share.upper),
        ));
        row.push(escape_text(arm));
        row.extend(metrics().map(|metric| level_text(arm.metric(metric), metric)));
        let others = arm.of_kind(false).filter_map(|(run, _)| Some(run.test()?.auc));
        row.push(Spread::of(others).map_or_else(|| NONE.into(), |own| range_text(own, numbers::metric)));
        let times =
            arm.runs.iter().filter_map(|run| mean_over_epochs(run.record()?, |epoch| epoch.timing.train_seconds));
        let records: Vec<_> = arm.runs.iter().filter_map(|run| run.record()).collect();
        let mark = overview.processor_mark(&records).map(|letters| format!(" ({letters})")).unwrap_or_default();
        row.push(Spread::of(times).map_or_else(|| NONE.into(), |own| numbers::seconds(own.median) + &mark));
        table.push(row);
    }
    let mut text = String::from(
        "An arm is all runs of one backend, cell and variant; they differ in their seed. A run has escaped when its validation AUC was at least 0.60 at the \
         end of an epoch. The share of completed runs that escaped has its Clopper-Pearson interval (95 %); the escape epoch is its mean, restricted \
         to the epochs that a run could have had (a run that never escaped counts with the last). Metrics are on the test split, where a review is predicted positive when its \
         logit is above 0, and of the runs that escaped: mean and Student's interval (95 %) over seeds, without what a metric can't be. One mean over runs at chance and runs that learnt would describe \
         no run, so the others stand in a column of their own.\n\n",
    );
    text.push_str(&table.to_markdown());
    if overview.has_unlike_processors() {
        text.push_str(&format!("\n{UNLIKE} [Time and memory](#time-and-memory) has them.\n"));
    }
    let stops = |arm: &&Arm<'_>| {
        arm.runs.iter().filter_map(|run| run.record()).any(|record| record.protocol.stop.kind != StopKind::Never)
    };
    let stopped: Vec<_> = arms.iter().filter(stops).map(|arm| arm.name(overview)).collect();
    if !stopped.is_empty() {
        let which =
            if stopped.len() == arms.len() { "All runs".to_owned() } else { format!("Runs of {}", stopped.join("; ")) };
        text.push_str(&format!(
            "\n{which} stop soon after they escape (`stop`): their level is that of that moment.\n"
        ));
    }
    text
}

/// The mean escape epoch, or after which epoch none had escaped.
fn escape_text(arm: &Arm<'_>) -> String {
    let horizon = arm.completed().map(|(_, own)| own.horizon).min();
    match (arm.mean_escape(), horizon, arm.of_kind(true).next()) {
        (None, ..) => NONE.into(),
        (Some(_), Some(horizon), None) => format!("none by {horizon}"),
        (Some(epoch), ..) => format!("{epoch:.1}"),
    }
}

/// `0.8612 [0.8570, 0.8654], n = 5`; without an interval where there is one run.
fn level_text(level: Option<Level>, metric: &Metric) -> String {
    let Some(level) = level else { return NONE.into() };
    let interval = level
        .interval
        .map_or_else(String::new, |own| format!(" [{}, {}]", metric.text(own.lower), metric.text(own.upper)));
    format!("{}{interval}, n = {}", metric.text(level.mean), level.number)
}

/// `0.499 to 0.503`, or one number.
pub(in crate::report) fn range_text(spread: Spread, write: impl Fn(f64) -> String) -> String {
    let (least, most) = (write(spread.min), write(spread.max));
    if least == most { least } else { format!("{least} to {most}") }
}
