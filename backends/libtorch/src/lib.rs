//! The libtorch backend of the comparison harness: models computed by ATen through the crate `tch`, on the processor
//! or on CUDA.

mod adam;
mod clipping;
mod defaults;
mod dropout;
mod embedding;
mod fused;
mod host;
mod input;
mod memory;
mod model;
mod network;
mod norm;
mod parameters;
mod share;
mod stock;
#[cfg(test)]
mod tests;

use std::sync::Once;

use harness_contract::{
    Backend, BackendError, BackendInfo, BiasCorrection, BiasVectors, Capabilities, CellKind, ClipForm, Device,
    DeviceKind, Element, EpsilonPlacement, Exclusion, GruForm, Kernel, LibraryVersion, Model, ModelSpec, ModelState,
    RepeatedWords, WeightDecayForm, WeightMap, portable_here,
};
use tch::{Cuda, Kind};

use crate::model::{LibtorchModel, failure};

/// libtorch, ready to build models.
#[derive(Debug)]
pub struct Libtorch {
    info: BackendInfo,
}

/// Loads libtorch and looks for devices.
///
/// # Errors
/// None so far: libtorch is linked, so a process that runs has it.
pub fn new() -> Result<Libtorch, BackendError> {
    // The pool for independent operations can be sized once a process, before it is used. No operation that the
    // models call uses it; one thread says so.
    static INDEPENDENT_OPERATIONS: Once = Once::new();
    INDEPENDENT_OPERATIONS.call_once(|| {
        if tch::get_num_interop_threads() != 1 {
            tch::set_num_interop_threads(1);
        }
    });
    memory::keep();
    let libraries = [("backend-libtorch", env!("CARGO_PKG_VERSION")), ("libtorch", libtorch_version())]
        .map(|(name, version)| LibraryVersion { name: name.into(), version: version.into() });
    Ok(Libtorch {
        info: BackendInfo {
            name: "libtorch".into(),
            numerics: 2,
            portable: portable_here(&[Kernel::Fused]),
            libraries: libraries.into(),
            capabilities: capabilities(),
            native_defaults: Some(defaults::native_defaults()),
        },
    })
}

impl Backend for Libtorch {
    fn describe(&self) -> BackendInfo {
        self.info.clone()
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        let model =
            LibtorchModel::new(spec, initial, Kind::Float).map_err(|error| failure("build the model", &error))?;
        Ok(Box::new(model))
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(LibtorchModel::at(spec, state)?))
    }
}

fn capabilities() -> Capabilities {
    let cards = if Cuda::is_available() { usize::try_from(Cuda::device_count()).unwrap_or(0) } else { 0 };
    Capabilities {
        cells: CellKind::ALL.into(),
        kernels: vec![Kernel::Fused, Kernel::Stock],
        bias_vectors: vec![BiasVectors::Two, BiasVectors::One],
        gru_forms: vec![GruForm::ResetAfter],
        epsilon_placements: vec![EpsilonPlacement::AfterCorrection, EpsilonPlacement::Hat],
        repeated_words: vec![RepeatedWords::SumThenSquare, RepeatedWords::SquareThenSum],
        bias_corrections: vec![BiasCorrection::Float64, BiasCorrection::Float32],
        clip_forms: ClipForm::ALL.to_vec(),
        weight_decay_forms: vec![WeightDecayForm::Coupled, WeightDecayForm::Decoupled],
        masking: true,
        dropout: true,
        input_gradient_norms: true,
        label_smoothing: true,
        update_norm: true,
        state: Some(Element::Float32),
        devices: std::iter::once(Device::Cpu).chain((0..cards).map(Device::Cuda)).collect(),
        // The hand-written pass computes on the processor's memory.
        exclusions: vec![Exclusion {
            kernel: Some(Kernel::Fused),
            device: Some(DeviceKind::Cuda),
            ..Exclusion::default()
        }],
        ..Capabilities::default()
    }
}

/// The version of the libtorch that this was compiled and linked with, as its own folder states it.
fn libtorch_version() -> &'static str {
    include_str!(concat!(env!("LIBTORCH"), "/build-version")).trim()
}
