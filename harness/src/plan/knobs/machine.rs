//! Where and how a run computes. Numbers depend on these by rounding alone. The sort of the device is part of a run's identity of its own.

use harness_contract::{Kernel, bounds};

use super::values::names;
use super::{Bearing, Knob, Needs, Origin, Values, value, words};

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "threads",
        meaning: "Threads that the framework computes with.",
        unit: "threads",
        values: Values::Whole(1, bounds::MAX_THREADS as u64),
        default: Origin::Machine {
            says: "cores divided among the runs at once",
            value: |here| {
                let threads = (here.cores / here.jobs.max(1)).clamp(1, bounds::MAX_THREADS);
                let origin = format!("{} cores divided among {} jobs", here.cores, here.jobs);
                value(&threads).map(|value| (value, origin))
            },
        },
        bears: Bearing::Nothing,
        spec: &["threads"],
        ..Knob::PLAIN
    },
    Knob {
        name: "device",
        meaning: "Where to compute.",
        values: Values::Device,
        default: Origin::Program("cpu"),
        bears: Bearing::Nothing,
        needs: Needs::Listed("devices", |can| words(&can.devices)),
        spec: &["device"],
        ..Knob::PLAIN
    },
    Knob {
        name: "kernel",
        meaning: "Whether the recurrent layers are the framework's own, or this project's arrangement of its operations.",
        values: Values::Word(names::<Kernel>),
        default: Origin::Machine {
            says: "what the backend names first",
            value: |here| {
                let kernel = here.info.capabilities.kernels.first().and_then(value)?;
                Some((kernel, format!("preferred by {}", here.info.name)))
            },
        },
        bears: Bearing::Rounding,
        needs: Needs::Listed("kernels", |can| words(&can.kernels)),
        spec: &["kernel"],
        ..Knob::PLAIN
    },
];
