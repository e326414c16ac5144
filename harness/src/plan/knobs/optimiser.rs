//! Adam, clipping and weight decay.

use harness_contract::{BiasCorrection, ClipForm, EpsilonPlacement, RepeatedWords, WeightDecayForm};

use super::values::{Range, names};
use super::{Knob, Needs, Origin, Values, When, value, words};

const CLIPPED: When = When { says: "with clipping", holds: |protocol, _| protocol.clip_norm > 0.0 };

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "adam.beta1",
        meaning: "Decay of Adam's first moment.",
        values: Values::Number(Range::below(0.0, 1.0)),
        default: Origin::Native(|own, _| value(&own.adam.value.beta1)),
        spec: &["adam.beta1"],
        ..Knob::PLAIN
    },
    Knob {
        name: "adam.beta2",
        meaning: "Decay of Adam's second moment.",
        values: Values::Number(Range::below(0.0, 1.0)),
        default: Origin::Native(|own, _| value(&own.adam.value.beta2)),
        spec: &["adam.beta2"],
        ..Knob::PLAIN
    },
    Knob {
        name: "adam.epsilon",
        meaning: "Adam's epsilon.",
        values: Values::Number(Range::above(0.0, 1.0)),
        default: Origin::Native(|own, _| value(&own.adam.value.epsilon)),
        spec: &["adam.epsilon"],
        ..Knob::PLAIN
    },
    Knob {
        name: "adam.epsilon_placement",
        meaning: "Whether epsilon is added after the second moment is corrected (PyTorch), or before (Keras).",
        values: Values::Word(names::<EpsilonPlacement>),
        default: Origin::Native(|own, _| value(&own.adam.value.epsilon_placement)),
        needs: Needs::Listed("epsilon_placements", |can| words(&can.epsilon_placements)),
        spec: &["adam.epsilon_placement"],
        ..Knob::PLAIN
    },
    Knob {
        name: "adam.repeated_words",
        meaning: "Whether the gradients of a word's occurrences in a batch are summed before they are squared for the second moment \
                  (PyTorch), or after (Keras).",
        values: Values::Word(names::<RepeatedWords>),
        default: Origin::Native(|own, _| value(&own.adam.value.repeated_words)),
        matters: When {
            says: "where clipping does not sum occurrences first",
            holds: |protocol, _| protocol.clip_norm == 0.0 || protocol.clip_form != ClipForm::Occurrences,
        },
        needs: Needs::Listed("repeated_words", |can| words(&can.repeated_words)),
        spec: &["adam.repeated_words"],
        ..Knob::PLAIN
    },
    Knob {
        name: "adam.bias_correction",
        meaning: "The precision of Adam's bias corrections.",
        values: Values::Word(names::<BiasCorrection>),
        default: Origin::Native(|own, _| value(&own.adam.value.bias_correction)),
        absent: "float64",
        needs: Needs::Listed("bias_corrections", |can| words(&can.bias_corrections)),
        spec: &["adam.bias_correction"],
        ..Knob::PLAIN
    },
    Knob {
        name: "clip_norm",
        meaning: "The largest global norm of the gradient that goes through unscaled; 0 is no clipping.",
        values: Values::Number(Range::closed(0.0, 1e9)),
        default: Origin::Program("0.0"),
        off: "0.0",
        spec: &["clip.norm"],
        ..Knob::PLAIN
    },
    Knob {
        name: "clip_stabiliser",
        meaning: "What clipping adds to the norm that it divides by.",
        values: Values::Number(Range::closed(0.0, 1.0)),
        default: Origin::Native(|own, _| value(&own.clip_stabiliser.value)),
        matters: CLIPPED,
        spec: &["clip.stabiliser"],
        ..Knob::PLAIN
    },
    Knob {
        name: "clip_form",
        meaning: "Whether clipping takes the norm of the gradient (PyTorch), counts each occurrence of a word on its own (Keras' `global_clipnorm`), or takes the norm of each \
                  weight (Keras' `clipnorm`).",
        values: Values::Word(names::<ClipForm>),
        default: Origin::Native(|own, _| value(&own.clip_form.value)),
        absent: "gradient",
        matters: CLIPPED,
        needs: Needs::Listed("clip_forms", |can| words(&can.clip_forms)),
        spec: &["clip.form"],
        ..Knob::PLAIN
    },
    Knob {
        name: "weight_decay",
        meaning: "The rate of weight decay; 0 is none.",
        values: Values::Number(Range::closed(0.0, 1000.0)),
        default: Origin::Program("0.0"),
        off: "0.0",
        spec: &["weight_decay.rate"],
        ..Knob::PLAIN
    },
    Knob {
        name: "weight_decay_form",
        meaning: "Whether weight decay enters the gradient, or shrinks the weights beside the update (AdamW).",
        values: Values::Word(names::<WeightDecayForm>),
        default: Origin::Native(|own, _| value(&own.weight_decay_form.value)),
        matters: When { says: "with weight decay", holds: |protocol, _| protocol.weight_decay > 0.0 },
        needs: Needs::Listed("weight_decay_forms", |can| words(&can.weight_decay_forms)),
        spec: &["weight_decay.form"],
        ..Knob::PLAIN
    },
];
