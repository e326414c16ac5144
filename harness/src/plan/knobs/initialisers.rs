//! The distributions that initial weights are drawn from, a knob for each group of tensors.

use harness_contract::{BiasVectors, CellKind, NativeDefaults, TensorGroup};
use toml::Value;

use super::{Knob, Origin, Values, When, value};

type Native = fn(&NativeDefaults, CellKind) -> Option<Value>;

const NORMALISED: When = When { says: "with layer norm", holds: |protocol, _| protocol.layer_norm };

pub(super) const KNOBS: &[Knob] = &[
    weights("initializers.embedding", "The embedding.", |own, _| of(own, TensorGroup::Embedding)),
    weights("initializers.input-kernel", "Kernels of the recurrent layers' inputs.", |own, _| {
        of(own, TensorGroup::InputKernel)
    }),
    weights("initializers.recurrent-kernel", "Kernels of the recurrent layers' states.", |own, _| {
        of(own, TensorGroup::RecurrentKernel)
    }),
    weights("initializers.input-bias", "The recurrent layers' first bias vector.", |own, _| {
        of(own, TensorGroup::InputBias)
    }),
    Knob {
        matters: When { says: "with two bias vectors", holds: |protocol, _| protocol.bias_vectors == BiasVectors::Two },
        ..weights("initializers.recurrent-bias", "The recurrent layers' second bias vector.", |own, _| {
            of(own, TensorGroup::RecurrentBias)
        })
    },
    Knob {
        matters: NORMALISED,
        optional: true,
        ..weights("initializers.norm-scale", "The scale of a layer norm.", |own, _| of(own, TensorGroup::NormScale))
    },
    Knob {
        matters: NORMALISED,
        optional: true,
        ..weights("initializers.norm-shift", "The shift of a layer norm.", |own, _| of(own, TensorGroup::NormShift))
    },
    weights("initializers.head-kernel", "The kernel of the head.", |own, _| of(own, TensorGroup::HeadKernel)),
    weights("initializers.head-bias", "The bias of the head.", |own, _| of(own, TensorGroup::HeadBias)),
];

const fn weights(name: &'static str, meaning: &'static str, native: Native) -> Knob {
    Knob { name, meaning, values: Values::Initializer, default: Origin::Native(native), ..Knob::PLAIN }
}

fn of(defaults: &NativeDefaults, group: TensorGroup) -> Option<Value> {
    value(&defaults.initializers.get(&group)?.value)
}
