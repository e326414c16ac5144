//! From a study and what its backends say of themselves to a list of runs with every setting filled in.

use std::collections::BTreeMap;

use harness_contract::{BackendInfo, CellKind, ModelSpec, Pooling, Side};
use serde::Deserialize;
use toml::{Table, Value};

use super::differences::differences;
use super::key::RunKey;
use super::layers::Layers;
use super::protocol::{Protocol, SchedulerKind, StopKind};
use super::settings::{Settings, native_settings};
use super::study_file::{Division, PlanError, Study, Variant};
use crate::data::DataSettings;

const DEFAULTS: &str = include_str!("defaults.toml");

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
pub type Asked = Result<BackendInfo, String>;

/// One run with every setting filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedRun {
    /// The point of the grid.
    pub key: RunKey,
    /// Its settings, or why they can't be known: its backend can't be started.
    pub settings: Result<ResolvedSettings, String>,
}

/// The settings of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedSettings {
    /// Every knob.
    pub protocol: Protocol,
    /// Where each value came from, by dotted key.
    pub origins: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Defaults {
    published: Settings,
    program: Settings,
}

/// The data settings of a study with `--set data.key=value` applied.
///
/// # Errors
/// An unknown key or a wrong type in `--set`.
pub fn resolve_data(study: &Study, overrides: &Overrides) -> Result<DataSettings, PlanError> {
    override_data(&study.file.data, overrides)
}

/// Data settings with `--set data.key=value` applied.
///
/// # Errors
/// An unknown key or a wrong type in `--set`.
pub fn override_data(settings: &DataSettings, overrides: &Overrides) -> Result<DataSettings, PlanError> {
    let wrong = |message: String| PlanError::Value { place: "--set data".into(), message };
    let mut table = Table::try_from(settings).map_err(|error| wrong(error.to_string()))?;
    for (key, value) in &overrides.set {
        if let Some(name) = key.strip_prefix("data.") {
            table.insert(name.to_owned(), parse_value(value));
        }
    }
    Value::Table(table).try_into().map_err(|error: toml::de::Error| wrong(error.to_string().trim().to_owned()))
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
    let set = set_settings(&overrides.set)?;
    let base = [Variant {
        name: "base".into(),
        backends: None,
        cells: None,
        seeds: None,
        title: None,
        protocol: Settings::default(),
        backend: BTreeMap::new(),
    }];
    let (variants, numbered) =
        if study.file.variants.is_empty() { (&base[..], false) } else { (&study.file.variants[..], true) };
    let mut runs = Vec::new();
    for (index, variant) in variants.iter().enumerate() {
        for &cell in study.file.cells.iter().filter(|cell| variant.cells.as_ref().is_none_or(|own| own.contains(cell)))
        {
            let own = |name: &&String| variant.backends.as_ref().is_none_or(|own| own.contains(name));
            let mut row = Vec::new();
            for backend in study.file.backends.iter().filter(own) {
                let at = At { study, variant, index: numbered.then_some(index), cell, backend };
                row.push((backend, at.settings(asked, &set, overrides)?));
            }
            if study.file.division == Division::Matched {
                check_matched(&row)?;
            }
            for (backend, settings) in row {
                for &seed in variant.seeds.as_ref().unwrap_or(&study.file.seeds) {
                    let key = RunKey { backend: backend.clone(), cell, variant: variant.name.clone(), seed };
                    runs.push(ResolvedRun { key, settings: settings.clone() });
                }
            }
        }
    }
    if !overrides.only.is_empty() {
        let all: Vec<String> = runs.iter().map(|run| run.key.to_string()).collect();
        runs.retain(|run| overrides.only.iter().any(|pattern| run.key.to_string().contains(pattern.as_str())));
        if runs.is_empty() {
            let message = format!("no run's name contains any of these; the runs are {}", all.join(", "));
            return Err(PlanError::Value { place: format!("--only {}", overrides.only.join(" --only ")), message });
        }
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
        let mut layers = Layers::default();
        let defaults: Defaults = toml::from_str(DEFAULTS).map_err(|error| internal(self.study, &error))?;
        let mut lay = |settings: &Settings, origin: &dyn Fn(&str) -> String| {
            layers.lay(settings, origin).map_err(|error| internal(self.study, &error))
        };
        lay(&defaults.program, &|_| "default of this program".into())?;
        let machine = Settings {
            threads: Some((overrides.cores / overrides.jobs.max(1)).max(1)),
            kernel: info.capabilities.kernels.first().copied(),
            ..Settings::default()
        };
        lay(&machine, &|key| match key {
            "threads" => format!("{} cores divided among {} jobs", overrides.cores, overrides.jobs),
            _ => format!("preferred by {}", info.name),
        })?;
        let model = match file.division {
            Division::Native => self.backend,
            Division::Matched => file.matched_to.as_ref().unwrap_or(&file.backends[0]),
        };
        match asked.get(model) {
            Some(Ok(BackendInfo { native_defaults: Some(native), .. })) => {
                lay(&native_settings(native, self.cell), &|_| format!("native default of {model}"))?;
            }
            Some(Err(reason)) => {
                return Ok(Err(format!("`{model}`, whose defaults it takes, can't be asked: {reason}")));
            }
            Some(Ok(_)) => {}
            None => {
                let place = self.study.place("matched_to");
                return Err(PlanError::Value { place, message: format!("`{model}` is not in `backends`") });
            }
        }
        lay(&defaults.published, &|_| "published study".into())?;
        let at = |table: String| move |key: &str| self.study.place(&format!("{table}.{key}"));
        lay(&file.protocol, &at("protocol".into()))?;
        if let Some(own) = file.backend.get(self.backend) {
            lay(own, &at(format!("backend.{}", self.backend)))?;
        }
        let number = self.index.unwrap_or(0);
        lay(&self.variant.protocol, &at(format!("variant.{number}.protocol")))?;
        if let Some(own) = self.variant.backend.get(self.backend) {
            lay(own, &at(format!("variant.{number}.backend.{}", self.backend)))?;
        }
        lay(set, &|_| "--set".into())?;
        let missing = layers.missing(&REQUIRED);
        if !missing.is_empty() {
            return Err(PlanError::Missing { backend: self.backend.clone(), keys: missing.join(", ") });
        }
        let protocol: Protocol = layers.resolve().map_err(|error| internal(self.study, &error))?;
        check(&protocol, self.cell, &layers)?;
        Ok(Ok(ResolvedSettings { protocol, origins: layers.origins() }))
    }
}

/// Keys that no default of this program gives; the rest of a protocol can't be missing.
const REQUIRED: [&str; 31] = [
    "padding",
    "truncation",
    "batching",
    "masking",
    "pooling",
    "bias_vectors",
    "gru_form",
    "kernel",
    "initializers.embedding",
    "initializers.input-kernel",
    "initializers.recurrent-kernel",
    "initializers.input-bias",
    "initializers.recurrent-bias",
    "initializers.head-kernel",
    "initializers.head-bias",
    "adam.beta1",
    "adam.beta2",
    "adam.epsilon",
    "adam.epsilon_placement",
    "adam.repeated_words",
    "adam.bias_correction",
    "clip_stabiliser",
    "clip_form",
    "weight_decay_form",
    "scheduler.factor",
    "scheduler.patience",
    "scheduler.threshold",
    "scheduler.threshold_mode",
    "scheduler.patience_rule",
    "scheduler.cooldown",
    "scheduler.min_learning_rate",
];

/// Refuses values that make no sense, naming where they came from.
fn check(protocol: &Protocol, cell: CellKind, layers: &Layers) -> Result<(), PlanError> {
    let refuse = |key: &str, message: String| {
        let place = layers.origin(key).unwrap_or("the plan").to_owned();
        Err(PlanError::Value { place, message: format!("{key}: {message}") })
    };
    if protocol.epochs == 0 {
        return refuse("epochs", "must be at least 1".into());
    }
    if protocol.batch_size == 0 {
        return refuse("batch_size", "must be at least 1".into());
    }
    if protocol.evaluation_batch_size == 0 {
        return refuse("evaluation_batch_size", "must be at least 1".into());
    }
    if !(protocol.learning_rate.is_finite() && protocol.learning_rate > 0.0) {
        return refuse("learning_rate", "must be a positive number".into());
    }
    if !(protocol.clip_norm.is_finite() && protocol.clip_norm >= 0.0) {
        return refuse("clip_norm", "must be a positive number, or 0 for no clipping".into());
    }
    if protocol.gap > 0 {
        if protocol.padding != Side::Front || protocol.masking {
            return refuse("gap", "only with padding = \"front\" and without masking".into());
        }
        if protocol.pooling != Pooling::LastStep {
            return refuse("gap", "only with pooling = \"last-step\", which reads beyond the gap".into());
        }
    }
    if protocol.stop.kind == StopKind::AfterEscape && !(protocol.stop.auc > 0.5 && protocol.stop.auc < 1.0) {
        return refuse("stop.auc", format!("{} does not lie in (0.5, 1)", protocol.stop.auc));
    }
    for (key, value) in [
        ("scheduler.threshold", protocol.scheduler.threshold),
        ("scheduler.min_learning_rate", protocol.scheduler.min_learning_rate),
        ("stop.auc", protocol.stop.auc),
    ] {
        if !(value.is_finite() && value >= 0.0) {
            return refuse(key, format!("{value} is neither 0 nor a positive number"));
        }
    }
    if protocol.scheduler.kind == SchedulerKind::Plateau
        && !(protocol.scheduler.factor > 0.0 && protocol.scheduler.factor < 1.0)
    {
        return refuse("scheduler.factor", format!("{} does not lie in (0, 1)", protocol.scheduler.factor));
    }
    let spec: ModelSpec = protocol.model_spec(cell, 2, 0);
    match spec.check() {
        Ok(()) => Ok(()),
        Err(error) => {
            let key = if error.field.starts_with("dropout") { "dropout.rate" } else { protocol_key(error.field) };
            refuse(key, error.reason)
        }
    }
}

/// The key of a study file behind a field of the spec.
fn protocol_key(field: &'static str) -> &'static str {
    match field {
        "max_time" => "max_length",
        "max_batch" => "batch_size",
        "clip.norm" => "clip_norm",
        "clip.stabiliser" => "clip_stabiliser",
        "clip.form" => "clip_form",
        "weight_decay.rate" => "weight_decay",
        other => other,
    }
}

fn check_matched(row: &[(&String, Result<ResolvedSettings, String>)]) -> Result<(), PlanError> {
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

fn set_settings(set: &[(String, String)]) -> Result<Settings, PlanError> {
    let mut table = Table::new();
    for (key, value) in set.iter().filter(|(key, _)| !key.starts_with("data.")) {
        let mut inner = &mut table;
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            let entry = inner.entry(part).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = entry else {
                return Err(PlanError::Value {
                    place: format!("--set {key}"),
                    message: format!("`{part}` is no table"),
                });
            };
            inner = next;
        }
        inner.insert(last.to_owned(), parse_value(value));
    }
    Value::Table(table).try_into().map_err(|error: toml::de::Error| PlanError::Value {
        place: "--set".into(),
        message: error.to_string().trim().to_owned(),
    })
}

/// A value as TOML has it; a bare word is a string.
fn parse_value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn internal(study: &Study, error: &dyn std::fmt::Display) -> PlanError {
    PlanError::Value { place: study.path.display().to_string(), message: error.to_string().trim().to_owned() }
}
