//! From a study and what its backends say of themselves to a list of runs with every setting filled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use harness_contract::{BackendInfo, CellKind, NativeDefaults};
use serde::{Deserialize, Serialize};

use super::differences::differences;
use super::key::RunKey;
use super::knobs::{self, Circumstances, Origin};
use super::layers::Layers;
use super::protocol::Protocol;
use super::settings::Settings;
use super::study_file::{Division, PlanError, Study, Variant};
use crate::data::DataSettings;

/// The most runs of a study.
const MAX_RUNS: usize = 100_000;

/// What is given beside the study file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--set key=value`, in the order given.
    pub set: Vec<(String, String)>,
    /// `--only` patterns, of which a run's name must contain one; empty means all runs.
    pub only: Vec<String>,
    /// Cores that this program may use.
    pub cores: usize,
    /// Runs at once.
    pub jobs: usize,
}

/// A backend as the plan sees it: what it says of itself, or why it can't be asked.
pub(crate) type Asked = Result<BackendInfo, String>;

/// One run with every setting filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedRun {
    /// The point of the grid.
    pub key: RunKey,
    /// Its settings, shared by the seeds, or why they can't be known: its backend can't be started.
    pub settings: Result<Arc<ResolvedSettings>, String>,
}

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedSettings {
    /// Every knob.
    pub protocol: Protocol,
    /// Where each value came from, by dotted key.
    pub origins: BTreeMap<String, String>,
}

/// The data settings of a study with `--set data.key=value` applied.
///
/// # Errors
/// An unknown key or a value that can't be.
pub(crate) fn resolve_data(study: &Study, overrides: &Overrides) -> Result<DataSettings, PlanError> {
    override_data(&study.file.data, &study.place("data"), overrides)
}

/// Data settings with `--set data.key=value` applied; `place` is where they stand.
///
/// # Errors
/// An unknown key or a value that can't be.
pub(crate) fn override_data(
    settings: &DataSettings,
    place: &str,
    overrides: &Overrides,
) -> Result<DataSettings, PlanError> {
    let mut place = place;
    // JSON holds every seed, TOML those below 2^63.
    let wrong = |error: serde_json::Error| PlanError::Value { place: "--set data".into(), message: error.to_string() };
    let mut table = serde_json::to_value(settings).map_err(wrong)?;
    for (key, value) in &overrides.set {
        if let Some(name) = key.strip_prefix("data.") {
            let number = value.parse::<u64>().map(serde_json::Value::from);
            table[name] = number.or_else(|_| serde_json::to_value(knobs::parse(value))).map_err(wrong)?;
            place = "--set data";
        }
    }
    let settings: DataSettings = serde_json::from_value(table).map_err(wrong)?;
    settings.check().map_err(|error| PlanError::Value { place: place.into(), message: error.to_string() })?;
    Ok(settings)
}

/// Every run of a study, in the order of the file: variants, then cells, then backends, then seeds.
///
/// # Errors
/// A setting that can't be, a key that nothing gives, or a matched study whose backends differ.
pub fn resolve(
    study: &Study,
    asked: &BTreeMap<String, Asked>,
    overrides: &Overrides,
) -> Result<Vec<ResolvedRun>, PlanError> {
    let set = overrides.set.iter().filter(|(key, _)| !key.starts_with("data."));
    let set = Settings::from_set(set).map_err(|message| PlanError::Value { place: "--set".into(), message })?;
    let vocabulary_size = resolve_data(study, overrides)?.vocabulary_size;
    let base = [Variant::base()];
    let (variants, numbered) =
        if study.file.variants.is_empty() { (&base[..], false) } else { (&study.file.variants[..], true) };
    let mut runs = Vec::new();
    for (index, variant) in variants.iter().enumerate() {
        let seeds = variant.seeds.as_ref().unwrap_or(&study.file.seeds);
        for &cell in study.file.cells.iter().filter(|cell| variant.cells.as_ref().is_none_or(|own| own.contains(cell)))
        {
            let own = |name: &&String| variant.backends.as_ref().is_none_or(|own| own.contains(name));
            let mut row = Vec::new();
            for backend in study.file.backends.iter().filter(own) {
                let index = numbered.then_some(index);
                let at = At { study, variant, index, cell, backend, vocabulary_size };
                row.push((backend, at.settings(asked, &set, overrides)?.map(Arc::new)));
            }
            if study.file.division == Division::Matched {
                check_matched(&row)?;
            }
            if runs.len() + row.len() * seeds.len() > MAX_RUNS {
                let message = format!("the study has more than {MAX_RUNS} runs");
                return Err(PlanError::Value { place: study.place("seeds"), message });
            }
            for (backend, settings) in row {
                for &seed in seeds {
                    let key = RunKey { backend: backend.clone(), cell, variant: variant.name.clone(), seed };
                    runs.push(ResolvedRun { key, settings: settings.clone() });
                }
            }
        }
    }
    if !overrides.only.is_empty() {
        let named = |run: &ResolvedRun| {
            let name = run.key.to_string();
            overrides.only.iter().any(|pattern| name.contains(pattern.as_str()))
        };
        let Some(first) = runs.iter().position(named) else {
            let all: Vec<String> = runs.iter().map(|run| run.key.to_string()).collect();
            let message = format!("no run's name contains any of these; the runs are {}", some_of(&all));
            return Err(PlanError::Value { place: format!("--only {}", overrides.only.join(" --only ")), message });
        };
        runs.drain(..first);
        runs.retain(named);
    }
    Ok(runs)
}

/// A point of the grid without its seed.
struct At<'a> {
    study: &'a Study,
    variant: &'a Variant,
    index: Option<usize>,
    cell: CellKind,
    backend: &'a String,
    vocabulary_size: usize,
}

impl At<'_> {
    fn settings(
        &self,
        asked: &BTreeMap<String, Asked>,
        set: &Settings,
        overrides: &Overrides,
    ) -> Result<Result<ResolvedSettings, String>, PlanError> {
        let file = &self.study.file;
        let info = match asked.get(self.backend) {
            Some(Ok(info)) => info,
            Some(Err(reason)) => return Ok(Err(reason.clone())),
            None => return Ok(Err("the backend was not asked".into())),
        };
        let model = match file.division {
            Division::Native => self.backend,
            Division::Matched => file.matched_to.as_ref().unwrap_or(&file.backends[0]),
        };
        let native = match asked.get(model) {
            Some(Ok(info)) => info.native_defaults.as_ref(),
            Some(Err(reason)) => {
                return Ok(Err(format!("`{model}`, whose defaults it takes, can't be asked: {reason}")));
            }
            None => {
                let place = self.study.place("matched_to");
                return Err(PlanError::Value { place, message: format!("`{model}` is not in `backends`") });
            }
        };
        let mut layers = Layers::default();
        let here = Circumstances { info, cores: overrides.cores, jobs: overrides.jobs };
        self.lay_defaults(&mut layers, native.map(|native| (native, model.as_str())), &here);
        let at = |table: String| move |key: &str| self.study.place(&format!("{table}.{key}"));
        layers.lay(&file.protocol, at("protocol".into()))?;
        if let Some(own) = file.backend.get(self.backend) {
            layers.lay(own, at(format!("backend.{}", self.backend)))?;
        }
        let number = self.index.unwrap_or(0);
        layers.lay(&self.variant.protocol, at(format!("variant.{number}.protocol")))?;
        if let Some(own) = self.variant.backend.get(self.backend) {
            layers.lay(own, at(format!("variant.{number}.backend.{}", self.backend)))?;
        }
        layers.lay(set, |_| "--set".into())?;
        let missing = layers.missing();
        if !missing.is_empty() {
            return Err(PlanError::Missing { backend: self.backend.clone(), keys: missing.join(", ") });
        }
        let protocol = layers.resolve().map_err(|error| PlanError::Value {
            place: self.study.path.display().to_string(),
            message: error.to_string().trim().to_owned(),
        })?;
        self.check(&protocol, &layers)?;
        Ok(Ok(ResolvedSettings { protocol, origins: layers.origins() }))
    }

    /// The value of every knob that has a default; `native` are the framework's own with the name of the backend that has them.
    fn lay_defaults(&self, layers: &mut Layers, native: Option<(&NativeDefaults, &str)>, here: &Circumstances<'_>) {
        let program = |text: &str| Some((knobs::parse(text), "default of this program".to_owned()));
        for knob in knobs::all() {
            let found = match knob.default {
                Origin::Program(text) => program(text),
                Origin::Published(text) => Some((knobs::parse(text), "published study".to_owned())),
                Origin::Machine { value, .. } => value(here),
                Origin::Native(value) => native
                    .and_then(|(native, name)| Some((value(native, self.cell)?, format!("native default of {name}"))))
                    // Where no framework says, a knob that came later is what there was before it.
                    .or_else(|| program(knob.absent).filter(|_| !knob.absent.is_empty())),
            };
            if let Some((value, origin)) = found {
                layers.put(knob.name, value, origin);
            }
        }
    }

    /// Refuses settings that can't be together, naming where they came from.
    fn check(&self, protocol: &Protocol, layers: &Layers) -> Result<(), PlanError> {
        let refuse = |key: &str, message: String| {
            let place = layers.origin(key).unwrap_or("the plan").to_owned();
            Err(PlanError::Value { place, message: format!("{key}: {message}") })
        };
        for knob in knobs::all() {
            if let Err(message) = (knob.rule)(protocol) {
                return refuse(knob.name, message);
            }
        }
        match protocol.model_spec(self.cell, self.vocabulary_size, 0).check() {
            Ok(()) => Ok(()),
            Err(error) => match knobs::all().find(|knob| knob.spec.contains(&error.field)) {
                Some(knob) => refuse(knob.name, error.reason),
                // Of several settings together: the tokens of a batch, the parameters of the model.
                None => {
                    Err(PlanError::Value { place: self.study.path.display().to_string(), message: error.to_string() })
                }
            },
        }
    }
}

/// The first names of many.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 20;
    match names.len().checked_sub(SHOWN) {
        Some(rest @ 1..) => format!("{} and {rest} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}

fn check_matched(row: &[(&String, Result<Arc<ResolvedSettings>, String>)]) -> Result<(), PlanError> {
    let mut known = row.iter().filter_map(|(name, settings)| settings.as_ref().ok().map(|settings| (name, settings)));
    let Some((first_name, first)) = known.next() else { return Ok(()) };
    let mut lines = Vec::new();
    for (name, settings) in known {
        for found in differences(&first.protocol, &settings.protocol) {
            let origin = settings.origins.get(&found.key).map_or("", String::as_str);
            lines.push(format!(
                "  {} is {} for {first_name} and {} for {name} ({origin})",
                found.key, found.first, found.second
            ));
        }
    }
    if lines.is_empty() { Ok(()) } else { Err(PlanError::NotMatched(lines.join("\n"))) }
}
