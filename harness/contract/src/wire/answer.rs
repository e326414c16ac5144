//! What a reply's frame says, on the harness' side.

use std::time::Duration;

use harness_text::{beginning, plain};
use serde_json::Value;

use super::frame::Frame;
use super::message::{Reply, ReplyFrame};

/// Bytes of a text in a reply that are kept.
const LONGEST_TEXT: usize = 2000;

/// A reply as it was understood. Texts in it are such that a terminal only shows them.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// Its payload; empty where none belongs.
    pub payload: Vec<u8>,
    /// The worker's own account of its time; at most what it was waited for.
    pub compute: Duration,
}

/// A reply that breaks the wire format.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Its header is none.
    #[error("its header can't be understood: {0}")]
    Header(#[from] serde_json::Error),
    /// A payload too many.
    #[error("{reply} came with a payload of {bytes} bytes, where none belongs")]
    Payload {
        /// The reply in words.
        reply: String,
        /// Bytes of the payload.
        bytes: usize,
    },
    /// More time than there was.
    #[error("it says that it computed for {compute:?}, and was waited for {waited:?}")]
    Time {
        /// What it says.
        compute: Duration,
        /// How long it was waited for.
        waited: Duration,
    },
}

/// Reads a reply that took `waited` to come.
///
/// # Errors
/// A header that is no reply's, a payload where none belongs, or more time of computing than has passed.
pub fn understand(frame: Frame, waited: Duration) -> Result<Answer, AnswerError> {
    let Frame { header, payload } = frame;
    let ReplyFrame { compute_ns, reply } = read_header(&header)?;
    if !reply.carries_payload() && !payload.is_empty() {
        return Err(AnswerError::Payload { reply: reply.to_string(), bytes: payload.len() });
    }
    // Two clocks of one machine may run apart by half a per mille.
    let compute = Duration::from_nanos(compute_ns);
    if compute > waited + waited / 1000 + Duration::from_millis(1) {
        return Err(AnswerError::Time { compute, waited });
    }
    Ok(Answer { reply, payload, compute })
}

/// A reply's header, with every text in it made plain.
fn read_header(header: &[u8]) -> serde_json::Result<ReplyFrame> {
    // Without escapes and characters beyond ASCII, JSON has no text that needs it. No reply to a step has them.
    if header.len() <= LONGEST_TEXT && header.is_ascii() && !header.contains(&b'\\') {
        return serde_json::from_slice(header);
    }
    // First as it is, so that a key that comes twice is refused as ever.
    let _: ReplyFrame = serde_json::from_slice(header)?;
    let mut value: Value = serde_json::from_slice(header)?;
    make_plain(&mut value);
    serde_json::from_value(value)
}

fn make_plain(value: &mut Value) {
    match value {
        Value::String(text) => *text = beginning(&plain(text), LONGEST_TEXT).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(make_plain),
        Value::Object(entries) => entries.values_mut().for_each(make_plain),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_reply_are_made_plain() {
        let header =
            br#"{"compute_ns":1,"reply":{"kind":"error","error":"framework","message":"no \u001b[31m\u202e"}}"#;
        match read_header(header).unwrap().reply {
            Reply::Error { message, .. } => assert_eq!(message, "no \\u{1b}[31m\\u{202e}"),
            other => panic!("{other}"),
        }
        let twice = br#"{"compute_ns":1,"compute_ns":2,"reply":{"kind":"error","error":"framework","message":"\\"}}"#;
        assert!(read_header(twice).is_err());
    }

    #[test]
    fn a_long_text_is_cut() {
        let message = "x".repeat(1 << 20);
        let header =
            format!(r#"{{"compute_ns":1,"reply":{{"kind":"error","error":"framework","message":"{message}"}}}}"#);
        match read_header(header.as_bytes()).unwrap().reply {
            Reply::Error { message, .. } => assert_eq!(message.len(), LONGEST_TEXT + 4),
            other => panic!("{other}"),
        }
    }
}
