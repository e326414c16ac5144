//! Settings as a study file gives them: some of the protocol's knobs, in the tables they stand in.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::knobs::{is_table, named, parse};

/// Values for some knobs, as they are written. They are checked where they are read: see [`super::Study::parse`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(Table);

impl Settings {
    /// The settings of `--set key=value`, later ones winning.
    ///
    /// # Errors
    /// The key that names something inside of what is no table.
    pub(super) fn from_set<'a>(set: impl Iterator<Item = &'a (String, String)>) -> Result<Self, String> {
        let mut table = Table::new();
        for (key, value) in set {
            let mut inner = &mut table;
            let mut parts: Vec<&str> = key.split('.').collect();
            let last = parts.pop().unwrap_or_default();
            for part in parts {
                let entry = inner.entry(part).or_insert_with(|| Value::Table(Table::new()));
                let Value::Table(next) = entry else { return Err(format!("{key}: `{part}` is no table")) };
                inner = next;
            }
            inner.insert(last.to_owned(), parse(value));
        }
        Ok(Self(table))
    }

    /// Every value with its knob's name, as a protocol holds it.
    ///
    /// # Errors
    /// The first key that is no knob, or value that it can't have, and what there is.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<(&'static str, Value), (String, String)>> {
        flatten(&self.0).into_iter().map(|(key, value)| {
            let entry = named(&key).and_then(|knob| {
                let value = knob.values.accept(&value).map_err(|reason| format!("{key}: {reason}"))?;
                Ok((knob.name, value))
            });
            entry.map_err(|reason| (key, reason))
        })
    }
}

/// The values of a protocol's tables by dotted name.
pub(super) fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if is_table(key) => {
                flat.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), value.clone())));
            }
            _ => flat.push((key.clone(), value.clone())),
        }
    }
    flat
}

/// Dotted names as the tables they stand in.
pub(super) fn nest<'a>(values: impl Iterator<Item = (&'a str, &'a Value)>) -> Table {
    let mut table = Table::new();
    for (key, value) in values {
        let (outer, inner) = key.split_once('.').map_or((key, None), |(outer, inner)| (outer, Some(inner)));
        match inner {
            None => drop(table.insert(outer.to_owned(), value.clone())),
            Some(inner) => {
                let nested = table.entry(outer).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(nested) = nested {
                    nested.insert(inner.to_owned(), value.clone());
                }
            }
        }
    }
    table
}
