//! A table with a header and commas between columns, of which two have known names.

use std::path::Path;

use ::csv::{ByteRecord, ReaderBuilder};

use super::{Corpus, Pinned, class_of, given};
use crate::data::DataError;
use crate::data::error::Place;

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the reviews out of the file's bytes. Columns may stand in any order among others.
pub(super) fn read(path: &Path, file: Pinned, [text, label]: [&str; 2]) -> Result<Corpus, DataError> {
    if let Some(what) = what_else(&file.bytes) {
        let reason = format!("it is {what}, where a table in UTF-8 with commas between columns is expected");
        return Err(DataError::Damaged { file: path.to_path_buf(), reason });
    }
    let mut reader = ReaderBuilder::new().from_reader(file.bytes.as_slice());
    let header = reader.byte_headers().map_err(DataError::damaged(path))?.clone();
    // A byte order mark, which spreadsheet programs write, belongs to no column name.
    let names: Vec<_> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name.strip_prefix(MARK).unwrap_or(name)).into_owned())
        .collect();
    let column = |name: &str| {
        let mut places = names.iter().enumerate().filter(|(_, own)| *own == name).map(|(place, _)| place);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => {
                Err(DataError::Damaged { file: path.to_path_buf(), reason: format!("it has two columns `{name}`") })
            }
            (None, _) => Err(DataError::MissingColumn {
                place: Place { file: path.to_path_buf(), row: None },
                column: name.to_owned(),
                there: names.clone(),
            }),
        }
    };
    let (review, sentiment) = (column(text)?, column(label)?);

    let (mut texts, mut labels) = (Vec::new(), Vec::new());
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(DataError::damaged(path))? {
        let place = || Place { file: path.to_path_buf(), row: Some(texts.len()) };
        let field = |index: usize| {
            let bytes = record.get(index).unwrap_or_default();
            std::str::from_utf8(bytes).map_err(|_| DataError::InvalidUtf8 { place: place() })
        };
        let word = field(sentiment)?;
        let label = class_of(word).ok_or_else(|| DataError::Label { place: place(), found: format!("{word:?}") })?;
        let text = field(review)?.to_owned();
        labels.push(label);
        texts.push(text);
    }
    Ok(Corpus { texts, labels, file: path.to_path_buf(), name: given(path), file_hash: Some(file.hash), members: None })
}

/// What a file is that is none of the tables it is taken for, by its first bytes.
fn what_else(bytes: &[u8]) -> Option<&'static str> {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let has = |byte: u8| first.contains(&byte);
    let start = bytes.strip_prefix(MARK).unwrap_or(bytes).trim_ascii_start();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        Some("in UTF-16")
    } else if start.starts_with(b"version https://git-lfs") {
        Some("the pointer of a Git LFS file, not the file")
    } else if start.starts_with(b"<") {
        Some("a page in HTML or XML")
    } else if has(b';') && !has(b',') {
        Some("a table with semicolons between columns")
    } else if has(b'\t') && !has(b',') {
        Some("a table with tabs between columns")
    } else {
        None
    }
}
