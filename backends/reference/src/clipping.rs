//! Clipping by norm. With the gradient `g` of all parameters, or of one variable on its own:
//!
//! ```text
//! g = min(1, norm / (|g| + stabiliser)) * g
//! ```
//!
//! [`ClipForm`] says what `|g|` is. Over occurrences, each occurrence of a word in the batch counts on its own.

use std::ops::Range;

use harness_contract::{ClipForm, ModelSpec};

use crate::network::Gradients;

/// Clips a gradient as the spec asks for it, and says whether that changed it. `words` are the rows of the embedding that occur. Variable by variable
/// other rows are not touched, which matters where a factor is not a number.
pub fn clip(spec: &ModelSpec, gradients: &mut Gradients, words: &[usize]) -> bool {
    let Some(clip) = spec.clip else { return false };
    let tensors = gradients.parameters.tensors();
    let all = || std::iter::once(0..tensors.len()).collect();
    let (variables, over_occurrences): (Vec<_>, bool) = match clip.form {
        ClipForm::Gradient => (all(), false),
        ClipForm::Occurrences => (all(), true),
        ClipForm::EachVariable => (spec.variables(), true),
    };
    // The embedding is the first tensor.
    let values = |at: usize| if at == 0 && over_occurrences { &gradients.occurrences } else { tensors[at] };
    let norm = |variable: &Range<usize>| variable.clone().flat_map(values).map(|g| g * g).sum::<f64>().sqrt();
    let factors: Vec<f64> = variables.iter().map(|variable| clip.factor(norm(variable))).collect();
    let mut occurs = vec![clip.form != ClipForm::EachVariable; spec.vocabulary_size];
    words.iter().for_each(|&word| occurs[word] = true);
    let mut tensors = gradients.parameters.tensors_mut();
    for (variable, &factor) in variables.iter().zip(&factors) {
        for at in variable.clone() {
            let rows = tensors[at].chunks_mut(spec.embedding_size).enumerate();
            for (_, values) in rows.filter(|&(row, _)| at > 0 || occurs[row]) {
                values.iter_mut().for_each(|value| *value *= factor);
            }
        }
    }
    gradients.occurrences.iter_mut().for_each(|value| *value *= factors[0]);
    !factors.iter().all(|&factor| factor >= 1.0)
}
