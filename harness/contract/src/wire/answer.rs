//! What a reply's frame says, on the harness' side.

use std::time::Duration;

use super::frame::Frame;
use super::message::{Reply, ReplyFrame};

/// A reply as it was understood.
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
    let ReplyFrame { compute_ns, reply } = serde_json::from_slice(&header)?;
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
