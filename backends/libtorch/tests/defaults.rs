//! Every default that this backend states is what live PyTorch says of itself. `backends/python/pytorch_defaults.py` asked it and says how.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use harness_contract::{Backend, NativeDefaults};
use serde_json::Value;

fn stated() -> Value {
    serde_json::to_value(backend_libtorch::new().unwrap().describe().native_defaults.unwrap()).unwrap()
}

fn live() -> Value {
    let golden = include_str!("../../python/golden/pytorch_defaults.json");
    // Through the contract's own type, so that a key too few or too many is an error.
    let defaults: NativeDefaults = serde_json::from_str(golden).unwrap();
    serde_json::to_value(defaults).unwrap()
}

/// Every entry that has a source: its place, its value, its source.
fn entries(place: &str, defaults: &Value, found: &mut Vec<(String, Value, String)>) {
    let Value::Object(entries_by_key) = defaults else { panic!("{place} has no source: {defaults}") };
    if let Some(Value::String(source)) = entries_by_key.get("source") {
        found.push((place.to_owned(), entries_by_key["value"].clone(), source.clone()));
        return;
    }
    for (key, inner) in entries_by_key {
        let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        entries(&place, inner, found);
    }
}

fn entries_of(defaults: &Value) -> Vec<(String, Value, String)> {
    let mut found = Vec::new();
    entries("", defaults, &mut found);
    found
}

#[test]
fn every_entry_is_what_live_pytorch_says() {
    let (stated, live) = (entries_of(&stated()), entries_of(&live()));
    // 9 initialisers, 3 bias layouts, 12 others.
    assert_eq!(live.len(), 24);
    assert_eq!(stated.len(), live.len());
    for ((place, stated, _), (live_place, live, source)) in stated.iter().zip(&live) {
        assert_eq!((place, stated), (live_place, live), "{source}");
    }
}

#[test]
fn what_no_framework_holds_is_marked_as_a_convention_on_both_sides() {
    for defaults in [stated(), live()] {
        let conventions: Vec<_> = entries_of(&defaults)
            .into_iter()
            .filter_map(|(place, _, source)| source.starts_with("convention:").then_some(place))
            .collect();
        assert_eq!(conventions, ["truncation"]);
    }
}
