//! `study audit`: are printed figures possible at all?

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::args::AuditArguments;
use super::exit::{COMPLETED, CliError, print, print_json, say};
use crate::audit::{Findings, PrintedTable, audit as audited};

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Prints what an audit of the file finds. An impossible row is a finding and no failure.
pub(super) fn audit(arguments: &AuditArguments) -> Result<u8, CliError> {
    let findings = findings(&arguments.file)?;
    if arguments.json {
        print_json(&findings)?;
    } else {
        print(&findings.page())?;
    }
    Ok(COMPLETED)
}

/// What an audit of a file finds.
pub(super) fn findings(path: &Path) -> Result<Findings, CliError> {
    let unreadable = |reason: String| CliError::new("read the printed table", format!("{}: {reason}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(unreadable(format!("it is larger than {MOST_BYTES} bytes")));
    }
    let table = PrintedTable::parse(&text).map_err(|error| unreadable(error.to_string()))?;
    if !table.unread.is_empty() {
        say(&format!("not read, because an audit does not need it: {}", table.unread.join(", ")));
    }
    audited(&table).map_err(|error| CliError::new("audit the printed table", error))
}
