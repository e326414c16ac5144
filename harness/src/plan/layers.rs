//! Settings laid over each other, each value remembering where it came from.

use std::collections::BTreeMap;

use toml::Value;

use super::knobs::{self, Knob};
use super::protocol::Protocol;
use super::settings::{Settings, nest};
use super::study_file::PlanError;

/// A value and where it came from, by a knob's name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Layers {
    values: BTreeMap<&'static str, (Value, String)>,
}

impl Layers {
    /// Lays settings over those before; `origin` says for a dotted name where its value comes from.
    pub(super) fn lay(&mut self, settings: &Settings, origin: impl Fn(&str) -> String) -> Result<(), PlanError> {
        for entry in settings.entries() {
            let (key, value) = entry.map_err(|(key, message)| PlanError::Value { place: origin(&key), message })?;
            self.put(key, value, origin(key));
        }
        Ok(())
    }

    /// Lays one value over the one before.
    pub(super) fn put(&mut self, key: &'static str, value: Value, origin: String) {
        self.values.insert(key, (value, origin));
    }

    /// Where a knob's value came from.
    pub(super) fn origin(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(_, origin)| origin.as_str())
    }

    /// Where every value came from.
    pub(super) fn origins(&self) -> BTreeMap<String, String> {
        self.values.iter().map(|(key, (_, origin))| ((*key).to_owned(), origin.clone())).collect()
    }

    /// The values as a protocol.
    pub(super) fn resolve(&self) -> Result<Protocol, toml::de::Error> {
        Value::Table(nest(self.values.iter().map(|(key, (value, _))| (*key, value)))).try_into()
    }

    /// The knobs that have no value and need one.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let needed = |knob: &&Knob| !knob.optional && !self.values.contains_key(knob.name);
        knobs::all().filter(needed).map(|knob| knob.name).collect()
    }
}
