//! The whole model, forward and backward.
//!
//! ```text
//! x[b, t] = embedding[token[b, t]]                        then dropout `after_embedding`
//! x = layer(x)                for every layer but the last, then layer norm, then dropout `between_layers`
//! x[b] = layer(x)[b, answer]  for the last layer,           then layer norm, then dropout `after_last`
//! logit[b] = head_weight . x[b] + head_bias
//! ```
//!
//! Each direction of the last layer answers with the step that it reads last, as `Bidirectional(return_sequences=False)` in
//! Keras does and `h_n` in PyTorch gives: the reverse direction with the row's first step. (At the forward direction's answer the reverse one would have read a
//! single token.)

use std::ops::Range;

use harness_contract::{ModelSpec, Pooling, TokenBatch};

use crate::direction::{self, DirectionPass, Reading};
use crate::dropout::DropoutMasks;
use crate::loss::binary_cross_entropy_in;
use crate::matrix::{add, add_outer, add_product, add_transposed_product};
use crate::norm::{self, NormPass};
use crate::parameters::Parameters;
use crate::precision::Precision;

/// What a model reads of a batch.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Rows of the embedding, `[batch, time]`.
    pub words: Vec<usize>,
    /// Steps of each row.
    pub time: usize,
    /// For each row the steps that are read; without masking all of them.
    pub valid: Vec<Range<usize>>,
    /// For each direction and row the step whose output goes into the head.
    pub answers: [Vec<usize>; 2],
}

impl Inputs {
    /// Reads a batch as the spec says.
    ///
    /// With masking both ways of pooling give the row's last token (and, in the reverse direction, its first): the state
    /// after it is carried over the padding.
    #[must_use]
    #[expect(clippy::cast_sign_loss, reason = "batches are checked to hold no negative id")]
    pub fn new(spec: &ModelSpec, batch: TokenBatch<'_>) -> Self {
        let rows = 0..batch.rows();
        let all = 0..batch.time();
        let read = |row| if spec.masking { batch.valid_steps(row) } else { all.clone() };
        let pooled = |row| match spec.pooling {
            Pooling::LastStep => read(row),
            Pooling::LastValidStep => batch.valid_steps(row),
        };
        Self {
            words: batch.tokens().iter().map(|&id| id as usize).collect(),
            time: batch.time(),
            valid: rows.clone().map(read).collect(),
            answers: [
                rows.clone().map(|row| pooled(row).end - 1).collect(),
                rows.map(|row| pooled(row).start).collect(),
            ],
        }
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.valid.len()
    }
}

/// What the forward pass leaves for the backward pass.
#[derive(Debug, Clone)]
pub struct Pass {
    /// One logit a row, `[batch]`.
    pub logits: Vec<f64>,
    layers: Vec<LayerPass>,
    /// What the head read, `[batch, width]`.
    pooled: Vec<f64>,
}

#[derive(Debug, Clone)]
struct LayerPass {
    /// What the layer read, `[batch, time, input]`.
    input: Vec<f64>,
    directions: Vec<DirectionPass>,
    norm: Option<NormPass>,
}

/// A loss and its gradient.
#[derive(Debug, Clone)]
pub struct Gradients {
    /// Mean binary cross-entropy in nats.
    pub loss: f64,
    /// The gradient with respect to every parameter; a word's gradient is the sum over its occurrences.
    pub parameters: Parameters,
    /// The gradient with respect to each occurrence of a word, `[batch, time, embedding_size]`.
    pub occurrences: Vec<f64>,
}

impl Gradients {
    /// Multiplies everything but the loss.
    pub fn scale(&mut self, factor: f64) {
        let tensors = self.parameters.tensors_mut().into_iter().flatten();
        for value in tensors.chain(&mut self.occurrences) {
            *value *= factor;
        }
    }
}

/// Runs the model.
#[must_use]
pub fn forward(spec: &ModelSpec, weights: &Parameters, inputs: &Inputs, masks: &DropoutMasks) -> Pass {
    forward_in(Precision::Float64, spec, weights, inputs, masks)
}

/// The same, keeping what is computed in some precision.
#[must_use]
pub fn forward_in(
    precision: Precision,
    spec: &ModelSpec,
    weights: &Parameters,
    inputs: &Inputs,
    masks: &DropoutMasks,
) -> Pass {
    let steps = inputs.words.len();
    let width = spec.hidden_size * spec.directions();
    let size = spec.embedding_size;
    let mut x: Vec<f64> =
        inputs.words.iter().flat_map(|&word| &weights.embedding[word * size..][..size]).copied().collect();
    drop_out(&mut x, masks.after_embedding.as_deref());

    let mut layers = Vec::with_capacity(spec.layers);
    for (layer, parameters) in weights.layers.iter().enumerate() {
        let mut output = vec![0.0; steps * width];
        let directions = parameters.directions.iter().enumerate();
        let directions = directions
            .map(|(at, parameters)| {
                direction::forward(
                    spec,
                    parameters,
                    &reading(inputs, at, precision),
                    &x,
                    &mut output,
                    &columns(spec, at),
                )
            })
            .collect();
        if layer + 1 == spec.layers {
            output = pool(spec, inputs, &output);
        }
        let norm = parameters.norm.as_ref().map(|parameters| norm::forward(parameters, &mut output));
        drop_out(&mut output, mask_after(spec, masks, layer));
        layers.push(LayerPass { input: std::mem::replace(&mut x, output), directions, norm });
    }

    let mut logits = Vec::with_capacity(inputs.rows());
    for pooled in x.chunks_exact(width) {
        let mut logit = weights.head_bias.clone();
        add_product(&mut logit, &weights.head_weight, pooled);
        precision.keep_all(&mut logit);
        logits.append(&mut logit);
    }
    Pass { logits, layers, pooled: x }
}

/// The mean loss of a forward pass and its gradient, by the chain rule from the head back to the embedding.
#[must_use]
pub fn backward(
    spec: &ModelSpec,
    weights: &Parameters,
    inputs: &Inputs,
    masks: &DropoutMasks,
    pass: &Pass,
    labels: &[u8],
) -> Gradients {
    backward_in(Precision::Float64, spec, weights, inputs, masks, pass, labels)
}

/// The same, keeping what is computed in some precision.
#[must_use]
pub fn backward_in(
    precision: Precision,
    spec: &ModelSpec,
    weights: &Parameters,
    inputs: &Inputs,
    masks: &DropoutMasks,
    pass: &Pass,
    labels: &[u8],
) -> Gradients {
    let width = spec.hidden_size * spec.directions();
    let mut gradient = Parameters::zeros(spec);

    let targets: Vec<_> = labels.iter().map(|&label| spec.target(label)).collect();
    let (loss, d_logits) = binary_cross_entropy_in(precision, &pass.logits, &targets);
    let mut d_x = vec![0.0; pass.pooled.len()];
    for (row, d_logit) in d_logits.chunks_exact(1).enumerate() {
        let columns = row * width..(row + 1) * width;
        add(&mut gradient.head_bias, d_logit);
        add_outer(&mut gradient.head_weight, d_logit, &pass.pooled[columns.clone()]);
        add_transposed_product(&mut d_x[columns], &weights.head_weight, d_logit);
    }
    for (layer, parameters) in weights.layers.iter().enumerate().rev() {
        let LayerPass { input, directions, norm } = &pass.layers[layer];
        let gradient = &mut gradient.layers[layer];
        drop_out(&mut d_x, mask_after(spec, masks, layer));
        if let (Some(parameters), Some(norm), Some(gradient)) = (&parameters.norm, norm, &mut gradient.norm) {
            norm::backward(parameters, norm, &mut d_x, gradient);
        }
        if layer + 1 == spec.layers {
            d_x = unpool(spec, inputs, &d_x);
        }
        let mut d_input = vec![0.0; input.len()];
        for (at, parameters) in parameters.directions.iter().enumerate() {
            direction::backward(
                spec,
                parameters,
                &reading(inputs, at, precision),
                &directions[at],
                input,
                &d_x,
                &columns(spec, at),
                &mut d_input,
                &mut gradient.directions[at],
            );
        }
        d_x = d_input;
    }

    drop_out(&mut d_x, masks.after_embedding.as_deref());
    let size = spec.embedding_size;
    for (&word, d_x) in inputs.words.iter().zip(d_x.chunks_exact(size)) {
        add(&mut gradient.embedding[word * size..][..size], d_x);
    }
    precision.keep_all(gradient.tensors_mut().into_iter().flatten());
    Gradients { loss, parameters: gradient, occurrences: d_x }
}

/// Multiplies values, or the gradient with respect to them, by their mask.
fn drop_out(values: &mut [f64], mask: Option<&[f64]>) {
    for (value, multiplier) in values.iter_mut().zip(mask.unwrap_or_default()) {
        *value *= multiplier;
    }
}

fn reading(inputs: &Inputs, direction: usize, precision: Precision) -> Reading<'_> {
    Reading { time: inputs.time, valid: &inputs.valid, reverse: direction == 1, precision }
}

/// Where a direction's output stands among a layer's.
fn columns(spec: &ModelSpec, direction: usize) -> Range<usize> {
    direction * spec.hidden_size..(direction + 1) * spec.hidden_size
}

/// The answer of each row, `[batch, width]`, out of the last layer's output, `[batch, time, width]`.
fn pool(spec: &ModelSpec, inputs: &Inputs, output: &[f64]) -> Vec<f64> {
    let mut pooled = vec![0.0; inputs.rows() * spec.hidden_size * spec.directions()];
    for (answer, at) in answers(spec, inputs) {
        pooled[answer].copy_from_slice(&output[at]);
    }
    pooled
}

/// The gradient with respect to the output, given that with respect to the answers.
fn unpool(spec: &ModelSpec, inputs: &Inputs, d_pooled: &[f64]) -> Vec<f64> {
    let mut d_output = vec![0.0; inputs.words.len() * spec.hidden_size * spec.directions()];
    for (answer, at) in answers(spec, inputs) {
        d_output[at].copy_from_slice(&d_pooled[answer]);
    }
    d_output
}

/// For each row and direction, where its answer lies in `[batch, width]` and in `[batch, time, width]`.
fn answers(spec: &ModelSpec, inputs: &Inputs) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let (time, hidden, directions) = (inputs.time, spec.hidden_size, spec.directions());
    let block = move |step: usize, direction: usize| {
        let start = (step * directions + direction) * hidden;
        start..start + hidden
    };
    let directed = inputs.answers.iter().take(directions).enumerate();
    directed.flat_map(move |(direction, answers)| {
        let rows = answers.iter().enumerate();
        rows.map(move |(row, step)| (block(row, direction), block(row * time + step, direction)))
    })
}

/// The dropout mask on what a layer gives.
fn mask_after<'a>(spec: &ModelSpec, masks: &'a DropoutMasks, layer: usize) -> Option<&'a [f64]> {
    let last = layer + 1 == spec.layers;
    let mask = if last { masks.after_last.as_ref() } else { masks.between_layers.get(layer) };
    mask.map(Vec::as_slice)
}
