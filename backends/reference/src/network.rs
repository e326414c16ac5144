//! The whole model, forward and backward.
//!
//! ```text
//! x[b, t] = embedding[token[b, t]]                          then dropout `after_embedding`
//! x = layer(x), for every layer                             then layer norm; dropout `between_layers` but after the last
//! pooled[b] = x[b, answer(b)]                               then dropout `after_last`
//! logit[b] = head_weight . pooled[b] + head_bias
//! ```

use std::ops::Range;

use harness_contract::{ModelSpec, Pooling, TokenBatch};

use crate::direction::{self, DirectionPass, Reading};
use crate::dropout::DropoutMasks;
use crate::loss::binary_cross_entropy;
use crate::matrix::{add, add_outer, add_product, add_transposed_product};
use crate::norm::{self, NormPass};
use crate::parameters::Parameters;

/// What a model reads of a batch.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Rows of the embedding, `[batch, time]`.
    pub words: Vec<usize>,
    /// Steps of each row.
    pub time: usize,
    /// For each row the steps that are read; without masking all of them.
    pub valid: Vec<Range<usize>>,
    /// For each row the step whose output goes into the head.
    pub answers: Vec<usize>,
}

impl Inputs {
    /// Reads a batch as the spec says.
    ///
    /// With masking both ways of pooling give the row's last token: the state after it is carried to the last step.
    #[must_use]
    #[expect(clippy::cast_sign_loss, reason = "batches are checked to hold no negative id")]
    pub fn new(spec: &ModelSpec, batch: TokenBatch<'_>) -> Self {
        let rows = 0..batch.rows();
        let answer = |row| match spec.pooling {
            Pooling::LastStep if !spec.masking => batch.time() - 1,
            Pooling::LastStep | Pooling::LastValidStep => batch.valid_steps(row).end - 1,
        };
        let valid = |row| if spec.masking { batch.valid_steps(row) } else { 0..batch.time() };
        Self {
            words: batch.tokens().iter().map(|&id| id as usize).collect(),
            time: batch.time(),
            valid: rows.clone().map(valid).collect(),
            answers: rows.map(answer).collect(),
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
    /// The pooled output of the last layer after dropout, `[batch, width]`.
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
                direction::forward(spec, parameters, &reading(inputs, at), &x, &mut output, &columns(spec, at))
            })
            .collect();
        let norm = parameters.norm.as_ref().map(|parameters| norm::forward(parameters, &mut output));
        drop_out(&mut output, masks.between_layers.get(layer).map(Vec::as_slice));
        layers.push(LayerPass { input: std::mem::replace(&mut x, output), directions, norm });
    }

    let answers = answers(inputs, width);
    let mut pooled: Vec<f64> = answers.flat_map(|at| &x[at]).copied().collect();
    drop_out(&mut pooled, masks.after_last.as_deref());
    let mut logits = Vec::with_capacity(inputs.rows());
    for pooled in pooled.chunks_exact(width) {
        let mut logit = weights.head_bias.clone();
        add_product(&mut logit, &weights.head_weight, pooled);
        logits.append(&mut logit);
    }
    Pass { logits, layers, pooled }
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
    let steps = inputs.words.len();
    let width = spec.hidden_size * spec.directions();
    let mut gradient = Parameters::zeros(spec);

    let (loss, d_logits) = binary_cross_entropy(&pass.logits, labels);
    let mut d_pooled = vec![0.0; pass.pooled.len()];
    for (row, d_logit) in d_logits.chunks_exact(1).enumerate() {
        let columns = row * width..(row + 1) * width;
        add(&mut gradient.head_bias, d_logit);
        add_outer(&mut gradient.head_weight, d_logit, &pass.pooled[columns.clone()]);
        add_transposed_product(&mut d_pooled[columns], &weights.head_weight, d_logit);
    }
    drop_out(&mut d_pooled, masks.after_last.as_deref());
    let mut d_x = vec![0.0; steps * width];
    for (at, d_pooled) in answers(inputs, width).zip(d_pooled.chunks_exact(width)) {
        add(&mut d_x[at], d_pooled);
    }

    for (layer, parameters) in weights.layers.iter().enumerate().rev() {
        let LayerPass { input, directions, norm } = &pass.layers[layer];
        let gradient = &mut gradient.layers[layer];
        drop_out(&mut d_x, masks.between_layers.get(layer).map(Vec::as_slice));
        if let (Some(parameters), Some(norm), Some(gradient)) = (&parameters.norm, norm, &mut gradient.norm) {
            norm::backward(parameters, norm, &mut d_x, gradient);
        }
        let mut d_input = vec![0.0; input.len()];
        for (at, parameters) in parameters.directions.iter().enumerate() {
            direction::backward(
                spec,
                parameters,
                &reading(inputs, at),
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
    Gradients { loss, parameters: gradient, occurrences: d_x }
}

/// Multiplies values, or the gradient with respect to them, by their mask.
fn drop_out(values: &mut [f64], mask: Option<&[f64]>) {
    for (value, multiplier) in values.iter_mut().zip(mask.unwrap_or_default()) {
        *value *= multiplier;
    }
}

fn reading(inputs: &Inputs, direction: usize) -> Reading<'_> {
    Reading { time: inputs.time, valid: &inputs.valid, reverse: direction == 1 }
}

/// Where a direction's output stands among a layer's.
fn columns(spec: &ModelSpec, direction: usize) -> Range<usize> {
    direction * spec.hidden_size..(direction + 1) * spec.hidden_size
}

/// Where the answer of each row lies in `[batch, time, width]`.
fn answers(inputs: &Inputs, width: usize) -> impl Iterator<Item = Range<usize>> {
    inputs.answers.iter().enumerate().map(move |(row, step)| {
        let at = row * inputs.time + step;
        at * width..(at + 1) * width
    })
}
