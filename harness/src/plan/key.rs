use std::fmt;

use harness_contract::CellKind;
use serde::{Deserialize, Serialize};

/// A point of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunKey {
    /// The backend's name.
    pub backend: String,
    /// The cell.
    pub cell: CellKind,
    /// The variant's name; `base` where a study has none.
    pub variant: String,
    /// The seed of initial weights, order of examples and dropout.
    pub seed: u64,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}-{}-s{}", self.backend, self.cell, self.variant, self.seed))
    }
}
