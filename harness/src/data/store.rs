//! Encoded splits on disk: made once, checked and used again.
//!
//! A folder `encoded/KEY` holds `train.parquet`, `validation.parquet`, `test.parquet` (columns `row_id`,
//! `label` and the list column `tokens`), `tokenizer.json`, `summary.json`, and `manifest.json` with the
//! SHA-256 of each of the others. It is written under another name and gets its own by one rename, so
//! a folder of that name is whole unless it was damaged later. Hashes are checked before anything is
//! parsed.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use tokenizers::Tokenizer;

use super::corpus::sha256;
use super::encoded;
use super::{DataError, DataSummary, EncodedData, EncodedSplit};

/// File with the tokenizer, in the folder that [`folder`] names.
pub(super) const TOKENIZER: &str = "tokenizer.json";
const SUMMARY: &str = "summary.json";
const MANIFEST: &str = "manifest.json";

/// The folder of the encoded splits with the given key.
pub(super) fn folder(data_dir: &Path, key: &str) -> PathBuf {
    data_dir.join("encoded").join(key)
}

/// Reads encoded splits, `None` when there are none.
///
/// # Errors
/// Fails when they are there and damaged, which [`DataError::is_damage`] says; they have to be made anew then. Else the disk refuses, which says nothing
/// about them.
pub(super) fn read(folder: &Path) -> Result<Option<EncodedData>, DataError> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        about => about.map_err(DataError::io("read", folder))?,
    };
    let manifest_path = folder.join(MANIFEST);
    let manifest = fs::read(&manifest_path).map_err(DataError::io("read", &manifest_path))?;
    let manifest: BTreeMap<String, String> =
        serde_json::from_slice(&manifest).map_err(DataError::damaged(&manifest_path))?;
    let read = |name: &str| {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(DataError::io("read", &path))?;
        let (expected, found) = (manifest.get(name).cloned().unwrap_or_default(), sha256(&bytes));
        if expected == found { Ok(bytes) } else { Err(DataError::WrongHash { file: path, expected, found }) }
    };
    let split = |name: &str| {
        let name = format!("{name}.parquet");
        from_parquet(read(&name)?).map_err(DataError::damaged(&folder.join(name)))
    };
    read(TOKENIZER)?;
    let summary: DataSummary =
        serde_json::from_slice(&read(SUMMARY)?).map_err(DataError::damaged(&folder.join(SUMMARY)))?;
    let data = EncodedData { train: split("train")?, validation: split("validation")?, test: split("test")?, summary };
    // Every file may be whole and yet not belong with the others.
    let found = encoded::hash([&data.train, &data.validation, &data.test], data.summary.vocabulary_size);
    if found != data.summary.hash {
        return Err(DataError::WrongHash { file: folder.to_path_buf(), expected: data.summary.hash, found });
    }
    Ok(Some(data))
}

/// Writes encoded splits, in place of damaged ones if there are any.
///
/// # Errors
/// Fails when something can't be written; nothing is left under the folder's name then.
pub(super) fn write(folder: &Path, data: &EncodedData, tokenizer: &Tokenizer) -> Result<(), DataError> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(DataError::io("create", parent))?;
    let mut builder = tempfile::Builder::new();
    // With the mode that the umask gives: data may be shared between users.
    let partial = builder.prefix(".partial-").permissions(Permissions::from_mode(0o777)).tempdir_in(parent);
    let partial = partial.map_err(DataError::io("create a folder in", parent))?;

    let refused = |name: &str, reason: String| DataError::Store { path: folder.join(name), reason };
    let mut files = Vec::new();
    for (name, split) in data.splits() {
        let name = format!("{name}.parquet");
        let bytes = to_parquet(split).map_err(|error| refused(&name, error.to_string()))?;
        files.push((name, bytes));
    }
    let text = tokenizer.to_string(true).map_err(|error| refused(TOKENIZER, error.to_string()))?;
    files.push((TOKENIZER.to_owned(), text.into_bytes()));
    let bytes = json(&data.summary).map_err(|error| refused(SUMMARY, error.to_string()))?;
    files.push((SUMMARY.to_owned(), bytes));
    let hashes: BTreeMap<&str, String> = files.iter().map(|(name, bytes)| (name.as_str(), sha256(bytes))).collect();
    let manifest = json(&hashes).map_err(|error| refused(MANIFEST, error.to_string()))?;
    files.push((MANIFEST.to_owned(), manifest));

    for (name, bytes) in &files {
        let path = partial.path().join(name);
        let mut file = File::create(&path).map_err(DataError::io("create", &path))?;
        file.write_all(bytes).map_err(DataError::io("write", &path))?;
        file.sync_all().map_err(DataError::io("write", &path))?;
    }
    // A folder can't be renamed onto one that isn't empty, so a damaged one steps aside, and goes with the temporary ones.
    let aside = tempfile::Builder::new().prefix(".partial-damaged-").tempdir_in(parent);
    let aside = aside.map_err(DataError::io("create a folder in", parent))?;
    match fs::rename(folder, aside.path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        renamed => renamed.map_err(DataError::io("rename", folder))?,
    }
    File::open(partial.path()).and_then(|own| own.sync_all()).map_err(DataError::io("write", partial.path()))?;
    fs::rename(partial.path(), folder).map_err(DataError::io("rename a folder to", folder))?;
    // It has another name now, and nothing is left to remove.
    let _ = partial.keep();
    File::open(parent).and_then(|own| own.sync_all()).map_err(DataError::io("write", parent))
}

/// Removes what an interrupted process left behind. The caller holds the lock.
///
/// # Errors
/// Fails when the folder can't be listed or something in it not removed.
pub(super) fn remove_partial(folder: &Path) -> Result<(), DataError> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(DataError::io("read", folder))?;
        let name = entry.file_name();
        let path = entry.path();
        if [".partial-", ".npm-", ".reviews-", ".aclImdb-"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(DataError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn to_parquet(split: &EncodedSplit) -> PolarsResult<Vec<u8>> {
    let mut tokens = ListPrimitiveChunkedBuilder::<Int32Type>::new(
        "tokens".into(),
        split.len(),
        split.tokens().len(),
        DataType::Int32,
    );
    for index in 0..split.len() {
        tokens.append_slice(split.review(index));
    }
    let labels: Vec<u32> = split.labels().iter().map(|label| u32::from(*label)).collect();
    let columns = vec![
        Column::new("row_id".into(), split.row_ids()),
        Column::new("label".into(), labels),
        tokens.finish().into_column(),
    ];
    let mut frame = DataFrame::new(split.len(), columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}

fn from_parquet(bytes: Vec<u8>) -> PolarsResult<EncodedSplit> {
    let frame = ParquetReader::new(Cursor::new(bytes)).finish()?;
    let row_ids = frame.column("row_id")?.u32()?;
    let labels = frame.column("label")?.u32()?;
    let tokens = frame.column("tokens")?.list()?;
    let mut reviews = Vec::with_capacity(frame.height());
    for ((row_id, label), review) in row_ids.iter().zip(labels.iter()).zip(tokens.amortized_iter()) {
        let (Some(row_id), Some(label), Some(review)) = (row_id, label, review) else {
            polars_bail!(ComputeError: "a row has a missing value");
        };
        let label = u8::try_from(label).map_err(|_| polars_err!(ComputeError: "label {label}"))?;
        let ids = review.as_ref().i32()?.rechunk().cont_slice()?.to_vec();
        reviews.push((row_id, label, ids));
    }
    Ok(EncodedSplit::from_reviews(reviews))
}
