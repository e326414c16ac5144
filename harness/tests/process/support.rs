//! A folder with a small corpus, a study file and workers that behave as their names say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::record::{Outcome, RunRecord, StudyResults, load_study};
use tempfile::TempDir;

/// Reviews of each class in the small corpus.
const REVIEWS: usize = 60;

/// A folder of its own for one test.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    /// A folder with a corpus of 120 short reviews and the study `study.toml`.
    pub(crate) fn new(study: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        let reviews: Vec<_> = (0..2 * REVIEWS)
            .map(|index| {
                let label = index / REVIEWS;
                let word = if label == 1 { "good" } else { "bad" };
                let rest = (0..index % 9).map(|word| format!(" word{word}")).collect::<String>();
                serde_json::json!({ "t": format!("A {word} film, number {index}.{rest}"), "s": label })
            })
            .collect();
        fs::write(bench.path("reviews.json"), serde_json::to_string(&reviews).unwrap()).unwrap();
        let sources = include_str!("../../../data/imdb.toml");
        let unpinned: String = sources
            .lines()
            .map(|line| match line.split_once('=') {
                Some((key, _)) if key.trim() == "sha256" => "sha256 = \"unknown\"\n".to_owned(),
                Some((key, _)) if ["negative", "positive"].contains(&key.trim()) => format!("{key} = {REVIEWS}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        fs::write(bench.path("sources.toml"), unpinned).unwrap();
        fs::write(bench.path("study.toml"), study).unwrap();
        bench
    }

    /// A path inside the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `study run study.toml` with workers of these manners, to be started or waited for.
    pub(crate) fn run(&self, manners: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.study(manners);
        command.args(["run", "study.toml", "--from", "reviews.json"]).args(arguments);
        command
    }

    /// `study slurm study.toml` with workers of these manners, to be waited for.
    pub(crate) fn slurm(&self, manners: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.study(manners);
        command.args(["slurm", "study.toml", "--from", "reviews.json"]).args(arguments);
        command
    }

    /// The program in this folder, with workers of these manners.
    pub(crate) fn study(&self, manners: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_study"));
        command.current_dir(self.folder.path()).args(["--sources", "sources.toml"]).stdin(Stdio::null());
        command.env("STUDY_DATA_DIR", self.path("data"));
        for manner in manners {
            let worker = self.path(&format!("study-backend-{manner}"));
            if !worker.exists() {
                std::os::unix::fs::symlink(fake_worker(), &worker).unwrap();
            }
            command.arg("--backend").arg(format!("{manner}={}", worker.display()));
        }
        command
    }

    /// The records of the study.
    pub(crate) fn results(&self) -> StudyResults {
        load_study(&self.path("runs/small")).unwrap()
    }

    /// The record of the run with this name.
    pub(crate) fn record(&self, run: &str) -> RunRecord {
        let results = self.results();
        let found = results.runs.into_iter().find(|result| result.planned.key.to_string() == run);
        found.unwrap_or_else(|| panic!("no run {run}")).record.unwrap_or_else(|| panic!("{run} has no record"))
    }

    /// How the run with this name ended.
    pub(crate) fn outcome(&self, run: &str) -> Outcome {
        self.record(run).outcome
    }

    /// Every file below a folder with its bytes, by relative path.
    pub(crate) fn bytes_below(&self, name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.path(name), &mut files);
        files.sort();
        files
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push((path.clone(), fs::read(&path).unwrap())) }
    }
}

/// The misbehaving worker, which cargo builds beside the tests.
fn fake_worker() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join("examples/fake_worker");
    assert!(path.is_file(), "{} is not built", path.display());
    path
}

/// A study named `small` of these backends and cells, with small everything.
pub(crate) fn small_study(backends: &[&str], cells: &[&str]) -> String {
    format!(
        r#"name = "small"
title = "A small study"
division = "native"
backends = {backends:?}
cells = {cells:?}
seeds = [1]

[data]
train = 60
validation = 20
test = 40
seed = 1
vocabulary_size = 40

[protocol]
epochs = 2
batch_size = 8
max_length = 12
embedding_size = 3
hidden_size = 2
layers = 1
threads = 1
"#
    )
}
