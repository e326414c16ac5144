//! `study knobs`: every setting of a study.

use std::collections::BTreeMap;

use super::args::{Common, KnobsArguments};
use super::exit::{COMPLETED, CliError, print, print_json, say};
use crate::plan::knobs::{knob_pages, knobs_markdown, knobs_readme};
use crate::run::{Catalogue, Registry};

/// Prints every knob, with what the backends that can be asked say of it.
pub(super) fn knobs(arguments: &KnobsArguments, common: &Common) -> Result<u8, CliError> {
    if arguments.page {
        print(&knobs_readme())?;
        return Ok(COMPLETED);
    }
    let registry = Registry::new(common.backends.iter().cloned());
    let names = if arguments.names.is_empty() { registry.names() } else { arguments.names.clone() };
    let mut backends = BTreeMap::new();
    for (name, answer) in Catalogue::ask(&registry, &names).asked() {
        match answer {
            Ok(info) => drop(backends.insert(name.clone(), info.clone())),
            Err(reason) => say(&format!("backend {name} can't be asked: {reason}")),
        }
    }
    let pages = knob_pages(&backends);
    if arguments.json { print_json(&pages) } else { print(&knobs_markdown(&pages)) }?;
    Ok(COMPLETED)
}
