//! Weight decay and Adam, with what clipping multiplies gradients by.
//!
//! libtorch's fused Adam is not among the functions that `tch` exposes, and the usual chain of operations reads and
//! writes the embedding's 3.84 million weights a dozen times. So there are two implementations: [`host`], one pass over
//! float32 in main memory, and [`aten`], the chain, for every other kind and device. A test holds one against the other.

mod aten;
mod host;

use harness_contract::{EpsilonPlacement, ModelSpec, WeightDecayForm};
use tch::{Device, Kind, TchError, Tensor};

use crate::clipping::Clipping;
use crate::embedding::EmbeddingGradient;
use crate::norm;
use crate::parameters::{Layout, Parameters};

/// The moments of every weight, and how many steps they have seen.
pub(crate) struct Adam {
    first: Parameters,
    second: Parameters,
    step: u64,
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
    /// The clipped gradient of a row whose word does not occur: 0, or NaN where clipping makes NaN of everything.
    idle: f64,
    coupled_decay: f64,
    shrink: f64,
    /// Whether the change of the weights is to be measured.
    measured: bool,
}

/// What a step does with a gradient.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// What it is multiplied by.
    pub(crate) clipping: Clipping,
    /// The learning rate.
    pub(crate) learning_rate: f64,
    /// Whether the change of the weights is to be measured.
    pub(crate) measured: bool,
}

/// The weights of one block with their moments.
struct Block<'a> {
    weights: &'a mut Tensor,
    first: &'a mut Tensor,
    second: &'a mut Tensor,
}

impl Adam {
    /// An optimiser that has taken no step.
    pub(crate) fn new(layout: &Layout, options: (Kind, Device)) -> Result<Self, TchError> {
        Ok(Self { first: layout.zeros(options)?, second: layout.zeros(options)?, step: 0 })
    }

    /// An optimiser that has taken so many steps and arrived at these moments.
    pub(crate) const fn at(step: u64, first: Parameters, second: Parameters) -> Self {
        Self { first, second, step }
    }

    /// The first and second moments.
    pub(crate) const fn moments(&self) -> [&Parameters; 2] {
        [&self.first, &self.second]
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

    /// Updates the weights by one step. Gives the Euclidean norm of their change, where that is to be measured.
    pub(crate) fn update(
        &mut self,
        spec: &ModelSpec,
        parameters: &mut Parameters,
        core: &Tensor,
        embedding: &EmbeddingGradient,
        step: Step,
    ) -> Result<Option<f64>, TchError> {
        self.step += 1;
        let update = Update::new(spec, self.step, step);
        let clipping = step.clipping;
        let of_words = Update { clip: clipping.words, idle: clipping.idle, ..update };
        let mut dense =
            Block { weights: &mut parameters.core, first: &mut self.first.core, second: &mut self.second.core };
        let mut sparse = Block {
            weights: &mut parameters.embedding,
            first: &mut self.first.embedding,
            second: &mut self.second.embedding,
        };
        if core.f_kind()? == Kind::Float && core.device() == Device::Cpu {
            let moved_core = host::dense(&mut dense, core, &update)?;
            let moved_words = host::by_word(&mut sparse, embedding, &of_words, spec.threads)?;
            return Ok(step.measured.then(|| (moved_core + moved_words).sqrt()));
        }
        tch::no_grad(|| {
            let before = match step.measured {
                true => Some([copied(dense.weights)?, copied(sparse.weights)?]),
                false => None,
            };
            aten::dense(&mut dense, core, &update)?;
            aten::by_word(&mut sparse, embedding, &of_words)?;
            let Some([core, words]) = before else { return Ok(None) };
            let of_core = norm::squared_distance_of(&core, dense.weights)?;
            let of_words = norm::squared_distance_of(&words, sparse.weights)?;
            Ok(Some((of_core + of_words).sqrt()))
        })
    }
}

/// The same elements in memory of their own.
fn copied(tensor: &Tensor) -> Result<Tensor, TchError> {
    let mut copy = tensor.f_empty_like()?;
    copy.f_copy_(tensor)?;
    Ok(copy)
}

impl Update {
    fn new(spec: &ModelSpec, step: u64, Step { clipping, learning_rate, measured }: Step) -> Self {
        let adam = &spec.adam;
        let [correction1, correction2] = adam.bias_corrections(step);
        let correction2 = correction2.sqrt();
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
            clip: clipping.core,
            idle: 0.0,
            coupled_decay,
            shrink,
            measured,
        }
    }
}
