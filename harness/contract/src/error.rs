//! The one error type that crosses the contract, in process and over the pipe.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::batch::BatchError;
use crate::capabilities::Unsupported;
use crate::spec::SpecError;
use crate::state::StateError;
use crate::weights::WeightError;

/// What sort of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The spec makes no sense.
    Spec,
    /// The weights don't fit the spec.
    Weights,
    /// The state doesn't fit the spec.
    State,
    /// The batch makes no sense or doesn't fit the model.
    Batch,
    /// This backend can't do what the spec asks for.
    Unsupported,
    /// A request that can't be understood, or that comes before a model was built.
    Request,
    /// The framework failed.
    Framework,
    /// The backend's process died, fell silent or broke the wire format. Only the harness says this.
    Connection,
}

impl fmt::Display for ErrorKind {
    /// The word of the wire format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Spec => "spec",
            Self::Weights => "weights",
            Self::State => "state",
            Self::Batch => "batch",
            Self::Unsupported => "unsupported",
            Self::Request => "request",
            Self::Framework => "framework",
            Self::Connection => "connection",
        })
    }
}

/// A request that a backend did not carry out. The backend stays usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BackendError {
    /// What sort of thing went wrong.
    pub kind: ErrorKind,
    /// A lowercase fragment that completes "failed to ...: ".
    pub message: String,
}

impl BackendError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An ability that this backend lacks, by its name among the capabilities, e.g. `state`.
    pub fn unable(ability: &str) -> Self {
        Self::new(ErrorKind::Unsupported, format!("{ability} is not supported by this backend"))
    }

    /// A failure of the framework while doing something, e.g. `assign weights`.
    pub fn framework(doing: &str, reason: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Framework, format!("could not {doing}: {reason}"))
    }
}

impl From<SpecError> for BackendError {
    fn from(error: SpecError) -> Self {
        Self::new(ErrorKind::Spec, error.to_string())
    }
}

impl From<WeightError> for BackendError {
    fn from(error: WeightError) -> Self {
        Self::new(ErrorKind::Weights, error.to_string())
    }
}

impl From<StateError> for BackendError {
    fn from(error: StateError) -> Self {
        Self::new(ErrorKind::State, error.to_string())
    }
}

impl From<BatchError> for BackendError {
    fn from(error: BatchError) -> Self {
        Self::new(ErrorKind::Batch, error.to_string())
    }
}

impl From<Unsupported> for BackendError {
    fn from(error: Unsupported) -> Self {
        Self::new(ErrorKind::Unsupported, error.to_string())
    }
}
