//! A plan as text for `--dry-run`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use super::differences::flat;
use super::resolve::{ResolvedRun, ResolvedSettings};
use crate::data::DataSettings;

/// Every run and every setting with where it came from; settings that are the same for all runs stand once.
#[must_use]
pub(crate) fn plan_text(runs: &[ResolvedRun], data: &DataSettings) -> String {
    let mut text = String::new();
    if let Ok(settings) = toml::to_string(data) {
        line(&mut text, "data");
        settings.lines().for_each(|setting| line(&mut text, &format!("  {setting}")));
        line(&mut text, "");
    }
    for run in runs {
        let reason = run.settings.as_ref().err().map_or_else(String::new, |reason| format!("  can't be run: {reason}"));
        line(&mut text, &format!("run  {}{reason}", run.key));
    }
    let shared = shared(runs);
    let mut values: BTreeMap<String, Vec<(String, String, String)>> = BTreeMap::new();
    for (settings, names) in &shared {
        for (key, value) in flat(&settings.protocol) {
            let origin = settings.origins.get(&key).cloned().unwrap_or_default();
            values.entry(key).or_default().push((names.join(", "), value.to_string(), origin));
        }
    }
    let same = |given: &[(String, String, String)]| given.iter().all(|(_, value, _)| *value == given[0].1);
    line(&mut text, "\nsettings of every run");
    for (key, given) in values.iter().filter(|(_, given)| same(given)) {
        let (_, value, origin) = &given[0];
        let origins: std::collections::BTreeSet<_> = given.iter().map(|(_, _, origin)| origin.as_str()).collect();
        let origin =
            if origins.len() == 1 { origin.clone() } else { origins.into_iter().collect::<Vec<_>>().join("; ") };
        line(&mut text, &format!("  {key:<32} {value:<24} {origin}"));
    }
    let differing: Vec<_> = values.iter().filter(|(_, given)| !same(given)).collect();
    if !differing.is_empty() {
        line(&mut text, "\nsettings that differ");
        for (key, given) in differing {
            line(&mut text, &format!("  {key}"));
            let mut by_value: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
            for (name, value, origin) in given {
                by_value.entry((value, origin)).or_default().push(name);
            }
            for ((value, origin), names) in by_value {
                line(&mut text, &format!("    {value:<30} {origin}: {}", names.join(", ")));
            }
        }
    }
    text
}

/// The same for a program: runs that share their settings stand together, and each setting has its value and where it came from.
#[must_use]
pub(crate) fn plan_json(runs: &[ResolvedRun], data: &DataSettings, memory: Option<&str>) -> Value {
    let settings = |settings: &ResolvedSettings| -> BTreeMap<String, Value> {
        let entry = |(key, value)| {
            let entry = json!({ "value": value, "origin": settings.origins.get(&key) });
            (key, entry)
        };
        flat(&settings.protocol).into_iter().map(entry).collect()
    };
    let shared: Vec<_> =
        shared(runs).into_iter().map(|(own, names)| json!({ "runs": names, "settings": settings(own) })).collect();
    let reason = |run: &ResolvedRun| Some((run.key.to_string(), run.settings.as_ref().err()?.clone()));
    let unavailable: BTreeMap<String, String> = runs.iter().filter_map(reason).collect();
    json!({ "data": data, "runs": shared, "unavailable": unavailable, "memory": memory })
}

/// The seeds of a point of the grid share their settings: those, with the names of their runs.
fn shared(runs: &[ResolvedRun]) -> Vec<(&Arc<ResolvedSettings>, Vec<String>)> {
    let mut shared: Vec<(&Arc<ResolvedSettings>, Vec<String>)> = Vec::new();
    for run in runs {
        let Ok(settings) = &run.settings else { continue };
        let name = run.key.to_string();
        match shared.last_mut() {
            Some((last, names)) if Arc::ptr_eq(last, settings) => names.push(name),
            _ => shared.push((settings, vec![name])),
        }
    }
    shared
}

fn line(text: &mut String, content: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{content}");
}
