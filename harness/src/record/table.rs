//! Reading Parquet files that may come from elsewhere.
//!
//! Damage is found before this by a file's hash. What is bounded here is a file that was made to hurt: its size, its rows and polars' panics. Not what polars
//! does with a forged run length inside a page: it asks for that much memory and aborts the program. So archives
//! are looked through in a process of their own first (`cli/check.rs`).

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::prelude::{DataFrame, ParquetReader, PolarsError, SerReader};

use super::store::{LARGEST, RecordError};

/// The most rows of a table. A few bytes can say that a value stands there any number of times.
const MOST_ROWS: usize = 1 << 26;

/// Reads a table of at most [`MOST_ROWS`] rows.
///
/// # Errors
/// If the file can't be read, is too large, or no Parquet that polars can read, whatever polars does about that.
pub(super) fn read_table(path: &Path) -> Result<DataFrame, RecordError> {
    let io = |source| RecordError::Io { path: path.into(), source };
    let table = |source: PolarsError| RecordError::Table { path: path.into(), source };
    let unreadable = |reason: &str| RecordError::Unreadable { path: path.into(), reason: reason.into() };
    let about = std::fs::metadata(path).map_err(io)?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(unreadable("no plain file, or too large"));
    }
    // Read here, for polars panics where the system fails under it.
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        return Err(unreadable("too large"));
    }
    // Polars panics on some damaged files, too.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        if reader.get_metadata().map_err(table)?.num_rows > MOST_ROWS {
            return Err(unreadable("it has too many rows"));
        }
        reader.finish().map_err(table)
    }));
    read.unwrap_or_else(|_| Err(unreadable("no Parquet file that can be read")))
}
