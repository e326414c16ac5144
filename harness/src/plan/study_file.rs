//! The study file: what is read, and what is wrong with it by file and line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use harness_contract::CellKind;
use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::name::{BackendName, is_name, not_a_name};
use super::settings::Settings;
use crate::data::DataSettings;

/// The most bytes of a title.
const MAX_TITLE: usize = 300;

/// Where settings that a study leaves open come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Division {
    /// From each backend's own defaults.
    Native,
    /// From one backend's defaults for all, and nothing numeric may differ.
    Matched,
}

/// A study file as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyFile {
    /// The study's name; its results are kept under it.
    pub name: String,
    /// One line on what it asks.
    pub title: String,
    /// Whether it is a demonstration, whose figures stand for nothing.
    #[serde(default)]
    pub demonstration: bool,
    /// Where settings that are not given come from.
    pub division: Division,
    /// In a matched study, the backend whose defaults hold for all; the first one unless given.
    pub matched_to: Option<String>,
    /// The axes of the grid.
    pub backends: Vec<String>,
    /// The cells.
    pub cells: Vec<CellKind>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The named changes; none means one variant, `base`, without any.
    #[serde(default, rename = "variant")]
    pub variants: Vec<Variant>,
    /// The corpus.
    #[serde(default)]
    pub data: DataSettings,
    /// Settings of every run.
    #[serde(default)]
    pub protocol: Settings,
    /// Settings of one backend's runs.
    #[serde(default)]
    pub backend: BTreeMap<String, Settings>,
}

/// A named change to the protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name, part of the names of its runs.
    pub name: String,
    /// The backends it is for; all of them unless given.
    pub backends: Option<Vec<String>>,
    /// The cells it is for; all of them unless given.
    pub cells: Option<Vec<CellKind>>,
    /// Its seeds; those of the study unless given.
    pub seeds: Option<Vec<u64>>,
    /// In what it differs from which other variant, in one line.
    pub title: Option<String>,
    /// The variant that a report holds it against. Where no variant of the study names one, all are held against `base`, or else the first.
    pub against: Option<String>,
    /// Settings of its runs.
    #[serde(default)]
    pub protocol: Settings,
    /// Settings of its runs of one backend.
    #[serde(default)]
    pub backend: BTreeMap<String, Settings>,
}

impl Variant {
    /// The one variant of a study that names none.
    pub(super) fn base() -> Self {
        Self {
            name: "base".into(),
            backends: None,
            cells: None,
            seeds: None,
            title: None,
            against: None,
            protocol: Settings::default(),
            backend: BTreeMap::new(),
        }
    }
}

/// A study file with what is needed to speak about its lines.
#[derive(Debug, Clone)]
pub struct Study {
    /// What it says.
    pub file: StudyFile,
    /// Where it was read, for messages.
    pub path: PathBuf,
    lines: BTreeMap<String, usize>,
}

/// A study that can't be run as it is written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key or a wrong type; the message shows the line.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what is allowed.
        message: String,
    },
    /// A value that can't be.
    #[error("{place}: {message}")]
    Value {
        /// File and line, or the flag.
        place: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A matched study whose backends differ.
    #[error(
        "a matched study needs equal settings for every backend, but\n{0}\nset them alike under [protocol], or use division = \"native\""
    )]
    NotMatched(String),
    /// Keys that nothing gives.
    #[error(
        "nothing gives {keys} for `{backend}`, which has no defaults of its own; set them under [protocol], or use division = \"matched\" with matched_to"
    )]
    Missing {
        /// The backend.
        backend: String,
        /// The keys.
        keys: String,
    },
}

impl Study {
    /// Reads a study file.
    ///
    /// # Errors
    /// If it can't be read, has an unknown key or a value that can't be, or an axis that is empty or names something twice.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = fs::read_to_string(path).map_err(|source| PlanError::Io { path: path.into(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a study from text; `path` is for messages.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, PlanError> {
        let syntax = |error: toml::de::Error| PlanError::Syntax {
            path: path.into(),
            message: error.to_string().trim().to_owned(),
        };
        let file: StudyFile = toml::from_str(text).map_err(syntax)?;
        let mut lines = BTreeMap::new();
        if let Ok(table) = DeTable::parse(text) {
            collect_lines(text, table.get_ref(), "", &mut lines);
        }
        let study = Self { file, path: path.into(), lines };
        study.check()?;
        Ok(study)
    }

    /// File and line of a dotted key, as far as the file has it.
    #[must_use]
    pub fn place(&self, key: &str) -> String {
        match self.lines.get(key) {
            Some(line) => format!("{}, line {line}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    fn check(&self) -> Result<(), PlanError> {
        let refuse = |key: &str, message: String| Err(PlanError::Value { place: self.place(key), message });
        let file = &self.file;
        if !is_name(&file.name) {
            return refuse("name", not_a_name(&file.name));
        }
        if !is_title(&file.title) {
            return refuse("title", not_a_title());
        }
        self.check_axis("backends", &file.backends)?;
        self.check_axis("cells", &file.cells)?;
        self.check_axis("seeds", &file.seeds)?;
        if let Some(error) = file.backends.iter().find_map(|name| name.parse::<BackendName>().err()) {
            return refuse("backends", error.to_string());
        }
        let names: Vec<_> = file.variants.iter().map(|variant| &variant.name).collect();
        if let Some(twice) = first_repeated(&names) {
            return refuse("variant", format!("two variants are named `{twice}`"));
        }
        let known = file.backends.join(", ");
        let unknown = |name: &String| !file.backends.contains(name);
        if let Some(name) = file.backend.keys().find(|name| unknown(name)) {
            return refuse(
                &format!("backend.{name}"),
                format!("[backend.{name}] is for a backend that is not in `backends` ({known})"),
            );
        }
        if file.division == Division::Native && file.matched_to.is_some() {
            return refuse("matched_to", "`matched_to` is for division = \"matched\" alone".into());
        }
        for (index, variant) in file.variants.iter().enumerate() {
            let key = format!("variant.{index}");
            let name = &variant.name;
            if !is_name(name) {
                return refuse(&key, not_a_name(name));
            }
            if variant.title.as_deref().is_some_and(|title| !is_title(title)) {
                return refuse(&format!("{key}.title"), not_a_title());
            }
            if let Some(other) = variant.against.as_ref().filter(|other| *other == name || !names.contains(other)) {
                let message =
                    format!("variant `{name}` is held against `{other}`, which is no other variant of this study");
                return refuse(&format!("{key}.against"), message);
            }
            let listed = variant.backends.iter().flatten().chain(variant.backend.keys());
            if let Some(own) = listed.into_iter().find(|own| unknown(own)) {
                return refuse(&key, format!("variant `{name}` names `{own}`, which is not in `backends` ({known})"));
            }
            if let Some(own) = variant.cells.iter().flatten().find(|own| !file.cells.contains(own)) {
                let cells: Vec<_> = file.cells.iter().map(|cell| cell.name()).collect();
                let cells = cells.join(", ");
                return refuse(&key, format!("variant `{name}` names `{own}`, which is not in `cells` ({cells})"));
            }
            variant.backends.as_ref().map_or(Ok(()), |own| self.check_axis(&format!("{key}.backends"), own))?;
            variant.cells.as_ref().map_or(Ok(()), |own| self.check_axis(&format!("{key}.cells"), own))?;
            variant.seeds.as_ref().map_or(Ok(()), |own| self.check_axis(&format!("{key}.seeds"), own))?;
        }
        self.check_settings()
    }

    /// Refuses an axis of the grid that is empty or names something twice.
    fn check_axis<T: Ord + Display>(&self, key: &str, items: &[T]) -> Result<(), PlanError> {
        let name = key.rsplit('.').next().unwrap_or(key);
        let message = match first_repeated(items) {
            Some(twice) => format!("`{twice}` stands twice in `{name}`"),
            None if items.is_empty() => format!("`{name}` is empty; name at least one"),
            None => return Ok(()),
        };
        Err(PlanError::Value { place: self.place(key), message })
    }

    /// Refuses settings that are none of the protocol's knobs, or have values that these can't have.
    fn check_settings(&self) -> Result<(), PlanError> {
        let of_backends = |prefix: String, settings: &'_ BTreeMap<String, Settings>| -> Vec<(String, Settings)> {
            settings.iter().map(|(name, own)| (format!("{prefix}backend.{name}"), own.clone())).collect()
        };
        let mut all = vec![("protocol".to_owned(), self.file.protocol.clone())];
        all.extend(of_backends(String::new(), &self.file.backend));
        for (index, variant) in self.file.variants.iter().enumerate() {
            all.push((format!("variant.{index}.protocol"), variant.protocol.clone()));
            all.extend(of_backends(format!("variant.{index}."), &variant.backend));
        }
        for (table, settings) in &all {
            if let Some(Err((key, message))) = settings.entries().find(Result::is_err) {
                return Err(PlanError::Value { place: self.place(&format!("{table}.{key}")), message });
            }
        }
        Ok(())
    }
}

fn is_title(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_TITLE && !text.chars().any(char::is_control)
}

fn not_a_title() -> String {
    format!("a title is one line of 1 to {MAX_TITLE} bytes")
}

/// The first item that stands before, too.
fn first_repeated<T: Ord>(items: &[T]) -> Option<&T> {
    let mut seen = BTreeSet::new();
    items.iter().find(|item| !seen.insert(*item))
}

/// Notes the line of every key, by dotted path; elements of an array of tables are numbered from 0.
fn collect_lines(text: &str, table: &DeTable<'_>, prefix: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        lines.insert(path.clone(), line(key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => collect_lines(text, inner, &path, lines),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        let path = format!("{path}.{index}");
                        lines.insert(path.clone(), line(item.span().start));
                        collect_lines(text, inner, &path, lines);
                    }
                }
            }
            _ => {}
        }
    }
}
