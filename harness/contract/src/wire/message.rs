//! The JSON headers of requests and replies.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::BackendInfo;
use crate::batch::Side;
use crate::error::{BackendError, ErrorKind};
use crate::spec::ModelSpec;
use crate::state::Element;

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
        /// Whether the reply has the norm of the update as well.
        #[serde(default)]
        update_norm: bool,
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
    /// All that the steps to come depend on. No payload. Answered by [`Reply::State`].
    State {},
    /// Builds a model, in the place of the one before, that goes on from a state. Payload: the tensors' elements, one after the other in the
    /// order of `state.tensors`. Answered by [`Reply::Done`].
    Resume {
        /// The specification.
        spec: Box<ModelSpec>,
        /// The state, but for the tensors' elements.
        state: StateHeader,
    },
}

impl Request {
    /// Reads a header: one JSON object, in which objects, lists, words and numbers stand where they are written. Deserialising alone would take a list of
    /// values for an object, and an object for a word.
    ///
    /// # Errors
    /// A header that is no request.
    pub fn read(header: &[u8]) -> serde_json::Result<Self> {
        // First as it is, so that a key that comes twice is refused.
        let request = serde_json::from_slice(header)?;
        if let Some(place) = otherwise_written(&serde_json::from_slice(header)?, &serde_json::to_value(&request)?) {
            return Err(serde_json::Error::custom(format!("{place} is a value of another type")));
        }
        Ok(request)
    }

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
            Self::State {} => "state",
            Self::Resume { .. } => "resume",
        }
    }
}

/// Where a value that was read is not written as it would be: its outermost key, or the header itself.
fn otherwise_written(given: &Value, canonical: &Value) -> Option<String> {
    match (given, canonical) {
        (Value::Object(given), Value::Object(canonical)) => given.iter().find_map(|(key, value)| {
            let differs = canonical.get(key).is_none_or(|canonical| otherwise_written(value, canonical).is_some());
            differs.then(|| format!("`{key}`"))
        }),
        (Value::Array(given), Value::Array(canonical)) => {
            given.iter().zip(canonical).find_map(|(given, canonical)| otherwise_written(given, canonical))
        }
        _ if std::mem::discriminant(given) == std::mem::discriminant(canonical) => None,
        _ => Some("the header".into()),
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

/// A state without its tensors' elements, which are in the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateHeader {
    /// Steps that the optimiser has taken.
    pub steps: u64,
    /// Where each random stream stands.
    pub streams: Vec<StreamHeader>,
    /// What the elements are.
    pub element: Element,
    /// Whole names (see [`crate::StatePart::name_of`]) and shapes.
    pub tensors: Vec<TensorHeader>,
}

/// Where a random stream stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamHeader {
    /// The backend's name for it.
    pub name: String,
    /// Words that the backend understands.
    pub position: Vec<u64>,
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
#[serde(deny_unknown_fields)]
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
    /// To [`Request::TrainBatch`]. Payload: loss, gradient norm, and where it was asked for the norm of the update: float64, so that NaN and
    /// infinity arrive as they are.
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
    /// To [`Request::State`]. Payload: the tensors' elements in the order of `state.tensors`.
    State {
        /// The state, but for the tensors' elements.
        state: StateHeader,
    },
    /// The request was not carried out; the backend stays usable. No payload.
    Error {
        /// What sort of thing went wrong.
        error: ErrorKind,
        /// A lowercase fragment that completes "failed to ...: ".
        message: String,
    },
}

impl Reply {
    /// Whether a payload belongs to it.
    #[must_use]
    pub const fn carries_payload(&self) -> bool {
        match self {
            Self::Hello { .. } | Self::Done | Self::Error { .. } => false,
            Self::Step { .. } | Self::Logits | Self::Weights { .. } | Self::GradientNorms | Self::State { .. } => true,
        }
    }
}

impl fmt::Display for Reply {
    /// The reply's kind as the header writes it, and of an error what it says: `logits`; `error` (`batch`: the batch is empty).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Hello { .. } => "hello",
            Self::Done => "done",
            Self::Step { .. } => "step",
            Self::Logits => "logits",
            Self::Weights { .. } => "weights",
            Self::GradientNorms => "gradient-norms",
            Self::State { .. } => "state",
            Self::Error { error, message } => return write!(f, "`error` (`{error}`: {message})"),
        };
        write!(f, "`{kind}`")
    }
}

impl From<BackendError> for Reply {
    fn from(error: BackendError) -> Self {
        Self::Error { error: error.kind, message: error.message }
    }
}
