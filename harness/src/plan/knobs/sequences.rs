//! From reviews to batches of one length.

use harness_contract::{Batching, Pooling, Side, bounds};

use super::values::names;
use super::{Knob, Needs, Origin, Values, value};
use crate::plan::protocol::Protocol;

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "max_length",
        meaning: "Longer reviews are cut to this many tokens.",
        unit: "tokens",
        values: Values::Whole(1, bounds::MAX_TIME as u64),
        default: Origin::Published("400"),
        spec: &["max_time"],
        ..Knob::PLAIN
    },
    Knob {
        name: "padding",
        meaning: "Where shorter reviews are padded.",
        values: Values::Word(names::<Side>),
        default: Origin::Native(|own, _| value(&own.padding.value)),
        ..Knob::PLAIN
    },
    Knob {
        name: "truncation",
        meaning: "Where longer reviews are cut.",
        values: Values::Word(names::<Side>),
        default: Origin::Native(|own, _| value(&own.truncation.value)),
        ..Knob::PLAIN
    },
    Knob {
        name: "gap",
        meaning: "Padded steps between a row's last word and the last step; 0 is none. A batch is this much longer, and `max_length` counts words.",
        unit: "steps",
        values: Values::Whole(0, bounds::MAX_TIME as u64),
        default: Origin::Program("0"),
        off: "0",
        rule: |protocol| match protocol {
            Protocol { gap: 0, .. } => Ok(()),
            Protocol { padding: Side::Front, masking: false, pooling: Pooling::LastStep, .. } => Ok(()),
            _ => Err("only with padding = \"front\", without masking, and with pooling = \"last-step\"".into()),
        },
        ..Knob::PLAIN
    },
    Knob {
        name: "batching",
        meaning: "How many steps a batch is padded to: `max_length`, those of its longest row, or as that with rows of similar length together.",
        values: Values::Word(names::<Batching>),
        default: Origin::Native(|own, _| value(&own.batching.value)),
        ..Knob::PLAIN
    },
    Knob {
        name: "masking",
        meaning: "Whether padded steps leave the state as it was (Keras' masking, PyTorch's packing).",
        default: Origin::Native(|own, _| value(&own.masking.value)),
        off: "false",
        needs: Needs::Able("masking", |can| can.masking),
        spec: &["masking"],
        ..Knob::PLAIN
    },
    Knob {
        name: "pooling",
        meaning: "Which step's output goes into the head: the last one, or that of the row's last token.",
        values: Values::Word(names::<Pooling>),
        default: Origin::Native(|own, _| value(&own.pooling.value)),
        spec: &["pooling"],
        ..Knob::PLAIN
    },
];
