//! Our own arrangement of the recurrent layers for the processor: hand-written forward and backward passes over
//! buffers that are allocated once.
//!
//! What all time steps have in common is one matrix product before the loop (input times input kernel) and a few after
//! it (the kernels' gradients and the input's). Within the loop a step is one ATen matrix product, which adds into the
//! buffer, and one pass of our own over the gates. No autograd, no temporary tensors. The same numbers as the stock
//! layers' to float32 rounding.

mod activation;
mod gates;
mod gru;
mod lstm;
mod rnn;
mod steps;

use harness_contract::{CellKind, ModelSpec};
use tch::{Kind, Reduction, TchError, Tensor};

use crate::dropout::Masks;
use crate::input::Input;
use crate::network::Gradient;
use crate::parameters::{CoreViews, LayerViews, Layout, Parameters, length};
use crate::subnormal::SubnormalsAsZero;

/// A recurrent layer with its buffers.
trait Recurrence {
    /// Computes the outputs of the first `time` steps from a state of zeros. `input` is `[time * rows, input_size]`.
    fn forward(&mut self, weights: &LayerViews, input: &Tensor, time: usize) -> Result<(), TchError>;

    /// The outputs of the last forward pass, `[time * rows, hidden_size]`, a view.
    fn outputs(&self, time: usize) -> Result<Tensor, TchError>;

    /// Where the gradient with respect to the outputs goes before a backward pass, `[time * rows, hidden_size]`, a view.
    fn upstream(&mut self, time: usize) -> Result<Tensor, TchError>;

    /// Computes all gradients from [`Self::upstream`], which it overwrites, and from what the forward pass left behind,
    /// which it overwrites as well. The weights' go into `gradients`, the input's into `input_gradient`.
    fn backward(
        &mut self,
        weights: &LayerViews,
        input: &Tensor,
        time: usize,
        gradients: &LayerViews,
        input_gradient: &Tensor,
    ) -> Result<(), TchError>;
}

/// The buffers of a model: for training one set a layer, for predictions one that serves all layers in turn.
#[derive(Default)]
pub(crate) struct Fused {
    training: Option<Buffers>,
    prediction: Option<Buffers>,
}

/// What a layer's buffers are made for.
#[derive(Clone, Copy)]
struct Sizes {
    /// The most steps.
    time: usize,
    /// The rows of a batch.
    rows: usize,
    /// Units of the layer.
    hidden_size: usize,
}

/// Layers made for batches of some size.
struct Buffers {
    sizes: Sizes,
    layers: Vec<Box<dyn Recurrence>>,
}

impl Fused {
    /// One logit a row, `[rows]`.
    pub(crate) fn logits(
        &mut self,
        spec: &ModelSpec,
        embedding: &Tensor,
        views: &CoreViews,
        input: &Input,
    ) -> Result<Tensor, TchError> {
        tch::no_grad(|| {
            let buffers = fitting(&mut self.prediction, spec, input, 1, embedding.f_kind()?)?;
            let mut steps = input.embed(embedding)?.f_flatten(0, 1)?;
            for weights in &views.layers {
                for layer in &mut buffers.layers {
                    layer.forward(weights, &steps, input.time)?;
                    // A copy, because the next layer writes its outputs where these are.
                    steps = layer.outputs(input.time)?.f_detach_copy()?;
                }
            }
            head(views, &steps.f_index_select(0, &input.answers)?)
        })
    }

    /// The mean loss of a batch and its gradient.
    pub(crate) fn gradient(
        &mut self,
        spec: &ModelSpec,
        layout: &Layout,
        parameters: &Parameters,
        views: &CoreViews,
        batch: (&Input, &Tensor),
        masks: &Masks,
    ) -> Result<Gradient, TchError> {
        let _guard = SubnormalsAsZero::new();
        tch::no_grad(|| {
            let (input, targets) = batch;
            let (time, options) = (input.time, (parameters.core.f_kind()?, parameters.core.device()));
            let buffers = fitting(&mut self.training, spec, input, spec.layers, options.0)?;
            let core = Tensor::f_empty([length(layout.core_len())], options)?;
            let gradients = CoreViews::new(spec, &layout.views(&core)?)?;

            // Forward. `inputs` keeps what each layer read.
            let mut inputs =
                vec![masked(input.embed(&parameters.embedding)?, masks.after_embedding.as_ref())?.f_flatten(0, 1)?];
            for (place, (layer, weights)) in buffers.layers.iter_mut().zip(&views.layers).enumerate() {
                let Some(steps) = inputs.last() else { break };
                layer.forward(weights, steps, time)?;
                let outputs = layer.outputs(time)?;
                inputs.push(match masks.between_layers.get(place) {
                    Some(mask) => outputs.f_mul(&mask.f_flatten(0, 1)?)?,
                    None => outputs,
                });
            }
            let Some(outputs) = inputs.pop() else {
                return Err(TchError::Shape("a model without layers".into()));
            };
            let pooled = masked(outputs.f_index_select(0, &input.answers)?, masks.after_last.as_ref())?;
            let logits = head(views, &pooled)?;
            let loss = logits.f_binary_cross_entropy_with_logits(
                targets,
                None::<&Tensor>,
                None::<&Tensor>,
                Reduction::Mean,
            )?;

            // Backward. The loss' derivative by a logit is the predicted probability minus the label, over the rows.
            #[expect(clippy::cast_precision_loss, reason = "a batch has fewer than 2^52 rows")]
            let per_logit = logits.f_sigmoid()?.f_sub(targets)?.f_div_scalar_(input.rows as f64)?.f_unsqueeze(1)?;
            let _ = per_logit.f_transpose(0, 1)?.f_mm_out(&gradients.head_weight, &pooled)?;
            let _ = per_logit.f_sum_intlist_out(&gradients.head_bias, [0].as_slice(), false, None)?;
            let per_answer = masked(per_logit.f_mm(&views.head_weight)?, masks.after_last.as_ref())?;

            let tokens = Tensor::f_empty_like(inputs.first().unwrap_or(&outputs))?;
            if let Some(top) = buffers.layers.last_mut() {
                let mut upstream = top.upstream(time)?;
                let _ = upstream.f_zero_()?.f_index_copy_(0, &input.answers, &per_answer)?;
            }
            for place in (0..spec.layers).rev() {
                let (below, here) = buffers.layers.split_at_mut(place);
                let Some(layer) = here.first_mut() else { break };
                let (mut input_gradient, mask) = match below.last_mut() {
                    Some(lower) => (lower.upstream(time)?, masks.between_layers.get(place - 1)),
                    None => (tokens.shallow_clone(), masks.after_embedding.as_ref()),
                };
                layer.backward(
                    &views.layers[place],
                    &inputs[place],
                    time,
                    &gradients.layers[place],
                    &input_gradient,
                )?;
                if let Some(mask) = mask {
                    let _ = input_gradient.f_mul_(&mask.f_flatten(0, 1)?)?;
                }
            }
            let tokens = tokens.f_view([length(time), length(input.rows), length(spec.embedding_size)])?;
            Ok(Gradient { loss, core, tokens })
        })
    }
}

/// The buffers at hand where they suit the batch, else new ones.
fn fitting<'a>(
    buffers: &'a mut Option<Buffers>,
    spec: &ModelSpec,
    input: &Input,
    layers: usize,
    kind: Kind,
) -> Result<&'a mut Buffers, TchError> {
    let suit = |buffers: &Buffers| buffers.sizes.rows == input.rows && buffers.sizes.time >= input.time;
    let sizes = Sizes { time: input.time, rows: input.rows, hidden_size: spec.hidden_size };
    let kept = match buffers.take().filter(suit) {
        Some(kept) => kept,
        None => Buffers {
            sizes,
            layers: (0..layers)
                .map(|_| match kind {
                    Kind::Double => recurrence::<f64>(spec.cell, sizes),
                    _ => recurrence::<f32>(spec.cell, sizes),
                })
                .collect::<Result<_, _>>()?,
        },
    };
    Ok(buffers.insert(kept))
}

fn recurrence<T: activation::Real>(cell: CellKind, sizes: Sizes) -> Result<Box<dyn Recurrence>, TchError> {
    Ok(match cell {
        CellKind::Rnn => Box::new(rnn::Layer::<T>::new(sizes)?),
        CellKind::Lstm => Box::new(lstm::Layer::<T>::new(sizes)?),
        CellKind::Gru => Box::new(gru::Layer::<T>::new(sizes)?),
    })
}

/// The logits of pooled outputs, `[rows]`.
fn head(views: &CoreViews, pooled: &Tensor) -> Result<Tensor, TchError> {
    pooled.f_linear(&views.head_weight, Some(&views.head_bias))?.f_squeeze_dim(1)
}

/// Multiplies in place by a mask where there is one.
fn masked(mut values: Tensor, mask: Option<&Tensor>) -> Result<Tensor, TchError> {
    match mask {
        Some(mask) => values.f_mul_(mask),
        None => Ok(values),
    }
}

/// The sum of both bias vectors, or the only one.
fn bias(weights: &LayerViews) -> Result<Tensor, TchError> {
    match &weights.bias_hh {
        Some(bias_hh) => weights.bias_ih.f_add(bias_hh),
        None => Ok(weights.bias_ih.shallow_clone()),
    }
}

/// Gradients of the kernels and biases of a cell whose gates all have the form `W x + b + U h`: `at_gates` is the
/// gradient with respect to that sum, `[time * rows, gates * hidden_size]`, `states` is `h` before each step.
fn plain_gradients(at_gates: &Tensor, input: &Tensor, states: &Tensor, gradients: &LayerViews) -> Result<(), TchError> {
    let transposed = at_gates.f_transpose(0, 1)?;
    let _ = transposed.f_mm_out(&gradients.weight_ih, input)?;
    let _ = transposed.f_mm_out(&gradients.weight_hh, states)?;
    let _ = at_gates.f_sum_intlist_out(&gradients.bias_ih, [0].as_slice(), false, None)?;
    if let Some(bias_hh) = &gradients.bias_hh {
        bias_hh.shallow_clone().f_copy_(&gradients.bias_ih)?;
    }
    Ok(())
}
