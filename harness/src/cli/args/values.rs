//! How values are read that several commands take.

use std::path::PathBuf;
use std::time::Duration;

use harness_contract::CellKind;

use crate::plan::{BackendName, BackendNameError};

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "give a positive number of seconds".into())
}

pub(super) fn cell(text: &str) -> Result<CellKind, String> {
    CellKind::ALL.into_iter().find(|cell| cell.name() == text).ok_or_else(|| "give `rnn`, `lstm` or `gru`".into())
}

pub(super) fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("give KEY=VALUE".into()),
    }
}

pub(super) fn name_and_path(text: &str) -> Result<(BackendName, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => {
            name.parse().map(|name| (name, path.into())).map_err(|error: BackendNameError| error.to_string())
        }
        _ => Err("give NAME=PATH".into()),
    }
}
