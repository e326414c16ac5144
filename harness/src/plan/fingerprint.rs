//! The identity of a run: everything that its numbers depend on.

use harness_contract::{BackendInfo, LibraryVersion, ModelSpec};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::protocol::Protocol;

/// Changes whenever equal settings no longer mean an equal run, so that no run made before counts as done.
const IDENTITY_VERSION: u32 = 1;

#[derive(Serialize)]
struct Identity<'a> {
    record_version: u32,
    backend: &'a str,
    libraries: &'a [LibraryVersion],
    protocol: &'a Protocol,
    model: &'a ModelSpec,
    data: &'a str,
    seed: u64,
}

/// The SHA-256, 64 hexadecimal digits, of what a run's numbers depend on: the resolved protocol and model, the data's hash, the
/// backend with its libraries' versions, and the seed. A variant's name is not part of it.
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
        record_version: IDENTITY_VERSION,
        backend: &info.name,
        libraries: &info.libraries,
        protocol,
        model,
        data: data_hash,
        seed,
    };
    let digest = Sha256::digest(serde_json::to_vec(&identity)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
