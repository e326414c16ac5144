//! TensorBoard's event files: TFRecord frames around `Event` messages, as `tensorflow/core/util/event.proto`, `summary.proto` and the hyperparameter
//! plugin's `plugin_data.proto` have them.
//!
//! The crates for this bring a protobuf compiler's runtime and image libraries along; the few messages that are needed fit on this page.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A float tensor of one zero, which the plugin expects where it looks at metadata alone: type 1 (float), shape `[1]`, value 0.
const NO_TENSOR: [u8; 14] = [0x08, 1, 0x12, 4, 0x12, 2, 0x08, 1, 0x2a, 4, 0, 0, 0, 0];

/// A setting of a run, for the table of hyperparameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    Number(f64),
    Text(String),
    Switch(bool),
}

/// How many values lie below each limit and above the one before it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) sum: f64,
    pub(super) sum_of_squares: f64,
    /// Upper limits, ascending, each with its number of values.
    pub(super) buckets: Vec<(f64, f64)>,
}

/// An event file that is being written.
#[derive(Debug)]
pub(super) struct EventFile {
    file: BufWriter<File>,
}

impl EventFile {
    /// Begins a file; `wall` is a time in seconds since 1970-01-01 UTC, here and below.
    pub(super) fn create(path: &Path, wall: f64) -> io::Result<Self> {
        let mut own = Self { file: BufWriter::new(File::create(path)?) };
        own.event(wall, 0, &field_bytes(3, b"brain.Event:2"))?;
        Ok(own)
    }

    /// Numbers at a step, by tag.
    pub(super) fn scalars(&mut self, wall: f64, step: u64, values: &[(String, f64)]) -> io::Result<()> {
        let value = |(tag, number): &(String, f64)| {
            let number = rounded(*number).to_le_bytes();
            field_bytes(1, &[field_bytes(1, tag.as_bytes()), [&[0x15], number.as_slice()].concat()].concat())
        };
        let summary: Vec<u8> = values.iter().flat_map(value).collect();
        self.event(wall, step, &field_bytes(5, &summary))
    }

    /// A distribution at a step.
    pub(super) fn histogram(&mut self, wall: f64, step: u64, tag: &str, histogram: &Histogram) -> io::Result<()> {
        let doubles =
            |values: &mut dyn Iterator<Item = f64>| -> Vec<u8> { values.flat_map(f64::to_le_bytes).collect() };
        let count: f64 = histogram.buckets.iter().map(|(_, count)| count).sum();
        let message = [
            field_double(1, histogram.least),
            field_double(2, histogram.most),
            field_double(3, count),
            field_double(4, histogram.sum),
            field_double(5, histogram.sum_of_squares),
            field_bytes(6, &doubles(&mut histogram.buckets.iter().map(|(limit, _)| *limit))),
            field_bytes(7, &doubles(&mut histogram.buckets.iter().map(|(_, count)| *count))),
        ]
        .concat();
        let value = [field_bytes(1, tag.as_bytes()), field_bytes(5, &message)].concat();
        self.event(wall, step, &field_bytes(5, &field_bytes(1, &value)))
    }

    /// The settings of the run, which the plugin shows as hyperparameters; runs of one group are shown as repetitions of each other.
    pub(super) fn settings(&mut self, wall: f64, group: &str, settings: &[(String, Setting)]) -> io::Result<()> {
        let entry = |(name, setting): &(String, Setting)| {
            let value = match setting {
                Setting::Number(number) => field_double(2, *number),
                Setting::Text(text) => field_bytes(3, text.as_bytes()),
                Setting::Switch(on) => field_number(4, u64::from(*on)),
            };
            field_bytes(1, &[field_bytes(1, name.as_bytes()), field_bytes(2, &value)].concat())
        };
        let start: Vec<u8> = settings.iter().flat_map(entry).collect();
        let start = [start, field_bytes(4, group.as_bytes()), field_double(5, wall)].concat();
        self.plugin(wall, "_hparams_/session_start_info", &field_bytes(3, &start))
    }

    /// How the run ended, for the plugin.
    pub(super) fn end(&mut self, wall: f64, completed: bool) -> io::Result<()> {
        let end = [field_number(1, if completed { 1 } else { 2 }), field_double(2, wall)].concat();
        self.plugin(wall, "_hparams_/session_end_info", &field_bytes(4, &end))
    }

    /// Makes everything so far readable.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn plugin(&mut self, wall: f64, tag: &str, data: &[u8]) -> io::Result<()> {
        let plugin = field_bytes(1, &[field_bytes(1, b"hparams"), field_bytes(2, data)].concat());
        let value = [field_bytes(1, tag.as_bytes()), field_bytes(9, &plugin), field_bytes(8, &NO_TENSOR)].concat();
        self.event(wall, 0, &field_bytes(5, &field_bytes(1, &value)))
    }

    fn event(&mut self, wall: f64, step: u64, what: &[u8]) -> io::Result<()> {
        self.frame(&[&field_double(1, wall), &field_number(2, step), what].concat())
    }

    /// A TFRecord: length, its checksum, the bytes, their checksum.
    fn frame(&mut self, message: &[u8]) -> io::Result<()> {
        let length = (message.len() as u64).to_le_bytes();
        self.file.write_all(&length)?;
        self.file.write_all(&masked(&length).to_le_bytes())?;
        self.file.write_all(message)?;
        self.file.write_all(&masked(message).to_le_bytes())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "TensorBoard keeps float32")]
const fn rounded(number: f64) -> f32 {
    number as f32
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn field_number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

fn field_double(field: u64, number: f64) -> Vec<u8> {
    [varint(field << 3 | 1), number.to_le_bytes().to_vec()].concat()
}

fn field_bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// The checksum of a TFRecord: CRC-32C, rotated and moved so that a checksum of something that holds checksums is no worse.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bits reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut rest = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                rest = if rest & 1 == 1 { rest >> 1 ^ 0x82f6_3b78 } else { rest >> 1 };
                bit += 1;
            }
            table[byte] = rest;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc: u32, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // Appendix B.4.
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }

    #[test]
    fn numbers_are_written_in_groups_of_seven_bits() {
        assert_eq!(varint(0), [0]);
        assert_eq!(varint(300), [0xac, 2]);
        assert_eq!(varint(u64::MAX).len(), 10);
    }
}
