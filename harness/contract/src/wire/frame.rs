//! Frames: `u32` header length, `u32` payload length, `u32` number of the request (all little-endian), header, payload.

use std::io::{self, Read, Write};

use crate::bounds::MAX_PARAMETERS;

/// Bytes of a frame's prefix.
pub const PREFIX_BYTES: usize = 12;

/// The largest header, in bytes.
pub const MAX_HEADER_BYTES: u32 = 1 << 20;

/// The largest payload of all, in bytes: the state of the largest model in float64. A reply's own limit follows from its request.
pub const MAX_PAYLOAD_BYTES: u64 = 3 * 8 * MAX_PARAMETERS;

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
    /// A reply to another request than the one that was asked, which a duplicated reply looks like.
    #[error("a reply is numbered {found}, the request was {expected}")]
    Number {
        /// The number that was sent.
        expected: u32,
        /// The number that came back.
        found: u32,
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

/// Reads a request and its number; `None` if the stream ends before its first byte.
///
/// # Errors
/// A stream that fails or ends inside the frame, or a length over its cap, which is refused before anything is allocated.
pub fn read_request(stream: &mut impl Read) -> Result<Option<(u32, Frame)>, FrameError> {
    let Some(prefix) = read_prefix(stream)? else { return Ok(None) };
    check_payload(prefix.payload, MAX_PAYLOAD_BYTES)?;
    Ok(Some((prefix.number, read_body(stream, &prefix)?)))
}

/// Reads the reply to the request of this number, whose payload may have so many bytes at most; `None` if the stream ends before its first
/// byte.
///
/// # Errors
/// As [`read_request`]; and another number, or a payload that is too long for such a reply, both of which are refused before it is read.
pub fn read_reply(stream: &mut impl Read, number: u32, largest_payload: u64) -> Result<Option<Frame>, FrameError> {
    let Some(prefix) = read_prefix(stream)? else { return Ok(None) };
    if prefix.number != number {
        return Err(FrameError::Number { expected: number, found: prefix.number });
    }
    check_payload(prefix.payload, largest_payload.min(MAX_PAYLOAD_BYTES))?;
    read_body(stream, &prefix).map(Some)
}

/// Writes one frame and flushes.
///
/// # Errors
/// A length over its cap, with nothing written, or a stream that fails.
pub fn write_frame(stream: &mut impl Write, number: u32, header: &[u8], payload: &[u8]) -> Result<(), FrameError> {
    check_header(header.len() as u64)?;
    check_payload(payload.len() as u64, MAX_PAYLOAD_BYTES)?;
    let mut start = Vec::with_capacity(PREFIX_BYTES + header.len());
    #[expect(clippy::cast_possible_truncation, reason = "both lengths are below their caps")]
    for word in [header.len() as u32, payload.len() as u32, number] {
        start.extend_from_slice(&word.to_le_bytes());
    }
    start.extend_from_slice(header);
    stream.write_all(&start)?;
    stream.write_all(payload)?;
    stream.flush()?;
    Ok(())
}

struct Prefix {
    header: u64,
    payload: u64,
    number: u32,
}

/// Reads a prefix, whose header's length is within its cap.
fn read_prefix(stream: &mut impl Read) -> Result<Option<Prefix>, FrameError> {
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
    let [h0, h1, h2, h3, p0, p1, p2, p3, number @ ..] = prefix;
    let header = u32::from_le_bytes([h0, h1, h2, h3]).into();
    let payload = u32::from_le_bytes([p0, p1, p2, p3]).into();
    check_header(header)?;
    Ok(Some(Prefix { header, payload, number: u32::from_le_bytes(number) }))
}

fn read_body(stream: &mut impl Read, prefix: &Prefix) -> Result<Frame, FrameError> {
    let header = read_exactly(stream, prefix.header)?;
    let payload = read_exactly(stream, prefix.payload)?;
    Ok(Frame { header, payload })
}

fn check_header(bytes: u64) -> Result<(), FrameError> {
    let cap = MAX_HEADER_BYTES.into();
    if bytes > cap { Err(FrameError::TooLarge { part: "header", bytes, cap }) } else { Ok(()) }
}

fn check_payload(bytes: u64, cap: u64) -> Result<(), FrameError> {
    if bytes > cap { Err(FrameError::TooLarge { part: "payload", bytes, cap }) } else { Ok(()) }
}

/// Memory grows with what arrives, not with what is announced.
fn read_exactly(stream: &mut impl Read, length: u64) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::new();
    let capacity = length.min(1 << 26);
    bytes.reserve_exact(usize::try_from(capacity).unwrap_or(0));
    let read = stream.take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(bytes) } else { Err(FrameError::Truncated) }
}
