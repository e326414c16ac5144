//! Whether a machine has the memory that a plan needs.

use harness_text::numbers;

use super::exit::CliError;
use crate::plan::{Asked, ResolvedRun, least_memory};
use crate::run::Memory;
use std::collections::BTreeMap;

/// What a plan needs, in words, and a warning where little is free.
#[derive(Debug, PartialEq)]
pub(super) struct Estimate {
    /// A line for `--dry-run`.
    pub(super) line: String,
    /// What is to be expected, where more is needed than is free now.
    pub(super) warning: Option<String>,
}

/// What each run needs at least, by name; one whose backend can't be started needs nothing.
pub(super) fn needs(
    runs: &[ResolvedRun],
    asked: &BTreeMap<String, Asked>,
    vocabulary_size: usize,
    reviews: usize,
) -> Vec<(String, u64)> {
    let need = |run: &ResolvedRun| {
        let protocol = &run.settings.as_ref().ok()?.protocol;
        let framework = matches!(asked.get(&run.key.backend), Some(Ok(info)) if info.native_defaults.is_some());
        let spec = protocol.model_spec(run.key.cell, vocabulary_size, run.key.seed);
        Some((run.key.to_string(), least_memory(&spec, protocol.evaluation_batch_size, reviews, framework)))
    };
    runs.iter().filter_map(need).collect()
}

/// Compares the largest `jobs` of these with what the machine has. `None` where nothing is needed.
///
/// # Errors
/// If they can't be held at once, whatever else the machine does.
pub(super) fn estimate(
    mut needs: Vec<(String, u64)>,
    jobs: usize,
    memory: Option<Memory>,
) -> Result<Option<Estimate>, CliError> {
    needs.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let Some((largest, most)) = needs.first() else { return Ok(None) };
    let sum = |jobs: usize| needs.iter().take(jobs).map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    let at_once = jobs.min(needs.len());
    let need = match at_once {
        1 => format!("at least {} for {largest}", numbers::bytes(*most)),
        _ => format!(
            "at least {} for {largest}, {} for {at_once} runs at once",
            numbers::bytes(*most),
            numbers::bytes(sum(at_once))
        ),
    };
    let Some(memory) = memory else {
        return Ok(Some(Estimate { line: format!("{need}; this system doesn't say what it has"), warning: None }));
    };
    let has = format!("{}, {} of it free", numbers::bytes(memory.all), numbers::bytes(memory.free));
    if *most > memory.all {
        return Err(CliError::new(
            "find the memory for it",
            format!(
                "{need}, and this machine (or its control group) has {has}; choose a smaller batch_size, \
                 evaluation_batch_size, max_length, hidden_size, layers or data.vocabulary_size"
            ),
        ));
    }
    if sum(at_once) > memory.all {
        let fit = (1..=at_once).take_while(|jobs| sum(*jobs) <= memory.all).count();
        return Err(CliError::new(
            "find the memory for it",
            format!("{need}, and this machine (or its control group) has {has}; give --jobs {fit} at most"),
        ));
    }
    let warning = (sum(at_once) > memory.free)
        .then(|| format!("memory may not suffice: {need}, and this machine has {has}; other programs hold the rest"));
    Ok(Some(Estimate { line: format!("{need}; this machine has {has}"), warning }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn asked(jobs: usize, all: u64, free: u64) -> Result<Estimate, String> {
        let needs = vec![("small".to_owned(), GIB), ("large".to_owned(), 3 * GIB), ("other".to_owned(), 2 * GIB)];
        let memory = Some(Memory { all: all * GIB, free: free * GIB });
        estimate(needs, jobs, memory).map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn the_largest_runs_at_once_are_held_against_what_there_is() {
        let line = asked(2, 8, 6).unwrap().line;
        assert_eq!(
            line,
            "at least 3.00 GiB for large, 5.00 GiB for 2 runs at once; this machine has 8.00 GiB, 6.00 GiB of it free"
        );
        assert_eq!(asked(2, 8, 6).unwrap().warning, None);
        assert!(asked(2, 8, 4).unwrap().warning.is_some_and(|word| word.starts_with("memory may not suffice")));
        assert!(asked(9, 6, 6).unwrap().warning.is_none(), "there are three runs");
        assert!(asked(3, 5, 5).unwrap_err().ends_with("give --jobs 2 at most"));
        assert!(asked(1, 2, 2).unwrap_err().contains("choose a smaller batch_size"));
        assert_eq!(estimate(Vec::new(), 1, None).map(|none| none.is_none()).ok(), Some(true));
        assert!(estimate(vec![("a".into(), GIB)], 1, None).unwrap().unwrap().line.contains("doesn't say"));
    }
}
