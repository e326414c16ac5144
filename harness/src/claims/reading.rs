//! Reading a claims file: what it may say, and what is wrong with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::rules::{Bounds, ClaimsFile, Condition, Later, Measure};

/// The version of the claims format that this program reads.
const VERSION: u32 = 1;

/// The largest claims file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// How deep `all` and `any` may be nested.
const DEEPEST: usize = 16;

/// A claims file that can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    /// It can't be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no claims file, or says something that can't be.
    #[error("{}: {message}", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl ClaimsFile {
    /// Reads a claims file.
    ///
    /// # Errors
    /// If it can't be read, has an unknown key or a wrong type, or a rule that names an arm it does not define.
    pub(crate) fn read(path: &Path) -> Result<Self, RulesError> {
        let io = |source| RulesError::Io { path: path.into(), source };
        let about = fs::metadata(path).map_err(io)?;
        let refuse = |message: String| RulesError::Rules { path: path.into(), message };
        if !about.is_file() || about.len() > LARGEST_FILE {
            return Err(refuse(format!("no plain file of at most {LARGEST_FILE} bytes")));
        }
        Self::parse(&fs::read_to_string(path).map_err(io)?).map_err(refuse)
    }

    /// Reads claims from text.
    ///
    /// # Errors
    /// What is wrong, with its place as far as it is known.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        if file.version != VERSION {
            return Err(format!("claims of version {}, and this program reads version {VERSION}", file.version));
        }
        if !(file.level > 0.0 && file.level < 0.5) {
            return Err(format!("level: {} does not lie between 0 and 0.5", file.level));
        }
        let mut ids = BTreeSet::new();
        for claim in &file.claims {
            if !ids.insert(&claim.id) {
                return Err(format!("two claims are named `{}`", claim.id));
            }
            let conditions = [&claim.supported, &claim.contradicted];
            for condition in conditions.into_iter().chain(claim.notes.iter().map(|note| &note.when)) {
                file.check(condition, 0).map_err(|message| format!("claim {}: {message}", claim.id))?;
            }
        }
        Ok(file)
    }

    /// Every primary comparison of the file, each once, in the order in which they stand.
    #[must_use]
    pub(crate) fn primary(&self) -> Vec<&Later> {
        fn collect<'f>(condition: &'f Condition, found: &mut Vec<&'f Later>) {
            match condition {
                Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| collect(part, found)),
                Condition::Later(later)
                    if later.primary
                        && !found.iter().any(|known| (&known.arm, &known.than) == (&later.arm, &later.than)) =>
                {
                    found.push(later);
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        for claim in &self.claims {
            collect(&claim.supported, &mut found);
            collect(&claim.contradicted, &mut found);
        }
        found
    }

    fn check(&self, condition: &Condition, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("conditions are nested deeper than {DEEPEST}"));
        }
        let arms: Vec<&String> = match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                if parts.is_empty() {
                    return Err("a rule without conditions".into());
                }
                return parts.iter().try_for_each(|part| self.check(part, depth + 1));
            }
            Condition::Escaped(rule) => {
                check_counts(rule.of, rule.at_least, rule.at_most)?;
                vec![&rule.arm]
            }
            Condition::Runs(rule) => {
                check_counts(rule.of, rule.at_least, rule.at_most)?;
                check_bounds(&rule.is)?;
                vec![&rule.arm]
            }
            Condition::Later(rule) => vec![&rule.arm, &rule.than],
            Condition::Equivalent(rule) => {
                if !(rule.margin.is_finite() && rule.margin > 0.0) {
                    return Err(format!("margin: {} is no positive number", rule.margin));
                }
                rule.arms.iter().collect()
            }
            Condition::Ratio(rule) => {
                check_bounds(&rule.is)?;
                rule.arms.iter().collect()
            }
            Condition::Ahead(rule) => {
                if !matches!(rule.measure, Measure::Accuracy | Measure::Auc) {
                    return Err("`ahead` compares `accuracy` or `auc`".into());
                }
                if rule.lower_at_least.is_none() && rule.upper_below.is_none() {
                    return Err("`ahead` needs `lower_at_least` or `upper_below`".into());
                }
                vec![&rule.arm, &rule.than]
            }
            Condition::ChanceIntervals(rule) => rule.arms.iter().collect(),
            Condition::Ascending(rule) if rule.arms.len() < 2 => {
                return Err("`ascending` needs two arms or more".into());
            }
            Condition::Ascending(rule) => rule.arms.iter().collect(),
            Condition::Default(_)
            | Condition::Statement(_)
            | Condition::PrintedAucDiffersFromChance(_)
            | Condition::SumOfProducts(_) => Vec::new(),
        };
        match arms.into_iter().find(|arm| !self.arms.contains_key(*arm)) {
            Some(unknown) => Err(format!("no arm is named `{unknown}` under [arms]")),
            None => Ok(()),
        }
    }
}

fn check_counts(of: usize, at_least: Option<usize>, at_most: Option<usize>) -> Result<(), String> {
    match (at_least, at_most) {
        (None, None) => Err("a count needs `at_least` or `at_most`".into()),
        _ if of == 0 || at_least.is_some_and(|least| least > of) || at_most.is_some_and(|most| most > of) => {
            Err(format!("a count out of {of} can't be that"))
        }
        _ => Ok(()),
    }
}

fn check_bounds(bounds: &Bounds) -> Result<(), String> {
    match bounds.given().collect::<Vec<_>>() {
        none if none.is_empty() => Err("`is` needs a bound: at_least, above, at_most or below".into()),
        given if given.iter().any(|bound| !bound.is_finite()) => Err("a bound must be a finite number".into()),
        _ => Ok(()),
    }
}
