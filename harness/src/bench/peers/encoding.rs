//! Encoding the corpus: this program, cold, and the package `tokenizers` from Python, in turns.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;

use super::process::Scripts;
use super::record::EncodingRecord;
use crate::bench::BenchError;
use crate::data::EncodedData;

/// What is encoded.
#[derive(Debug, Clone)]
pub(crate) struct EncodingTask<'t> {
    /// The corpus as it was fetched, `reviews.json`.
    pub corpus: PathBuf,
    /// The tokenizer with the rule by which words are cut.
    pub tokenizer: PathBuf,
    /// The folder that [`super::export`] has written.
    pub arrays: &'t Path,
    /// Arguments that this program needs to read the same corpus with the same settings.
    pub arguments: Vec<String>,
    /// The outcome that both are held against.
    pub data: &'t EncodedData,
    /// Threads of each.
    pub threads: usize,
    /// Rounds.
    pub rounds: usize,
}

/// What the script prints.
#[derive(Deserialize)]
struct Printed {
    tokens: u64,
    train_seconds: f64,
    encode_seconds: f64,
}

/// Times both, each a process from its start to its end.
///
/// # Errors
/// If one of them fails.
pub(crate) fn compare_encoding(task: &EncodingTask<'_>, scripts: &Scripts) -> Result<EncodingRecord, BenchError> {
    let data = task.data;
    let splits = data.splits();
    let mut record = EncodingRecord {
        reviews: splits.iter().map(|(_, split)| split.len()).sum(),
        threads: task.threads,
        tokens: splits.iter().map(|(_, split)| split.tokens().len() as u64).sum(),
        peer_tokens: 0,
        seconds: Vec::new(),
        peer_seconds: Vec::new(),
        peer_encoding_seconds: Vec::new(),
    };
    let own = std::env::current_exe().map_err(|source| BenchError::Io { path: "study".into(), source })?;
    for _ in 0..task.rounds {
        let cold =
            tempfile::tempdir_in(task.arrays).map_err(|source| BenchError::Io { path: task.arrays.into(), source })?;
        let mut command = Command::new(&own);
        command.arg("data").args(&task.arguments).arg("--from").arg(&task.corpus);
        command.arg("--data-dir").arg(cold.path()).env("RAYON_NUM_THREADS", task.threads.to_string());
        record.seconds.push(timed(command, &own)?.0);

        let mut command = scripts.command("tokenizers_encode.py");
        command.arg("--corpus").arg(&task.corpus).arg("--tokenizer").arg(&task.tokenizer);
        command.arg("--rows").arg(task.arrays.join("train-rows.npy"));
        command.args(["--vocabulary", &data.summary.settings.vocabulary_size.to_string()]);
        command.args(["--threads", &task.threads.to_string()]);
        let (seconds, printed) = timed(command, &scripts.python)?;
        let printed: Printed = serde_json::from_str(&printed).map_err(|error| BenchError::Program {
            program: scripts.python.clone(),
            reason: format!("tokenizers_encode.py printed `{}`: {error}", printed.trim()),
        })?;
        record.peer_tokens = printed.tokens;
        record.peer_seconds.push(seconds);
        record.peer_encoding_seconds.push(printed.train_seconds + printed.encode_seconds);
    }
    Ok(record)
}

/// The wall-clock seconds of a program and what it printed.
fn timed(mut command: Command, program: &Path) -> Result<(f64, String), BenchError> {
    let failed = |reason: String| BenchError::Program { program: program.into(), reason };
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}: {}", output.status, words.lines().last().unwrap_or_default())));
    }
    Ok((seconds, String::from_utf8_lossy(&output.stdout).into_owned()))
}
