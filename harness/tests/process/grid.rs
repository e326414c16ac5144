//! Grids of real processes with real faults.

use std::fs;
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use harness::record::Outcome;

use crate::support::{Bench, small_study};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn failure(outcome: &Outcome) -> (String, String) {
    match outcome {
        Outcome::Failed { reason, last_words } => (reason.clone(), last_words.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_grid_runs_to_its_report_and_is_not_run_again() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    let output = bench.run(&["fake"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        assert!(bench.path(line).is_file(), "stdout names {line}, which is not there");
    }
    let record = bench.record("fake-rnn-base-s1");
    assert_eq!(record.outcome, Outcome::Completed);
    assert_eq!(record.epochs.len(), 2);
    assert_eq!(record.epochs[0].steps, 8);
    assert!(record.test.as_ref().unwrap().confusion.accuracy() > 0.9, "one word decides; {:?}", record.test);
    assert!(record.peak_memory_bytes.unwrap() > 100_000);

    let before = bench.bytes_below("runs/small/runs");
    let again = bench.run(&["fake"], &[]).output().unwrap();
    assert_eq!(again.status.code(), Some(0));
    assert!(stderr(&again).contains("fake-rnn-base-s1  had ended (completed)"), "{}", stderr(&again));
    assert_eq!(bench.bytes_below("runs/small/runs"), before);
}

#[test]
fn a_report_is_written_anew_where_something_is_new_or_missing() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    let report = "runs/small/report/report.md";
    let files = |arguments: &[&str]| -> (String, SystemTime) {
        let output = bench.run(&["fake"], arguments).output().unwrap();
        let code = output.status.code();
        assert!(code == Some(0), "{}", stderr(&output));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (said, fs::metadata(bench.path(report)).unwrap().modified().unwrap())
    };
    // The first figure of so small a study may be written in the tick of the file system's clock in which its record was. Then which is newer can't be
    // told, and the next call draws once more.
    files(&["--only", "rnn"]);
    let first = files(&["--only", "rnn"]);
    assert_eq!(files(&["--only", "rnn"]), first, "nothing is new, and the same files are named");

    let both = files(&[]);
    assert!(both.1 > first.1, "a run is new");
    fs::remove_file(bench.path("runs/small/report/roc-rnn.png")).unwrap();
    let whole = files(&[]);
    assert!(whole.1 > both.1 && bench.path("runs/small/report/roc-rnn.png").is_file(), "a figure was missing");
    assert!(files(&["--only", "rnn"]).1 > whole.1, "another plan");
}

#[test]
fn every_way_of_misbehaving_ends_one_run_with_its_reason_and_the_others_complete() {
    let manners = [
        "fake", "abort", "exit", "hang", "print", "scribble", "truncate", "oversize", "repeat", "surplus", "timeless",
        "diverge", "version", "mute",
    ];
    let bench = Bench::new(&small_study(&manners, &["rnn"]));
    let output = bench.run(&manners, &["--deadline", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let outcome = |manner: &str| bench.outcome(&format!("{manner}-rnn-base-s1"));

    assert_eq!(outcome("fake"), Outcome::Completed);
    // Descriptor 1 leads to stderr, so a library that prints harms nobody.
    assert_eq!(outcome("print"), Outcome::Completed);
    let (reason, last_words) = failure(&outcome("abort"));
    assert!(reason.contains("was ended by signal 6") && reason.contains("train-batch"), "{reason}");
    assert_eq!(last_words, "about to abort");
    assert!(stderr(&output).contains("\n  about to abort\n"), "{}", stderr(&output));
    assert!(failure(&outcome("exit")).0.contains("exited with code 3"));
    assert!(failure(&outcome("scribble")).0.contains("broke the wire format"));
    let (reason, _) = failure(&outcome("truncate"));
    assert!(reason.contains("ended inside a frame"), "{reason}");
    assert!(failure(&outcome("oversize")).0.contains("over the cap"));
    assert!(failure(&outcome("repeat")).0.contains("a reply is numbered"));
    assert!(failure(&outcome("surplus")).0.contains("with a payload of 16 bytes, where none belongs"));
    assert!(failure(&outcome("timeless")).0.contains("it says that it computed for"));
    match outcome("hang") {
        Outcome::TimedOut { request, seconds, .. } => assert_eq!((request.as_str(), seconds), ("train-batch", 2.0)),
        other => panic!("{other:?}"),
    }
    assert_eq!(outcome("diverge"), Outcome::Diverged { epoch: 1, step: 4, what: "the loss".into() });

    let results = bench.results();
    let unavailable = |manner: &str| {
        let run = results.runs.iter().find(|run| run.planned.key.backend == manner).unwrap();
        run.planned.unavailable.clone().unwrap()
    };
    let other = format!("speaks version {} of the wire format", harness::contract::wire::PROTOCOL_VERSION + 1);
    assert!(unavailable("version").contains(&other), "{}", unavailable("version"));
    assert!(unavailable("mute").contains("exited with code 7"), "{}", unavailable("mute"));
}

#[test]
fn what_a_backend_cannot_do_is_known_before_it_is_trained() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "gru"]));
    let output = bench.run(&["fake"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    match bench.outcome("fake-gru-base-s1") {
        Outcome::Unsupported { reason } => {
            assert_eq!(reason, "cell = gru is not supported; this backend supports rnn, lstm");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.outcome("fake-rnn-base-s1"), Outcome::Completed);
}

#[test]
fn a_worker_that_failed_is_tried_again_by_the_same_command() {
    let bench = Bench::new(&small_study(&["fake", "abort"], &["rnn"]));
    assert_eq!(bench.run(&["fake", "abort"], &[]).output().unwrap().status.code(), Some(3));
    let fake = bench.record("fake-rnn-base-s1");
    let abort = bench.record("abort-rnn-base-s1");
    // Mended in the meantime.
    let again = bench.run(&["fake", "abort"], &[]).output().unwrap();
    assert_eq!(again.status.code(), Some(3));
    assert_eq!(bench.record("fake-rnn-base-s1"), fake);
    assert!(bench.record("abort-rnn-base-s1").wall_seconds != abort.wall_seconds);
}

/// Waits until a run has left its record.
fn wait_for_record(bench: &Bench, run: &str, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let runs = std::fs::read_dir(bench.path("runs/small/runs"));
        let ended = runs.into_iter().flatten().flatten().any(|entry| {
            entry.file_name().to_string_lossy().starts_with(run) && entry.path().join("record.json").exists()
        });
        if ended {
            return;
        }
        assert!(Instant::now() < deadline, "{run} left no record");
        assert!(child.try_wait().unwrap().is_none(), "the harness ended early");
        sleep(Duration::from_millis(10));
    }
}

fn processes_named(name: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).split('\0').next().is_some_and(|first| first == name))
        })
        .count()
}

#[test]
fn a_harness_that_is_killed_leaves_no_worker_behind_and_the_same_command_does_the_rest() {
    let study = small_study(&["slow"], &["rnn", "lstm"]).replace("seeds = [1]", "seeds = [1, 2]");
    let bench = Bench::new(&study);
    let mut child = bench.run(&["slow"], &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_record(&bench, "slow-rnn-base-s1", &mut child);
    sleep(Duration::from_millis(200));
    child.kill().unwrap();
    child.wait().unwrap();

    let worker = bench.path("study-backend-slow").display().to_string();
    let deadline = Instant::now() + Duration::from_secs(10);
    while processes_named(&worker) > 0 {
        assert!(Instant::now() < deadline, "a worker outlived its harness");
        sleep(Duration::from_millis(50));
    }

    let finished: Vec<_> = bench
        .results()
        .runs
        .iter()
        .filter(|run| run.record.is_some())
        .map(|run| run.planned.directory.clone())
        .collect();
    assert!(!finished.is_empty() && finished.len() < 4, "{finished:?}");
    let before: Vec<_> = finished.iter().map(|run| bench.bytes_below(&format!("runs/small/{run}"))).collect();
    let output = bench.run(&["slow"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let after: Vec<_> = finished.iter().map(|run| bench.bytes_below(&format!("runs/small/{run}"))).collect();
    assert_eq!(before, after);
    assert!(bench.results().runs.iter().all(|run| run.record.as_ref().unwrap().outcome == Outcome::Completed));
}

#[test]
fn an_interrupt_stops_cleanly_and_says_how_to_go_on() {
    let bench = Bench::new(&small_study(&["slow"], &["rnn", "lstm"]));
    let mut child = bench.run(&["slow"], &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_record(&bench, "slow-rnn-base-s1", &mut child);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("the same command does the rest"), "{}", stderr(&output));
    assert_eq!(bench.run(&["slow"], &[]).output().unwrap().status.code(), Some(0));
}

#[test]
fn a_second_harness_on_the_same_study_says_who_holds_it_and_changes_nothing() {
    let bench = Bench::new(&small_study(&["slow"], &["rnn", "lstm"]));
    let mut first = bench.run(&["slow"], &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_record(&bench, "slow-rnn-base-s1", &mut first);
    let second = bench.run(&["slow"], &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let message = stderr(&second);
    assert!(message.contains(&format!("is being worked on by process {}", first.id())), "{message}");
    assert!(first.wait().unwrap().success());
}

#[test]
fn the_same_run_gives_the_same_bytes_and_runs_side_by_side_give_what_they_give_alone() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    assert!(bench.run(&["fake"], &["--out", "one"]).output().unwrap().status.success());
    assert!(bench.run(&["fake"], &["--out", "two", "--jobs", "2"]).output().unwrap().status.success());
    let files = |folder: &str| {
        let wanted = |path: &std::path::Path| {
            ["parquet", "safetensors"].iter().any(|end| path.extension().is_some_and(|own| own == *end))
        };
        let all = bench.bytes_below(&format!("{folder}/runs"));
        all.into_iter().filter(|(path, _)| wanted(path)).map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    assert_eq!(files("one").len(), 6);
    assert_eq!(files("one"), files("two"));
}

#[test]
fn a_changed_setting_makes_another_run_and_the_old_one_stays() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    assert!(bench.run(&["fake"], &[]).output().unwrap().status.success());
    let first = bench.record("fake-rnn-base-s1");
    assert!(bench.run(&["fake"], &["--set", "epochs=1"]).output().unwrap().status.success());
    let second = bench.record("fake-rnn-base-s1");
    assert_ne!(first.fingerprint, second.fingerprint);
    assert_eq!((first.epochs.len(), second.epochs.len()), (2, 1));
    let runs = std::fs::read_dir(bench.path("runs/small/runs")).unwrap().flatten();
    assert_eq!(runs.filter(|entry| entry.path().join("record.json").exists()).count(), 2);
}

#[test]
fn only_the_named_runs_are_run() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    let output = bench.run(&["fake"], &["--only", "lstm"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let runs: Vec<_> = bench.results().runs.iter().map(|run| run.planned.key.to_string()).collect();
    assert_eq!(runs, ["fake-lstm-base-s1"]);
}
