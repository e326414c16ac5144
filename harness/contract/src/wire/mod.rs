//! The wire format between the harness and a backend's process; `backends/README.md` describes it for other languages.
//!
//! A conversation is a sequence of requests, each answered by one reply, over the worker's stdin and stdout. Each is a
//! frame: a prefix with two lengths and the request's number, a JSON header, a raw little-endian payload. The first request is `hello`, whose number is 0
//! and which carries [`PROTOCOL_VERSION`]; its frame is the same in every version, so that two versions can tell each other so.

mod answer;
mod frame;
mod message;
mod payload;
mod state;

pub use answer::{Answer, AnswerError, understand};
pub use frame::{
    Frame, FrameError, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, PREFIX_BYTES, read_reply, read_request, write_frame,
};
pub use message::{BatchHeader, Reply, ReplyFrame, Request, StateHeader, StreamHeader, TensorHeader};
pub use payload::{
    BatchPayload, PayloadError, batch_payload, check_empty, floats_from_bytes, floats_to_bytes, read_batch,
    read_report, read_weights, report_payload, weights_payload,
};
pub use state::{read_state, state_payload};

/// The version of the wire format. It moves with every change to what is written here.
pub const PROTOCOL_VERSION: u32 = 3;
