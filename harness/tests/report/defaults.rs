//! Native defaults for the synthetic study.

use std::collections::BTreeMap;

use harness::contract::defaults::{Batching, DropoutPlace, PatienceRule, PlateauDefaults, Sourced, ThresholdMode};
use harness::contract::{
    AdamSpec, BiasVectors, CellKind, ClipForm, GruForm, Initializer, NativeDefaults, Pooling, Side, TensorGroup,
    WeightDecayForm,
};

/// Defaults like those of PyTorch.
pub(crate) fn pytorch() -> NativeDefaults {
    let rnn = "torch/nn/modules/rnn.py";
    let hidden = || Sourced::new(Initializer::HiddenUniform, rnn);
    let linear = || Sourced::new(Initializer::FanInUniform, "torch/nn/modules/linear.py");
    NativeDefaults {
        initializers: BTreeMap::from([
            (
                TensorGroup::Embedding,
                Sourced::new(Initializer::Normal { mean: 0.0, std: 1.0 }, "torch/nn/modules/sparse.py"),
            ),
            (TensorGroup::InputKernel, hidden()),
            (TensorGroup::RecurrentKernel, hidden()),
            (TensorGroup::InputBias, hidden()),
            (TensorGroup::RecurrentBias, hidden()),
            (TensorGroup::HeadKernel, linear()),
            (TensorGroup::HeadBias, linear()),
        ]),
        bias_vectors: CellKind::ALL.map(|cell| (cell, Sourced::new(BiasVectors::Two, rnn))).into(),
        gru_form: Sourced::new(GruForm::ResetAfter, rnn),
        adam: Sourced::new(AdamSpec::PYTORCH, "torch/optim/adam.py"),
        learning_rate: Sourced::new(1e-3, "torch/optim/adam.py"),
        clip_stabiliser: Sourced::new(1e-6, "torch/nn/utils/clip_grad.py"),
        clip_form: Sourced::new(ClipForm::Gradient, "torch/nn/utils/clip_grad.py"),
        weight_decay_form: Sourced::new(WeightDecayForm::Coupled, "torch/optim/adam.py"),
        dropout_places: Sourced::new(vec![DropoutPlace::AfterEmbedding, DropoutPlace::BetweenLayers], rnn),
        padding: Sourced::new(Side::End, "torch/nn/utils/rnn.py"),
        truncation: Sourced::new(Side::End, "the user's"),
        batching: Sourced::new(Batching::Dynamic, "torch/nn/utils/rnn.py"),
        masking: Sourced::new(false, "torch/nn/utils/rnn.py"),
        pooling: Sourced::new(Pooling::LastStep, rnn),
        plateau: Sourced::new(
            plateau(ThresholdMode::Relative, PatienceRule::AfterPatience),
            "torch/optim/lr_scheduler.py",
        ),
    }
}

/// Defaults like those of Keras.
pub(crate) fn keras() -> NativeDefaults {
    let rnn = "keras/src/layers/rnn";
    let zeros = || Sourced::new(Initializer::Zeros, rnn);
    let bias = |cell| if cell == CellKind::Gru { BiasVectors::Two } else { BiasVectors::One };
    NativeDefaults {
        initializers: BTreeMap::from([
            (
                TensorGroup::Embedding,
                Sourced::new(Initializer::Uniform { low: -0.05, high: 0.05 }, "keras/src/layers/core/embedding.py"),
            ),
            (TensorGroup::InputKernel, Sourced::new(Initializer::GlorotUniform, rnn)),
            (TensorGroup::RecurrentKernel, Sourced::new(Initializer::Orthogonal, rnn)),
            (TensorGroup::InputBias, Sourced::new(Initializer::UnitForgetBias, rnn)),
            (TensorGroup::RecurrentBias, zeros()),
            (TensorGroup::HeadKernel, Sourced::new(Initializer::GlorotUniform, "keras/src/layers/core/dense.py")),
            (TensorGroup::HeadBias, zeros()),
        ]),
        bias_vectors: CellKind::ALL.map(|cell| (cell, Sourced::new(bias(cell), rnn))).into(),
        gru_form: Sourced::new(GruForm::ResetAfter, rnn),
        adam: Sourced::new(AdamSpec::KERAS, "keras/src/optimizers/adam.py"),
        learning_rate: Sourced::new(1e-3, "keras/src/optimizers/adam.py"),
        clip_stabiliser: Sourced::new(0.0, "keras/src/optimizers/base_optimizer.py"),
        clip_form: Sourced::new(ClipForm::Occurrences, "keras/src/optimizers/base_optimizer.py"),
        weight_decay_form: Sourced::new(WeightDecayForm::Decoupled, "keras/src/optimizers/base_optimizer.py"),
        dropout_places: Sourced::new(
            vec![DropoutPlace::AfterEmbedding, DropoutPlace::BetweenLayers, DropoutPlace::AfterLast],
            "keras/src/layers/regularization/dropout.py",
        ),
        padding: Sourced::new(Side::Front, "keras/src/utils/sequence_utils.py"),
        truncation: Sourced::new(Side::Front, "keras/src/utils/sequence_utils.py"),
        batching: Sourced::new(Batching::Static, "keras/src/utils/sequence_utils.py"),
        masking: Sourced::new(false, "keras/src/layers/core/embedding.py"),
        pooling: Sourced::new(Pooling::LastStep, rnn),
        plateau: Sourced::new(
            plateau(ThresholdMode::Absolute, PatienceRule::AtPatience),
            "keras/src/callbacks/reduce_lr_on_plateau.py",
        ),
    }
}

fn plateau(threshold_mode: ThresholdMode, patience_rule: PatienceRule) -> PlateauDefaults {
    PlateauDefaults {
        factor: 0.1,
        patience: 10,
        threshold: 1e-4,
        threshold_mode,
        patience_rule,
        cooldown: 0,
        min_learning_rate: 0.0,
        min_change: 0.0,
    }
}
