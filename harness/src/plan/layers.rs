//! Settings laid over each other, each key remembering where its value came from.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::settings::Settings;

/// The tables of a protocol whose keys are set one by one.
const NESTED: [&str; 5] = ["adam", "dropout", "initializers", "scheduler", "stop"];

/// A value and where it came from, by dotted key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Layers {
    values: BTreeMap<String, (Value, String)>,
}

impl Layers {
    /// Lays settings over those before; `origin` says for a dotted key where its value comes from.
    pub(super) fn lay(&mut self, settings: &Settings, origin: impl Fn(&str) -> String) -> Result<(), toml::ser::Error> {
        for (key, value) in flatten(&Table::try_from(settings)?) {
            let origin = origin(&key);
            self.values.insert(key, (value, origin));
        }
        Ok(())
    }

    /// Where a key's value came from.
    pub(super) fn origin(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(_, origin)| origin.as_str())
    }

    /// Where every key's value came from.
    pub(super) fn origins(&self) -> BTreeMap<String, String> {
        self.values.iter().map(|(key, (_, origin))| (key.clone(), origin.clone())).collect()
    }

    /// The values as the tables they were.
    pub(super) fn resolve<T: for<'de> Deserialize<'de>>(&self) -> Result<T, toml::de::Error> {
        let mut table = Table::new();
        // A protocol without initialisers still has the table.
        table.insert("initializers".into(), Value::Table(Table::new()));
        for (key, (value, _)) in &self.values {
            match key.split_once('.') {
                None => {
                    table.insert(key.clone(), value.clone());
                }
                Some((outer, inner)) => {
                    let nested = table.entry(outer).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(nested) = nested {
                        nested.insert(inner.to_owned(), value.clone());
                    }
                }
            }
        }
        Value::Table(table).try_into()
    }

    /// Which of these keys have no value.
    pub(super) fn missing<'a>(&self, keys: &[&'a str]) -> Vec<&'a str> {
        keys.iter().filter(|key| !self.values.contains_key(**key)).copied().collect()
    }
}

/// A protocol's keys with their values, nested tables dotted.
pub(super) fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if NESTED.contains(&key.as_str()) => {
                flat.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), value.clone())));
            }
            _ => flat.push((key.clone(), value.clone())),
        }
    }
    flat
}
