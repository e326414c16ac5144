//! Encoded reviews as arrays that numpy reads.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::bench::BenchError;
use crate::data::{EncodedData, EncodedSplit};

/// Writes each split as `SPLIT-tokens.npy` (int32, one review after the other), `SPLIT-offsets.npy` (int64, `[reviews + 1]`) and
/// `SPLIT-labels.npy` (uint8), and the training reviews' positions in the corpus as `train-rows.npy`, into `folder`.
///
/// # Errors
/// If a file can't be written.
pub(crate) fn export(data: &EncodedData, folder: &Path) -> Result<(), BenchError> {
    fs::create_dir_all(folder).map_err(|source| BenchError::Io { path: folder.into(), source })?;
    for (name, split) in data.splits() {
        let file = |part: &str| folder.join(format!("{name}-{part}.npy"));
        write(&file("tokens"), "<i4", split.tokens(), |token| token.to_le_bytes())?;
        write(&file("offsets"), "<i8", &offsets(split), |offset| offset.to_le_bytes())?;
        write(&file("labels"), "|u1", split.labels(), |label| [label])?;
    }
    let rows: Vec<i64> = data.train.row_ids().iter().map(|&row| i64::from(row)).collect();
    write(&folder.join("train-rows.npy"), "<i8", &rows, |row| row.to_le_bytes())
}

/// Where each review begins, and the end of the last.
#[expect(clippy::cast_possible_wrap, reason = "a count of tokens in memory")]
fn offsets(split: &EncodedSplit) -> Vec<i64> {
    let mut end = 0;
    let ends = split.lengths().map(|length| {
        end += length as i64;
        end
    });
    std::iter::once(0).chain(ends).collect()
}

/// A one-dimensional array in numpy's format, version 1.0
/// (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).
fn write<T: Copy, const N: usize>(
    path: &Path,
    kind: &str,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), BenchError> {
    let io = |source| BenchError::Io { path: path.into(), source };
    let mut file = BufWriter::new(File::create(path).map_err(io)?);
    file.write_all(&header(kind, values.len())).map_err(io)?;
    for value in values {
        file.write_all(&bytes(*value)).map_err(io)?;
    }
    file.flush().map_err(io)
}

/// Magic, version, length of the dictionary, the dictionary; padded with spaces to a multiple of 64 bytes.
#[expect(clippy::cast_possible_truncation, reason = "far below 2^16")]
fn header(kind: &str, count: usize) -> Vec<u8> {
    const BEFORE: usize = 10;
    let dictionary = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({count},), }}");
    let padded = (BEFORE + dictionary.len() + 1).next_multiple_of(64) - BEFORE;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((padded as u16).to_le_bytes());
    header.extend(format!("{dictionary:<width$}\n", width = padded - 1).into_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_what_numpy_writes_itself() {
        // numpy.save of numpy.array([7, -1], dtype="int32"), numpy 2.4.6.
        let dictionary = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
        let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        expected.extend(format!("{dictionary:<117}\n").into_bytes());
        expected.extend([7, 0, 0, 0, 255, 255, 255, 255]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        write(&path, "<i4", &[7_i32, -1], |value| value.to_le_bytes()).unwrap();
        assert_eq!(fs::read(path).unwrap(), expected);
    }

    #[test]
    fn offsets_enclose_each_review() {
        let split = EncodedSplit::from_reviews([(4, 1, vec![2, 3]), (9, 0, vec![5])]);
        assert_eq!(offsets(&split), [0, 2, 3]);
    }
}
