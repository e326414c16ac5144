//! The JSON headers of requests and replies.

use serde::{Deserialize, Serialize};

use crate::backend::BackendInfo;
use crate::batch::Side;
use crate::error::{BackendError, ErrorKind};
use crate::spec::ModelSpec;

/// A request's header. Its payload is stated with each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// The first request. No payload. Answered by [`Reply::Hello`].
    Hello {
        /// The harness' [`super::PROTOCOL_VERSION`].
        protocol: u32,
    },
    /// Builds a model in the place of the one before. Payload: the tensors' float32 elements, one after the other in the
    /// order of `tensors`. Answered by [`Reply::Done`].
    Build {
        /// The specification.
        spec: Box<ModelSpec>,
        /// Names and shapes of the initial weights.
        tensors: Vec<TensorHeader>,
    },
    /// One optimiser step. Payload: tokens (int32, `[batch, time]`), lengths (int32, `[batch]`), labels (uint8,
    /// `[batch]`). Answered by [`Reply::Step`].
    TrainBatch {
        /// The batch's shape.
        batch: BatchHeader,
        /// The learning rate of this step.
        learning_rate: f64,
    },
    /// Logits. Payload: tokens, lengths. Answered by [`Reply::Logits`].
    PredictBatch {
        /// The batch's shape.
        batch: BatchHeader,
    },
    /// All weights. No payload. Answered by [`Reply::Weights`]. The braces make an unknown key an error, which a unit variant would let pass.
    Weights {},
    /// Input gradient norms. Payload: tokens, lengths, labels. Answered by [`Reply::GradientNorms`].
    InputGradientNorms {
        /// The batch's shape.
        batch: BatchHeader,
    },
}

impl Request {
    /// The request's name as the header writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Build { .. } => "build",
            Self::TrainBatch { .. } => "train-batch",
            Self::PredictBatch { .. } => "predict-batch",
            Self::Weights {} => "weights",
            Self::InputGradientNorms { .. } => "input-gradient-norms",
        }
    }
}

/// A tensor's name and shape; its elements are in the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorHeader {
    /// The canonical name.
    pub name: String,
    /// The length of each axis.
    pub shape: Vec<usize>,
}

/// The shape of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchHeader {
    /// Rows.
    pub rows: usize,
    /// Steps of each row.
    pub time: usize,
    /// Where rows are padded.
    pub padding: Side,
}

/// A reply's header with the time it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyFrame {
    /// Nanoseconds the backend spent on the request itself, without reading and writing frames.
    pub compute_ns: u64,
    /// The reply.
    pub reply: Reply,
}

/// What is answered. The payload is stated with each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reply {
    /// To [`Request::Hello`]. No payload. A worker answers with its own version even where it differs, and then ends.
    Hello {
        /// The worker's [`super::PROTOCOL_VERSION`].
        protocol: u32,
        /// What the backend says of itself; absent where the versions differ.
        info: Option<Box<BackendInfo>>,
    },
    /// To [`Request::Build`]. No payload.
    Done,
    /// To [`Request::TrainBatch`]. Payload: loss and gradient norm, two float64, so that NaN and infinity arrive as they are.
    Step {
        /// Whether clipping scaled the gradient.
        clipped: bool,
    },
    /// To [`Request::PredictBatch`]. Payload: float32, `[batch]`.
    Logits,
    /// To [`Request::Weights`]. Payload: the tensors' float32 elements in the order of `tensors`.
    Weights {
        /// Names and shapes.
        tensors: Vec<TensorHeader>,
    },
    /// To [`Request::InputGradientNorms`]. Payload: float32, `[batch, time]`.
    GradientNorms,
    /// The request was not carried out; the backend stays usable. No payload.
    Error {
        /// What sort of thing went wrong.
        error: ErrorKind,
        /// A lowercase fragment that completes "failed to ...: ".
        message: String,
    },
}

impl From<BackendError> for Reply {
    fn from(error: BackendError) -> Self {
        Self::Error { error: error.kind, message: error.message }
    }
}
