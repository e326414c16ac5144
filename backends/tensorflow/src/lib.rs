//! The TensorFlow backend of the comparison harness: models whose whole training step is a TensorFlow graph, built operation by
//! operation here and run through TensorFlow's C API, with no Python and no saved model.

mod adam;
mod cells;
mod clipping;
mod defaults;
mod dropout;
mod embedding;
mod fused;
#[cfg(test)]
mod gradient_check;
mod graph;
mod model;
mod network;
mod programs;
mod session;

use harness_contract::{
    Backend, BackendError, BackendInfo, BiasCorrection, BiasVectors, Capabilities, CellKind, ClipForm, Device, Element,
    EpsilonPlacement, GruForm, Kernel, LibraryVersion, Model, ModelSpec, ModelState, RepeatedWords, WeightDecayForm,
    WeightMap,
};

/// TensorFlow on the processor.
#[derive(Debug)]
pub struct TensorFlow {
    version: String,
}

/// TensorFlow, ready to build models.
///
/// # Errors
/// A library that doesn't say its version, which means that it is not TensorFlow.
pub fn new() -> Result<TensorFlow, BackendError> {
    session::prepare_process();
    let version =
        tensorflow::version().map_err(|error| BackendError::framework("ask TensorFlow for its version", error))?;
    Ok(TensorFlow { version })
}

impl Backend for TensorFlow {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "tensorflow".into(),
            numerics: 1,
            portable: Vec::new(),
            libraries: vec![
                LibraryVersion { name: "backend-tensorflow".into(), version: env!("CARGO_PKG_VERSION").into() },
                LibraryVersion { name: "libtensorflow".into(), version: self.version.clone() },
            ],
            capabilities: Capabilities {
                cells: CellKind::ALL.to_vec(),
                // TensorFlow's C API has no layers of its own, so there is nothing more original than the While graph.
                kernels: vec![Kernel::Fused, Kernel::Stock],
                bias_vectors: vec![BiasVectors::One, BiasVectors::Two],
                gru_forms: vec![GruForm::ResetAfter],
                epsilon_placements: vec![EpsilonPlacement::Hat, EpsilonPlacement::AfterCorrection],
                repeated_words: vec![RepeatedWords::SquareThenSum, RepeatedWords::SumThenSquare],
                bias_corrections: vec![BiasCorrection::Float32, BiasCorrection::Float64],
                clip_forms: vec![ClipForm::Occurrences, ClipForm::EachVariable, ClipForm::Gradient],
                weight_decay_forms: vec![WeightDecayForm::Decoupled, WeightDecayForm::Coupled],
                masking: true,
                dropout: true,
                input_gradient_norms: true,
                label_smoothing: true,
                update_norm: true,
                state: Some(Element::Float32),
                devices: vec![Device::Cpu],
                ..Capabilities::default()
            },
            native_defaults: Some(defaults::keras()),
        }
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(model::TensorFlowModel::new(spec, initial)?))
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(model::TensorFlowModel::at(spec, state)?))
    }
}
