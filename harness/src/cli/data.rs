//! `study data`: fetch, check and encode the corpus, and say what is in it.

use super::args::{Common, DataArguments};
use super::exit::{COMPLETED, CliError, print, say};
use super::run::source;
use crate::data::{DataSettings, prepare, summary_table};
use crate::plan::{Overrides, Study, resolve_data};

/// Prints the summary of the encoded corpus.
pub(super) fn data(arguments: &DataArguments, common: &Common) -> Result<u8, CliError> {
    let overrides = Overrides { set: arguments.set.clone(), ..Overrides::default() };
    let settings = match &arguments.study {
        Some(path) => {
            let study = Study::read(path).map_err(|error| CliError::new("read the study", error))?;
            resolve_data(&study, &overrides)
        }
        None => crate::plan::override_data(&DataSettings::default(), &overrides),
    }
    .map_err(|error| CliError::new("settle the data", error))?;
    let data = prepare(&settings, &source(arguments.from.as_deref()), &common.data_dir, &|line| say(line))
        .map_err(|error| CliError::new("prepare the corpus", error))?;
    print(&summary_table(&data.summary, arguments.max_length))?;
    Ok(COMPLETED)
}
