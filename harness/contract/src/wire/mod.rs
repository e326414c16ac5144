//! The wire format between the harness and a backend's process; `backends/README.md` describes it for other languages.
//!
//! A conversation is a sequence of requests, each answered by one reply, over the worker's stdin and stdout. Each is a
//! frame: a prefix with two lengths, a JSON header, a raw little-endian payload. The first request is `hello` and
//! carries [`PROTOCOL_VERSION`].

mod frame;
mod message;
mod payload;

pub use frame::{Frame, FrameError, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, PREFIX_BYTES, read_frame, write_frame};
pub use message::{BatchHeader, Reply, ReplyFrame, Request, TensorHeader};
pub use payload::{
    BatchPayload, PayloadError, batch_payload, floats_from_bytes, floats_to_bytes, read_batch, read_weights,
    weights_payload,
};

/// The version of the wire format. It moves with every change to what is written here.
pub const PROTOCOL_VERSION: u32 = 2;
