//! Asking backends what they are, before anything is planned.

use std::collections::BTreeMap;

use harness_contract::Backend;

use crate::plan::Asked;
use crate::train::ComputeClock;
use crate::worker::{Registry, Worker, WorkerOptions, WorkerProgram};

/// What each backend says of itself, or why it can't be asked and what to do; and the programs that were found.
pub(super) fn ask_backends(
    registry: &Registry,
    names: &[String],
) -> (BTreeMap<String, Asked>, BTreeMap<String, WorkerProgram>) {
    let mut asked = BTreeMap::new();
    let mut programs = BTreeMap::new();
    for name in names {
        let answer = match registry.locate(name) {
            Ok(program) => {
                let info = Worker::start(&program, &WorkerOptions::default(), ComputeClock::default())
                    .map(|backend| backend.describe())
                    .map_err(|failure| failure.to_string());
                programs.insert(name.clone(), program);
                info
            }
            Err(error) => Err(error.to_string()),
        };
        asked.insert(name.clone(), answer);
    }
    (asked, programs)
}
