//! A single resolved run, as a launcher starts it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::record::{Outcome, RunEvent, draft_place};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, small_study};
use crate::torture::children_of;

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

/// A run that is not made yet, as a file and its place.
fn planned(manner: &str, epochs: u32) -> (Bench, PathBuf, PathBuf) {
    let bench = Bench::new(&small_study(&[manner], &["rnn"]).replace("epochs = 2", &format!("epochs = {epochs}")));
    let script = bench.slurm(&[manner], &[]).output().unwrap();
    assert!(script.status.success(), "{}", String::from_utf8_lossy(&script.stderr));
    let (file, run) = resolved(&bench);
    (bench, file, run)
}

/// Waits until a run has kept a state.
fn wait_for_state(run: &Path) {
    let state = draft_place(run).join("state.json");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !state.exists() {
        assert!(Instant::now() < deadline, "no epoch was finished");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_worker_that_dies_of_the_signal_that_stops_its_run_has_not_failed() {
    let (bench, file, run) = planned("slow", 50);
    let mut one = bench.study(&[]);
    one.arg("run-one").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let child = one.spawn().unwrap();
    wait_for_state(&run);
    let harness = Pid::from_child(&child);
    let worker = *children_of(child.id()).first().unwrap();
    kill_process(Pid::from_raw(i32::try_from(worker).unwrap()).unwrap(), Signal::TERM).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    kill_process(harness, Signal::TERM).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(!run.exists() && draft_place(&run).join("state.json").exists());
}

#[test]
fn a_run_stops_where_its_time_ends_says_so_and_goes_on_to_the_same_bytes() {
    let (bench, file, run) = planned("counting", 40);
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let one = |until: u64| {
        let mut command = bench.study(&[]);
        command.arg("run-one").arg(&file).args(["--until", &until.to_string()]).output().unwrap()
    };
    let words = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let late = one(seconds() + 119);
    assert_eq!(late.status.code(), Some(1));
    assert!(
        words(&late).contains("nothing can be begun") && words(&late).contains("give it more time"),
        "{}",
        words(&late)
    );

    let mut lives = 0;
    while !run.exists() {
        lives += 1;
        assert!(lives < 60, "it never ends");
        let output = one(seconds() + 122);
        let code = output.status.code().unwrap();
        assert!([0, 75].contains(&code), "{code}: {}", words(&output));
        if code == 75 {
            let said = words(&output);
            assert!(said.contains("more epochs, which are kept: what comes next takes some 1 s, and"), "{said}");
        }
    }
    assert!(lives > 1, "it had time enough");
    assert!(bench.run(&["counting"], &["--out", "undisturbed"]).output().unwrap().status.success());
    let whole = bench.path("undisturbed/runs").join(run.file_name().unwrap());
    for name in ["predictions.parquet", "weights.safetensors", "steps.parquet"] {
        assert!(std::fs::read(run.join(name)).unwrap() == std::fs::read(whole.join(name)).unwrap(), "{name} differs");
    }
}

#[test]
fn a_signal_shortly_before_the_end_of_its_time_has_the_run_come_back() {
    let (bench, file, run) = planned("slow", 50);
    let until = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600;
    let mut one = bench.study(&[]);
    one.arg("run-one").arg(&file).args(["--until", &until.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let child = one.spawn().unwrap();
    wait_for_state(&run);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(75));
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
