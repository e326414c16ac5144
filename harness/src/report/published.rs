//! The published study's own figures, read from `reports/published.toml`.

use std::collections::BTreeMap;

use harness_contract::CellKind;
use harness_contract::defaults::Batching;
use harness_statistics::metrics::{METRICS, Metric};
use serde::{Deserialize, Deserializer};

use super::ReportError;
use crate::audit::Statement;
use crate::plan::protocol::SchedulerKind;

/// The version of `published.toml` that this build reads.
pub const PUBLISHED_VERSION: u32 = 1;

/// Keys of the metrics that decide whether a published result is reproduced; every result has them.
const DECISIVE: [&str; 3] = ["accuracy", "recall", "auc"];

/// What the published study says of itself. A figure it does not give is absent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// [`PUBLISHED_VERSION`].
    pub version: u32,
    /// The study's title.
    pub title: String,
    /// Sizes of its splits.
    pub data: PublishedData,
    /// What it did in every configuration.
    pub protocol: PublishedProtocol,
    /// Its frameworks, by the name that `results` uses.
    pub frameworks: BTreeMap<String, PublishedFramework>,
    /// Its parameter counts.
    pub parameters: PublishedParameters,
    /// Seconds an epoch, on one 8 GB GPU.
    #[serde(deserialize_with = "by_cell")]
    pub seconds_per_epoch: BTreeMap<CellKind, f64>,
    /// Its results on the test split.
    pub results: Vec<PublishedResult>,
    /// What its text says of its figures.
    pub statements: Vec<Statement>,
    /// What it claimed.
    pub claims: Vec<PublishedClaim>,
}

/// The published study's corpus and the sizes of its splits, in reviews.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedData {
    /// The corpus, by the name in its descriptor.
    pub corpus: String,
    /// The training split.
    pub train: u64,
    /// The validation split.
    pub validation: u64,
    /// The test split.
    pub test: u64,
    /// Positive reviews of the test split.
    pub test_positives: u64,
}

/// What the published study did in every configuration.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedProtocol {
    /// Words of the vocabulary.
    pub vocabulary_size: usize,
    /// Longest review, in tokens.
    pub max_length: usize,
    /// Columns of the embedding.
    pub embedding_size: usize,
    /// Units of a recurrent layer.
    pub hidden_size: usize,
    /// Recurrent layers.
    pub layers: usize,
    /// Whether they run in both directions.
    pub bidirectional: bool,
    /// Dropout rate.
    pub dropout: f64,
    /// Passes over the training split.
    pub epochs: u32,
    /// Rows of a training batch.
    pub batch_size: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
}

/// A framework of the published study and what was done on its side alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFramework {
    /// Its name as the study writes it.
    pub title: String,
    /// The backends that stand for it here.
    pub backends: Vec<String>,
    /// How batches were padded.
    pub batching: Option<Batching>,
    /// The initialiser of recurrent kernels, where the study names one.
    pub recurrent_kernel: Option<String>,
    /// The gradient norm at which it clipped.
    pub clip_norm: Option<f64>,
    /// The learning-rate schedule.
    pub scheduler: Option<SchedulerKind>,
}

/// The published parameter counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedParameters {
    /// The embedding, rounded by the study to three digits.
    pub embedding: u64,
    /// One recurrent layer.
    #[serde(deserialize_with = "by_cell")]
    pub one_layer: BTreeMap<CellKind, u64>,
}

/// One row of the published table of results.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedResult {
    /// Key into [`Published::frameworks`].
    pub framework: String,
    /// The cell.
    pub cell: CellKind,
    /// What it printed of the test split, by the key of the metric. Every result has the same.
    #[serde(deserialize_with = "printed")]
    pub figures: BTreeMap<String, f64>,
}

/// A claim of the published study.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedClaim {
    /// `C1`, `C2`, ...
    pub id: String,
    /// What it says.
    pub text: String,
}

impl PublishedFramework {
    /// Whether this backend stands for it.
    fn stands_for(&self, backend: &str) -> bool {
        self.backends.iter().any(|own| own == backend)
    }
}

impl Published {
    /// The framework that a backend stands for.
    #[must_use]
    pub fn framework_of(&self, backend: &str) -> Option<&PublishedFramework> {
        self.frameworks.values().find(|framework| framework.stands_for(backend))
    }

    /// The metrics that the study printed, in the order of [`METRICS`].
    #[must_use]
    pub fn metrics(&self) -> Vec<&'static Metric> {
        let printed = |metric: &&Metric| self.results.iter().any(|row| row.figures.contains_key(metric.key));
        METRICS.iter().filter(printed).collect()
    }

    /// The published figures of a backend's framework and a cell.
    #[must_use]
    pub fn result(&self, backend: &str, cell: CellKind) -> Option<&PublishedResult> {
        self.results.iter().find(|row| {
            row.cell == cell && self.frameworks.get(&row.framework).is_some_and(|found| found.stands_for(backend))
        })
    }
}

/// The published study's figures as this build carries them (`reports/published.toml`).
///
/// # Errors
/// If the file is of another version, is malformed, or names a framework, a claim or a result that can't be.
pub fn published() -> Result<Published, ReportError> {
    parse(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/published.toml")))
}

fn parse(text: &str) -> Result<Published, ReportError> {
    let broken = |reason: String| ReportError::Published { reason };
    let found: Published = toml::from_str(text).map_err(|error| broken(error.to_string()))?;
    if found.version != PUBLISHED_VERSION {
        return Err(broken(format!("version {} is not {PUBLISHED_VERSION}", found.version)));
    }
    let mut backends: Vec<&String> = found.frameworks.values().flat_map(|framework| &framework.backends).collect();
    backends.sort();
    if let Some(pair) = backends.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(broken(format!("the backend `{}` stands for two frameworks", pair[0])));
    }
    for (place, row) in found.results.iter().enumerate() {
        if !found.frameworks.contains_key(&row.framework) {
            return Err(broken(format!("a result is of `{}`, which is not among the frameworks", row.framework)));
        }
        if found.results[..place].iter().any(|other| (&other.framework, other.cell) == (&row.framework, row.cell)) {
            return Err(broken(format!("{} {} has two results", row.framework, row.cell)));
        }
    }
    if let Some(key) = DECISIVE.iter().find(|key| found.results.iter().any(|row| !row.figures.contains_key(**key))) {
        return Err(broken(format!("a result has no `{key}`, which decides whether it is reproduced")));
    }
    let keys = |row: &PublishedResult| row.figures.keys().cloned().collect::<Vec<_>>();
    for row in &found.results {
        if let Some(key) = row.figures.keys().find(|key| Metric::named(key).is_none()) {
            return Err(broken(format!("`{key}` is not a metric")));
        }
        if keys(row) != keys(&found.results[0]) {
            return Err(broken(format!("{} {} has other figures than the first result", row.framework, row.cell)));
        }
    }
    for (place, claim) in found.claims.iter().enumerate() {
        if found.claims[..place].iter().any(|other| other.id == claim.id) {
            return Err(broken(format!("claim {} is there twice", claim.id)));
        }
    }
    Ok(found)
}

/// Numbers that the file has as strings, with their trailing zeros.
fn printed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let number = |(key, text): (String, String)| match text.parse() {
        Ok(number) => Ok((key, number)),
        Err(_) => Err(serde::de::Error::custom(format!("{key}: `{text}` is not a number"))),
    };
    texts.into_iter().map(number).collect()
}

/// A table whose keys are cells, which TOML only has as strings.
fn by_cell<'de, D, T>(deserializer: D) -> Result<BTreeMap<CellKind, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let named = BTreeMap::<String, T>::deserialize(deserializer)?;
    named
        .into_iter()
        .map(|(name, value)| match CellKind::ALL.into_iter().find(|cell| cell.name() == name) {
            Some(cell) => Ok((cell, value)),
            None => Err(serde::de::Error::custom(format!("`{name}` is not a cell"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_figures_are_those_of_the_study() {
        let found = published().unwrap();
        assert_eq!(found.results.len(), 6);
        let gru = found.result("libtorch", CellKind::Gru).unwrap();
        let printed: Vec<_> =
            found.metrics().into_iter().map(|metric| (metric.title, gru.figures[metric.key])).collect();
        let expected = [("accuracy", 0.868), ("precision", 0.850), ("recall", 0.893), ("F1", 0.871), ("AUC", 0.942)];
        assert_eq!(printed, expected);
        let lstm = found.result("tensorflow", CellKind::Lstm).unwrap();
        assert_eq!((lstm.figures["accuracy"], lstm.figures["auc"]), (0.511, 0.513));
        let ids: Vec<_> = found.claims.iter().map(|claim| claim.id.clone()).collect();
        assert_eq!(ids, (1..=14).map(|number| format!("C{number}")).collect::<Vec<_>>());
        assert_eq!(found.parameters.one_layer[&CellKind::Lstm], 49_408);
        assert_eq!(found.result("reference", CellKind::Gru), None);
        // The real frameworks stand for themselves.
        assert_eq!(found.result("keras", CellKind::Gru), found.result("tensorflow", CellKind::Gru));
        assert_eq!(found.framework_of("pytorch"), found.framework_of("libtorch"));
    }

    #[test]
    fn a_version_or_a_framework_that_is_not_known_is_refused() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/published.toml"));
        for (from, to, complaint) in [
            ("version = 1", "version = 2", "version 2 is not 1"),
            ("[\"libtorch\", \"pytorch\"]", "[\"libtorch\", \"keras\"]", "`keras` stands for two frameworks"),
            ("framework = \"keras\"\ncell = \"rnn\"", "framework = \"jax\"\ncell = \"rnn\"", "`jax`"),
            ("cell = \"lstm\"", "cell = \"rnn\"", "keras rnn has two results"),
            ("id = \"C2\"", "id = \"C1\"", "claim C1 is there twice"),
            ("precision = \"0.00\"", "precession = \"0.00\"", "`precession` is not a metric"),
            (", recall = \"0.271\"", "", "no `recall`"),
            (", f1 = \"0.356\"", "", "keras lstm has other figures than the first result"),
            ("rnn = 40.0", "elman = 40.0", "`elman` is not a cell"),
        ] {
            let error = parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
