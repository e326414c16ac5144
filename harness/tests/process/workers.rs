//! Workers that do what no backend should, and signals while they do it: one run ends, with its reason, and nothing is left behind.

use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::record::Outcome;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, small_study};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The reason and the last words of the only run of this manner.
fn failure(bench: &Bench, manner: &str) -> (String, String) {
    match bench.outcome(&format!("{manner}-rnn-base-s1")) {
        Outcome::Failed { reason, last_words } => (reason, last_words),
        other => panic!("{manner}: {other:?}"),
    }
}

/// A grid of one run of each manner, finished.
fn finished(manners: &[&str]) -> (Bench, Output, Duration) {
    let bench = Bench::new(&small_study(manners, &["rnn"]));
    let start = Instant::now();
    let output = bench.run(manners, &[]).output().unwrap();
    (bench, output, start.elapsed())
}

/// Whether a process runs this program with this argument.
fn is_running(program: &str, argument: &str) -> bool {
    !processes_with(program, argument).is_empty()
}

/// Processes that run this program without an argument.
fn processes_running(program: &str) -> Vec<Pid> {
    processes_with(program, "")
}

fn processes_with(program: &str, argument: &str) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let own = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut parts = line.split('\0');
        let fits = parts.next().is_some_and(|first| first.ends_with(program))
            && parts.next().is_some_and(|own| own == argument);
        fits.then(|| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))?
    };
    processes.filter_map(own).collect()
}

fn is_gone(program: &str, within: Duration) -> bool {
    let start = Instant::now();
    while is_running(program, "") {
        if start.elapsed() > within {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn a_child_that_a_worker_leaves_behind_is_named_and_ended_and_holds_nothing_up() {
    let (bench, output, took) = finished(&["leak", "leak-pipe"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    for manner in ["leak", "leak-pipe"] {
        let (reason, _) = failure(&bench, manner);
        assert!(reason.contains("exited with code 6 and left `sleep` (process "), "{reason}");
        assert!(reason.ends_with("behind when asked `train-batch`"), "{reason}");
    }
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(!is_running("sleep", "61"), "a child of a worker outlived the harness");
}

#[test]
fn a_flood_on_stderr_is_kept_by_its_beginning_and_its_end() {
    let bench = Bench::new(&small_study(&["flood"], &["rnn"]));
    let mut child = bench.run(&["flood"], &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(peak_memory_kibibytes(child.id()));
        sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(most > 0 && most < 256 << 10, "the harness held {most} KiB");
    assert!(output.stderr.len() < 20_000, "{} bytes on the screen", output.stderr.len());
    let (reason, last_words) = failure(&bench, "flood");
    assert!(reason.contains("exited with code 5"), "{reason}");
    assert!(last_words.len() < 6000 && last_words.contains(" bytes ...\n~"), "{} bytes", last_words.len());
    let sizes: Vec<_> = bench.bytes_below("runs/small/runs").into_iter().map(|(_, bytes)| bytes.len()).collect();
    assert!(sizes.iter().sum::<usize>() < 9 << 20, "{sizes:?}");
    let report = std::fs::metadata(bench.path("runs/small/report/report.md")).unwrap();
    assert!(report.len() < 100_000, "{} bytes of report", report.len());
}

fn peak_memory_kibibytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_backend_that_is_another_one_in_its_run_than_when_it_was_asked_is_refused() {
    let (bench, output, _) = finished(&["fickle"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (reason, _) = failure(&bench, "fickle");
    assert_eq!(reason, "the backend is not the one that was asked: it has fake 2 now, and had fake 1");
}

#[test]
fn weights_that_can_not_be_are_never_stored() {
    let (bench, output, _) = finished(&["nan", "misnamed"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (reason, _) = failure(&bench, "nan");
    assert!(reason.ends_with("weight `head.bias` is not finite at element 0"), "{reason}");
    let (reason, _) = failure(&bench, "misnamed");
    assert!(reason.contains("weight `head.bias` is missing"), "{reason}");
    let files = bench.bytes_below("runs/small/runs");
    assert!(
        !files.iter().any(|(path, _)| path.ends_with("weights.safetensors")),
        "the state of the last epoch is not what a run gives"
    );
}

#[test]
fn what_a_terminal_would_act_on_is_shown_escaped_everywhere() {
    let (bench, output, _) = finished(&["escapes"]);
    let (reason, _) = failure(&bench, "escapes");
    assert_eq!(reason, "no memory 1\\u{1b}[2J\\u{202e}0\\0");
    let acts = |text: &str| text.contains(['\u{1b}', '\u{202e}', '\0']);
    assert!(!acts(&stderr(&output)), "{}", stderr(&output));
    for (path, bytes) in bench.bytes_below("runs/small") {
        if path
            .extension()
            .is_some_and(|end| ["md", "csv", "tex", "json", "jsonl", "log"].iter().any(|own| end == *own))
        {
            assert!(!acts(&String::from_utf8_lossy(&bytes)), "{}", path.display());
        }
    }
    let shown = bench.study(&["escapes"]).args(["backends", "escapes"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(!acts(&shown) && shown.contains("fake 1\\u{1b}[2J\\u{202e}0\\0"), "{shown}");
}

#[test]
fn a_worker_that_deletes_its_run_fails_that_run_alone() {
    let (bench, output, _) = finished(&["vandal", "fake"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (reason, _) = failure(&bench, "vandal");
    assert!(reason.contains("the run's process exited with code 1: error: failed to make the run"), "{reason}");
    assert_eq!(bench.outcome("fake-rnn-base-s1"), Outcome::Completed);
}

/// The process that carries out the run of this name in this folder.
fn process_of_run(bench: &Bench, run: &str) -> Option<Pid> {
    let folder = bench.path("").display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let here = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|own| own.starts_with(&folder));
        (here && line.starts_with("study\0run-one\0") && line.contains(run)).then(|| Pid::from_raw(pid))?
    })
}

#[test]
fn a_run_whose_process_is_killed_has_failed_and_the_grid_goes_on() {
    let bench = Bench::new(&small_study(&["hang", "fake"], &["rnn"]));
    let child = hanging_with(&bench, &["hang", "fake"]);
    let run = process_of_run(&bench, "hang-rnn").unwrap();
    kill_process(run, Signal::KILL).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (reason, _) = failure(&bench, "hang");
    assert!(reason.starts_with("the run's process was ended by signal 9"), "{reason}");
    assert_eq!(bench.outcome("fake-rnn-base-s1"), Outcome::Completed);
    assert!(is_gone(&bench.path("study-backend-hang").display().to_string(), Duration::ZERO));
}

/// A grid whose only worker hangs, from when it does.
fn hanging(bench: &Bench) -> Child {
    hanging_with(bench, &["hang"])
}

/// A grid whose first worker hangs, from when it does. Workers of the other manners come after it.
fn hanging_with(bench: &Bench, manners: &[&str]) -> Child {
    let mut child = bench.run(manners, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let worker = bench.path(&format!("study-backend-{}", manners[0])).display().to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    // It is started once to be asked and once for its run, where it hangs at its fourth step.
    let events = || std::fs::read_dir(bench.path("runs/small/runs")).is_ok_and(|mut runs| runs.next().is_some());
    while !(events() && is_running(&worker, "")) {
        assert!(Instant::now() < deadline, "the worker was not started");
        assert!(child.try_wait().unwrap().is_none(), "the harness ended early");
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(300));
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(pid(child), signal).unwrap();
}

#[test]
fn every_signal_stops_within_two_seconds_while_a_worker_hangs_and_leaves_nothing() {
    // Under `nohup` the program that is tested ignores hangups, as it should.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    let nohup = u64::from_str_radix(ignored, 16).unwrap() & 1 != 0;
    for kind in [Signal::INT, Signal::TERM, Signal::HUP] {
        if nohup && kind == Signal::HUP {
            eprintln!("hangups are ignored here, so that they stop the program is not tested");
            continue;
        }
        let bench = Bench::new(&small_study(&["hang"], &["rnn"]));
        let child = hanging(&bench);
        let start = Instant::now();
        signal(&child, kind);
        let output = child.wait_with_output().unwrap();
        let took = start.elapsed();
        assert_eq!(output.status.code(), Some(130), "{kind:?}: {}", stderr(&output));
        assert!(took < Duration::from_secs(2), "{kind:?}: {took:?}");
        assert!(stderr(&output).contains("the same command does the rest"), "{kind:?}: {}", stderr(&output));
        assert!(is_gone(&bench.path("study-backend-hang").display().to_string(), Duration::ZERO), "{kind:?}");
    }
}

#[test]
fn a_hangup_that_is_ignored_stops_nothing() {
    let bench = Bench::new(&small_study(&["slow"], &["rnn"]));
    let run = bench.run(&["slow"], &[]);
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    let child = child.current_dir(bench.path("")).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while process_of_run(&bench, "slow-rnn").is_none() {
        assert!(Instant::now() < deadline, "the run was not started");
        sleep(Duration::from_millis(10));
    }
    signal(&child, Signal::HUP);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_harness_that_is_killed_takes_a_hanging_worker_with_it() {
    let bench = Bench::new(&small_study(&["hang"], &["rnn"]));
    let mut child = hanging(&bench);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_gone(&bench.path("study-backend-hang").display().to_string(), Duration::from_secs(2)));
}

/// Whether nothing is left of a grid whose worker has started a child in a session of its own and hangs.
fn nothing_is_left(bench: &Bench, within: Duration) -> bool {
    let worker = bench.path("study-backend-brood").display().to_string();
    let start = Instant::now();
    while is_running(&worker, "") || is_running("sleep", "62") || process_of_run(bench, "brood-rnn").is_some() {
        if start.elapsed() > within {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn neither_a_second_signal_nor_a_killed_harness_leaves_what_a_worker_has_started() {
    // One after the other: what is looked for is found by its name.
    for second in [Some(Signal::TERM), None] {
        let bench = Bench::new(&small_study(&["brood"], &["rnn"]));
        let mut child = hanging_with(&bench, &["brood"]);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_running("sleep", "62") {
            assert!(Instant::now() < deadline, "the worker's child was not started");
            sleep(Duration::from_millis(10));
        }
        match second {
            Some(second) => {
                signal(&child, Signal::INT);
                signal(&child, second);
                let output = child.wait_with_output().unwrap();
                assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
                assert!(nothing_is_left(&bench, Duration::ZERO), "after the second signal");
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                assert!(nothing_is_left(&bench, Duration::from_secs(2)), "after the harness was killed");
            }
        }
    }
}

#[test]
fn a_request_that_takes_long_is_said_on_the_screen_and_in_the_log() {
    let bench = Bench::new(&small_study(&["pause"], &["rnn"]));
    let output = bench.run(&["pause"], &["--deadline", "4"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = "pause-rnn-base-s1  no answer to `train-batch` for 2 s, which took 0.00 s before";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let run = &bench.results().runs[0].directory;
    let log = std::fs::read_to_string(run.join("events.jsonl")).unwrap();
    assert!(log.contains(r#""event":"slow","request":"train-batch""#), "{log}");
}

#[test]
fn a_harness_and_its_workers_that_were_stopped_for_longer_than_the_deadline_go_on() {
    let bench = Bench::new(&small_study(&["pause"], &["rnn"]));
    let child =
        bench.run(&["pause"], &["--deadline", "4"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let worker = bench.path("study-backend-pause").display().to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    let run = loop {
        assert!(Instant::now() < deadline, "the run was not started");
        match process_of_run(&bench, "pause-rnn").filter(|_| is_running(&worker, "")) {
            Some(run) => break run,
            None => sleep(Duration::from_millis(10)),
        }
    };
    // As a container that is paused, or a laptop whose lid is closed: in the middle of the long request.
    sleep(Duration::from_millis(1500));
    let all = || [run, pid(&child)].into_iter().chain(processes_running(&worker));
    all().for_each(|process| kill_process(process, Signal::STOP).unwrap());
    sleep(Duration::from_secs(6));
    all().for_each(|process| kill_process(process, Signal::CONT).unwrap());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(bench.outcome("pause-rnn-base-s1"), Outcome::Completed);
}

#[test]
fn a_file_without_a_folder_is_the_one_that_is_here() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let _ = bench.study(&["fake"]);
    // Another one lies along PATH.
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    crate::executable::write_executable(&bench.path("elsewhere/study-backend-fake"), "#!/bin/sh\nexit 9\n");
    let mut command: Command = bench.study(&[]);
    let output = command
        .env("PATH", bench.path("elsewhere"))
        .args(["--backend", "fake=study-backend-fake", "backends", "fake"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}
