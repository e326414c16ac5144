//! The yardstick of the conformance suite and the template for a new backend: the model of
//! [`harness_contract::ModelSpec`] in plain Rust and double precision, with its gradients written out by hand.
//!
//! It is written to be read. Each part is one file, its equations and their source beside the code:
//!
//! | file | what it holds |
//! |---|---|
//! | `cells/{rnn,lstm,gru}.rs` | one step of a cell, forward and backward |
//! | `direction.rs` | a cell run over time, with a real mask in the recurrence |
//! | `norm.rs`, `loss.rs`, `dropout.rs` | layer norm, binary cross-entropy, dropout masks |
//! | `network.rs` | embedding, stack, pooling and head put together, forward and backward |
//! | `precision.rs` | what is kept of a number; float64, but for the floor of float32 |
//! | `clipping.rs`, `adam.rs` | clipping; weight decay and Adam |
//! | `model.rs` | these behind the contract's two traits |
//!
//! Nothing here comes from a framework and nothing is shared with the other backends beyond the contract's
//! types: masking is done by carrying the state over padded steps, not by [`harness_contract::align`], so that the two can be held against each other. Weights are kept in
//! `f64`; what crosses the contract is rounded to `f32` once, on the way out.

mod adam;
mod cells;
mod clipping;
mod direction;
mod dropout;
mod loss;
mod matrix;
mod model;
mod network;
mod norm;
mod parameters;
mod precision;

pub use adam::Adam;
pub use clipping::clip;
pub use dropout::{DropoutMasks, keep};
pub use loss::{binary_cross_entropy, sigmoid};
pub use model::{ReferenceBackend, ReferenceModel};
pub use network::{Gradients, Inputs, Pass, backward, backward_in, forward, forward_in};
pub use norm::NORM_EPSILON;
pub use parameters::{DirectionParameters, LayerParameters, NormParameters, Parameters};
pub use precision::Precision;

/// The reference backend, ready to build models.
#[must_use]
pub fn new() -> ReferenceBackend {
    ReferenceBackend::default()
}

/// The same model that keeps in float32 whatever a step hands on. How far it parts from [`new`] is how far float32 alone takes a backend.
#[must_use]
pub fn in_float32() -> ReferenceBackend {
    ReferenceBackend { precision: Precision::Float32 }
}
