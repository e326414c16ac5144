//! In what two protocols differ, and a protocol with some values of another.

use std::collections::BTreeMap;

use harness_contract::CellKind;
use toml::{Table, Value};

use super::knobs::{self, Bearing};
use super::protocol::Protocol;
use super::settings::{flatten, nest};

/// A numeric setting that two protocols have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDifference {
    /// Its dotted name, e.g. `adam.epsilon`.
    pub key: String,
    /// The first protocol's value as a study file writes it, or `nothing`.
    pub first: String,
    /// The second protocol's.
    pub second: String,
}

/// Every numeric setting of two protocols that is not equal, by name. Threads, device, kernel and what is recorded may differ.
#[must_use]
pub fn differences(first: &Protocol, second: &Protocol) -> Vec<SettingDifference> {
    let (first, second) = (flat(first), flat(second));
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), value_text);
    let mut names: Vec<_> = knobs::all().filter(|knob| knob.bears == Bearing::Numbers).map(|knob| knob.name).collect();
    names.sort_unstable();
    names
        .into_iter()
        .map(|name| (name, first.get(name), second.get(name)))
        .filter(|(_, first, second)| first != second)
        .map(|(name, first, second)| SettingDifference { key: name.into(), first: text(first), second: text(second) })
        .collect()
}

/// Whether every training step is the same work for this cell under both protocols.
#[must_use]
pub(crate) fn same_steps(first: &Protocol, second: &Protocol, cell: CellKind) -> bool {
    let work = |protocol: &Protocol| {
        let mut values = flat(protocol);
        values.retain(|name, _| {
            knobs::find(name).is_some_and(|knob| knob.in_step && (knob.matters.holds)(protocol, cell))
        });
        values
    };
    work(first) == work(second)
}

/// A setting's value as a study file writes it, small numbers with their exponent.
#[must_use]
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

/// A protocol's values by dotted name.
#[must_use]
pub fn flat(protocol: &Protocol) -> BTreeMap<String, Value> {
    Table::try_from(protocol).map(|table| flatten(&table).into_iter().collect()).unwrap_or_default()
}

/// `base` with the values that `other` has under these dotted names.
///
/// # Errors
/// A name that is none of a protocol's.
pub(crate) fn with_settings_of(
    base: &Protocol,
    other: &Protocol,
    names: &[String],
) -> Result<Protocol, toml::de::Error> {
    let (mut values, source) = (flat(base), flat(other));
    for name in names {
        match (knobs::find(name), source.get(name)) {
            (None, _) => return Err(serde::de::Error::custom(format!("`{name}` is no setting of a protocol"))),
            (Some(_), Some(value)) => drop(values.insert(name.clone(), value.clone())),
            // A group of weights that the other protocol has no initialiser for.
            (Some(_), None) => drop(values.remove(name)),
        }
    }
    Value::Table(nest(values.iter().map(|(name, value)| (name.as_str(), value)))).try_into()
}
