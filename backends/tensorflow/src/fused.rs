//! The loss and its gradients as one function that XLA compiles, for batches of a fixed shape.
//!
//! It is the network of the other kernel, inside a function that is marked for compilation. XLA compiles once for each
//! shape of the inputs, which takes a second or two, so batches are padded to few shapes, and how many steps are computed is
//! an input that bounds the loops over time. Steps beyond are zeros throughout: the embedded tokens are made zeros there, so their
//! products are, which loops over time leave in place, and so nothing that is summed over time afterwards sees them.

use harness_contract::ModelSpec;

use crate::dropout;
use crate::graph::scan::{Extent, Loop};
use crate::graph::{Attribute, Builder, Value};
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
) -> (LossGradients<'b>, Value<'b>) {
    const NAME: &str = "fused_loss_gradients";
    let mut arguments = vec![inputs.embedded, inputs.steps, inputs.labels];
    if let Answers::At(steps) = inputs.answers {
        arguments.push(steps);
    }
    arguments.extend(inputs.words.all());
    arguments.extend_from_slice(inputs.weights);
    b.function(NAME, &arguments, |f, arguments| {
        let mut rest = arguments.iter().copied().skip(3);
        let answers = match inputs.answers {
            Answers::Last => Answers::Last,
            Answers::At(_) => rest.next().map_or(Answers::Last, Answers::At),
        };
        let masks = dropout::masks(&inputs.words.replaced(&mut rest), spec);
        let weights: Vec<_> = rest.collect();
        let batch = f.int(i32::try_from(spec.max_batch).unwrap_or(i32::MAX));
        // XLA knows the shapes of the arguments, so this is a constant when it compiles.
        let rows = arguments[0].first_axis();
        let extent = Extent { time: rows.floor_divided_by(batch), steps: arguments[1], batch };
        let network = Network::new(NAME, spec, Loop::Compiled, extent, &weights);
        let computed = f.range(rows).less(arguments[1] * batch).reshape_to(&[-1, 1]);
        let embedded = computed.choose(arguments[0], f.scalar(0.0));
        let gradients = network.loss_gradients(embedded, answers, arguments[2], &masks);
        let mut results = vec![gradients.loss, gradients.embedded, gradients.embedded.square()];
        results.extend(gradients.weights);
        results
    });
    let count = 3 + inputs.weights.len();
    let results = b
        .op("StatefulPartitionedCall")
        .list(&arguments)
        .attribute("f", Attribute::Function(NAME.into()))
        .attribute("Tout", Attribute::Types(vec![b.element(); count]))
        .attribute("_XlaMustCompile", Attribute::Bool(true))
        .values(count);
    (LossGradients { loss: results[0], embedded: results[1], weights: results[3..].to_vec() }, results[2])
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
