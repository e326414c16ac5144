//! An array of objects, each with a text and a label in fields of known names.

use std::cell::Cell;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::{Corpus, Pinned, class_of, given};
use crate::data::DataError;
use crate::data::error::Place;

/// Reads the reviews out of the file's bytes.
pub(super) fn read(path: &Path, file: Pinned, [text, label]: [&str; 2]) -> Result<Corpus, DataError> {
    let row = Cell::new(0);
    let mut parser = serde_json::Deserializer::from_slice(&file.bytes);
    let parsed = Entries { row: &row }.deserialize(&mut parser).and_then(|entries| {
        parser.end()?;
        Ok(entries)
    });
    let place = |row: usize| Place { file: path.to_path_buf(), row: Some(row) };
    let entries = parsed.map_err(|error| {
        // The parser checks the encoding of each text as it meets it, so the row it stopped at is
        // the row of the first bad byte, unless it stopped at a fault of the syntax before.
        match std::str::from_utf8(&file.bytes) {
            Err(bad) if error_offset(&file.bytes, &error) >= bad.valid_up_to() => {
                DataError::InvalidUtf8 { place: place(row.get()) }
            }
            _ => DataError::Damaged {
                file: path.to_path_buf(),
                reason: format!("row {} (counted from 0): {error}", row.get()),
            },
        }
    })?;

    let mut texts = Vec::with_capacity(entries.len());
    let mut labels = Vec::with_capacity(entries.len());
    for (row, entry) in entries.into_iter().enumerate() {
        let missing = |column: &str| DataError::MissingColumn {
            place: place(row),
            column: column.to_owned(),
            there: entry.keys().cloned().collect(),
        };
        let field = |name: &str| entry.get(name).filter(|found| !found.is_null()).ok_or_else(|| missing(name));
        let found = field(label)?;
        let class = match found {
            Value::String(word) => class_of(word),
            Value::Number(number) => class_of(&number.to_string()),
            _ => None,
        };
        labels.push(class.ok_or_else(|| DataError::Label { place: place(row), found: found.to_string() })?);
        let found = field(text)?;
        texts.push(found.as_str().map(str::to_owned).ok_or_else(|| DataError::Damaged {
            file: path.to_path_buf(),
            reason: format!("row {row} (counted from 0): `{text}` is no text"),
        })?);
    }
    Ok(Corpus { texts, labels, file: path.to_path_buf(), name: given(path), file_hash: Some(file.hash), members: None })
}

/// Position in bytes of the line and column that the parser reports.
fn error_offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    before + error.column()
}

/// One review.
type Entry = serde_json::Map<String, Value>;

/// Reads the array and leaves behind which element it was at.
struct Entries<'a> {
    row: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = array.next_element()? {
            entries.push(entry);
            self.row.set(entries.len());
        }
        Ok(entries)
    }
}
