//! The copy known as "IMDB Dataset.csv": columns `review` and `sentiment`.

use std::path::Path;

use ::csv::{ByteRecord, ReaderBuilder};

use super::{Corpus, Pinned, given};
use crate::data::DataError;
use crate::data::error::Place;

/// Reads the reviews out of the file's bytes. Columns may stand in any order among others.
pub(super) fn read(path: &Path, file: Pinned) -> Result<Corpus, DataError> {
    let mut reader = ReaderBuilder::new().from_reader(file.bytes.as_slice());
    let header = reader.byte_headers().map_err(DataError::damaged(path))?.clone();
    let column = |name: &'static str| {
        // A byte order mark, which spreadsheet programs write, belongs to no column name.
        let is_named = |field: &[u8]| field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field) == name.as_bytes();
        header.iter().position(is_named).ok_or_else(|| DataError::MissingColumn {
            place: Place { file: path.to_path_buf(), row: None },
            column: name,
        })
    };
    let (review, sentiment) = (column("review")?, column("sentiment")?);

    let (mut texts, mut labels) = (Vec::new(), Vec::new());
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(DataError::damaged(path))? {
        let place = || Place { file: path.to_path_buf(), row: Some(texts.len()) };
        let field = |index: usize| {
            let bytes = record.get(index).unwrap_or_default();
            std::str::from_utf8(bytes).map_err(|_| DataError::InvalidUtf8 { place: place() })
        };
        let label = match field(sentiment)? {
            "negative" | "0" => 0,
            "positive" | "1" => 1,
            other => {
                return Err(DataError::Label { place: place(), found: format!("{other:?}") });
            }
        };
        let text = field(review)?.to_owned();
        labels.push(label);
        texts.push(text);
    }
    Ok(Corpus { texts, labels, file: path.to_path_buf(), name: given(path), file_hash: Some(file.hash), members: None })
}
