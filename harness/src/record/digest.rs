//! The digest that a record has of its own content.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The field of the digest.
pub(super) const DIGEST: &str = "sha256";

/// SHA-256, 64 hexadecimal digits, of what a record says: of its values, each with its kind, and not of how they are written. The field of the digest
/// itself is left out.
pub(super) fn content_digest(record: &Value) -> String {
    let mut digest = Sha256::new();
    match record {
        Value::Object(fields) => add_fields(&mut digest, fields, Some(DIGEST)),
        other => add(&mut digest, other),
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn add(digest: &mut Sha256, value: &Value) {
    match value {
        Value::Null => digest.update("n"),
        Value::Bool(value) => digest.update([b'b', u8::from(*value)]),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => digest.update([&b"u"[..], &number.to_le_bytes()].concat()),
            (None, Some(number), _) => digest.update([&b"i"[..], &number.to_le_bytes()].concat()),
            (None, None, number) => {
                digest.update([&b"f"[..], &number.unwrap_or(f64::NAN).to_bits().to_le_bytes()].concat());
            }
        },
        Value::String(text) => add_text(digest, b"s", text),
        Value::Array(items) => {
            digest.update([&b"a"[..], &items.len().to_le_bytes()].concat());
            items.iter().for_each(|item| add(digest, item));
        }
        Value::Object(fields) => add_fields(digest, fields, None),
    }
}

fn add_fields(digest: &mut Sha256, fields: &Map<String, Value>, without: Option<&str>) {
    let mut fields: Vec<_> = fields.iter().filter(|(name, _)| Some(name.as_str()) != without).collect();
    fields.sort_by_key(|(name, _)| *name);
    digest.update([&b"o"[..], &fields.len().to_le_bytes()].concat());
    for (name, value) in fields {
        add_text(digest, b"k", name);
        add(digest, value);
    }
}

fn add_text(digest: &mut Sha256, kind: &[u8], text: &str) {
    digest.update([kind, &text.len().to_le_bytes()].concat());
    digest.update(text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_digest_is_of_what_is_said_and_not_of_how() {
        let one: Value = serde_json::from_str(r#"{"a": 1e-7, "b": [1, -2, "x", null, true]}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":[1,-2,"x",null,true],"sha256":"?","a":0.0000001}"#).unwrap();
        assert_eq!(content_digest(&one), content_digest(&other));
    }

    #[test]
    fn whatever_is_changed_changes_it() {
        let values = [
            json!({"a": 1}),
            json!({"a": 1.0}),
            json!({"a": "1"}),
            json!({"a": -1}),
            json!({"a": null}),
            json!({"a": true}),
            json!({"b": 1}),
            json!({"a": [1]}),
            json!({"a": [[1]]}),
            json!({"a": {"": 1}}),
            json!({"a": ["x", "y"]}),
            json!({"a": ["xy"]}),
            json!({"a": {"sha256": 1}}),
            json!({}),
        ];
        let mut digests: Vec<_> = values.iter().map(content_digest).collect();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), values.len());
    }
}
