//! Exit codes, and the two places where this program writes.

use std::fmt;
use std::io::{self, Write};

/// Everything that was asked for is done.
pub const COMPLETED: u8 = 0;
/// It could not be done; stderr says why.
pub const FAILED: u8 = 1;
/// The grid is done, but not every run completed; the report says which and why. (2 is clap's, for wrong arguments.)
pub const NOT_ALL_COMPLETED: u8 = 3;
/// A run stopped before the time that it was given was over, with something finished: the same command goes on from there.
pub const GOES_ON: u8 = 75;
/// Stopped by a signal; the same command goes on.
pub const INTERRUPTED: u8 = 130;

/// A failed command, as a sentence for people: what was being done, what is wrong, what to do.
#[derive(Debug)]
pub(super) struct CliError(String);

impl CliError {
    /// Failed to do something, for a reason.
    pub(super) fn new(doing: &str, reason: impl fmt::Display) -> Self {
        Self(format!("failed to {doing}: {reason}"))
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes a line to stderr. A closed stderr is no reason to stop.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes text to stdout. A reader that has had enough, as in `study list | head -1`, is no reason to fail.
///
/// # Errors
/// If stdout can't be written, e.g. because its disk is full.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::new("write to stdout", error)),
        _ => Ok(()),
    }
}

/// Writes a value as JSON to stdout.
///
/// # Errors
/// As [`print`].
pub(super) fn print_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::new("write JSON", error))?;
    print(&(text + "\n"))
}
