//! A model without its optimiser: logits and gradients, by either kernel.

use harness_contract::{Kernel, ModelSpec, ModelState, StatePart, WeightMap};
use tch::{Device, Kind, TchError, Tensor};

use crate::dropout::Masks;
use crate::fused::Fused;
use crate::input::Input;
use crate::parameters::{CoreViews, Layout, Parameters};
use crate::stock;

/// The gradient of the mean loss of a batch.
pub(crate) struct Gradient {
    /// The loss, in nats.
    pub(crate) loss: f64,
    /// With respect to every parameter but the embedding, flat as [`Parameters::core`] is.
    pub(crate) core: Tensor,
    /// With respect to the embedded tokens, `[time, rows, embedding_size]`.
    pub(crate) tokens: Tensor,
}

/// A model's weights, and how to compute with them.
pub(crate) struct Network {
    /// What it was built from.
    pub(crate) spec: ModelSpec,
    /// Element kind and device of every tensor of it.
    pub(crate) options: (Kind, Device),
    /// Where its parameters lie.
    pub(crate) layout: Layout,
    /// Its weights; to be changed through [`Self::parameters_mut`].
    pub(crate) parameters: Parameters,
    /// Views of `parameters.core`, in canonical order.
    views: Vec<Tensor>,
    /// What the fused kernel keeps between batches.
    fused: Fused,
}

impl Network {
    /// A model with these weights. Its elements are of kind `kind`: float32 in earnest, float64 where a test wants to
    /// see the mathematics without its rounding.
    pub(crate) fn new(spec: &ModelSpec, weights: &WeightMap, kind: Kind) -> Result<Self, TchError> {
        Self::with(spec, (kind, device(spec)), |layout, options| layout.load(weights, options))
    }

    /// A model in float32 with the weights of a state.
    pub(crate) fn at(spec: &ModelSpec, state: &ModelState) -> Result<Self, TchError> {
        let load = |layout: &Layout, options| layout.load_part(state, StatePart::Weights, options);
        Self::with(spec, (Kind::Float, device(spec)), load)
    }

    /// A model whose weights `load` gives for a layout.
    fn with(
        spec: &ModelSpec,
        options: (Kind, Device),
        load: impl FnOnce(&Layout, (Kind, Device)) -> Result<Parameters, TchError>,
    ) -> Result<Self, TchError> {
        let layout = Layout::new(spec);
        let parameters = load(&layout, options)?;
        let views = layout.views(&parameters.core)?;
        Ok(Self { spec: spec.clone(), options, layout, parameters, views, fused: Fused::default() })
    }

    /// The weights to change.
    pub(crate) fn parameters_mut(&mut self) -> &mut Parameters {
        self.fused.weights_changed();
        &mut self.parameters
    }

    /// One logit a row, `[rows]`, without dropout.
    pub(crate) fn logits(&mut self, input: &Input) -> Result<Tensor, TchError> {
        let views = CoreViews::new(&self.spec, &self.views)?;
        match self.spec.kernel {
            Kernel::Stock => stock::logits(&self.spec, &self.parameters.embedding, &views, input),
            Kernel::Fused => self.fused.logits(&self.spec, &self.parameters.embedding, &views, input),
        }
    }

    /// The mean loss of a batch and its gradient.
    pub(crate) fn gradient(&mut self, input: &Input, targets: &Tensor, masks: &Masks) -> Result<Gradient, TchError> {
        match self.spec.kernel {
            Kernel::Stock => stock::gradient(&self.spec, &self.parameters, &self.views, input, targets, masks),
            Kernel::Fused => {
                let views = CoreViews::new(&self.spec, &self.views)?;
                self.fused.gradient(&self.spec, &self.layout, &self.parameters, &views, (input, targets), masks)
            }
        }
    }
}

/// The spec's device as libtorch has it.
fn device(spec: &ModelSpec) -> Device {
    match spec.device {
        harness_contract::Device::Cpu => Device::Cpu,
        harness_contract::Device::Cuda(index) => Device::Cuda(index),
    }
}
