//! Which configurations are measured: the study's model, and one thing at a time changed around it.

use std::collections::BTreeMap;
use std::path::Path;

use harness_contract::{CellKind, Kernel};

use super::error::BenchError;
use super::record::Factor;
use crate::plan::{Asked, Overrides, PlanError, Protocol, ResolvedRun, Study, least_memory, resolve, resolve_data};

/// The published grid, whose settings are measured unless another study is named.
const STUDY: &str = "grid";

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every cell and kernel of every backend with all threads, and nothing else.
    Quick,
    /// All thread counts as well, and lengths, hidden sizes, batches and vocabularies.
    Full,
}

/// One configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// What its group varies. A group is the configurations of one factor and cell, which are measured in turns.
    pub factor: Factor,
    /// The backend.
    pub backend: String,
    /// The cell.
    pub cell: CellKind,
    /// Every knob, or why it can't be known: the backend can't be asked.
    pub protocol: Result<Protocol, String>,
    /// Words of the vocabulary.
    pub vocabulary_size: usize,
}

/// The study whose settings are measured: the one of this path or name, or the published grid.
///
/// # Errors
/// If it can't be read or makes no sense.
pub(crate) fn base_study(path: Option<&Path>) -> Result<Study, PlanError> {
    Study::find(path.unwrap_or(Path::new(STUDY)))
}

/// The configurations of `study`'s backends, those of a group beside each other.
///
/// # Errors
/// If the study's settings can't be settled.
pub fn configurations(
    study: &Study,
    asked: &BTreeMap<String, Asked>,
    overrides: &Overrides,
    extent: Extent,
) -> Result<Vec<Configuration>, BenchError> {
    let words = resolve_data(study, overrides)?.vocabulary_size;
    let runs = resolve(study, asked, overrides)?;
    let mut all = Vec::new();
    for &cell in &study.file.cells {
        // Seeds and variants are not what is measured: the first of each backend stands for it.
        let mut own: Vec<&ResolvedRun> = Vec::new();
        for run in runs.iter().filter(|run| run.key.cell == cell) {
            if !own.iter().any(|other| other.key.backend == run.key.backend) {
                own.push(run);
            }
        }
        let factors: &[Factor] = match extent {
            Extent::Quick => &[],
            Extent::Full => &Factor::NUMERIC,
        };
        for factor in [Factor::Kernel].iter().chain(factors) {
            for run in &own {
                let base = run.settings.as_ref().map(|settings| &settings.protocol).map_err(Clone::clone);
                let kernels = match asked.get(&run.key.backend) {
                    Some(Ok(info)) => info.capabilities.kernels.clone(),
                    _ => Vec::new(),
                };
                let point = |protocol, vocabulary_size| Configuration {
                    factor: *factor,
                    backend: run.key.backend.clone(),
                    cell,
                    protocol,
                    vocabulary_size,
                };
                match base {
                    Err(reason) => all.push(point(Err(reason), words)),
                    Ok(base) => all.extend(
                        varied(base, *factor, words, &kernels, overrides.cores, extent)
                            .into_iter()
                            .map(|(protocol, words)| point(Ok(protocol), words)),
                    ),
                }
            }
        }
    }
    Ok(all)
}

/// What each group of configurations needs of memory at least, all of its workers together, in bytes, by name.
pub(crate) fn group_memory(planned: &[Configuration], asked: &BTreeMap<String, Asked>) -> Vec<(String, u64)> {
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    for own in planned {
        let Ok(protocol) = &own.protocol else { continue };
        let framework = matches!(asked.get(&own.backend), Some(Ok(info)) if info.native_defaults.is_some());
        let spec = protocol.model_spec(own.cell, own.vocabulary_size, 0);
        let bytes = least_memory(&spec, protocol.evaluation_batch_size, 0, framework);
        let group = groups.entry(format!("{} {}", own.cell, own.factor.name())).or_default();
        *group = group.saturating_add(bytes);
    }
    groups.into_iter().collect()
}

/// A protocol with one factor changed in every way that is measured, and the words of the vocabulary.
fn varied(
    base: &Protocol,
    factor: Factor,
    words: usize,
    kernels: &[Kernel],
    cores: usize,
    extent: Extent,
) -> Vec<(Protocol, usize)> {
    let with = |change: &dyn Fn(&mut Protocol, usize), values: Vec<usize>| {
        let changed = |value| {
            let mut protocol = base.clone();
            change(&mut protocol, value);
            (protocol, words)
        };
        values.into_iter().map(changed).collect()
    };
    match factor {
        Factor::Kernel => {
            let threads = match extent {
                Extent::Quick => vec![base.threads],
                Extent::Full => thread_counts(cores),
            };
            let changed = |kernel: &Kernel| {
                let kernel = *kernel;
                threads.iter().map(move |&threads| (Protocol { kernel, threads, ..base.clone() }, words))
            };
            kernels.iter().flat_map(changed).collect()
        }
        Factor::Length => with(&|protocol, value| protocol.max_length = value, quarters(base.max_length)),
        Factor::Hidden => {
            with(&|protocol, value| protocol.hidden_size = value, [1, 2, 4].map(|n| n * base.hidden_size).into())
        }
        Factor::Batch => {
            let (least, most) = ((base.batch_size / 4).max(1), 4 * base.batch_size);
            with(&|protocol, value| protocol.batch_size = value, vec![least, base.batch_size, most])
        }
        Factor::Vocabulary => [(words / 10).max(2), words, 3 * words].map(|words| (base.clone(), words)).into(),
    }
}

/// A quarter, a half, three quarters and the whole, each at least 1.
fn quarters(length: usize) -> Vec<usize> {
    let mut lengths: Vec<_> = (1..=4).map(|quarter| (quarter * length / 4).max(1)).collect();
    lengths.dedup();
    lengths
}

/// 1, 2, 4 and so on, and the number of cores.
fn thread_counts(cores: usize) -> Vec<usize> {
    let mut counts: Vec<_> = (0..).map(|power| 1 << power).take_while(|count| *count < cores).collect();
    counts.push(cores.max(1));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_go_up_to_every_core() {
        assert_eq!(thread_counts(1), [1]);
        assert_eq!(thread_counts(2), [1, 2]);
        assert_eq!(thread_counts(6), [1, 2, 4, 6]);
    }

    #[test]
    fn lengths_are_the_quarters() {
        assert_eq!(quarters(400), [100, 200, 300, 400]);
        assert_eq!(quarters(2), [1, 2]);
    }

    #[test]
    fn the_built_in_study_is_the_published_grid() {
        assert_eq!(base_study(None).unwrap().file.name, "grid");
    }
}
