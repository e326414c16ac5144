//! What a report can't say.

use crate::report::arms::Arm;
use crate::report::overview::{Overview, standing};
use harness_statistics::detectable::{smallest_permutation_p, smallest_share_difference};
use harness_text::numbers::{self, counted};

/// The level at which it is asked what so many runs could have shown.
const LEVEL: f64 = 0.05;

/// One item a limit.
pub(in crate::report) fn limits(overview: &Overview<'_>, arms: &[Arm<'_>]) -> String {
    let mut text = format!("- {}\n", of_seeds(arms));
    let missing: Vec<_> = overview.results.runs.iter().filter(|run| standing(run) != "completed").collect();
    if !missing.is_empty() {
        text.push_str(&format!(
            "- {} of {} did not complete or {} not been run. What is said of an arm is said of its completed runs.\n",
            missing.len(),
            counted(overview.results.runs.len(), "run"),
            if missing.len() == 1 { "has" } else { "have" }
        ));
    }
    text.push_str(
        "- One corpus, split once: other test reviews are reckoned with in the intervals that say so, another corpus or another split of the training reviews is not.\n",
    );
    let unseen = overview.recorded().filter(|(_, record)| {
        !record.epochs.is_empty() && record.epochs.iter().all(|epoch| epoch.observation.input_gradients.is_none())
    });
    let unseen = unseen.count();
    if unseen > 0 {
        text.push_str(&format!(
            "- {} recorded no input gradients, so how far the gradient reaches back is not known of {}.\n",
            counted(unseen, "run"),
            if unseen == 1 { "it" } else { "them" }
        ));
    }
    if overview.has_unlike_processors() {
        text.push_str("- Runs were made on unlike processors. Their times do not compare, and equal settings may differ in the last digits ([Environment](#environment)).\n");
    }
    if overview.recorded().any(|(_, record)| record.environment.jobs > 1) {
        text.push_str("- Times were taken with several runs at once. They compare with each other, not with those of an idle machine.\n");
    } else {
        text.push_str("- Times are of the machine under [Environment](#environment) and of whatever else it did.\n");
    }
    text
}

/// What so many seeds can show.
fn of_seeds(arms: &[Arm<'_>]) -> String {
    let numbers: Vec<usize> = arms.iter().map(|arm| arm.completed().count()).collect();
    let (Some(least), Some(most)) = (numbers.iter().min(), numbers.iter().max()) else {
        return "No arm is planned.".into();
    };
    let n = if least == most { counted(*most, "completed run") } else { format!("{least} to {most} completed runs") };
    if *most <= 1 {
        return format!(
            "{n} an arm: the spread over seeds can't be had. Another seed may do otherwise, so that no difference between arms can be laid to what differs between them."
        );
    }
    let shares = smallest_share_difference(*most as u64, *most as u64, LEVEL).ok().flatten();
    let shares = shares.map_or_else(
        || "no difference of shares, however large, has p below .05 (Fisher)".to_owned(),
        |found| {
            format!(
                "the smallest difference of shares with p below .05 is {} of {most} against {} of {most} (Fisher)",
                found.first, found.second
            )
        },
    );
    let permuted = smallest_permutation_p(*most, *most).map_or_else(
        |_| String::new(),
        |p| format!(", and the smallest p that an exact permutation test can give is {}", numbers::significant(p)),
    );
    format!(
        "{n} an arm. With {most} against {most}, {shares}{permuted}. Comparisons here are not corrected for their number and are exploratory; a verdict is what `study claims` says."
    )
}
