//! `study pack` and `study unpack`: a study as one file, to commit, send and go on from.

use std::path::Path;

use super::args::{PackArguments, UnpackArguments};
use super::check::look_through;
use super::exit::{COMPLETED, CliError, NOT_ALL_COMPLETED, print, say};
use crate::record;
use crate::run::Claim;

/// Packs a study and prints the archive's place.
pub(super) fn pack(arguments: &PackArguments) -> Result<u8, CliError> {
    let (directory, file) = (&arguments.directory, &arguments.file);
    let packed = record::pack(directory, file).map_err(|error| CliError::new("pack the study", error))?;
    say_damaged(&packed.damaged, "run the study again, then pack it");
    let missing = match packed.missing {
        0 => String::new(),
        missing => format!("; {missing} of its plan have not ended"),
    };
    say(&format!("{} runs in {} bytes{missing}", packed.runs, packed.bytes));
    print(&format!("{}\n", file.display()))?;
    Ok(if packed.damaged.is_empty() { COMPLETED } else { NOT_ALL_COMPLETED })
}

/// Unpacks an archive and prints the study's directory.
pub(super) fn unpack(arguments: &UnpackArguments) -> Result<u8, CliError> {
    let whole = unpack_into(&arguments.file, &arguments.directory, None)?;
    print(&format!("{}\n", arguments.directory.display()))?;
    Ok(if whole { COMPLETED } else { NOT_ALL_COMPLETED })
}

/// Unpacks an archive into a study's directory, which nobody may be working on, and says what became of it. Whether all its runs could be believed.
pub(super) fn unpack_into(archive: &Path, directory: &Path, asked: Option<&str>) -> Result<bool, CliError> {
    let doing = "unpack the archive";
    look_through(archive)?;
    // Where there is no study yet, there is nobody to keep out: the whole directory is put in its place at once.
    let _claim = match directory.join("study.json").exists() {
        true => Some(Claim::study(directory).map_err(|error| CliError::new(doing, error))?),
        false => None,
    };
    let unpacked = record::unpack(archive, directory, asked).map_err(|error| CliError::new(doing, error))?;
    say_damaged(&unpacked.damaged, "get another copy of the archive, or run the study");
    say(&format!(
        "{}: {} runs added to {}, {} were there",
        archive.display(),
        unpacked.added,
        directory.display(),
        unpacked.kept
    ));
    Ok(unpacked.damaged.is_empty())
}

fn say_damaged(runs: &[(String, String)], remedy: &str) {
    for (run, reason) in runs {
        say(&format!("left out {run}: {reason}; {remedy}"));
    }
}
