//! The reference page of every knob, from the definitions alone or with what some backends say of themselves.

use std::collections::BTreeMap;

use harness_contract::{BackendInfo, CellKind};
use harness_text::{Align, Table};
use serde::Serialize;

use super::{Bearing, Knob, Needs, Origin, SUBJECTS};

/// What stands above the knobs in `harness/studies/README.md`.
const HEAD: &str = include_str!("page.md");

/// What there is to say of a knob.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct KnobPage {
    /// What it is about, e.g. `Optimiser`.
    pub subject: &'static str,
    /// Its dotted name.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// The unit of its numbers, or empty.
    pub unit: &'static str,
    /// What it may be.
    pub values: String,
    /// Its value unless a study gives one; none where that depends on the backend or the machine.
    pub default: Option<String>,
    /// Where that value comes from.
    pub default_from: &'static str,
    /// When it makes a difference, to be read after "only"; empty where it always does.
    pub matters: &'static str,
    /// Whether a matched study needs it equal for all backends.
    pub numeric: bool,
    /// Whether it is part of a run's identity, so that another value is another run.
    pub identity: bool,
    /// The capability of a backend that it needs, or empty.
    pub needs: &'static str,
    /// For each backend that was asked, what it can do and does by default.
    pub backends: BTreeMap<String, KnobOfBackend>,
}

/// A knob from the side of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct KnobOfBackend {
    /// Whether it can do it, or which of the values: `yes`, `no`, or a list.
    pub can: String,
    /// Its native default, with the cells where it depends on them; none where the default is not the backend's.
    pub default: Option<String>,
}

/// Every knob, with what these backends say.
#[must_use]
pub(crate) fn knob_pages(backends: &BTreeMap<String, BackendInfo>) -> Vec<KnobPage> {
    let of = |subject: &'static str, knob: &Knob| {
        let own = backends.iter().map(|(name, info)| (name.clone(), of_backend(knob, info))).collect();
        page(subject, knob, own)
    };
    SUBJECTS.iter().flat_map(|(subject, knobs)| knobs.iter().map(move |knob| of(subject, knob))).collect()
}

fn page(subject: &'static str, knob: &Knob, backends: BTreeMap<String, KnobOfBackend>) -> KnobPage {
    let written = |text: &str| Some(knob.values.written(&super::parse(text)));
    let (default, default_from) = match knob.default {
        Origin::Program(text) => (written(text), "this program"),
        Origin::Published(text) => (written(text), "the published study"),
        Origin::Native(_) => (None, "the framework"),
        Origin::Machine { says, .. } => (None, says),
    };
    KnobPage {
        subject,
        name: knob.name,
        meaning: knob.meaning,
        unit: knob.unit,
        values: knob.values.describe(),
        default,
        default_from,
        matters: knob.matters.says,
        numeric: knob.bears == Bearing::Numbers,
        identity: knob.bears != Bearing::Nothing,
        needs: match knob.needs {
            Needs::Nothing => "",
            Needs::Listed(capability, _) | Needs::Able(capability, _) => capability,
        },
        backends,
    }
}

fn of_backend(knob: &Knob, info: &BackendInfo) -> KnobOfBackend {
    let can = match knob.needs {
        Needs::Nothing => "yes".into(),
        Needs::Able(_, able) => if able(&info.capabilities) { "yes" } else { "no" }.into(),
        Needs::Listed(_, listed) => match listed(&info.capabilities).join(", ") {
            none if none.is_empty() => "none".into(),
            words => words,
        },
    };
    let default = match (knob.default, &info.native_defaults) {
        (Origin::Native(value), Some(native)) => {
            let own = |cell: CellKind| Some((cell, knob.values.written(&value(native, cell)?)));
            Some(by_cell(&CellKind::ALL.into_iter().filter_map(own).collect::<Vec<_>>()))
        }
        _ => None,
    };
    KnobOfBackend { can, default }
}

/// One value, or each with the cells that have it.
fn by_cell(values: &[(CellKind, String)]) -> String {
    match values {
        [(_, first), rest @ ..] if rest.iter().all(|(_, value)| value == first) => first.clone(),
        several => {
            let own: Vec<_> = several.iter().map(|(cell, value)| format!("{value} ({cell})")).collect();
            own.join(", ")
        }
    }
}

/// The knobs as Markdown, a table for each subject; with a column for each backend that was asked.
#[must_use]
pub(crate) fn knobs_markdown(pages: &[KnobPage]) -> String {
    let mut text = String::new();
    for (subject, _) in &SUBJECTS {
        let own: Vec<_> = pages.iter().filter(|page| page.subject == *subject).collect();
        let names = own.first().map(|page| page.backends.keys()).into_iter().flatten();
        let mut headings = vec!["knob", "meaning", "values", "unless given", "needs of a backend"];
        headings.extend(names.map(String::as_str));
        let mut table = Table::new(headings.into_iter().map(|heading| (heading, Align::Left)));
        for page in own {
            let only = if page.matters.is_empty() { String::new() } else { format!(" Matters only {}.", page.matters) };
            let unit = if page.unit.is_empty() { String::new() } else { format!(", in {}", page.unit) };
            let default = match &page.default {
                Some(value) => format!("{value} ({})", page.default_from),
                None => page.default_from.to_owned(),
            };
            let needs = if page.needs.is_empty() { String::new() } else { format!("`{}`", page.needs) };
            let mut row = vec![
                format!("`{}`", page.name),
                format!("{}{only}", page.meaning),
                format!("{}{unit}", page.values),
                default,
                needs,
            ];
            row.extend(page.backends.values().map(|backend| match &backend.default {
                Some(default) if backend.can.is_empty() => format!("none; {default} by default"),
                Some(default) => format!("{}; {default} by default", backend.can),
                None => backend.can.clone(),
            }));
            table.push(row);
        }
        text.push_str(&format!("### {subject}\n\n{}\n", table.to_markdown()));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The page about studies and their knobs that is kept beside the studies, `harness/studies/README.md`.
#[must_use]
pub(crate) fn knobs_readme() -> String {
    format!("{HEAD}\n{}", knobs_markdown(&knob_pages(&BTreeMap::new())))
}
