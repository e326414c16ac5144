//! Clipping by norm: what gradients are multiplied by.

use harness_contract::{ClipForm, ClipSpec, ModelSpec};
use tch::{TchError, Tensor};

use crate::embedding::EmbeddingGradient;
use crate::network::Gradient;
use crate::norm;
use crate::parameters::Layout;

/// What clipping saw, and what is left to do: the optimiser multiplies gradients by these factors as it reads them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clipping {
    /// The global norm of the gradient as it came.
    pub(crate) norm: f64,
    /// What the gradient of every parameter but the embedding is multiplied by; 1 where nothing is left to do.
    pub(crate) core: f64,
    /// What the embedding's is multiplied by.
    pub(crate) words: f64,
    /// What becomes of the gradient of a word that is not in the batch: 0, or NaN where a factor that is NaN meets all gradients.
    pub(crate) idle: f64,
    /// Whether clipping changes the gradient.
    pub(crate) clipped: bool,
}

/// The gradient's global norm, and what clipping makes of it. Where each variable has a factor of its own, those of `gradient.core` are applied here.
pub(crate) fn clipping(
    spec: &ModelSpec,
    layout: &Layout,
    gradient: &Gradient,
    embedding: &EmbeddingGradient,
) -> Result<Clipping, TchError> {
    let with_core = |of_words: &Tensor| norm::of_all(&[&gradient.core, of_words]);
    let norm = with_core(&embedding.sum)?;
    let all_by =
        |factor: f64| Clipping { norm, core: factor, words: factor, idle: factor * 0.0, clipped: acts(factor) };
    match spec.clip {
        None => Ok(all_by(1.0)),
        Some(clip @ ClipSpec { form: ClipForm::Gradient, .. }) => Ok(all_by(clip.factor(norm))),
        Some(clip @ ClipSpec { form: ClipForm::Occurrences, .. }) => {
            Ok(all_by(clip.factor(with_core(&gradient.tokens)?)))
        }
        Some(clip @ ClipSpec { form: ClipForm::EachVariable, .. }) => {
            let words = clip.factor(norm::of_all(&[&gradient.tokens])?);
            let mut clipped = acts(words);
            let mut views = layout.views(&gradient.core)?;
            // The first variable is the embedding, which has no view.
            for variable in spec.variables().into_iter().skip(1) {
                let tensors = &mut views[variable.start - 1..variable.end - 1];
                let factor = clip.factor(norm::of_all(&tensors.iter().collect::<Vec<_>>())?);
                if acts(factor) {
                    clipped = true;
                    for tensor in tensors {
                        let _ = tensor.f_mul_scalar_(factor)?;
                    }
                }
            }
            Ok(Clipping { norm, core: 1.0, words, idle: 0.0, clipped })
        }
    }
}

/// Whether a factor changes what it multiplies; one that is not a number does.
fn acts(factor: f64) -> bool {
    factor.is_nan() || factor < 1.0
}
