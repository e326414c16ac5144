//! The identity of a run: everything that its numbers depend on, and nothing else.

use std::collections::BTreeMap;

use harness_contract::{BackendInfo, CellKind, Device, LibraryVersion, ModelSpec};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::knobs::identity;
use super::protocol::Protocol;

/// Moves whenever equal settings would give other initial weights, orders of examples or batches than before, so that no run made before counts as
/// done. `train/numerics.rs` has the test that fails without it.
pub(crate) const HARNESS_NUMERICS: u32 = 1;

/// Changes when the identity is composed otherwise.
const IDENTITY_VERSION: u32 = 3;

#[derive(Serialize)]
struct Identity<'a> {
    identity: u32,
    harness_numerics: u32,
    backend: &'a str,
    libraries: Vec<&'a LibraryVersion>,
    backend_numerics: u32,
    device: &'a str,
    cell: CellKind,
    vocabulary_size: usize,
    settings: BTreeMap<String, String>,
    data: &'a str,
    seed: u64,
}

/// The SHA-256, 64 hexadecimal digits, of what a run's numbers depend on: the settings that matter to it, the data's hash, the backend with the
/// versions of its framework's libraries, the versions of the numbers, and the seed. A variant's name, threads and jobs are no part of it. Neither is a setting that is
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
    // The version of the backend's own program says when it was made; its numerics version says whether its numbers changed.
    let own = format!("backend-{}", info.name);
    let identity = Identity {
        identity: IDENTITY_VERSION,
        harness_numerics: HARNESS_NUMERICS,
        backend: &info.name,
        libraries: info.libraries.iter().filter(|library| library.name != own).collect(),
        backend_numerics: info.numerics,
        device: match model.device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
        },
        cell: model.cell,
        vocabulary_size: model.vocabulary_size,
        settings: identity(protocol, model.cell),
        data: data_hash,
        seed,
    };
    let digest = Sha256::digest(serde_json::to_vec(&identity)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
