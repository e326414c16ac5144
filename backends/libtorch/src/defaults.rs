//! What PyTorch does when its user says nothing, read from the Python sources of the pinned release. A default that nothing in the framework holds
//! has a source that begins with `convention:`. `tests/defaults.rs` holds them against what live PyTorch says of itself.

use std::collections::BTreeMap;

use harness_contract::{
    AdamSpec, Batching, BiasVectors, CellKind, ClipForm, DropoutPlace, GruForm, Initializer, NativeDefaults,
    PatienceRule, PlateauDefaults, Pooling, Side, Sourced, TensorGroup, ThresholdMode, WeightDecayForm,
};

const RNN: &str = "torch 2.13.0 torch/nn/modules/rnn.py RNNBase.reset_parameters";
const LINEAR: &str = "torch 2.13.0 torch/nn/modules/linear.py Linear.reset_parameters";
const NORM: &str = "torch 2.13.0 torch/nn/modules/normalization.py LayerNorm.reset_parameters";

/// PyTorch's defaults with their sources.
pub(crate) fn native_defaults() -> NativeDefaults {
    NativeDefaults {
        initializers: initializers(),
        bias_vectors: CellKind::ALL
            .into_iter()
            .map(|cell| {
                let source = "torch 2.13.0 torch/nn/modules/rnn.py RNNBase.__init__ (b_ih, b_hh)";
                (cell, Sourced::new(BiasVectors::Two, source))
            })
            .collect(),
        gru_form: Sourced::new(GruForm::ResetAfter, "torch 2.13.0 torch/nn/modules/rnn.py GRU (documentation of n_t)"),
        adam: Sourced::new(
            AdamSpec::PYTORCH,
            "torch 2.13.0 torch/optim/adam.py Adam.__init__, _single_tensor_adam; \
             torch/nn/modules/sparse.py Embedding.__init__ (sparse=False)",
        ),
        learning_rate: Sourced::new(1e-3, "torch 2.13.0 torch/optim/adam.py Adam.__init__ (lr)"),
        clip_stabiliser: Sourced::new(1e-6, "torch 2.13.0 torch/nn/utils/clip_grad.py _clip_grads_with_norm_"),
        clip_form: Sourced::new(
            ClipForm::Gradient,
            "torch 2.13.0 torch/nn/utils/clip_grad.py clip_grad_norm_, get_total_norm; \
             torch/nn/modules/sparse.py Embedding.__init__ (sparse=False)",
        ),
        weight_decay_form: Sourced::new(
            WeightDecayForm::Coupled,
            "torch 2.13.0 torch/optim/adam.py Adam.__init__ (decoupled_weight_decay=False)",
        ),
        dropout_places: Sourced::new(
            vec![DropoutPlace::BetweenLayers],
            "torch 2.13.0 torch/nn/modules/rnn.py RNNBase.__init__ (dropout: after all but the last layer)",
        ),
        padding: Sourced::new(Side::End, "torch 2.13.0 torch/nn/utils/rnn.py pad_sequence (padding_side=\"right\")"),
        truncation: Sourced::new(
            Side::End,
            "convention: torch 2.13.0 truncates nothing; torch/nn/utils/rnn.py pad_sequence takes what it is given, \
             and tokens[:max_length] keeps the front",
        ),
        batching: Sourced::new(
            Batching::Dynamic,
            "torch 2.13.0 torch/nn/utils/rnn.py pad_sequence (to the longest sequence)",
        ),
        masking: Sourced::new(
            false,
            "torch 2.13.0 torch/nn/modules/rnn.py RNNBase (padded steps are skipped only in a PackedSequence)",
        ),
        pooling: Sourced::new(
            Pooling::LastStep,
            "torch 2.13.0 torch/nn/modules/rnn.py RNN, LSTM, GRU (h_n: the final hidden state of an unpacked input)",
        ),
        plateau: Sourced::new(
            PlateauDefaults {
                factor: 0.1,
                patience: 10,
                threshold: 1e-4,
                threshold_mode: ThresholdMode::Relative,
                patience_rule: PatienceRule::AfterPatience,
                cooldown: 0,
                min_learning_rate: 0.0,
                min_change: 1e-8,
            },
            "torch 2.13.0 torch/optim/lr_scheduler.py ReduceLROnPlateau.__init__, step",
        ),
    }
}

fn initializers() -> BTreeMap<TensorGroup, Sourced<Initializer>> {
    let default = |group| match group {
        TensorGroup::Embedding => Sourced::new(
            Initializer::Normal { mean: 0.0, std: 1.0 },
            "torch 2.13.0 torch/nn/modules/sparse.py Embedding.reset_parameters (padding_idx=None: row 0 too)",
        ),
        TensorGroup::InputKernel
        | TensorGroup::RecurrentKernel
        | TensorGroup::InputBias
        | TensorGroup::RecurrentBias => Sourced::new(Initializer::HiddenUniform, RNN),
        TensorGroup::NormScale => Sourced::new(Initializer::Ones, NORM),
        TensorGroup::NormShift => Sourced::new(Initializer::Zeros, NORM),
        TensorGroup::HeadKernel | TensorGroup::HeadBias => Sourced::new(Initializer::FanInUniform, LINEAR),
    };
    TensorGroup::ALL.into_iter().map(|group| (group, default(group))).collect()
}
