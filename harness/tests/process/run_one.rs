//! A single resolved run, as a launcher starts it.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use harness::record::{Outcome, RunEvent};

use crate::support::{Bench, small_study};

/// What a run printed: an event a line.
fn events(output: &Output) -> Vec<RunEvent> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// The only resolved run of a finished study, and its directory.
fn resolved(bench: &Bench) -> (PathBuf, PathBuf) {
    let files = std::fs::read_dir(bench.path("runs/small/resolved")).unwrap().flatten();
    let file = files.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let run = bench.path("runs/small/runs").join(file.file_stem().unwrap());
    (file, run)
}

#[test]
fn a_resolved_run_is_made_again_with_the_same_bytes_and_then_kept() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    assert!(bench.run(&["fake"], &[]).output().unwrap().status.success());
    let (file, run) = resolved(&bench);
    std::fs::rename(&run, bench.path("first")).unwrap();
    let one = || bench.study(&[]).arg("run-one").arg(&file).output().unwrap();

    let output = one();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let told = events(&output);
    assert_eq!(told.first(), Some(&RunEvent::Started { epochs: 2 }));
    assert_eq!(told.iter().filter(|event| matches!(event, RunEvent::Epoch { .. })).count(), 2);
    assert!(matches!(told.last(), Some(RunEvent::Ended { outcome: Outcome::Completed, test_accuracy: Some(_), .. })));
    for name in ["predictions.parquet", "weights.safetensors", "steps.parquet"] {
        let read = |folder: &PathBuf| std::fs::read(folder.join(name)).unwrap();
        assert!(read(&run) == read(&bench.path("first")), "{name} differs");
    }

    let again = one();
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(events(&again), [RunEvent::Kept { outcome: Outcome::Completed }]);
}

#[test]
fn a_run_that_another_process_makes_is_left_to_it() {
    let bench = Bench::new(&small_study(&["slow"], &["rnn"]));
    assert!(bench.run(&["slow"], &[]).output().unwrap().status.success());
    let (file, run) = resolved(&bench);
    std::fs::rename(&run, bench.path("first")).unwrap();
    let one = || {
        let mut command = bench.study(&[]);
        command.arg("run-one").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let first = one().spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let partial = |name: &std::fs::DirEntry| name.file_name().to_string_lossy().starts_with(".partial-");
    while !std::fs::read_dir(run.parent().unwrap()).unwrap().flatten().any(|entry| partial(&entry)) {
        assert!(Instant::now() < deadline, "it did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = one().output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let words = String::from_utf8(second.stderr).unwrap();
    assert!(words.contains(&format!("is being worked on by process {}", first.id())), "{words}");
    assert!(first.wait_with_output().unwrap().status.success());
}

#[test]
fn a_run_without_its_data_says_so() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    assert!(bench.run(&["fake"], &[]).output().unwrap().status.success());
    let (file, run) = resolved(&bench);
    std::fs::rename(&run, bench.path("first")).unwrap();
    std::fs::remove_dir_all(bench.path("data/encoded")).unwrap();
    let output = bench.study(&[]).arg("run-one").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("failed to make the run: could not read the encoded data"), "{words}");
}
