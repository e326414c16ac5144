//! Keras' defaults, each with the place in its sources where it was read. One that nothing in the framework holds has a source that begins with
//! `convention:`. `tests/defaults.rs` holds them against what live Keras says of itself.

use std::collections::BTreeMap;

use harness_contract::{
    AdamSpec, Batching, BiasVectors, CellKind, ClipForm, DropoutPlace, GruForm, Initializer, NativeDefaults,
    PatienceRule, PlateauDefaults, Pooling, Side, Sourced, TensorGroup, ThresholdMode, WeightDecayForm,
};

/// What Keras does when its user says nothing.
pub(crate) fn keras() -> NativeDefaults {
    NativeDefaults {
        initializers: initializers(),
        bias_vectors: BTreeMap::from([
            (CellKind::Rnn, sourced(BiasVectors::One, "layers/rnn/simple_rnn.py SimpleRNNCell.build")),
            (CellKind::Lstm, sourced(BiasVectors::One, "layers/rnn/lstm.py LSTMCell.build")),
            (CellKind::Gru, sourced(BiasVectors::Two, "layers/rnn/gru.py GRUCell.build, reset_after")),
        ]),
        gru_form: sourced(GruForm::ResetAfter, "layers/rnn/gru.py GRU.__init__, reset_after=True"),
        adam: sourced(
            AdamSpec::KERAS,
            "optimizers/adam.py Adam.__init__ and Adam.update_step; repeated words: backend/tensorflow/sparse.py \
             elementwise_unary, which squares the values of an IndexedSlices before anything sums them; bias corrections: \
             update_step casts beta and step to the variable's type, float32",
        ),
        learning_rate: sourced(0.001, "optimizers/adam.py Adam.__init__"),
        clip_stabiliser: sourced(0.0, "optimizers/base_optimizer.py clip_by_global_norm"),
        clip_form: sourced(
            ClipForm::Occurrences,
            "optimizers/base_optimizer.py global_norm, which squares the values of an IndexedSlices, and clip_by_global_norm, \
             whose product with a scalar makes it dense",
        ),
        weight_decay_form: sourced(
            WeightDecayForm::Decoupled,
            "optimizers/base_optimizer.py BaseOptimizer._apply_weight_decay",
        ),
        dropout_places: Sourced::new(
            vec![DropoutPlace::BetweenLayers, DropoutPlace::AfterLast],
            "convention: keras 3.15.1 keras/src/layers/regularization/dropout.py Dropout, a layer of its own, put after each recurrent \
             layer; the `dropout` argument of layers/rnn/lstm.py LSTM.__init__ acts inside a layer",
        ),
        padding: sourced(Side::Front, "utils/sequence_utils.py pad_sequences, padding=\"pre\""),
        truncation: sourced(Side::Front, "utils/sequence_utils.py pad_sequences, truncating=\"pre\""),
        batching: sourced(
            Batching::Static,
            "utils/sequence_utils.py pad_sequences, which gives one array of one length for all sequences",
        ),
        masking: sourced(false, "layers/core/embedding.py Embedding.__init__, mask_zero=False"),
        pooling: sourced(Pooling::LastStep, "layers/rnn/rnn.py RNN.__init__, return_sequences=False"),
        plateau: sourced(
            PlateauDefaults {
                factor: 0.1,
                patience: 10,
                threshold: 1e-4,
                threshold_mode: ThresholdMode::Absolute,
                patience_rule: PatienceRule::AtPatience,
                cooldown: 0,
                min_learning_rate: 0.0,
                min_change: 0.0,
            },
            "callbacks/reduce_lr_on_plateau.py ReduceLROnPlateau.__init__ and on_epoch_end; callbacks/monitor_callback.py \
             MonitorCallback._is_improvement",
        ),
    }
}

fn initializers() -> BTreeMap<TensorGroup, Sourced<Initializer>> {
    let cells = "layers/rnn/{simple_rnn,lstm,gru}.py";
    BTreeMap::from([
        (
            TensorGroup::Embedding,
            sourced(
                Initializer::Uniform { low: -0.05, high: 0.05 },
                "layers/core/embedding.py Embedding.__init__, embeddings_initializer=\"uniform\"; \
                 initializers/random_initializers.py RandomUniform.__init__",
            ),
        ),
        (
            TensorGroup::InputKernel,
            sourced(Initializer::GlorotUniform, &format!("{cells} __init__, kernel_initializer=\"glorot_uniform\"")),
        ),
        (
            TensorGroup::RecurrentKernel,
            sourced(
                Initializer::Orthogonal,
                &format!("{cells} __init__, recurrent_initializer=\"orthogonal\", and build: all gates at once"),
            ),
        ),
        (
            TensorGroup::InputBias,
            sourced(
                Initializer::UnitForgetBias,
                &format!(
                    "{cells} __init__, bias_initializer=\"zeros\"; layers/rnn/lstm.py LSTMCell.build, unit_forget_bias"
                ),
            ),
        ),
        (
            TensorGroup::RecurrentBias,
            sourced(Initializer::Zeros, "layers/rnn/gru.py GRUCell.build, the second row of the bias"),
        ),
        (
            TensorGroup::NormScale,
            sourced(Initializer::Ones, "layers/normalization/layer_normalization.py LayerNormalization.__init__"),
        ),
        (
            TensorGroup::NormShift,
            sourced(Initializer::Zeros, "layers/normalization/layer_normalization.py LayerNormalization.__init__"),
        ),
        (
            TensorGroup::HeadKernel,
            sourced(
                Initializer::GlorotUniform,
                "layers/core/dense.py Dense.__init__, kernel_initializer=\"glorot_uniform\"",
            ),
        ),
        (
            TensorGroup::HeadBias,
            sourced(Initializer::Zeros, "layers/core/dense.py Dense.__init__, bias_initializer=\"zeros\""),
        ),
    ])
}

/// A default read in the sources of Keras, by file below `keras/src` and symbol.
fn sourced<T>(value: T, place: &str) -> Sourced<T> {
    Sourced::new(value, format!("keras 3.15.1 keras/src/{place}"))
}
