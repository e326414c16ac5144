//! `study backends`: what each backend is, can do and does by default.

use std::collections::BTreeMap;
use std::fmt::Write;

use harness_contract::BackendInfo;
use serde_json::{Value, json};

use super::args::{BackendsArguments, Common};
use super::exit::{COMPLETED, CliError, FAILED, print, print_json};
use crate::plan::Asked;
use crate::run::{Catalogue, Registry};

/// Prints a section for each backend. Fails only if none can be started.
pub(super) fn backends(arguments: &BackendsArguments, common: &Common) -> Result<u8, CliError> {
    let registry = Registry::new(common.backends.iter().cloned());
    let names = if arguments.names.is_empty() { registry.names() } else { arguments.names.clone() };
    let catalogue = Catalogue::ask(&registry, &names);
    let any = catalogue.asked().values().any(Result::is_ok);
    let code = if any { COMPLETED } else { FAILED };
    if arguments.json {
        print_json(
            &catalogue
                .asked()
                .iter()
                .map(|(name, answer)| (name, as_json(&catalogue, name, answer)))
                .collect::<BTreeMap<_, _>>(),
        )?;
        return Ok(code);
    }
    let mut text = String::new();
    for name in &names {
        let program = catalogue.program(name).map_or_else(String::new, |program| format!(" ({})", program.display()));
        let _ = writeln!(text, "{name}{program}");
        match catalogue.asked().get(name) {
            Some(Ok(info)) => describe(&mut text, info),
            Some(Err(reason)) => {
                let _ = writeln!(text, "  unavailable: {reason}");
            }
            None => {}
        }
        text.push('\n');
    }
    print(&text)?;
    Ok(code)
}

/// What a backend says of itself, or why it can't be asked.
fn as_json(catalogue: &Catalogue, name: &str, answer: &Asked) -> Value {
    let program = catalogue.program(name).map(|program| program.display().to_string());
    match answer {
        Ok(info) => json!({ "program": program, "info": info }),
        Err(reason) => json!({ "program": program, "unavailable": reason }),
    }
}

fn describe(text: &mut String, info: &BackendInfo) {
    let mut row = |item: &str, value: String| {
        let _ = writeln!(text, "  {item:<36} {value}");
    };
    let libraries: Vec<_> =
        info.libraries.iter().map(|library| format!("{} {}", library.name, library.version)).collect();
    row("versions", libraries.join(", "));
    let can = &info.capabilities;
    row("threads", format!("1 to {} on this machine", crate::run::allowed_cores().len()));
    for (ability, value) in can.rows() {
        row(ability, value);
    }
    let portable: Vec<_> = info.portable.iter().map(ToString::to_string).collect();
    let none = portable.is_empty();
    row("same bytes on AVX2 with FMA", if none { "of none, as far as is known".into() } else { portable.join(", ") });
    for exclusion in &can.exclusions {
        row("but not", exclusion.to_string());
    }
    match &info.native_defaults {
        None => row("native defaults", "none: it has no framework".into()),
        Some(defaults) => {
            let _ = writeln!(text, "  native defaults");
            for default in defaults.rows() {
                let _ = writeln!(text, "    {:<34} {:<28} {}", default.item, default.value, default.source);
            }
        }
    }
}
