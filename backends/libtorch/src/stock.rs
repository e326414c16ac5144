//! The framework's own path: the ATen functions behind `nn.LSTM`, `nn.GRU`, `nn.RNN`, `nn.Linear` and
//! `BCEWithLogitsLoss`, differentiated by autograd.
//!
//! Layers are run one by one, because dropout between them is ours (see [`crate::dropout`]); with one layer per call
//! PyTorch computes the same.

use harness_contract::{CellKind, ModelSpec};
use tch::{Reduction, TchError, Tensor};

use crate::dropout::{self, Masks};
use crate::input::Input;
use crate::network::Gradient;
use crate::parameters::{CoreViews, LayerViews, Parameters, length};

/// One logit a row, `[rows]`. `views` are those of `parameters.core`.
pub(crate) fn logits(
    spec: &ModelSpec,
    embedding: &Tensor,
    views: &CoreViews,
    input: &Input,
) -> Result<Tensor, TchError> {
    tch::no_grad(|| forward(spec, views, input, input.embed(embedding)?, &Masks::default(), false))
}

/// The mean loss of a batch and its gradient.
///
/// Autograd stops at the embedded tokens. What becomes of their gradient is for the caller: the embedding's gradient
/// is a sum over the places where a word occurs, and libtorch would make a dense `[vocabulary_size, embedding_size]` of it.
pub(crate) fn gradient(
    spec: &ModelSpec,
    parameters: &Parameters,
    views: &[Tensor],
    input: &Input,
    targets: &Tensor,
    masks: &Masks,
) -> Result<Gradient, TchError> {
    tch::with_grad(|| {
        let leaf = |tensor: &Tensor| tensor.f_detach()?.f_set_requires_grad(true);
        let embedded = leaf(&input.embed(&parameters.embedding)?)?;
        let mut leaves = views.iter().map(leaf).collect::<Result<Vec<_>, _>>()?;
        let logits = forward(spec, &CoreViews::new(spec, &leaves)?, input, embedded.shallow_clone(), masks, true)?;
        let loss =
            logits.f_binary_cross_entropy_with_logits(targets, None::<&Tensor>, None::<&Tensor>, Reduction::Mean)?;
        leaves.push(embedded);
        let mut gradients = Tensor::f_run_backward(&[&loss], &leaves, false, false)?;
        let tokens = gradients.pop().ok_or_else(|| TchError::Shape("autograd returned no gradient".into()))?;
        let core = gradients.iter().map(|gradient| gradient.f_reshape([-1])).collect::<Result<Vec<_>, _>>()?;
        Ok(Gradient { loss: loss.f_double_value(&[])?, core: Tensor::f_cat(&core, 0)?, tokens })
    })
}

fn forward(
    spec: &ModelSpec,
    views: &CoreViews,
    input: &Input,
    embedded: Tensor,
    masks: &Masks,
    train: bool,
) -> Result<Tensor, TchError> {
    let mut steps = dropout::apply(embedded, masks.after_embedding.as_ref())?;
    for (layer, weights) in views.layers.iter().enumerate() {
        steps = run_layer(spec, weights, &steps, train)?;
        if layer + 1 < spec.layers {
            steps = dropout::apply(steps, masks.between_layers.get(layer))?;
        }
    }
    let pooled = steps.f_view([-1, length(spec.hidden_size)])?.f_index_select(0, &input.answers)?;
    let pooled = dropout::apply(pooled, masks.after_last.as_ref())?;
    pooled.f_linear(&views.head_weight, Some(&views.head_bias))?.f_squeeze_dim(1)
}

/// The outputs of one layer, `[time, rows, hidden_size]`, from a state of zeros.
fn run_layer(spec: &ModelSpec, weights: &LayerViews, steps: &Tensor, train: bool) -> Result<Tensor, TchError> {
    let state =
        steps.f_new_zeros([1, steps.size3()?.1, length(spec.hidden_size)], (steps.f_kind()?, steps.device()))?;
    // The functions take both bias vectors or none. One that stands for none is zero and gets no gradient.
    let absent = match &weights.bias_hh {
        Some(_) => None,
        None => Some(weights.bias_ih.f_detach()?.f_zeros_like()?),
    };
    let Some(bias_hh) = weights.bias_hh.as_ref().or(absent.as_ref()) else {
        return Err(TchError::Shape("a layer without recurrent bias".into()));
    };
    let tensors = [&weights.weight_ih, &weights.weight_hh, &weights.bias_ih, bias_hh];
    Ok(match spec.cell {
        CellKind::Rnn => steps.f_rnn_tanh(&state, &tensors, true, 1, 0.0, train, false, false)?.0,
        CellKind::Lstm => steps.f_lstm(&[&state, &state], &tensors, true, 1, 0.0, train, false, false)?.0,
        CellKind::Gru => steps.f_gru(&state, &tensors, true, 1, 0.0, train, false, false)?.0,
    })
}
