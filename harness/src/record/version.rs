//! The version of what is written down: a record outlives the build that made it.

use std::fmt;

use harness_statistics::metrics::Metrics;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The format of records. A reader takes every record of its own major version: what an older minor lacks has a default, what a newer one adds is
/// passed over. Records of version 1 (November 2026, written as the integer 1) are brought to this one when they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct FormatVersion {
    /// Moves when a field changes its meaning or goes.
    pub major: u32,
    /// Moves when a field is added.
    pub minor: u32,
}

/// The format of every record this build writes.
pub const FORMAT: FormatVersion = FormatVersion { major: 2, minor: 5 };

/// The oldest format that is still read.
const OLDEST: u32 = 1;

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl From<FormatVersion> for String {
    fn from(version: FormatVersion) -> Self {
        version.to_string()
    }
}

impl TryFrom<Value> for FormatVersion {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let parsed = match &value {
            Value::Number(number) => {
                number.as_u64().and_then(|major| u32::try_from(major).ok()).map(|major| (major, 0))
            }
            Value::String(text) => {
                text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
            }
            _ => None,
        };
        parsed.map(|(major, minor)| Self { major, minor }).ok_or_else(|| format!("{value} is no version of a record"))
    }
}

/// A record's JSON, if this build knows its format: before anything else is asked of it.
///
/// # Errors
/// What is wrong with its version, and what to do.
pub(super) fn known(record: Value) -> Result<Value, String> {
    version_of(&record).map(|_| record)
}

/// A record's JSON as this build's format has it.
///
/// # Errors
/// As [`known`].
pub(super) fn upgraded(mut record: Value) -> Result<Value, String> {
    if version_of(&record)?.major == 1 {
        from_version_1(&mut record);
    }
    // Metrics follow from the predictions: whoever reads a record that lacks one measures it.
    if let Some(test) = record.get_mut("test").filter(|test| Metrics::deserialize(&**test).is_err()) {
        *test = Value::Null;
    }
    Ok(record)
}

/// The version of a record that this build can read.
fn version_of(record: &Value) -> Result<FormatVersion, String> {
    let Some(version) = record.get("version").cloned() else { return Err("it has no `version`".into()) };
    let version = FormatVersion::try_from(version)?;
    if version.major > FORMAT.major || version.major < OLDEST {
        return Err(format!(
            "it is of version {version}, and this program reads {OLDEST}.x to {}.x; use a newer program",
            FORMAT.major
        ));
    }
    Ok(version)
}

/// Adds what was always so in version 1 and not written down: one form of clipping, exact bias corrections. What the frameworks do by default was
/// noted without these two; it stays unknown and is said so.
fn from_version_1(record: &mut Value) {
    record["version"] = json!(FORMAT);
    if let Some(model) = record.get_mut("model") {
        model_from_version_1(model);
    }
    if let Some(Value::Object(backends)) = record.get_mut("native_defaults") {
        for defaults in backends.values_mut() {
            let adam = defaults.get_mut("adam").and_then(|adam| adam.get_mut("value"));
            add(adam, "bias_correction", json!("float64"));
            let source = "not noted in this record's format, version 1";
            add(Some(defaults), "clip_form", json!({ "value": "gradient", "source": source }));
        }
    }
    let epochs = record.get_mut("epochs").and_then(Value::as_array_mut);
    for epoch in epochs.into_iter().flatten() {
        if let Value::Object(fields) = epoch
            && let Some(mean @ Value::Array(_)) = fields.remove("input_gradient_norms")
        {
            fields.insert("observation".into(), json!({ "input_gradients": { "mean": mean } }));
        }
    }
}

/// Adds what was always so in the models of version 1.
pub(crate) fn model_from_version_1(model: &mut Value) {
    add(model.get_mut("adam"), "bias_correction", json!("float64"));
    add(model.get_mut("clip"), "form", json!("gradient"));
}

fn add(parent: Option<&mut Value>, key: &str, value: Value) {
    if let Some(Value::Object(fields)) = parent {
        fields.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_an_integer_in_the_oldest_records_and_text_in_others() {
        let read = |text: &str| serde_json::from_str::<FormatVersion>(text).map(|version| version.to_string()).ok();
        assert_eq!(read("1").as_deref(), Some("1.0"));
        assert_eq!(read("\"2.13\"").as_deref(), Some("2.13"));
        assert_eq!(read("\"two\""), None);
        assert_eq!(serde_json::to_string(&FORMAT).unwrap(), "\"2.5\"");
    }

    #[test]
    fn a_record_of_a_later_major_version_is_refused_by_its_number() {
        let refused = upgraded(json!({ "version": "3.1" })).unwrap_err();
        assert!(refused.contains("version 3.1") && refused.contains("newer program"), "{refused}");
        assert!(upgraded(json!({ "version": "2.9", "new": 1 })).is_ok());
        assert!(upgraded(json!({})).is_err());
    }
}
