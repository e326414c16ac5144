//! The model that is built.

use harness_contract::{BiasVectors, CellKind, DropoutPlace, GruForm, bounds};

use super::values::{Range, names};
use super::{Knob, Needs, Origin, Values, When, value, words};

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "embedding_size",
        meaning: "Columns of the embedding.",
        values: Values::Whole(1, bounds::MAX_EMBEDDING_SIZE as u64),
        default: Origin::Published("128"),
        spec: &["embedding_size"],
        ..Knob::PLAIN
    },
    Knob {
        name: "hidden_size",
        meaning: "Units of each recurrent layer, of each direction.",
        unit: "units",
        values: Values::Whole(1, bounds::MAX_HIDDEN_SIZE as u64),
        default: Origin::Published("64"),
        spec: &["hidden_size"],
        ..Knob::PLAIN
    },
    Knob {
        name: "layers",
        meaning: "Stacked recurrent layers.",
        unit: "layers",
        values: Values::Whole(1, bounds::MAX_LAYERS as u64),
        default: Origin::Published("2"),
        spec: &["layers"],
        ..Knob::PLAIN
    },
    Knob {
        name: "bidirectional",
        meaning: "Whether each layer also runs from the last step to the first.",
        default: Origin::Published("false"),
        off: "false",
        needs: Needs::Able("bidirectional", |can| can.bidirectional),
        spec: &["bidirectional"],
        ..Knob::PLAIN
    },
    Knob {
        name: "layer_norm",
        meaning: "Whether each recurrent layer's output is layer-normalised.",
        off: "false",
        needs: Needs::Able("layer_norm", |can| can.layer_norm),
        spec: &["layer_norm"],
        ..Knob::PLAIN
    },
    Knob {
        name: "bias_vectors",
        meaning: "Bias vectors of each recurrent layer.",
        values: Values::Word(names::<BiasVectors>),
        default: Origin::Native(|own, cell| value(&own.bias_vectors.get(&cell)?.value)),
        needs: Needs::Listed("bias_vectors", |can| words(&can.bias_vectors)),
        spec: &["bias_vectors"],
        ..Knob::PLAIN
    },
    Knob {
        name: "gru_form",
        meaning: "Whether a GRU applies its reset gate after or before the recurrent product.",
        values: Values::Word(names::<GruForm>),
        default: Origin::Native(|own, _| value(&own.gru_form.value)),
        matters: When { says: "for a GRU", holds: |_, cell| cell == CellKind::Gru },
        needs: Needs::Listed("gru_forms", |can| words(&can.gru_forms)),
        spec: &["gru_form"],
        ..Knob::PLAIN
    },
    Knob {
        name: "dropout.rate",
        meaning: "The share of values that dropout sets to 0.",
        values: Values::Number(Range::below(0.0, 1.0)),
        default: Origin::Published("0.2"),
        off: "0.0",
        needs: Needs::Able("dropout", |can| can.dropout),
        spec: &["dropout.after_embedding", "dropout.between_layers", "dropout.after_last"],
        ..Knob::PLAIN
    },
    Knob {
        // "Two recurrent layers of 64 units, flanked by dropout 0.2": one before the stack, one behind it.
        name: "dropout.places",
        meaning: "Where dropout acts.",
        values: Values::Words(names::<DropoutPlace>),
        default: Origin::Published(r#"["after-embedding", "after-last"]"#),
        matters: When { says: "with dropout", holds: |protocol, _| protocol.dropout.rate > 0.0 },
        ..Knob::PLAIN
    },
];
