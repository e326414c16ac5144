//! `study data`: fetch, check and encode the corpus, and say what is in it.

use std::fs;

use super::args::{Common, DataArguments};
use super::exit::{COMPLETED, CliError, print, print_json, say};
use super::places::data_directory;
use crate::data::{CorpusDescriptor, DataSettings, EncodedData, Source, prepare, summary_table};
use crate::plan::{Overrides, Study, resolve_data};

/// Prints the summary of the encoded corpus.
pub(super) fn data(arguments: &DataArguments, common: &Common) -> Result<u8, CliError> {
    if let Some((key, _)) = arguments.set.iter().find(|(key, _)| !key.starts_with("data.")) {
        return Err(CliError::new(
            "settle the data",
            format!("{key} is no setting of the data; those begin with `data.`"),
        ));
    }
    let overrides = Overrides { set: arguments.set.clone(), ..Overrides::default() };
    let settings = match &arguments.study {
        Some(path) => {
            let study = Study::find(path).map_err(|error| CliError::new("read the study", error))?;
            resolve_data(&study, &overrides)
        }
        None => crate::plan::override_data(&DataSettings::default(), "the published study", &overrides),
    }
    .map_err(|error| CliError::new("settle the data", error))?;
    let data = encoded_data(&settings, &arguments.from, common)?;
    match arguments.json {
        true => print_json(&data.summary),
        false => print(&summary_table(&data.summary, arguments.max_length)),
    }?;
    Ok(COMPLETED)
}

/// The encoded splits that `settings` ask for, fetched and made if need be, with progress on stderr.
pub(super) fn encoded_data(settings: &DataSettings, from: &Source, common: &Common) -> Result<EncodedData, CliError> {
    let data_dir = data_directory(common.data_dir.as_deref())?;
    prepare(&descriptor(settings, common)?, settings, from, &data_dir, &|line| say(line))
        .map_err(|error| match error.is_refused() {
            true => format!("{error}; name a folder of your own with --data-dir, or in STUDY_DATA_DIR"),
            false => error.to_string(),
        })
        .map_err(|reason| CliError::new("prepare the corpus", reason))
}

/// The descriptor of the corpus: that of `--sources`, or the built-in one of the settings' name.
pub(super) fn descriptor(settings: &DataSettings, common: &Common) -> Result<CorpusDescriptor, CliError> {
    match &common.sources {
        None => CorpusDescriptor::built_in(&settings.corpus),
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| CliError::new(&format!("read the descriptor {}", path.display()), error))?;
            CorpusDescriptor::parse(&text)
        }
    }
    .map_err(|error| CliError::new("prepare the corpus", error))
}
