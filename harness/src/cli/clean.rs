//! `study clean`: removes what no plan has, after asking.

use std::fs;
use std::io::{self, IsTerminal};

use harness_text::numbers;
use serde_json::json;

use super::args::CleanArguments;
use super::exit::{COMPLETED, CliError, print, print_json, say};
use crate::look::{Leftover, leftovers};
use crate::record::read_study;
use crate::run::Claim;

/// Lists what no plan has, asks, and removes it. Nothing that a plan names is touched.
pub(super) fn clean(arguments: &CleanArguments) -> Result<u8, CliError> {
    let directory = &arguments.directory;
    let doing = "clean the study's directory";
    let study = read_study(directory).map_err(|error| CliError::new(doing, error))?;
    let Some(study) = study else {
        return Err(CliError::new(doing, format!("{} is no study: it has no study.json", directory.display())));
    };
    let _claim = Claim::study(directory).map_err(|error| CliError::new(doing, error))?;
    let found = leftovers(directory, &study).map_err(|error| CliError::new(doing, error))?;
    if found.is_empty() {
        say("nothing to remove: everything in it belongs to a plan");
        if arguments.json {
            print("[]\n")?;
        }
        return Ok(COMPLETED);
    }
    if arguments.json {
        let list: Vec<_> = found
            .iter()
            .map(|own| json!({ "directory": own.directory.display().to_string(), "bytes": own.bytes }))
            .collect();
        print_json(&list)?;
    } else {
        let line = |own: &Leftover| format!("{}  {}\n", own.directory.display(), numbers::bytes(own.bytes));
        print(&found.iter().map(line).collect::<String>())?;
    }
    if !arguments.yes && !agreed(found.len())? {
        say("nothing was removed");
        return Ok(COMPLETED);
    }
    for own in &found {
        let reason = |error| format!("{}: {error}", own.directory.display());
        fs::remove_dir_all(&own.directory).map_err(|error| CliError::new("remove", reason(error)))?;
    }
    say(&format!("removed {}", numbers::bytes(found.iter().map(|own| own.bytes).sum())));
    Ok(COMPLETED)
}

/// Asks; only a person at a terminal can agree.
fn agreed(folders: usize) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::new("ask whether to remove these", "stdin is no terminal; give --yes to remove them"));
    }
    say(&format!("remove {folders} of them for good? [y/N]"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| CliError::new("read the answer", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
