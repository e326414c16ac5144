//! The identity of a run: everything that its numbers depend on, and nothing else.

use std::collections::BTreeMap;

use harness_contract::{BackendInfo, CellKind, Device, LibraryVersion, ModelSpec};
use serde::Serialize;
use sha2::{Digest, Sha256};
use toml::Value;

use super::differences::{flat, value_text};
use super::protocol::{Protocol, SchedulerKind, StopKind};

/// Moves whenever equal settings would give other initial weights, orders of examples or batches than before, so that no run made before counts as
/// done. `train/numerics.rs` has the test that fails without it.
pub const HARNESS_NUMERICS: u32 = 1;

/// Changes when the identity is composed otherwise.
const IDENTITY_VERSION: u32 = 2;

/// Settings on which no number of a run depends: where it is made, and what is written down of it.
const CIRCUMSTANCES: [&str; 5] = ["threads", "device", "input_gradient_norms", "recurrent_spectrum", "update_norms"];

#[derive(Serialize)]
struct Identity<'a> {
    identity: u32,
    harness_numerics: u32,
    backend: &'a str,
    libraries: &'a [LibraryVersion],
    backend_numerics: u32,
    device: &'a str,
    cell: CellKind,
    vocabulary_size: usize,
    settings: BTreeMap<String, String>,
    data: &'a str,
    seed: u64,
}

/// The SHA-256, 64 hexadecimal digits, of what a run's numbers depend on: the settings that matter to it, the data's hash, the backend with its
/// libraries' versions, the versions of the numbers, and the seed. A variant's name, threads and jobs are no part of it. Neither is a setting that is
/// switched off, so that one which is added later, off by default, leaves every run what it was.
///
/// # Errors
/// None for values that came from a plan.
pub fn fingerprint(
    info: &BackendInfo,
    protocol: &Protocol,
    model: &ModelSpec,
    data_hash: &str,
    seed: u64,
) -> Result<String, serde_json::Error> {
    let identity = Identity {
        identity: IDENTITY_VERSION,
        harness_numerics: HARNESS_NUMERICS,
        backend: &info.name,
        libraries: &info.libraries,
        backend_numerics: info.numerics,
        device: match model.device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
        },
        cell: model.cell,
        vocabulary_size: model.vocabulary_size,
        settings: that_matter(protocol, model.cell),
        data: data_hash,
        seed,
    };
    let digest = Sha256::digest(serde_json::to_vec(&identity)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The settings that bear on the numbers of a run of this cell, as a study file writes them.
fn that_matter(protocol: &Protocol, cell: CellKind) -> BTreeMap<String, String> {
    let matters = |key: &str, value: &Value| match key {
        "gru_form" => cell == CellKind::Gru,
        "clip_norm" | "clip_stabiliser" | "clip_form" => protocol.clip_norm > 0.0,
        "weight_decay" | "weight_decay_form" => protocol.weight_decay > 0.0,
        "dropout.rate" | "dropout.places" => protocol.dropout.rate > 0.0,
        "initializers.norm-scale" | "initializers.norm-shift" => protocol.layer_norm,
        "gap" => protocol.gap > 0,
        _ if key.starts_with("scheduler.") => protocol.scheduler.kind != SchedulerKind::None,
        _ if key.starts_with("stop.") => protocol.stop.kind != StopKind::Never,
        _ => !CIRCUMSTANCES.contains(&key) && *value != Value::Boolean(false),
    };
    flat(protocol)
        .into_iter()
        .filter(|(key, value)| matters(key, value))
        .map(|(key, value)| (key, value_text(&value)))
        .collect()
}
