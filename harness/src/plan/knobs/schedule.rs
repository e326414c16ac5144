//! How the learning rate changes from epoch to epoch, and when a run ends.

use harness_contract::{PatienceRule, ThresholdMode};

use super::values::{Range, names};
use super::{Knob, Origin, Values, When, value};
use crate::plan::protocol::{SchedulerKind, StopKind};

/// A knob that is the plateau schedule's own.
const PLATEAU: Knob = Knob {
    matters: When {
        says: "with the schedule `plateau`",
        holds: |protocol, _| protocol.scheduler.kind == SchedulerKind::Plateau,
    },
    in_step: false,
    ..Knob::PLAIN
};

/// A knob of the rule that ends a run after it has escaped chance.
const AFTER_ESCAPE: Knob = Knob {
    matters: When {
        says: "with the stop `after-escape`",
        holds: |protocol, _| protocol.stop.kind == StopKind::AfterEscape,
    },
    in_step: false,
    ..Knob::PLAIN
};

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "scheduler.kind",
        meaning: "Whether the learning rate stays, or is reduced when the validation loss stops falling (`ReduceLROnPlateau`).",
        values: Values::Word(names::<SchedulerKind>),
        default: Origin::Program("none"),
        off: "none",
        in_step: false,
        ..Knob::PLAIN
    },
    Knob {
        name: "scheduler.factor",
        meaning: "What the learning rate is multiplied by.",
        values: Values::Number(Range::open(0.0, 1.0)),
        default: Origin::Native(|own, _| value(&own.plateau.value.factor)),
        ..PLATEAU
    },
    Knob {
        name: "scheduler.patience",
        meaning: "Epochs without improvement that are let pass.",
        unit: "epochs",
        values: Values::Whole(0, 100_000),
        default: Origin::Native(|own, _| value(&own.plateau.value.patience)),
        ..PLATEAU
    },
    Knob {
        name: "scheduler.threshold",
        meaning: "The least improvement of the validation loss that counts.",
        values: Values::Number(Range::closed(0.0, 1000.0)),
        default: Origin::Native(|own, _| value(&own.plateau.value.threshold)),
        ..PLATEAU
    },
    Knob {
        name: "scheduler.threshold_mode",
        meaning: "Whether the threshold is a share of the best loss (PyTorch), or nats (Keras).",
        values: Values::Word(names::<ThresholdMode>),
        default: Origin::Native(|own, _| value(&own.plateau.value.threshold_mode)),
        ..PLATEAU
    },
    Knob {
        name: "scheduler.patience_rule",
        meaning: "Whether the rate falls in the last epoch of the patience (Keras), or in the one after (PyTorch).",
        values: Values::Word(names::<PatienceRule>),
        default: Origin::Native(|own, _| value(&own.plateau.value.patience_rule)),
        ..PLATEAU
    },
    Knob {
        name: "scheduler.cooldown",
        meaning: "Epochs after a reduction during which nothing is counted.",
        unit: "epochs",
        values: Values::Whole(0, 100_000),
        default: Origin::Native(|own, _| value(&own.plateau.value.cooldown)),
        ..PLATEAU
    },
    Knob {
        name: "scheduler.min_learning_rate",
        meaning: "What the learning rate never goes below.",
        values: Values::Number(Range::closed(0.0, 1000.0)),
        default: Origin::Native(|own, _| value(&own.plateau.value.min_learning_rate)),
        ..PLATEAU
    },
    Knob {
        name: "scheduler.min_change",
        meaning: "A reduction of the learning rate by no more than this is not made (PyTorch's `eps`; Keras has none).",
        values: Values::Number(Range::closed(0.0, 1000.0)),
        default: Origin::Native(|own, _| value(&own.plateau.value.min_change)),
        absent: "0.0",
        ..PLATEAU
    },
    Knob {
        name: "stop.kind",
        meaning: "Whether a run takes all its epochs, or ends `stop.epochs` epochs after it has escaped chance.",
        values: Values::Word(names::<StopKind>),
        default: Origin::Program("never"),
        off: "never",
        in_step: false,
        ..Knob::PLAIN
    },
    Knob {
        name: "stop.auc",
        meaning: "A run has escaped when its validation AUC is at least this at the end of an epoch.",
        values: Values::Number(Range::open(0.5, 1.0)),
        default: Origin::Program("0.6"),
        ..AFTER_ESCAPE
    },
    Knob {
        name: "stop.epochs",
        meaning: "Epochs that are trained after the one in which a run escaped.",
        unit: "epochs",
        values: Values::Whole(0, 100_000),
        default: Origin::Program("1"),
        ..AFTER_ESCAPE
    },
];
