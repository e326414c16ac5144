//! The knobs of the protocol, each defined once: what it means, what it may be, where its value comes from unless a study gives one, when it
//! matters, and what it asks of a backend. What a study file accepts, the layers of settings, differences and the reference page follow
//! from these definitions. Names and types are those of [`Protocol`], which a test holds equal to them.

mod initialisers;
mod machine;
mod model;
mod optimiser;
mod page;
mod records;
mod schedule;
mod sequences;
mod training;
mod values;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use harness_contract::{BackendInfo, Capabilities, CellKind, NativeDefaults};
use serde::Serialize;
use toml::Value;

pub(crate) use page::{knob_pages, knobs_markdown, knobs_readme};
pub use values::Values;

use super::differences::{flat, value_text};
use super::protocol::Protocol;

/// A setting of the protocol.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// Its name in study files and records, with a dot where it stands in a table: `adam.epsilon`.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub meaning: &'static str,
    /// The unit of its numbers, empty where they have none.
    pub unit: &'static str,
    /// What it may be.
    pub values: Values,
    /// Where its value comes from unless a study gives one.
    pub default: Origin,
    /// When it makes a difference.
    pub matters: When,
    /// What depends on it.
    pub bears: Bearing,
    /// Its value where it is switched off, as TOML, and then it is no part of a run's identity; empty where it never is.
    pub off: &'static str,
    /// What runs did before there was this knob, as TOML: how a record is read that lacks it, and its value where no framework gives one. Unless
    /// given, the default of this program.
    pub absent: &'static str,
    /// Whether a single training step depends on it, as in a lockstep.
    pub in_step: bool,
    /// Whether a protocol may lack it.
    pub optional: bool,
    /// What a backend has to be able to.
    pub needs: Needs,
    /// The fields of [`harness_contract::ModelSpec`] that it decides.
    pub spec: &'static [&'static str],
    /// What it may not be beside other settings.
    pub rule: fn(&Protocol) -> Result<(), String>,
}

impl Knob {
    /// A definition begins here and says what differs: numeric, part of every step, no business of the backend.
    const PLAIN: Self = Self {
        name: "",
        meaning: "",
        unit: "",
        values: Values::Switch,
        default: Origin::Program("false"),
        matters: When::ALWAYS,
        bears: Bearing::Numbers,
        off: "",
        absent: "",
        in_step: true,
        optional: false,
        needs: Needs::Nothing,
        spec: &[],
        rule: |_| Ok(()),
    };
}

/// What depends on a knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// The numbers of a run: part of its identity, and equal for all backends in a matched study.
    Numbers,
    /// Their rounding: part of a run's identity, and each backend's own in a matched study.
    Rounding,
    /// Nothing that is compared: where a run is made, and what is written down of it.
    Nothing,
}

/// Where the value of a knob comes from unless a study gives one.
#[derive(Debug, Clone, Copy)]
pub enum Origin {
    /// From this program, where neither the published study nor a framework gives one; as TOML.
    Program(&'static str),
    /// From the published study; as TOML.
    Published(&'static str),
    /// From the backend's own defaults.
    Native(fn(&NativeDefaults, CellKind) -> Option<Value>),
    /// From where and how the program runs.
    Machine {
        /// From what, for the reference page.
        says: &'static str,
        /// The value and where it came from in this case.
        value: fn(&Circumstances<'_>) -> Option<(Value, String)>,
    },
}

/// What a default of the machine can depend on.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The backend.
    pub info: &'a BackendInfo,
    /// Cores that this program may use.
    pub cores: usize,
    /// Runs at once.
    pub jobs: usize,
}

/// When a knob makes a difference.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// In words, to be read after "only"; empty where it always does.
    pub says: &'static str,
    /// Whether it does under this protocol for this cell.
    pub holds: fn(&Protocol, CellKind) -> bool,
}

impl When {
    const ALWAYS: Self = Self { says: "", holds: |_, _| true };
}

/// What a knob asks of a backend.
#[derive(Debug, Clone, Copy)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// That the value is in a list of its capabilities.
    Listed(&'static str, fn(&Capabilities) -> Vec<String>),
    /// An ability, unless the knob is off.
    Able(&'static str, fn(&Capabilities) -> bool),
}

/// Every knob with the subject that it belongs to, in the order in which people read them.
const SUBJECTS: [(&str, &[Knob]); 8] = [
    ("Training", training::KNOBS),
    ("Sequences", sequences::KNOBS),
    ("Model", model::KNOBS),
    ("Initial weights", initialisers::KNOBS),
    ("Optimiser", optimiser::KNOBS),
    ("Schedule", schedule::KNOBS),
    ("Records", records::KNOBS),
    ("Machine", machine::KNOBS),
];

/// Every knob.
pub fn all() -> impl Iterator<Item = &'static Knob> {
    SUBJECTS.iter().flat_map(|(_, knobs)| knobs.iter())
}

/// The knob of this dotted name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Knob> {
    static BY_NAME: LazyLock<BTreeMap<&str, &Knob>> = LazyLock::new(|| all().map(|knob| (knob.name, knob)).collect());
    BY_NAME.get(name).copied()
}

/// Whether knobs stand in a table of this name, as those of `adam` do.
pub(super) fn is_table(name: &str) -> bool {
    in_table(name).next().is_some()
}

fn in_table(table: &str) -> impl Iterator<Item = &'static str> {
    all().filter_map(move |knob| knob.name.split_once('.').filter(|(own, _)| *own == table).map(|(_, inner)| inner))
}

/// The knob of a name that a user wrote.
///
/// # Errors
/// A sentence that says what there is, with the nearest name.
pub(super) fn named(name: &str) -> Result<&'static Knob, String> {
    if let Some(knob) = find(name) {
        return Ok(knob);
    }
    if is_table(name) {
        let inner: Vec<_> = in_table(name).map(|inner| format!("`{inner}`")).collect();
        return Err(format!("`{name}` is a table of {}", inner.join(", ")));
    }
    let nearest = all()
        .map(|knob| (strsim::jaro_winkler(name, knob.name), knob.name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    Err(match nearest {
        Some((likeness, known)) if likeness > 0.8 => {
            format!("there is no knob `{name}`; `{known}` is the nearest (`study knobs` lists them all)")
        }
        _ => {
            let known: Vec<_> = all().map(|knob| knob.name).collect();
            format!("there is no knob `{name}`; there are {}", known.join(", "))
        }
    })
}

/// The settings of a run of this cell that its identity is made of: those that bear on its numbers, are not switched off, and matter beside the
/// others; by name, as a study file writes them.
#[must_use]
pub fn identity(protocol: &Protocol, cell: CellKind) -> BTreeMap<String, String> {
    let counts = |name: &str, value: &Value| {
        find(name).is_some_and(|knob| {
            let off = !knob.off.is_empty() && *value == parse(knob.off);
            knob.bears != Bearing::Nothing && !off && (knob.matters.holds)(protocol, cell)
        })
    };
    let counting = flat(protocol).into_iter().filter(|(name, value)| counts(name, value));
    counting.map(|(name, value)| (name, value_text(&value))).collect()
}

/// Adds to a protocol, as JSON, the knobs that there were none of when it was written.
pub(super) fn complete(protocol: &mut serde_json::Map<String, serde_json::Value>) {
    for knob in all() {
        let text = match (knob.absent, knob.default) {
            ("", Origin::Program(text)) => text,
            (text, _) => text,
        };
        let Ok(value) = serde_json::to_value(parse(text)) else { continue };
        let fields = match knob.name.split_once('.') {
            _ if text.is_empty() => continue,
            None => Some((&mut *protocol, knob.name)),
            Some((table, name)) => {
                let table = protocol.entry(table).or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()));
                table.as_object_mut().map(|table| (table, name))
            }
        };
        if let Some((fields, name)) = fields {
            fields.entry(name).or_insert(value);
        }
    }
}

/// The value of a default or of a backend's list, as a study file has it.
fn value<T: Serialize>(value: &T) -> Option<Value> {
    Value::try_from(value).ok()
}

/// The words of a list of capabilities.
fn words<T: Serialize>(listed: &[T]) -> Vec<String> {
    let word = |own: Value| own.as_str().map_or_else(|| own.to_string(), str::to_owned);
    listed.iter().filter_map(value).map(word).collect()
}

/// A value as it is written in TOML; a bare word is a string.
pub(super) fn parse(text: &str) -> Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests;
