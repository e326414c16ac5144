//! What was printed, as a TOML file says it.

use std::collections::BTreeMap;

use harness_statistics::audit::{Condition, Decimal, DecimalError, Interval, MOST_ROWS, Quantity, Rounding};
use serde::Deserialize;

/// The version of the format that this build reads.
pub(super) const TABLE_VERSION: u32 = 1;

/// Rows, and statements about them, that one file may have.
const MOST_ENTRIES: usize = 1000;

/// A table of results as it was printed, with what the text around it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedTable {
    /// What was printed where.
    pub title: String,
    /// Rows of the test set.
    pub test: u64,
    /// Positive ones among them.
    pub test_positives: u64,
    /// Whether figures, and the readings of statements about shares, are percentages.
    pub percent: bool,
    /// The table's rows.
    pub rows: Vec<PrintedRow>,
    /// What the text says.
    pub statements: Vec<Statement>,
    /// Sections of the file that say nothing to an audit and were not read.
    pub unread: Vec<String>,
}

/// A row of the table: one classifier on the test set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedRow {
    /// What it is called.
    pub name: String,
    /// The figures that are shares of a confusion matrix, as printed and as read, in the order of [`Quantity::SHARES`].
    pub figures: Vec<(Quantity, String, Decimal)>,
    /// The area under the ROC curve, where one is printed.
    pub auc: Option<(String, Decimal)>,
}

/// A sentence about a row, as a demand on a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// A name for it, which nothing else has.
    pub id: String,
    /// The claim it belongs to, where claims are numbered.
    pub claim: Option<String>,
    /// The row it speaks of.
    pub row: String,
    /// Its words.
    pub says: String,
    /// The number it speaks of.
    pub quantity: Quantity,
    /// The least value that its words may be read as: a whole number for a count, a decimal for a share.
    pub least: String,
    /// The greatest.
    pub most: String,
}

/// A file that can't be audited.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is not TOML, or lacks or misnames something.
    #[error("{reason}")]
    Form {
        /// What is wrong and where.
        reason: String,
    },
    /// It is of another version.
    #[error("version {found} is not {TABLE_VERSION}, which is what this program reads")]
    Version {
        /// The version it says.
        found: u32,
    },
    /// The test set has no such rows.
    #[error(
        "data.test is {test} and data.test_positives is {positives}: both classes must be there, and at most {MOST_ROWS} rows"
    )]
    Sizes {
        /// All rows.
        test: u64,
        /// Positive rows.
        positives: u64,
    },
    /// A figure can't be read.
    #[error("{place}: {reason}")]
    Figure {
        /// The row or the statement, and the figure.
        place: String,
        /// Why.
        reason: String,
    },
    /// Two things have one name, or a name belongs to nothing.
    #[error("{what}")]
    Name {
        /// Which.
        what: String,
    },
}

#[derive(Deserialize)]
struct File {
    version: u32,
    title: String,
    #[serde(default)]
    percent: bool,
    data: Data,
    results: Vec<Row>,
    #[serde(default)]
    statements: Vec<Statement>,
}

/// What an audit needs of the data; a file may say more of it.
#[derive(Deserialize)]
struct Data {
    test: u64,
    test_positives: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: Option<String>,
    framework: Option<String>,
    cell: Option<String>,
    figures: BTreeMap<String, toml::Value>,
}

/// Keys that are read.
const KEYS: [&str; 6] = ["version", "title", "percent", "data", "results", "statements"];

impl PrintedTable {
    /// Reads a file's text.
    ///
    /// # Errors
    /// If it is no TOML of this form, if sizes or figures can't be, or if two rows or two statements have one name.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let form = |error: toml::de::Error| TableError::Form { reason: error.to_string() };
        let all: toml::Table = toml::from_str(text).map_err(form)?;
        let unread = all.keys().filter(|key| !KEYS.contains(&key.as_str())).cloned().collect();
        let file: File = toml::from_str(text).map_err(form)?;
        if file.version != TABLE_VERSION {
            return Err(TableError::Version { found: file.version });
        }
        let Data { test, test_positives } = file.data;
        if test_positives == 0 || test_positives >= test || test > MOST_ROWS {
            return Err(TableError::Sizes { test, positives: test_positives });
        }
        if file.results.is_empty() || file.results.len() > MOST_ENTRIES || file.statements.len() > MOST_ENTRIES {
            let reason = format!("there must be 1 to {MOST_ENTRIES} results and at most as many statements");
            return Err(TableError::Form { reason });
        }
        let File { title, percent, results, statements, .. } = file;
        let rows = results.into_iter().map(|row| row.read(percent)).collect::<Result<Vec<_>, _>>()?;
        let found = Self { title, test, test_positives, percent, rows, statements, unread };
        found.check_names()?;
        found.statements.iter().try_for_each(|statement| statement.condition(percent).map(|_| ()))?;
        Ok(found)
    }

    /// Negative rows of the test set.
    #[must_use]
    pub fn test_negatives(&self) -> u64 {
        self.test - self.test_positives
    }

    fn check_names(&self) -> Result<(), TableError> {
        let twice = |what: &str, names: Vec<&String>| {
            let again = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
            again.map_or(Ok(()), |(_, name)| Err(TableError::Name { what: format!("{what} `{name}` is there twice") }))
        };
        twice("result", self.rows.iter().map(|row| &row.name).collect())?;
        twice("statement", self.statements.iter().map(|statement| &statement.id).collect())?;
        match self.statements.iter().find(|statement| self.rows.iter().all(|row| row.name != statement.row)) {
            Some(Statement { id, row, .. }) => {
                Err(TableError::Name { what: format!("statement `{id}` is about `{row}`, which is no result") })
            }
            None => Ok(()),
        }
    }
}

impl PrintedRow {
    /// What its figures demand of a confusion matrix under a rounding rule.
    #[must_use]
    pub fn conditions(&self, rounding: Rounding) -> Vec<Condition> {
        let condition = |(quantity, _, decimal): &(Quantity, String, Decimal)| Condition {
            quantity: *quantity,
            interval: decimal.interval(rounding),
        };
        self.figures.iter().map(condition).collect()
    }
}

impl Row {
    fn read(self, percent: bool) -> Result<PrintedRow, TableError> {
        let name = match (self.name, self.framework, self.cell) {
            (Some(name), ..) => name,
            (None, Some(framework), Some(cell)) => format!("{framework}-{cell}"),
            _ => {
                return Err(TableError::Name { what: "a result has neither `name` nor `framework` and `cell`".into() });
            }
        };
        let figure = |key: &String, value: &toml::Value| {
            let broken = |reason: String| TableError::Figure { place: format!("{name}, {key}"), reason };
            let toml::Value::String(text) = value else {
                return Err(broken(format!("write `\"{value}\"` and not `{value}`, so that trailing zeros count")));
            };
            let decimal = decimal(text, percent).map_err(|error| broken(error.to_string()))?;
            Ok((text.clone(), decimal))
        };
        let mut figures = Vec::new();
        for quantity in Quantity::SHARES {
            let key = quantity.name().to_lowercase();
            if let Some(value) = self.figures.get(&key) {
                let (text, decimal) = figure(&key, value)?;
                figures.push((quantity, text, decimal));
            }
        }
        let auc = self.figures.get("auc").map(|value| figure(&"auc".to_owned(), value)).transpose()?;
        if figures.len() + usize::from(auc.is_some()) < self.figures.len() {
            let known = |key: &&String| {
                *key == "auc" || Quantity::SHARES.iter().any(|own| own.name().eq_ignore_ascii_case(key))
            };
            let other = self.figures.keys().find(|key| !known(key)).cloned().unwrap_or_default();
            let reason = "accuracy, precision, recall, f1 and auc are audited; leave out what else is printed".into();
            return Err(TableError::Figure { place: format!("{name}, {other}"), reason });
        }
        Ok(PrintedRow { name, figures, auc })
    }
}

/// A printed share, or a printed percentage.
fn decimal(text: &str, percent: bool) -> Result<Decimal, DecimalError> {
    if percent { Decimal::percent(text) } else { Decimal::share(text) }
}

impl Statement {
    /// What its words demand of a confusion matrix; `percent` says how its ends are written, if it is about a share.
    ///
    /// # Errors
    /// If its ends are not two numbers of the quantity's kind, the smaller first.
    pub fn condition(&self, percent: bool) -> Result<Condition, TableError> {
        let broken = |reason: String| TableError::Figure { place: format!("statement {}", self.id), reason };
        let interval = if self.quantity.is_share() {
            let read = |text: &str| decimal(text, percent).map_err(|error| broken(error.to_string()));
            Decimal::between(read(&self.least)?, read(&self.most)?)
        } else {
            let read = |text: &str| text.parse().map_err(|_| broken(format!("`{text}` is not a whole number")));
            Interval::counts(read(&self.least)?, read(&self.most)?)
        };
        if interval.lower() > interval.upper() {
            return Err(broken(format!("`{}` is more than `{}`", self.least, self.most)));
        }
        Ok(Condition { quantity: self.quantity, interval })
    }
}
