//! Clipping by global norm, weight decay and Adam.
//!
//! libtorch's fused Adam is not among the functions that `tch` exposes, and the usual chain of operations reads and
//! writes the embedding's 3.84 million weights a dozen times. So there are two implementations: [`host`], one pass over
//! float32 in main memory, and [`aten`], the chain, for every other kind and device. A test holds one against the other.

mod aten;
mod host;

use harness_contract::{EpsilonPlacement, ModelSpec, WeightDecayForm};
use tch::{Device, Kind, TchError, Tensor};

use crate::embedding::EmbeddingGradient;
use crate::parameters::{Layout, Parameters};

/// The moments of every weight, and how many steps they have seen.
pub(crate) struct Adam {
    first: Parameters,
    second: Parameters,
    step: u64,
}

/// What clipping saw.
pub(crate) struct Clipping {
    /// The global norm of the gradient as it came.
    pub(crate) norm: f64,
    /// What the gradient is multiplied by; 1 where nothing is clipped.
    pub(crate) coefficient: f64,
}

/// The numbers of one update. With gradient `g`, weight `w` and moments `m`, `v`:
///
/// ```text
/// w <- shrink * w
/// g <- clip * g + coupled_decay * w
/// m <- beta1 * m + (1 - beta1) * g
/// v <- beta2 * v + (1 - beta2) * g^2
/// w <- w - rate * m / (root_scale * sqrt(v) + epsilon)
/// ```
#[derive(Debug, Clone, Copy)]
struct Update {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    rate: f64,
    root_scale: f64,
    clip: f64,
    coupled_decay: f64,
    shrink: f64,
}

/// The weights of one block with their moments.
struct Block<'a> {
    weights: &'a mut Tensor,
    first: &'a mut Tensor,
    second: &'a mut Tensor,
}

/// The gradient's global norm, and what it says about clipping.
pub(crate) fn clipping(spec: &ModelSpec, core: &Tensor, embedding: &EmbeddingGradient) -> Result<Clipping, TchError> {
    let norms = Tensor::f_stack(&[core.f_norm()?, embedding.sum.f_norm()?], 0)?;
    let norm = norms.f_norm()?.f_double_value(&[])?;
    // A norm that is not a number compares as not clipped, and the gradient goes on as it is.
    let coefficient = spec.clip.map_or(1.0, |clip| {
        let coefficient = clip.norm / (norm + clip.stabiliser);
        if coefficient < 1.0 { coefficient } else { 1.0 }
    });
    Ok(Clipping { norm, coefficient })
}

impl Adam {
    /// An optimiser that has taken no step.
    pub(crate) fn new(layout: &Layout, options: (Kind, Device)) -> Result<Self, TchError> {
        Ok(Self { first: layout.zeros(options)?, second: layout.zeros(options)?, step: 0 })
    }

    /// How many steps have been taken.
    pub(crate) const fn step(&self) -> u64 {
        self.step
    }

    /// The first moments of a word's row of the embedding.
    #[cfg(test)]
    pub(crate) fn first_moment_of_word(&self, word: i64) -> Vec<f32> {
        crate::parameters::to_host(&self.first.embedding.get(word)).unwrap()
    }

    /// Updates the weights by one step.
    pub(crate) fn update(
        &mut self,
        spec: &ModelSpec,
        parameters: &mut Parameters,
        core: &Tensor,
        embedding: &EmbeddingGradient,
        clip: f64,
        learning_rate: f64,
    ) -> Result<(), TchError> {
        self.step += 1;
        let update = Update::new(spec, self.step, clip, learning_rate);
        let mut dense =
            Block { weights: &mut parameters.core, first: &mut self.first.core, second: &mut self.second.core };
        let mut sparse = Block {
            weights: &mut parameters.embedding,
            first: &mut self.first.embedding,
            second: &mut self.second.embedding,
        };
        if core.f_kind()? == Kind::Float && core.device() == Device::Cpu {
            host::dense(&mut dense, core, &update)?;
            host::by_word(&mut sparse, embedding, &update, spec.threads)
        } else {
            tch::no_grad(|| {
                aten::dense(&mut dense, core, &update)?;
                aten::by_word(&mut sparse, embedding, &update)
            })
        }
    }
}

impl Update {
    fn new(spec: &ModelSpec, step: u64, clip: f64, learning_rate: f64) -> Self {
        let adam = &spec.adam;
        // A power beyond the exponent's range is 0 in any case: betas are below 1.
        let power = |beta: f64| beta.powi(i32::try_from(step).unwrap_or(i32::MAX));
        let (correction1, correction2) = (1.0 - power(adam.beta1), (1.0 - power(adam.beta2)).sqrt());
        let (rate, root_scale) = match adam.epsilon_placement {
            EpsilonPlacement::AfterCorrection => (learning_rate / correction1, 1.0 / correction2),
            EpsilonPlacement::Hat => (learning_rate * correction2 / correction1, 1.0),
        };
        let (coupled_decay, shrink) = match spec.weight_decay.form {
            WeightDecayForm::Coupled => (spec.weight_decay.rate, 1.0),
            WeightDecayForm::Decoupled => (0.0, 1.0 - learning_rate * spec.weight_decay.rate),
        };
        Self {
            beta1: adam.beta1,
            beta2: adam.beta2,
            epsilon: adam.epsilon,
            rate,
            root_scale,
            clip,
            coupled_decay,
            shrink,
        }
    }
}
