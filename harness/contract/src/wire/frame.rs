//! Frames: `u32` header length, `u64` payload length (both little-endian), header, payload.

use std::io::{self, Read, Write};

/// Bytes of a frame's prefix.
pub const PREFIX_BYTES: usize = 12;

/// The largest header, in bytes.
pub const MAX_HEADER_BYTES: u32 = 1 << 20;

/// The largest payload, in bytes: a gibibyte holds an embedding of two million words by 128.
pub const MAX_PAYLOAD_BYTES: u64 = 1 << 30;

/// A header (JSON, UTF-8) and a payload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The payload's bytes.
    pub payload: Vec<u8>,
}

/// A frame that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame")]
    Truncated,
    /// A length over the cap.
    #[error("a frame announces a {part} of {bytes} bytes, over the cap of {cap}{}", text_hint(part, *bytes))]
    TooLarge {
        /// `header` or `payload`.
        part: &'static str,
        /// The length announced.
        bytes: u64,
        /// The cap.
        cap: u64,
    },
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
}

/// What a header's length says of where it came from: four readable characters are no length but the beginning of a text.
fn text_hint(part: &str, bytes: u64) -> String {
    let first = u32::try_from(bytes).unwrap_or(0).to_le_bytes();
    let readable = |byte: &u8| byte.is_ascii_graphic() || b" \t\r\n".contains(byte);
    if part == "header" && first.iter().all(readable) {
        let text: String = first.iter().map(|&byte| char::from(byte)).collect();
        format!("; it begins with `{}`: did something print to stdout?", text.escape_debug())
    } else {
        String::new()
    }
}

/// Reads one frame; `None` if the stream ends before its first byte.
///
/// # Errors
/// A stream that fails or ends inside the frame, or a length over its cap, which is refused before anything is allocated.
pub fn read_frame(stream: &mut impl Read) -> Result<Option<Frame>, FrameError> {
    let mut prefix = [0; PREFIX_BYTES];
    let mut filled = 0;
    while filled < PREFIX_BYTES {
        match stream.read(&mut prefix[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(FrameError::Truncated),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let [h0, h1, h2, h3, payload_length @ ..] = prefix;
    let header_length = u32::from_le_bytes([h0, h1, h2, h3]);
    let payload_length = u64::from_le_bytes(payload_length);
    check_lengths(u64::from(header_length), payload_length)?;
    let header = read_exactly(stream, u64::from(header_length))?;
    let payload = read_exactly(stream, payload_length)?;
    Ok(Some(Frame { header, payload }))
}

/// Writes one frame and flushes.
///
/// # Errors
/// A length over its cap, with nothing written, or a stream that fails.
pub fn write_frame(stream: &mut impl Write, header: &[u8], payload: &[u8]) -> Result<(), FrameError> {
    check_lengths(header.len() as u64, payload.len() as u64)?;
    let mut start = Vec::with_capacity(PREFIX_BYTES + header.len());
    #[expect(clippy::cast_possible_truncation, reason = "the length is below MAX_HEADER_BYTES")]
    start.extend_from_slice(&(header.len() as u32).to_le_bytes());
    start.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    start.extend_from_slice(header);
    stream.write_all(&start)?;
    stream.write_all(payload)?;
    stream.flush()?;
    Ok(())
}

fn check_lengths(header: u64, payload: u64) -> Result<(), FrameError> {
    let cap = u64::from(MAX_HEADER_BYTES);
    if header > cap {
        return Err(FrameError::TooLarge { part: "header", bytes: header, cap });
    }
    if payload > MAX_PAYLOAD_BYTES {
        return Err(FrameError::TooLarge { part: "payload", bytes: payload, cap: MAX_PAYLOAD_BYTES });
    }
    Ok(())
}

/// Memory grows with what arrives, not with what is announced.
fn read_exactly(stream: &mut impl Read, length: u64) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::new();
    let capacity = length.min(1 << 26);
    bytes.reserve_exact(usize::try_from(capacity).unwrap_or(0));
    let read = stream.take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(bytes) } else { Err(FrameError::Truncated) }
}
