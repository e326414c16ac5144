//! What was easy and what was hard to reproduce, as far as records and printed figures tell.

use std::collections::BTreeMap;

use super::comparison::{BASE, Reproduced};
use crate::audit::Findings;
use crate::plan::flat;
use crate::report::arms::Arm;
use crate::report::overview::Overview;
use harness_text::listed;
use harness_text::numbers::counted;

/// Two lists; `None` before any run has ended.
pub(in crate::report) fn replication(
    overview: &Overview<'_>,
    arms: &[Arm<'_>],
    reproduced: Option<&Reproduced>,
    audit: Option<&Findings>,
) -> Option<String> {
    overview.recorded().next()?;
    let (mut easy, mut hard) = (Vec::new(), Vec::new());
    let completed = arms.iter().map(|arm| arm.completed().count()).sum::<usize>();
    let planned = overview.results.runs.len();
    if completed == planned {
        easy.push(format!("All {} completed.", counted(planned, "run")));
    } else {
        hard.push(format!("{} of {} completed.", completed, counted(planned, "run")));
    }
    if let Some(reproduced) = reproduced {
        if reproduced.departures == 0 {
            easy.push("Every compared run has all the settings that the published study states.".into());
        } else {
            hard.push(format!(
                "{} that the published study states {} not as stated in the compared runs.",
                counted(reproduced.departures, "setting"),
                if reproduced.departures == 1 { "is" } else { "are" }
            ));
        }
        if !reproduced.inside.is_empty() {
            easy.push(format!(
                "Accuracy, recall and AUC lie inside what this configuration gives for {}.",
                listed(&reproduced.inside)
            ));
        }
        if !reproduced.outside.is_empty() {
            hard.push(format!(
                "Published figures lie outside what this configuration gives: {}.",
                reproduced.outside.join("; ")
            ));
        }
    }
    let open = left_open(overview);
    if !open.is_empty() {
        hard.push(format!(
            "What nobody states had to be left to each framework, and {} it differs between the backends: {}.",
            if open.len() == 1 { "in one setting" } else { "there" },
            listed(&open)
        ));
    }
    let by_seed: Vec<_> = arms
        .iter()
        .filter(|arm| arm.of_kind(true).next().is_some() && arm.of_kind(false).next().is_some())
        .map(|arm| {
            format!("{} ({} of {} escaped)", arm.name(overview), arm.of_kind(true).count(), arm.completed().count())
        })
        .collect();
    if !by_seed.is_empty() {
        hard.push(format!("Whether a run learns depends on its seed in {}.", listed(&by_seed)));
    }
    let impossible: Vec<_> = audit
        .iter()
        .flat_map(|audit| &audit.rows)
        .filter(|row| row.matrices.nearest.is_none())
        .map(|row| format!("`{}`", row.name))
        .collect();
    if !impossible.is_empty() {
        hard.push(format!("No classifier has the printed figures of {}: see the audit.", listed(&impossible)));
    }
    let items = |title: &str, items: &[String]| {
        let list: String = items.iter().map(|item| format!("- {item}\n")).collect();
        if list.is_empty() { String::new() } else { format!("{title}:\n\n{list}\n") }
    };
    Some(items("Easy", &easy) + &items("Hard", &hard))
}

/// Settings of the study's own configuration that no file gives, in which the backends differ.
fn left_open(overview: &Overview<'_>) -> Vec<String> {
    let mut values: BTreeMap<String, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for (key, record) in overview.recorded().filter(|(key, _)| key.variant == BASE) {
        for (name, value) in flat(&record.protocol) {
            if record
                .origins
                .get(&name)
                .is_some_and(|origin| origin.contains("default of") || origin.ends_with("default"))
            {
                let own = values.entry(name).or_default().entry(key.backend.as_str()).or_default();
                if !own.contains(&value.to_string()) {
                    own.push(value.to_string());
                }
            }
        }
    }
    let differs = |by_backend: &BTreeMap<&str, Vec<String>>| {
        let mut all = by_backend.values();
        all.next().is_some_and(|first| all.any(|other| other != first))
    };
    values.into_iter().filter(|(_, by_backend)| differs(by_backend)).map(|(name, _)| format!("`{name}`")).collect()
}
