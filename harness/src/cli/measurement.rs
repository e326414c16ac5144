//! Where a measurement is kept: a folder has one of a kind, and one of other settings gets a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::exit::{CliError, say};
use crate::record::{read_json, write_json};
use crate::run::{Claim, ClaimError};

/// A folder for one measurement. No other process measures into it meanwhile.
#[derive(Debug)]
pub(super) struct Kept {
    /// The folder.
    pub(super) folder: PathBuf,
    /// Whether what lies there, if anything does, is of the same settings.
    pub(super) same: bool,
    _claim: Claim,
}

/// The folder for a measurement of this kind, which leaves `KIND.json`: `out` if none is there, or one of the same settings, or with `force`; else
/// `out/KIND-DIGEST`, a name that the same settings have again. What was asked stands beside the record in `KIND.settings.json`.
pub(super) fn keep_in(out: &Path, kind: &str, asked: &impl Serialize, force: bool) -> Result<Kept, CliError> {
    let asked = serde_json::to_value(asked).map_err(|error| CliError::new("write down what is measured", error))?;
    make(out)?;
    let known = read_json::<Value>(&out.join(settings_file(kind)));
    let same = known.is_ok_and(|known| known == asked);
    match Claim::run(&out.join(kind)) {
        Ok(claim) if same || force || !out.join(format!("{kind}.json")).exists() => {
            return claimed(out, kind, &asked, claim, same);
        }
        // Another process measures something else here, or did: then this goes beside it.
        Ok(_) => {}
        Err(ClaimError::Held { .. } | ClaimError::Unknown { .. }) if !same && !force => {}
        Err(error) => return Err(CliError::new("measure", error)),
    }
    let digest = Sha256::digest(asked.to_string());
    let own = out.join(digest[..4].iter().fold(format!("{kind}-"), |name, byte| format!("{name}{byte:02x}")));
    say(&format!(
        "{} holds a measurement of other settings, which stays; this one goes to {} (--force replaces the other)",
        out.display(),
        own.display()
    ));
    make(&own)?;
    let claim = Claim::run(&own.join(kind)).map_err(|error| CliError::new("measure", error))?;
    claimed(&own, kind, &asked, claim, true)
}

fn settings_file(kind: &str) -> String {
    format!("{kind}.settings.json")
}

fn make(folder: &Path) -> Result<(), CliError> {
    fs::create_dir_all(folder).map_err(|error| CliError::new(&format!("make {}", folder.display()), error))
}

fn claimed(folder: &Path, kind: &str, asked: &Value, claim: Claim, same: bool) -> Result<Kept, CliError> {
    write_json(&folder.join(settings_file(kind)), asked)
        .map_err(|error| CliError::new("write down what is measured", error))?;
    Ok(Kept { folder: folder.to_path_buf(), same, _claim: claim })
}
