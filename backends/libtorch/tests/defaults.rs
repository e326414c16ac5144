//! Every default that this backend states is what live PyTorch says of itself. `backends/python/pytorch_defaults.py` asked it and says how.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use harness_contract::{Backend, DefaultRow, NativeDefaults};

fn stated() -> Vec<DefaultRow> {
    backend_libtorch::new().unwrap().describe().native_defaults.unwrap().rows()
}

fn live() -> Vec<DefaultRow> {
    let golden = include_str!("../../python/golden/pytorch_defaults.json");
    serde_json::from_str::<NativeDefaults>(golden).unwrap().rows()
}

#[test]
fn every_default_is_what_live_pytorch_says() {
    let (stated, live) = (stated(), live());
    assert_eq!(stated.len(), live.len());
    for (stated, live) in stated.iter().zip(&live) {
        assert_eq!((&stated.item, &stated.value), (&live.item, &live.value), "{}", live.source);
    }
}

#[test]
fn what_no_framework_holds_is_marked_as_a_convention_on_both_sides() {
    for rows in [stated(), live()] {
        let conventions = rows.iter().filter(|row| row.source.starts_with("convention:"));
        assert_eq!(conventions.map(|row| row.item.as_str()).collect::<Vec<_>>(), ["truncation side"]);
    }
}
