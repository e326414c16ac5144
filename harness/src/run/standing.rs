//! Where a run stands: what it left when it was interrupted, or what a finished run of fewer epochs has kept.

use std::path::Path;

use harness_contract::Element;

use super::job::Job;
use crate::plan::{Protocol, fingerprint};
use crate::record::{
    Behind, KeptState, LostState, Outcome, RecordError, Resumption, RunEvent, TrainingState, load_run, read_state,
    remove_state, write_state,
};

impl Job {
    /// What this run goes on from, if there is anything, and what lies behind it; where it comes from another directory, nothing is changed there. A state in
    /// `draft` that can't be read is removed.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(super) fn standing(
        &self,
        draft: &Path,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<(Option<TrainingState>, Behind), RecordError> {
        let Some(element) = self.backend.info.capabilities.state else {
            remove_state(draft)?;
            return Ok(Default::default());
        };
        let mut lost = Vec::new();
        let mut found: Option<KeptState> = None;
        let mut elsewhere = false;
        // Where it was interrupted itself; and where its worker failed, which a record tells of.
        for directory in [draft, &self.place()] {
            match read_state(directory, &self.fingerprint, &self.model, element)? {
                Ok(Some(state)) if found.as_ref().is_none_or(|found| found.training.epoch < state.training.epoch) => {
                    elsewhere = directory != draft;
                    found = Some(state);
                }
                Ok(_) => {}
                Err(reason) => {
                    lost.push(LostState { epoch: None, reason });
                    if directory == draft {
                        remove_state(draft)?;
                    }
                }
            }
        }
        let mut extends = None;
        if found.is_none()
            && let Some((shorter, state)) = self.shorter(element)
        {
            extends = Some(shorter);
            found = Some(state);
        }
        let Some(KeptState { training, mut behind }) = found else {
            lost.iter().for_each(|lost| tell(RunEvent::StateLost { lost: lost.clone() }));
            return Ok((None, Behind { lost, ..Behind::default() }));
        };
        let epoch = training.epoch;
        tell(RunEvent::Resumed { epoch, extends: extends.is_some() });
        behind.resumed.push(Resumption { epoch, extends, threads: behind.threads, cpu: behind.cpu.clone() });
        behind.lost.append(&mut lost);
        if elsewhere {
            // What lies there is set aside if this run fails as well, before its next epoch is over.
            write_state(draft, &self.fingerprint, &training, &behind)?;
        }
        Ok((Some(training), behind))
    }

    /// The state of the longest finished run that is this one but for fewer epochs, with its fingerprint.
    fn shorter(&self, element: Element) -> Option<(String, KeptState)> {
        let mut longest: Option<(String, KeptState)> = None;
        for planned in &self.earlier {
            // What can't be read is nothing to go on from.
            let Ok(state) = load_run(&self.folder, planned) else { continue };
            let Some(record) = state.record().filter(|record| record.outcome == Outcome::Completed) else { continue };
            let epochs = record.protocol.epochs;
            let protocol = Protocol { epochs, ..self.settings.protocol.clone() };
            let same = fingerprint(&self.backend.info, &protocol, &self.model, &self.data.hash, self.key.seed)
                .is_ok_and(|fingerprint| fingerprint == planned.fingerprint);
            if !same || epochs >= self.settings.protocol.epochs {
                continue;
            }
            if let Ok(Ok(Some(state))) =
                read_state(&self.folder.join(&planned.directory), &planned.fingerprint, &self.model, element)
                && longest.as_ref().is_none_or(|(_, found)| found.training.epoch < state.training.epoch)
            {
                longest = Some((planned.fingerprint.clone(), state));
            }
        }
        longest
    }
}
