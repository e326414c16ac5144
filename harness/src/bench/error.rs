//! What can keep a measurement from being made.

use std::io;
use std::path::PathBuf;

use harness_drawing::DrawingError;

use crate::plan::PlanError;

/// A measurement that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The protocol of the measured models can't be settled.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A program that measures the machine can't be run.
    #[error("{}: {reason}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file can't be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A figure can't be drawn or written.
    #[error(transparent)]
    Drawing(#[from] DrawingError),
    /// The environment of the real frameworks is missing.
    #[error("there is no Python at {}; run `just oracles`, or name one with --python", path.display())]
    NoPython {
        /// Where it should be.
        path: PathBuf,
    },
    /// The peers' scripts are missing.
    #[error("the scripts of the peers are not in {}; name their folder with --scripts", path.display())]
    NoScripts {
        /// Where they should be.
        path: PathBuf,
    },
    /// Something needs more reviews than there are.
    #[error("{what} needs {needed} reviews and the {split} split has {there}; set data.{split} higher")]
    TooFewReviews {
        /// What needs them.
        what: &'static str,
        /// How many.
        needed: usize,
        /// Which split.
        split: &'static str,
        /// How many there are.
        there: usize,
    },
}
