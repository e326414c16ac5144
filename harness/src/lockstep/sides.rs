//! The two sides of a lockstep: which backend, told what, for each cell.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harness_contract::{BackendInfo, CellKind};

use super::arm::Arm;
use crate::plan::{Asked, Division, Overrides, PlanError, Protocol, Study, differences, resolve};
use crate::run::Catalogue;

/// The key of the setting that differs in every framework: no two draw the same masks.
const DROPOUT_RATE: &str = "dropout.rate";

/// A backend on one side, with settings of that side alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideRequest {
    /// The backend.
    pub backend: String,
    /// `key=value`, in the order given.
    pub set: Vec<(String, String)>,
}

/// Which two to compare, and under what settings.
#[derive(Debug, Clone)]
pub struct SidesRequest {
    /// The study whose data, cells and settings are taken.
    pub study: Study,
    /// Its variant; needed where it has several.
    pub variant: Option<String>,
    /// Where settings that the study leaves open come from.
    pub division: Division,
    /// In the matched division, the backend whose defaults hold for both.
    pub matched_to: Option<String>,
    /// The two sides.
    pub sides: [SideRequest; 2],
    /// `key=value` for both sides.
    pub set: Vec<(String, String)>,
    /// Seeds initial weights and the order of the reviews.
    pub seed: u64,
}

/// Two backends that can't be compared as asked.
#[derive(Debug, thiserror::Error)]
pub enum LockstepError {
    /// The settings can't be resolved.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A backend can't be asked.
    #[error("{name} can't be started: {reason}")]
    Unavailable {
        /// The backend.
        name: String,
        /// Why.
        reason: String,
    },
    /// Data settings of one side.
    #[error("{key} is a setting of the data, which both sides share; give it with --set")]
    Data {
        /// The setting.
        key: String,
    },
    /// A study with several variants, of which none or another was named; or with none at all.
    #[error("{}", if known.is_empty() { "the study has no variants; leave out --variant".into() } else {
        format!("the study has the variants {known}; name one of them with --variant")
    })]
    Variant {
        /// Their names.
        known: String,
    },
    /// Sides whose settings should be equal.
    #[error(
        "for {cell}, a matched lockstep needs equal settings, but\n{differences}\nset them alike with --set, or use --division native"
    )]
    NotMatched {
        /// The cell.
        cell: CellKind,
        /// The differing settings, a line each.
        differences: String,
    },
    /// Models of different sizes, or batches of different rows.
    #[error("for {cell}, {what} differs between the sides, and then there is nothing to compare step by step")]
    Sizes {
        /// The cell.
        cell: CellKind,
        /// What differs.
        what: &'static str,
    },
    /// A setting that can't be carried over from one side to the other.
    #[error("could not put a setting of one side into the other's: {0}")]
    Setting(#[from] toml::de::Error),
    /// An identity can't be computed.
    #[error("could not compute an identity: {0}")]
    Identity(#[from] serde_json::Error),
    /// Initial weights can't be drawn.
    #[error("could not draw initial weights: {0}")]
    Weights(#[from] harness_contract::WeightError),
    /// A figure can't be drawn or written.
    #[error(transparent)]
    Drawing(#[from] harness_drawing::DrawingError),
    /// A table can't be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl SidesRequest {
    /// The backends that have to be asked before anything is planned.
    #[must_use]
    pub fn backends(&self) -> Vec<String> {
        let mut names: Vec<String> = self.sides.iter().map(|side| side.backend.clone()).collect();
        names.extend(self.matched_to.clone());
        names.sort();
        names.dedup();
        names
    }

    /// Whether dropout is switched off: unless a rate was asked for by name.
    #[must_use]
    pub fn switches_dropout_off(&self) -> bool {
        let all = self.set.iter().chain(self.sides.iter().flat_map(|side| &side.set));
        !all.into_iter().any(|(key, _)| key == DROPOUT_RATE)
    }

    /// The sides' names: those of their backends, with their own settings where there are any.
    #[must_use]
    pub fn names(&self) -> [String; 2] {
        self.sides.each_ref().map(|side| {
            let own: Vec<_> = side.set.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if own.is_empty() { side.backend.clone() } else { format!("{} ({})", side.backend, own.join(", ")) }
        })
    }

    /// The backend whose defaults hold for both in the matched division: the one that was named, else the first side that has a
    /// framework.
    #[must_use]
    pub fn model(&self, asked: &BTreeMap<String, Asked>) -> Option<String> {
        if self.division == Division::Native {
            return None;
        }
        let has_defaults =
            |name: &&String| matches!(asked.get(*name), Some(Ok(BackendInfo { native_defaults: Some(_), .. })));
        let sides = || self.sides.iter().map(|side| &side.backend);
        self.matched_to.clone().or_else(|| sides().find(has_defaults).or_else(|| sides().next()).cloned())
    }

    /// Both sides for one cell, each with its own settings.
    ///
    /// # Errors
    /// Settings that can't be, or differ where they must not; a backend that can't be asked.
    pub(super) fn arms(
        &self,
        cell: CellKind,
        vocabulary_size: usize,
        catalogue: &Catalogue,
    ) -> Result<[Arm; 2], LockstepError> {
        let names = self.names();
        let arm = |place: usize| -> Result<Arm, LockstepError> {
            let name = &self.sides[place].backend;
            let unavailable = |reason| LockstepError::Unavailable { name: name.clone(), reason };
            let backend = catalogue.handle(name).map_err(unavailable)?;
            let protocol = self.protocol(place, cell, catalogue.asked())?;
            let spec = protocol.model_spec(cell, vocabulary_size, self.seed);
            Ok(Arm { name: names[place].clone(), backend, protocol, spec })
        };
        let arms = [arm(0)?, arm(1)?];
        check_comparable(cell, &arms)?;
        if self.division == Division::Matched {
            let found = differences(&arms[0].protocol, &arms[1].protocol);
            if !found.is_empty() {
                let [a, b] = &names;
                let line = |own: crate::plan::SettingDifference| {
                    format!("  {} is {} for {a} and {} for {b}", own.key, own.first, own.second)
                };
                let differences = found.into_iter().map(line).collect::<Vec<_>>().join("\n");
                return Err(LockstepError::NotMatched { cell, differences });
            }
        }
        Ok(arms)
    }

    fn protocol(
        &self,
        place: usize,
        cell: CellKind,
        asked: &BTreeMap<String, Asked>,
    ) -> Result<Protocol, LockstepError> {
        let side = &self.sides[place];
        if let Some((key, _)) = side.set.iter().find(|(key, _)| key.starts_with("data.")) {
            return Err(LockstepError::Data { key: key.clone() });
        }
        let mut study = self.study.clone();
        study.file.backends = vec![side.backend.clone()];
        study.file.cells = vec![cell];
        study.file.seeds = vec![self.seed];
        study.file.division = self.division;
        study.file.matched_to = self.model(asked);
        let mut set = Vec::new();
        if self.switches_dropout_off() {
            set.push((DROPOUT_RATE.to_owned(), "0.0".to_owned()));
        }
        set.extend(self.set.iter().chain(&side.set).cloned());
        // One thread a side unless a study says otherwise, so that a result doesn't hang on the machine's cores.
        let overrides = Overrides { set, cores: 1, jobs: 1, ..Overrides::default() };
        let runs = resolve(&study, asked, &overrides)?;
        let known = || self.study.file.variants.iter().map(|own| own.name.clone()).collect::<Vec<_>>().join(", ");
        let wanted = |run: &&crate::plan::ResolvedRun| self.variant.as_ref().is_none_or(|own| *own == run.key.variant);
        let found: Vec<_> = runs.iter().filter(wanted).collect();
        let [run] = found.as_slice() else { return Err(LockstepError::Variant { known: known() }) };
        match &run.settings {
            Ok(settings) => Ok(settings.protocol.clone()),
            Err(reason) => Err(LockstepError::Unavailable { name: side.backend.clone(), reason: reason.clone() }),
        }
    }
}

/// Refuses models whose tensors or batches can't be laid side by side.
fn check_comparable(cell: CellKind, [a, b]: &[Arm; 2]) -> Result<(), LockstepError> {
    for (what, differs) in [
        ("batch_size", a.spec.max_batch != b.spec.max_batch),
        ("embedding_size", a.spec.embedding_size != b.spec.embedding_size),
        ("hidden_size", a.spec.hidden_size != b.spec.hidden_size),
        ("layers", a.spec.layers != b.spec.layers),
        ("bidirectional", a.spec.bidirectional != b.spec.bidirectional),
        ("layer_norm", a.spec.layer_norm != b.spec.layer_norm),
    ] {
        if differs {
            return Err(LockstepError::Sizes { cell, what });
        }
    }
    Ok(())
}
