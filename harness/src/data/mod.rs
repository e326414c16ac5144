//! The data: from a source of a corpus to encoded, stratified splits.
//!
//! [`prepare`] is the one way in. It finds or fetches the corpus, checks it, draws the splits by seed, fits
//! the vocabulary on the training split alone, and stores the encoded splits so that the next call only
//! reads them. Truncation and padding are no part of it: they happen when batches are made.

mod corpus;
mod descriptor;
mod encoded;
mod error;
mod lengths;
mod lock;
mod settings;
mod split;
mod store;
mod summary;
mod table;
mod vocabulary;
mod words;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use corpus::Corpus;
pub use descriptor::{CorpusDescriptor, Fetch, Form, PinnedHash};
pub(crate) use encoded::EncodedSplit;
pub use encoded::{EncodedData, PADDING_ID, UNKNOWN_ID};
pub use error::DataError;
pub use lengths::LengthCounts;
use lock::FolderLock;
pub use settings::{DataSettings, Source};
pub use summary::{CorpusSummary, DataSummary, SharedTexts, SplitSummary};
pub use table::summary_table;
use vocabulary::Vocabulary;

/// Moves whenever the same corpus and settings would give other encoded splits or other files, so that
/// older ones are not taken for them.
const FORMAT: u32 = 1;

/// Gives the encoded splits that `settings` ask for, from the corpus that `known` describes and `source` names. `data_dir`
/// keeps the download and the encoded splits; `progress` is told what is being done, a line at a time.
///
/// A second call with the same corpus and settings reads what the first has stored, also from a `data_dir` that can't be written.
///
/// # Errors
/// Fails when the settings can't be met or ask for another corpus, when no source gives the whole, unchanged corpus, and when
/// `data_dir` lacks something and can't be written. Nothing half-written is left behind under a name that is read later.
pub fn prepare(
    known: &CorpusDescriptor,
    settings: &DataSettings,
    source: &Source,
    data_dir: &Path,
    progress: &dyn Fn(&str),
) -> Result<EncodedData, DataError> {
    settings.check_against(known)?;
    let downloads = data_dir.join("downloads");
    let lock = FolderLock::take(data_dir, progress)?;
    if lock.may_write() {
        store::remove_partial(&downloads)?;
        store::remove_partial(&data_dir.join("encoded"))?;
    }

    let corpus = corpus::load(known, source, &downloads, progress)?;
    let content_hash = corpus.content_hash();
    let folder = store::folder(data_dir, &key(settings, &content_hash));
    match store::read(&folder) {
        Ok(Some(mut data)) => {
            // The same texts may have come from another source this time.
            data.summary.corpus.source = corpus.name;
            data.summary.corpus.source_hash = corpus.file_hash;
            return Ok(data);
        }
        Ok(None) => {}
        Err(error) if !error.is_damage() => return Err(error),
        Err(error) => progress(&format!("the stored splits are damaged and made anew: {error}")),
    }
    progress("splitting and encoding the corpus");
    let (data, vocabulary) = encode(&corpus, content_hash, settings)?;
    progress("storing the encoded splits");
    store::write(&folder, &data, &vocabulary.tokenizer()?)?;
    Ok(data)
}

/// Where [`prepare`] has put the tokenizer of the data that `summary` describes: a `tokenizer.json` that
/// the `tokenizers` library reads, with which new text gets the same ids.
#[must_use]
pub fn tokenizer_path(data_dir: &Path, summary: &DataSummary) -> PathBuf {
    stored(data_dir, summary).join(store::TOKENIZER)
}

/// Where [`prepare`] has stored the splits that `summary` describes, for [`open`].
#[must_use]
pub fn stored(data_dir: &Path, summary: &DataSummary) -> PathBuf {
    store::folder(data_dir, &key(&summary.settings, &summary.corpus.content_hash))
}

/// Reads the splits in a folder that [`stored`] names, which must have this hash.
///
/// # Errors
/// If they are not there, damaged, or others.
pub fn open(folder: &Path, hash: &str) -> Result<EncodedData, DataError> {
    let absent = || DataError::io("read", folder)(std::io::ErrorKind::NotFound.into());
    let data = store::read(folder)?.ok_or_else(absent)?;
    if data.summary.hash == hash {
        Ok(data)
    } else {
        Err(DataError::WrongHash { file: folder.into(), expected: hash.into(), found: data.summary.hash })
    }
}

fn encode(
    corpus: &Corpus,
    content_hash: String,
    settings: &DataSettings,
) -> Result<(EncodedData, Vocabulary), DataError> {
    let rows = split::assign(&corpus.labels, settings)?;
    let texts = rows
        .each_ref()
        .map(|rows| -> Vec<&str> { rows.iter().map(|row| corpus.texts[*row as usize].as_str()).collect() });
    let vocabulary = Vocabulary::fit(&texts[0], settings);
    let mut splits: [EncodedSplit; 3] = Default::default();
    for ((split, rows), texts) in splits.iter_mut().zip(&rows).zip(&texts) {
        let reviews = vocabulary.encode(texts);
        if let Some(index) = reviews.iter().position(Vec::is_empty) {
            return Err(DataError::EmptyReview { place: corpus.place(rows[index] as usize) });
        }
        let labelled = rows.iter().zip(reviews);
        *split = EncodedSplit::from_reviews(labelled.map(|(row, review)| (*row, corpus.labels[*row as usize], review)));
    }
    let summary = summary::summarise(corpus, content_hash, settings, &vocabulary, &splits);
    let [train, validation, test] = splits;
    let data = EncodedData { train, validation, test, summary };
    Ok((data, vocabulary))
}

/// What the encoded splits depend on, as the name of their folder.
fn key(settings: &DataSettings, content_hash: &str) -> String {
    // The corpus is known by its content.
    let DataSettings { corpus: _, train, validation, test, seed, vocabulary_size } = settings;
    let inputs = format!("{FORMAT} {train} {validation} {test} {seed} {vocabulary_size} {content_hash}");
    corpus::hexadecimal(&Sha256::digest(inputs))
}
