//! Where a run stands: what it left when it was interrupted, or what a finished run of fewer epochs has kept.

use std::path::Path;

use harness_contract::Element;

use super::events::RunEvent;
use super::execute::{Job, JobContext};
use crate::plan::{Protocol, fingerprint};
use crate::record::{KeptState, Outcome, RecordError, Resumption, load_run, read_state, remove_state, write_state};

impl Job {
    /// What this run goes on from, if there is anything; where it comes from another directory, nothing is changed there. A state in `draft` that is not gone on
    /// from is removed.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(super) fn standing(
        &self,
        context: &JobContext<'_>,
        draft: &Path,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<Option<KeptState>, RecordError> {
        let Some(element) = self.backend.info.capabilities.state else {
            remove_state(draft)?;
            return Ok(None);
        };
        let mut found: Option<KeptState> = None;
        let mut elsewhere = false;
        // Where it was interrupted itself; and where its worker failed, which a record tells of.
        for directory in [draft, &self.directory] {
            match read_state(directory, &self.fingerprint, &self.model, element)? {
                Ok(Some(state)) if found.as_ref().is_none_or(|found| found.training.epoch < state.training.epoch) => {
                    elsewhere = directory != draft;
                    found = Some(state);
                }
                Ok(_) => {}
                Err(reason) => {
                    tell(RunEvent::StateLost(reason));
                    if directory == draft {
                        remove_state(draft)?;
                    }
                }
            }
        }
        let mut extends = None;
        if found.is_none()
            && let Some((shorter, state)) = self.shorter(context, element)?
        {
            extends = Some(shorter);
            found = Some(state);
        }
        if let Some(state) = &mut found {
            let epoch = state.training.epoch;
            tell(RunEvent::Resumed { epoch, extends: extends.is_some() });
            state.behind.resumed.push(Resumption { epoch, extends });
            if elsewhere {
                // What lies there is set aside if this run fails as well, before its next epoch is over.
                write_state(draft, &self.fingerprint, &state.training, &state.behind)?;
            }
        }
        Ok(found)
    }

    /// The state of the longest finished run that is this one but for fewer epochs, with its fingerprint.
    fn shorter(&self, context: &JobContext<'_>, element: Element) -> Result<Option<(String, KeptState)>, RecordError> {
        let mut longest: Option<(String, KeptState)> = None;
        for planned in context.earlier.iter().filter(|planned| planned.key == self.key) {
            let state = load_run(context.directory, planned)?;
            let Some(record) = state.record().filter(|record| record.outcome == Outcome::Completed) else { continue };
            let epochs = record.protocol.epochs;
            let protocol = Protocol { epochs, ..self.settings.protocol.clone() };
            let hash = &context.data.summary.hash;
            let same = fingerprint(&self.backend.info, &protocol, &self.model, hash, self.key.seed)
                .is_ok_and(|fingerprint| fingerprint == planned.fingerprint);
            if !same || epochs >= self.settings.protocol.epochs {
                continue;
            }
            let directory = context.directory.join(&planned.directory);
            if let Ok(Some(state)) = read_state(&directory, &planned.fingerprint, &self.model, element)?
                && longest.as_ref().is_none_or(|(_, found)| found.training.epoch < state.training.epoch)
            {
                longest = Some((planned.fingerprint.clone(), state));
            }
        }
        Ok(longest)
    }
}
