//! The loss and its gradients, and the logits, as functions that XLA compiles, for batches of a fixed shape.
//!
//! They are the network of the other kernel, inside a function that is marked for compilation. XLA compiles once for each
//! shape of the inputs, which takes a second or two, so batches are padded to few shapes, and how many steps are computed is
//! an input that bounds the loops over time. Steps beyond are zeros throughout: the embedded tokens are made zeros there, so their
//! products are, which loops over time leave in place, and so nothing that is summed over time afterwards sees them.

use harness_contract::{BackendError, ModelSpec};

use crate::dropout;
use crate::graph::scan::{Extent, Loop};
use crate::graph::{Builder, Value};
use crate::network::{Answers, LossGradients, Masks, Network};

/// What the loss is taken of.
pub(crate) struct Inputs<'a, 'b> {
    /// `[time * batch, embedding]`, where `batch` is the largest of the spec.
    pub(crate) embedded: Value<'b>,
    /// Steps to compute, a scalar.
    pub(crate) steps: Value<'b>,
    /// `[batch]`.
    pub(crate) labels: Value<'b>,
    /// Which step of each row answers.
    pub(crate) answers: Answers<'b>,
    /// The words of dropout's masks.
    pub(crate) words: &'a Masks<'b>,
    /// All weights but the embedding, in canonical order.
    pub(crate) weights: &'a [Value<'b>],
}

/// The mean cross-entropy of a batch and its gradients, and the squares of those of the embedded tokens, which cost little here.
pub(crate) fn loss_gradients<'b>(
    b: &'b Builder,
    spec: &ModelSpec,
    inputs: &Inputs<'_, 'b>,
) -> Result<(LossGradients<Value<'b>>, Value<'b>), BackendError> {
    const NAME: &str = "fused_loss_gradients";
    let mut arguments = vec![inputs.embedded, inputs.steps, inputs.labels];
    arguments.extend(inputs.answers.step());
    arguments.extend(inputs.words.all());
    arguments.extend_from_slice(inputs.weights);
    // Where each value that the gradients are made of stands among the results. Several are made of the same; XLA would
    // copy a value that it had to give twice.
    let mut places = None;
    let results = b.compiled(NAME, &arguments, |f, arguments| {
        let mut rest = arguments.iter().copied().skip(3);
        let answers = inputs.answers.replaced(&mut rest);
        let words = inputs.words.replaced(&mut rest);
        let weights: Vec<_> = rest.collect();
        let batch = f.int(i32::try_from(spec.max_batch).unwrap_or(i32::MAX));
        // XLA knows the shapes of the arguments, so this is a constant when it compiles.
        let rows = arguments[0].first_axis();
        let extent = Extent { time: rows.floor_divided_by(batch), steps: arguments[1], batch };
        let masks = dropout::masks(&words, spec, extent);
        let network = Network::new(NAME, spec, Loop::Compiled, extent, &weights);
        let computed = f.range(rows).less(arguments[1] * batch).reshape_to(&[-1, 1]);
        let embedded = computed.choose(arguments[0], f.scalar(0.0));
        let gradients = network.loss_gradients(embedded, answers, arguments[2], &masks);
        let mut results = vec![gradients.embedded.square()];
        places = Some(gradients.map(&mut |value| {
            results.iter().position(|&result| result == value).unwrap_or_else(|| {
                results.push(value);
                results.len() - 1
            })
        }));
        results
    });
    // Both are missing where the graph has failed.
    match (places, results.first()) {
        (Some(places), Some(&squares)) => Ok((places.map(&mut |place| results[place]), squares)),
        _ => Err(b.failed()),
    }
}

/// What predictions are computed from.
pub(crate) struct Questions<'a, 'b> {
    /// Tokens, `[time * batch]`.
    pub(crate) tokens: Value<'b>,
    /// Rows, a scalar.
    pub(crate) rows: i32,
    /// Steps to compute, a scalar.
    pub(crate) steps: Value<'b>,
    /// Which step of each row answers.
    pub(crate) answers: Answers<'b>,
    /// [`Network::word_products`].
    pub(crate) word_products: Value<'b>,
    /// All weights but the embedding, in canonical order.
    pub(crate) weights: &'a [Value<'b>],
}

/// The logits of a batch, `[batch]`.
pub(crate) fn logits<'b>(
    b: &'b Builder,
    spec: &ModelSpec,
    questions: &Questions<'_, 'b>,
) -> Result<Value<'b>, BackendError> {
    const NAME: &str = "fused_logits";
    let mut arguments = vec![questions.tokens, questions.steps, questions.word_products];
    arguments.extend(questions.answers.step());
    arguments.extend_from_slice(questions.weights);
    let results = b.compiled(NAME, &arguments, |f, arguments| {
        let mut rest = arguments.iter().copied().skip(3);
        let answers = questions.answers.replaced(&mut rest);
        let weights: Vec<_> = rest.collect();
        let batch = f.int(questions.rows);
        let time = arguments[0].first_axis().floor_divided_by(batch);
        let extent = Extent { time, steps: arguments[1], batch };
        let network = Network::new(NAME, spec, Loop::Compiled, extent, &weights);
        let tokens = arguments[0].reshape(f.pack(&[time, batch]));
        vec![network.logits_of_words(arguments[2], tokens, answers)]
    });
    results.first().copied().ok_or_else(|| b.failed())
}

/// The number of steps that a batch of `time` steps is padded to: a quarter, a half, three quarters or all of the most steps
/// that the model will be given, so that short batches don't pay for the longest and four shapes are compiled at most.
pub(crate) fn padded_time(spec: &ModelSpec, time: usize) -> usize {
    let quarter = spec.max_time.div_ceil(4);
    (time.div_ceil(quarter) * quarter).min(spec.max_time)
}

/// The number of rows that the gradient of `words` words is padded to, at least one more, which is zeros and stands for all
/// words that are not in the batch. Few numbers, because each is compiled for.
pub(crate) fn padded_words(words: usize) -> usize {
    (words + 1).next_multiple_of(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_row_of_zeros_for_absent_words() {
        for words in [1, 4095, 4096, 4097, 12_800] {
            assert!(padded_words(words) > words);
        }
    }
}
