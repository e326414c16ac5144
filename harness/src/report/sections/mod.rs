//! The sections of `report.md`, each a function of records that gives Markdown.

pub(super) mod alarms;
pub(super) mod also_here;
pub(super) mod arms;
pub(super) mod comparison;
pub(super) mod defaults;
mod departures;
pub(super) mod differences;
pub(super) mod environment;
pub(super) mod limits;
pub(super) mod method;
pub(super) mod prediction;
pub(super) mod protocol;
pub(super) mod replication;
pub(super) mod results;
pub(super) mod training;
