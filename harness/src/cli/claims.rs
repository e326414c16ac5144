//! `study claims`: what the runs of some studies say about what was claimed.

use std::fs;
use std::path::Path;

use super::args::ClaimsArguments;
use super::exit::{COMPLETED, CliError, print};
use super::report::say_damaged;
use crate::audit::{PrintedTable, audit};
use crate::claims::{ClaimsFile, gather, judge, verdicts};
use crate::record::open_study;
use crate::report::Published;

/// Prints a verdict for each claim, with what was measured.
pub(super) fn claims(arguments: &ClaimsArguments) -> Result<u8, CliError> {
    let file = ClaimsFile::read(&arguments.claims).map_err(|error| CliError::new("read the claims", error))?;
    let mut studies = Vec::with_capacity(arguments.studies.len());
    for place in &arguments.studies {
        let study = open_study(place).map_err(|error| CliError::new("read the study's records", error))?;
        say_damaged(&study.results);
        studies.push(study);
    }
    let mut evidence = gather(&file, studies.iter().map(|study| &study.results))
        .map_err(|error| CliError::new("read the study's records", error))?;
    let published = match &file.published {
        None => None,
        Some(path) => {
            let path = arguments.claims.parent().unwrap_or(Path::new("")).join(path);
            let doing = format!("read {}", path.display());
            let text = fs::read_to_string(&path).map_err(|error| CliError::new(&doing, error))?;
            let table = PrintedTable::parse(&text).map_err(|error| CliError::new(&doing, error))?;
            let findings = audit(&table).map_err(|error| CliError::new("audit the published figures", error))?;
            evidence.statements = findings.possible_statements();
            evidence.printed_aucs = findings.printed_aucs();
            Some(toml::from_str::<Published>(&text).map_err(|error| CliError::new(&doing, error))?)
        }
    };
    let judged = judge(&file, &evidence);
    if arguments.json {
        let text = serde_json::to_string_pretty(&judged).map_err(|error| CliError::new("write the verdicts", error))?;
        print(&format!("{text}\n"))?;
        return Ok(COMPLETED);
    }
    let text = |id: &str| {
        let own = file.claims.iter().find(|claim| claim.id == id).and_then(|claim| claim.text.clone());
        let printed = || published.as_ref()?.claims.iter().find(|claim| claim.id == id).map(|claim| claim.text.clone());
        own.or_else(printed).unwrap_or_default()
    };
    print(&verdicts(&file.title, &judged, &text))?;
    Ok(COMPLETED)
}
