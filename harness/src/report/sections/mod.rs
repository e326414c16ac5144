//! The sections of `report.md`, each a function of records that gives Markdown.

pub(super) mod also_here;
pub(super) mod comparison;
pub(super) mod defaults;
pub(super) mod environment;
pub(super) mod protocol;
pub(super) mod results;
pub(super) mod training;
