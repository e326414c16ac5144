//! How long and with how much at once a model is trained.

use harness_contract::bounds;

use super::values::{Range, names};
use super::{Knob, Needs, Origin, Values};
use crate::plan::protocol::{Checkpoint, Shuffle};

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "epochs",
        meaning: "Passes over the training split.",
        unit: "epochs",
        values: Values::Whole(1, 100_000),
        default: Origin::Published("10"),
        in_step: false,
        ..Knob::PLAIN
    },
    Knob {
        name: "batch_size",
        meaning: "Rows of a training batch; the last batch of an epoch may be shorter.",
        unit: "reviews",
        values: Values::Whole(1, bounds::MAX_BATCH as u64),
        default: Origin::Published("32"),
        spec: &["max_batch"],
        ..Knob::PLAIN
    },
    Knob {
        name: "evaluation_batch_size",
        meaning: "Rows of a batch in validation and test.",
        unit: "reviews",
        values: Values::Whole(1, bounds::MAX_ROWS as u64),
        default: Origin::Program("250"),
        in_step: false,
        rule: |protocol| match protocol.evaluation_batch_size as u64 * protocol.max_length as u64 {
            tokens if tokens > bounds::MAX_TOKENS => {
                Err(format!("{tokens} tokens in a batch of max_length are over the bound of {}", bounds::MAX_TOKENS))
            }
            _ => Ok(()),
        },
        ..Knob::PLAIN
    },
    Knob {
        name: "learning_rate",
        meaning: "Adam's learning rate before any schedule acts.",
        values: Values::Number(Range::above(0.0, 1000.0)),
        default: Origin::Published("1e-3"),
        ..Knob::PLAIN
    },
    Knob {
        name: "label_smoothing",
        meaning: "The share of each label that goes to the other one in the training loss (Keras' `BinaryCrossentropy(label_smoothing=)`); 0 is none. Validation and test see labels as they are.",
        values: Values::Number(Range::below(0.0, 1.0)),
        default: Origin::Program("0.0"),
        off: "0.0",
        needs: Needs::Able("label_smoothing", |can| can.label_smoothing),
        spec: &["label_smoothing"],
        ..Knob::PLAIN
    },
    Knob {
        name: "shuffle",
        meaning: "Whether the training split is put in a new order for each epoch, in one order for all epochs, or stays as it was split.",
        values: Values::Word(names::<Shuffle>),
        default: Origin::Program("\"each-epoch\""),
        off: "\"each-epoch\"",
        ..Knob::PLAIN
    },
    Knob {
        name: "checkpoint",
        meaning: "Which epoch's weights are tested and kept: those after the last one, or those with the lowest validation loss.",
        values: Values::Word(names::<Checkpoint>),
        default: Origin::Program("last"),
        in_step: false,
        ..Knob::PLAIN
    },
];
