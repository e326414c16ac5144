//! Names that become parts of file names, tables and command lines.

use std::fmt;
use std::str::FromStr;

/// The most characters of a name.
const LONGEST: usize = 64;

/// Whether this may name a study, a variant or a backend: `[a-z0-9][a-z0-9._-]{0,63}`.
pub(super) fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= LONGEST && text.starts_with(first) && text.chars().all(|c| first(c) || matches!(c, '.' | '_' | '-'))
}

/// What is wrong with a text that is none.
pub(super) fn not_a_name(text: &str) -> String {
    let shown = text.chars().take(LONGEST).collect::<String>();
    format!(
        "`{}` is no name: use up to {LONGEST} lowercase letters, digits, `.`, `_` and `-`, a letter or digit first",
        shown.escape_debug()
    )
}

/// A backend's name: a lowercase letter or digit, then up to 63 of those, `.`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendName(String);

/// A text that is no backend's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no name of a backend: use up to {LONGEST} lowercase letters, digits, `.`, `_` and `-`, a letter or digit first", .0.escape_debug())]
pub struct BackendNameError(String);

impl BackendName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BackendName {
    type Err = BackendNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(BackendNameError(text.to_owned())) }
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_and_says_nothing_to_a_terminal() {
        for good in ["libtorch", "keras-exact", "0", "a.b_c-1", &"x".repeat(64)] {
            assert!(good.parse::<BackendName>().is_ok(), "{good}");
        }
        for bad in ["", "../../esc", "a/b", "A", "-x", ".hidden", "a\nb", "a|b", "ü", &"x".repeat(65)] {
            assert!(bad.parse::<BackendName>().is_err(), "{bad}");
        }
        let said = "a\u{1b}[2J".parse::<BackendName>().map_err(|error| error.to_string());
        assert!(said.is_err_and(|said| said.contains("`a\\u{1b}[2J`")));
    }
}
