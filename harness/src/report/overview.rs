//! The study as reports see it: its axes in the order of the plan, and how runs are called.

use harness_contract::CellKind;
use harness_drawing::Owner;
use harness_text::listed;

use crate::plan::RunKey;
use crate::record::{EpochRecord, RunRecord, RunResult, StudyResults};

/// A study and the values that its axes take.
#[derive(Debug, Clone)]
pub(super) struct Overview<'a> {
    /// The records.
    pub(super) results: &'a StudyResults,
    /// Backends, in the order in which the plan names them first.
    pub(super) backends: Vec<&'a str>,
    /// Cells, in the order of [`CellKind::ALL`].
    pub(super) cells: Vec<CellKind>,
    /// Variants, in the order in which the plan names them first.
    pub(super) variants: Vec<&'a str>,
    /// Seeds, in the order in which the plan names them first.
    pub(super) seeds: Vec<u64>,
}

/// The runs that differ in their seed only.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// The backend.
    pub(super) backend: &'a str,
    /// The cell.
    pub(super) cell: CellKind,
    /// The variant.
    pub(super) variant: &'a str,
    /// Places of its runs among [`StudyResults::runs`].
    pub(super) runs: Vec<usize>,
}

impl<'a> Overview<'a> {
    /// Reads the axes off the plan.
    pub(super) fn new(results: &'a StudyResults) -> Self {
        let keys = || results.runs.iter().map(|run| &run.planned.key);
        let mut overview =
            Self { results, backends: Vec::new(), cells: Vec::new(), variants: Vec::new(), seeds: Vec::new() };
        for key in keys() {
            push_new(&mut overview.backends, key.backend.as_str());
            push_new(&mut overview.variants, key.variant.as_str());
            push_new(&mut overview.seeds, key.seed);
        }
        overview.cells = CellKind::ALL.into_iter().filter(|cell| keys().any(|key| key.cell == *cell)).collect();
        overview
    }

    /// Whether the study has more than one variant.
    pub(super) fn has_variants(&self) -> bool {
        self.variants.len() > 1
    }

    /// Whether the study has more than one seed.
    pub(super) fn has_seeds(&self) -> bool {
        self.seeds.len() > 1
    }

    /// The runs of a point of the grid, over its seeds; empty where the plan has none.
    pub(super) fn group(&self, backend: &'a str, cell: CellKind, variant: &'a str) -> Group<'a> {
        let mut group = Group { backend, cell, variant, runs: Vec::new() };
        let runs = self.results.runs.iter().enumerate().filter(|(_, run)| group.has(&run.planned.key));
        group.runs = runs.map(|(place, _)| place).collect();
        group
    }

    /// Every group that has a run: by variant, backend and cell.
    pub(super) fn groups(&self) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for variant in &self.variants {
            for backend in &self.backends {
                groups.extend(self.cells.iter().map(|cell| self.group(backend, *cell, variant)));
            }
        }
        groups.retain(|group| !group.runs.is_empty());
        groups
    }

    /// An arm's name among the others, e.g. `libtorch LSTM`, with its variant where the study has several.
    pub(super) fn arm_name(&self, backend: &str, cell: CellKind, variant: &str) -> String {
        let name = format!("{backend} {}", cell.title());
        if self.has_variants() { format!("{name}, {variant}") } else { name }
    }

    /// A run's name among the others: its arm's, with its seed where the study has several.
    pub(super) fn run_name(&self, key: &RunKey) -> String {
        let name = self.arm_name(&key.backend, key.cell, &key.variant);
        if self.has_seeds() { format!("{name}, seed {}", key.seed) } else { name }
    }

    /// These runs in few words: an arm's name stands for all of its runs that have ended, and seeds are named where only some are meant.
    pub(super) fn runs_in_words(&self, keys: &[&RunKey]) -> String {
        let mut parts = Vec::new();
        for group in self.groups() {
            let name = self.arm_name(group.backend, group.cell, group.variant);
            let meant: Vec<_> = keys.iter().filter(|key| group.has(key)).map(|key| key.seed.to_string()).collect();
            match (meant.as_slice(), group.records(self.results).len()) {
                ([], _) => {}
                (all, ended) if all.len() == ended => parts.push(name),
                ([only], _) => parts.push(format!("{name}, seed {only}")),
                (some, _) => parts.push(format!("{name}, seeds {}", listed(some))),
            }
        }
        parts.join("; ")
    }

    /// Whose a run's lines in a figure are.
    pub(super) fn owner(&self, key: &RunKey) -> Owner {
        Owner { group: self.arm_name(&key.backend, key.cell, &key.variant), member: Some(format!("seed {}", key.seed)) }
    }

    /// Runs with their records, in the order of the plan.
    pub(super) fn recorded(&self) -> impl Iterator<Item = (&'a RunKey, &'a RunRecord)> {
        self.results.runs.iter().filter_map(|run| Some((&run.planned.key, run.record.as_ref()?)))
    }
}

impl Group<'_> {
    /// Whether this is a run of it.
    fn has(&self, key: &RunKey) -> bool {
        key.backend == self.backend && key.cell == self.cell && key.variant == self.variant
    }

    /// Records of its runs that have ended.
    pub(super) fn records<'r>(&self, results: &'r StudyResults) -> Vec<&'r RunRecord> {
        self.runs.iter().filter_map(|place| results.runs.get(*place)?.record.as_ref()).collect()
    }
}

/// How a run stands: the name of its outcome, that it has none yet, or that what it left can't be believed. A run whose backend can't be started is
/// unsupported though it left no record.
pub(crate) fn standing(run: &RunResult) -> &'static str {
    match (&run.record, &run.damaged, &run.planned.unavailable) {
        (Some(record), ..) => record.outcome.name(),
        (None, Some(_), _) => "damaged",
        (None, None, Some(_)) => "unsupported",
        (None, None, None) => "not run yet",
    }
}

/// Why a run has no results; `None` for one that has, or that has not been tried.
pub(crate) fn reason(run: &RunResult) -> Option<String> {
    match &run.record {
        Some(record) => record.outcome.reason(),
        None => match &run.damaged {
            Some(reason) => Some(format!("{reason}; `study run` makes it again and keeps what is there beside it")),
            None => run.planned.unavailable.clone(),
        },
    }
}

/// The mean of a quantity over finished epochs, `None` when there are none.
pub(super) fn mean_over_epochs(record: &RunRecord, quantity: impl Fn(&EpochRecord) -> f64) -> Option<f64> {
    let number = record.epochs.len();
    (number > 0).then(|| record.epochs.iter().map(quantity).sum::<f64>() / number as f64)
}

/// The mean of a share of steps over all steps of a run, `None` when there are none.
pub(super) fn mean_over_steps(record: &RunRecord, share: impl Fn(&EpochRecord) -> f64) -> Option<f64> {
    let steps: u64 = record.epochs.iter().map(|epoch| epoch.steps).sum();
    let total: f64 = record.epochs.iter().map(|epoch| share(epoch) * epoch.steps as f64).sum();
    (steps > 0).then(|| total / steps as f64)
}

fn push_new<T: PartialEq>(seen: &mut Vec<T>, value: T) {
    if !seen.contains(&value) {
        seen.push(value);
    }
}
