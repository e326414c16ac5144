//! `study claims`: what the runs of some studies say about what was claimed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::args::ClaimsArguments;
use super::check::open;
use super::exit::{COMPLETED, CliError, print, print_json};
use crate::audit::{PrintedTable, audit};
use crate::claims::{ClaimsFile, arms_table, document, gather, judge};
use crate::record::StudyResults;
use crate::report::{JudgedClaims, Published};

/// Prints a verdict for each claim, with what was measured.
pub(super) fn claims(arguments: &ClaimsArguments) -> Result<u8, CliError> {
    let mut studies = Vec::with_capacity(arguments.studies.len());
    for place in &arguments.studies {
        studies.push(open(place)?);
    }
    let results: Vec<_> = studies.iter().map(|study| &study.results).collect();
    let (title, claims) = judged(&arguments.claims, &results)?;
    if arguments.json {
        print_json(&claims.judged)?;
        return Ok(COMPLETED);
    }
    print(&document(&title, claims.verdicts()))?;
    Ok(COMPLETED)
}

/// The title of a claims file, and its claims judged by the runs of some studies.
pub(super) fn judged(path: &Path, studies: &[&StudyResults]) -> Result<(String, JudgedClaims), CliError> {
    let file = ClaimsFile::read(path).map_err(|error| CliError::new("read the claims", error))?;
    let mut evidence =
        gather(&file, studies.iter().copied()).map_err(|error| CliError::new("read the study's records", error))?;
    let mut texts = BTreeMap::new();
    if let Some(published) = &file.published {
        let path = path.parent().unwrap_or(Path::new("")).join(published);
        let doing = format!("read {}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| CliError::new(&doing, error))?;
        let table = PrintedTable::parse(&text).map_err(|error| CliError::new(&doing, error))?;
        let findings = audit(&table).map_err(|error| CliError::new("audit the published figures", error))?;
        evidence.statements = findings.possible_statements();
        evidence.printed_aucs = findings.printed_aucs();
        let published = toml::from_str::<Published>(&text).map_err(|error| CliError::new(&doing, error))?;
        texts.extend(published.claims.into_iter().map(|claim| (claim.id, claim.text)));
    }
    let judged = judge(&file, &evidence);
    let arms = arms_table(&file, &evidence);
    texts.extend(file.claims.into_iter().filter_map(|claim| Some((claim.id, claim.text?))));
    let mut names: Vec<String> = Vec::new();
    for results in studies {
        if !names.contains(&results.study.name) {
            names.push(results.study.name.clone());
        }
    }
    Ok((file.title, JudgedClaims { judged, texts, arms, studies: names }))
}
