//! In what two protocols differ, and a protocol with some values of another.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::layers::flatten;
use super::protocol::Protocol;

/// Settings on which no number depends but by rounding.
const NOT_NUMERIC: [&str; 3] = ["threads", "device", "kernel"];

/// A numeric setting that two protocols have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDifference {
    /// Its dotted key, e.g. `adam.epsilon`.
    pub key: String,
    /// The first protocol's value as a study file writes it, or `nothing`.
    pub first: String,
    /// The second protocol's.
    pub second: String,
}

/// Every numeric setting of two protocols that is not equal, by key. Threads, device and kernel may differ.
#[must_use]
pub fn differences(first: &Protocol, second: &Protocol) -> Vec<SettingDifference> {
    let (first, second) = (flat(first), flat(second));
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), value_text);
    let keys: std::collections::BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    keys.into_iter()
        .filter(|key| !NOT_NUMERIC.contains(&key.as_str()) && first.get(*key) != second.get(*key))
        .map(|key| SettingDifference { key: key.clone(), first: text(first.get(key)), second: text(second.get(key)) })
        .collect()
}

/// A setting's value as a study file writes it, small numbers with their exponent.
#[must_use]
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

/// A protocol's values by dotted key.
#[must_use]
pub fn flat(protocol: &Protocol) -> BTreeMap<String, Value> {
    Table::try_from(protocol).map(|table| flatten(&table).into_iter().collect()).unwrap_or_default()
}

/// `base` with the values that `other` has under these dotted keys.
///
/// # Errors
/// A key that is none of a protocol's.
pub fn with_settings_of(base: &Protocol, other: &Protocol, keys: &[String]) -> Result<Protocol, toml::de::Error> {
    let unknown = |error: toml::ser::Error| serde::de::Error::custom(error);
    let mut table = Table::try_from(base).map_err(unknown)?;
    let source = Table::try_from(other).map_err(unknown)?;
    for key in keys {
        let (outer, inner) = key.split_once('.').map_or((key.as_str(), None), |(outer, inner)| (outer, Some(inner)));
        let value = inner.map_or_else(|| source.get(outer), |inner| source.get(outer)?.as_table()?.get(inner));
        let own = match inner {
            None => Some(&mut table),
            Some(_) => table.get_mut(outer).and_then(Value::as_table_mut),
        };
        let name = inner.unwrap_or(outer);
        match (own, value) {
            (Some(own), Some(value)) => drop(own.insert(name.to_owned(), value.clone())),
            // A group that the other protocol has no initialiser for.
            (Some(own), None) if own.contains_key(name) => drop(own.remove(name)),
            _ => return Err(serde::de::Error::custom(format!("`{key}` is no setting of a protocol"))),
        }
    }
    Value::Table(table).try_into()
}
