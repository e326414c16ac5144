//! The scripts that stand for each framework, and how they are called.

use std::path::Path;
use std::process::Command;

use harness_contract::defaults::{Batching, DropoutPlace};
use harness_contract::{CellKind, Device};

use super::process::Scripts;
use super::record::{Framework, Role};
use crate::plan::Protocol;

/// A way to call a framework's script.
#[derive(Debug)]
pub(super) struct Peer {
    /// Its name.
    pub(super) name: &'static str,
    /// Its framework.
    pub(super) framework: Framework,
    /// What it is.
    pub(super) role: Role,
    /// Flags beside the common ones.
    flags: &'static [&'static str],
    /// Why a whole run of it is not worth its time; `None` where it is.
    pub(super) left_out: Option<&'static str>,
}

/// All of them.
pub(super) const PEERS: [Peer; 5] = [
    Peer { name: "keras", framework: Framework::Keras, role: Role::Plain, flags: &[], left_out: None },
    Peer {
        name: "keras, jit_compile",
        framework: Framework::Keras,
        role: Role::Tuned,
        flags: &["--jit"],
        left_out: Some("its steps take longer than those of `keras`"),
    },
    Peer { name: "pytorch", framework: Framework::Pytorch, role: Role::Plain, flags: &[], left_out: None },
    Peer {
        name: "pytorch, fused Adam",
        framework: Framework::Pytorch,
        role: Role::Tuned,
        flags: &["--fused-adam", "--flush-denormal"],
        left_out: None,
    },
    Peer {
        name: "pytorch, fused Adam, compiled",
        framework: Framework::Pytorch,
        role: Role::Tuned,
        flags: &["--fused-adam", "--flush-denormal", "--compile"],
        left_out: Some("it gains nothing on `pytorch, fused Adam`"),
    },
];

/// A script with the arguments that say what it trains, on the reviews in `arrays`.
///
/// # Errors
/// If the script has something else written down than these settings, as a sentence fragment.
pub(super) fn script(
    scripts: &Scripts,
    peer: &Peer,
    protocol: &Protocol,
    cell: CellKind,
    threads: usize,
    vocabulary: usize,
    arrays: &Path,
) -> Result<Command, String> {
    check_script(protocol)?;
    let device = match protocol.device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
    };
    let mut command = scripts.command(match peer.framework {
        Framework::Keras => "keras_fit.py",
        Framework::Pytorch => "pytorch_loop.py",
    });
    command.arg("--data").arg(arrays).args(["--cell", cell.name(), "--device", device]);
    for (flag, value) in [
        ("--threads", threads),
        ("--vocabulary", vocabulary),
        ("--embedding", protocol.embedding_size),
        ("--hidden", protocol.hidden_size),
        ("--length", protocol.max_length),
        ("--batch", protocol.batch_size),
        ("--evaluation-batch", protocol.evaluation_batch_size),
    ] {
        command.args([flag, &value.to_string()]);
    }
    command.args(peer.flags);
    Ok(command)
}

/// Refuses settings that the scripts don't have, because they are written down there.
fn check_script(protocol: &Protocol) -> Result<(), String> {
    let places = [DropoutPlace::AfterEmbedding, DropoutPlace::AfterLast];
    let dropout = protocol.dropout.rate == 0.2
        && protocol.dropout.places.len() == places.len()
        && places.iter().all(|place| protocol.dropout.places.contains(place));
    let held = [
        ("layers", protocol.layers == 2),
        ("bidirectional", !protocol.bidirectional),
        ("layer_norm", !protocol.layer_norm),
        ("masking", !protocol.masking),
        ("batching", protocol.batching == Batching::Static),
        ("dropout", dropout),
        ("learning_rate", protocol.learning_rate == 1e-3),
        ("weight_decay", protocol.weight_decay == 0.0),
    ];
    match held.into_iter().find(|(_, as_written)| !as_written) {
        Some((key, _)) => {
            Err(format!("the script has another {key} than this study; leave it as the published study has it"))
        }
        None => Ok(()),
    }
}
