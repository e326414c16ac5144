use std::collections::BTreeSet;

use harness_contract::{CellKind, NativeDefaults};
use serde_json::Value as Json;

use super::*;
use crate::plan::settings::nest;
use crate::plan::{Protocol, flat};

/// PyTorch's native defaults, as the real one gave them.
fn native() -> NativeDefaults {
    serde_json::from_str(include_str!("../../../../backends/python/golden/pytorch_defaults.json")).unwrap()
}

/// The protocol of a GRU that every default gives, with clipping, so that every part is there.
fn protocol() -> Protocol {
    let native = native();
    let value = |knob: &Knob| match (knob.name, knob.default) {
        ("clip_norm", _) => parse("5.0"),
        (_, Origin::Program(text) | Origin::Published(text)) => parse(text),
        (_, Origin::Native(value)) => value(&native, CellKind::Gru).unwrap(),
        ("threads", _) => parse("1"),
        (name, Origin::Machine { .. }) => parse(if name == "kernel" { "stock" } else { "unknown" }),
    };
    let values: Vec<_> = all().map(|knob| (knob.name, value(knob))).collect();
    Value::Table(nest(values.iter().map(|(name, value)| (*name, value)))).try_into().unwrap()
}

fn leaves(prefix: &str, value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::Object(fields) => fields.iter().for_each(|(key, value)| {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            leaves(&name, value, found);
        }),
        _ => drop(found.insert(prefix.to_owned())),
    }
}

#[test]
fn the_knobs_are_the_fields_of_a_protocol() {
    let fields: BTreeSet<String> = flat(&protocol()).into_keys().collect();
    let names: BTreeSet<String> = all().map(|knob| knob.name.to_owned()).collect();
    assert_eq!(fields, names);
    assert_eq!(all().count(), names.len(), "a name stands twice");
}

/// What a run decides and no knob: the cell, the vocabulary of its data, the seed.
const OF_THE_RUN: [&str; 3] = ["cell", "vocabulary_size", "dropout.seed"];

#[test]
fn every_field_of_a_specification_is_decided_by_one_knob() {
    // Optional fields are written where they are not 0.
    let spec = Protocol { label_smoothing: 0.1, ..protocol() }.model_spec(CellKind::Gru, 50, 1);
    let mut fields = BTreeSet::new();
    leaves("", &serde_json::to_value(&spec).unwrap(), &mut fields);
    fields.retain(|field| !OF_THE_RUN.contains(&field.as_str()));
    let decided: Vec<String> = all().flat_map(|knob| knob.spec).map(|&field| field.to_owned()).collect();
    assert_eq!(fields, decided.iter().cloned().collect());
    assert_eq!(fields.len(), decided.len(), "a field is decided twice");
}

#[test]
fn every_default_is_a_value_that_its_knob_accepts() {
    for knob in all() {
        if let Origin::Program(text) | Origin::Published(text) = knob.default {
            let value = parse(text);
            assert_eq!(knob.values.accept(&value).as_ref(), Ok(&value), "{}", knob.name);
        }
    }
}

#[test]
fn what_a_protocol_holds_is_accepted_as_it_is() {
    for (name, value) in flat(&protocol()) {
        assert_eq!(find(&name).unwrap().values.accept(&value).as_ref(), Ok(&value), "{name}");
    }
}

#[test]
fn no_number_is_infinite_or_not_a_number_or_out_of_its_range() {
    for knob in all() {
        for text in ["nan", "inf", "-inf", "-1", "9223372036854775807", "1e300", "[1]", "{}", "\"\"", "2000-01-01"] {
            assert!(knob.values.accept(&parse(text)).is_err(), "{} = {text}", knob.name);
        }
    }
    let zero = parse("0");
    let refuses = |name: &str| find(name).unwrap().values.accept(&zero).is_err();
    for name in ["epochs", "batch_size", "learning_rate", "hidden_size", "threads", "adam.epsilon", "scheduler.factor"]
    {
        assert!(refuses(name), "{name}");
    }
}

#[test]
fn distributions_of_weights_have_numbers_that_make_one() {
    let accepts = |text: &str| Values::Initializer.accept(&parse(text)).is_ok();
    assert!(accepts("orthogonal") && accepts("{ uniform = { low = -1, high = 1 } }"));
    assert!(!accepts("{ uniform = { low = 1.0, high = 1.0 } }") && !accepts("{ uniform = { low = nan, high = 1.0 } }"));
    assert!(!accepts("{ normal = { mean = 0.0, std = -1.0 } }") && !accepts("{ normal = { mean = 0.0 } }"));
}

#[test]
fn a_wrong_name_is_told_the_nearest_one_or_all() {
    insta::assert_snapshot!(named("epoch").unwrap_err());
    insta::assert_snapshot!(named("adam").unwrap_err());
    insta::assert_snapshot!(named("adam.eps").unwrap_err());
    assert!(named("q").unwrap_err().contains("epochs, batch_size"));
}

/// Written by `study knobs --page > harness/studies/README.md`.
#[test]
fn the_page_beside_the_studies_is_that_of_the_knobs() {
    let kept = include_str!("../../../studies/README.md");
    assert!(kept == knobs_readme(), "write it anew: study knobs --page > harness/studies/README.md");
}
