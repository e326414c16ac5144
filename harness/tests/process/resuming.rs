//! Runs that go on: after being killed at any moment, and from a finished run of fewer epochs.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::record::{LostState, Outcome, Resumption};

use crate::support::{Bench, small_study};

/// SplitMix64: moments that are the same every time.
fn drawn(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32
}

/// Six epochs with a schedule that acts and the best epoch tested: all that a run carries from one epoch to the next.
fn study() -> String {
    let schedule = r#"scheduler = { kind = "plateau", patience = 0, factor = 0.5 }
checkpoint = "best"
"#;
    small_study(&["counting"], &["rnn"]).replace("epochs = 2", &format!("epochs = 6\n{schedule}"))
}

/// What a run left that must not depend on how it was made.
fn bytes(bench: &Bench, folder: &str) -> Vec<Vec<u8>> {
    let left = bench.bytes_below(&format!("{folder}/runs"));
    let names = ["predictions.parquet", "steps.parquet", "weights.safetensors"];
    let own =
        |name: &str| left.iter().filter(|(path, _)| path.ends_with(name)).map(|(_, bytes)| bytes.clone()).collect();
    names.into_iter().flat_map(|name| -> Vec<_> { own(name) }).collect()
}

#[test]
fn a_run_that_is_killed_at_random_moments_comes_to_the_bytes_of_an_undisturbed_one() {
    let bench = Bench::new(&study());
    assert!(bench.run(&["counting"], &["--out", "undisturbed"]).output().unwrap().status.success());
    let expected = bytes(&bench, "undisturbed");
    assert_eq!(expected.len(), 3);
    let mut seed = 5;
    let mut kills = 0;
    for attempt in 0.. {
        assert!(attempt < 60, "the run never ends");
        let mut child = bench
            .run(&["counting"], &["--out", "disturbed"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if kills < 10 {
            // On a machine with other work most lives would end before the first epoch does.
            if kills == 4 {
                keeps_a_state(&bench, "disturbed", &mut child);
            }
            sleep(Duration::from_millis(150 + drawn(&mut seed) % 400));
            kills += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
        }
        if child.wait().unwrap().success() {
            break;
        }
    }
    assert_eq!(bytes(&bench, "disturbed"), expected);
    let results = harness::record::load_study(&bench.path("disturbed")).unwrap();
    let record = results.runs[0].record.clone().unwrap();
    assert_eq!(record.outcome, Outcome::Completed);
    assert!(!record.resumed.is_empty(), "it was killed {kills} times and never went on");
    assert!(record.resumed.iter().all(|place| place.extends.is_none() && place.epoch <= 6));
    assert!(record.resumed.is_sorted_by_key(|place| place.epoch));
    let undisturbed = harness::record::load_study(&bench.path("undisturbed")).unwrap().runs[0].record.clone().unwrap();
    assert_eq!(undisturbed.resumed, []);
    let rates = |record: &harness::record::RunRecord| {
        record.epochs.iter().map(|epoch| (epoch.epoch, epoch.learning_rate, epoch.validation)).collect::<Vec<_>>()
    };
    assert_eq!(rates(&record), rates(&undisturbed));
    assert_eq!(record.tested_epoch, undisturbed.tested_epoch);
    // Nothing of the state is left where nobody asked for it.
    let left = bench.bytes_below("disturbed/runs");
    assert!(left.iter().all(|(path, _)| !path.to_string_lossy().contains("state")), "{left:?}");
}

#[test]
fn more_epochs_go_on_from_a_finished_run_whose_state_was_kept_and_the_record_says_so() {
    let bench = Bench::new(&study());
    let run = |out: &str, settings: &[&str]| {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<_> = ["--out", out].into_iter().chain(settings).collect();
        let output = bench.run(&["counting"], &arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    run("whole", &["epochs=6"]);
    run("extended", &["epochs=4", "keep_state=true"]);
    let before = bench.bytes_below("extended/runs");
    let told = run("extended", &["epochs=6"]);
    assert!(told.contains("extends a finished run after epoch 4"), "{told}");
    let results = harness::record::load_study(&bench.path("extended")).unwrap();
    let (long, short) = (results.runs[0].record.clone().unwrap(), results.earlier[0].record.clone().unwrap());
    let cpu = Some(short.environment.cpu.clone());
    assert_eq!(
        long.resumed,
        [Resumption { epoch: 4, extends: Some(short.fingerprint.clone()), threads: Some(1), cpu }]
    );
    assert_eq!((short.epochs.len(), long.epochs.len()), (4, 6));
    let of = |folder: &str, directory: &str| {
        ["predictions.parquet", "steps.parquet", "weights.safetensors"]
            .map(|name| std::fs::read(bench.path(folder).join(directory).join(name)).unwrap())
    };
    let whole = harness::record::load_study(&bench.path("whole")).unwrap();
    assert_eq!(of("extended", &results.runs[0].planned.directory), of("whole", &whole.runs[0].planned.directory));
    // The shorter run is as it was.
    let after = bench.bytes_below("extended/runs");
    assert!(before.iter().all(|file| after.contains(file)));
}

/// The files of the runs that are being made in a folder, which come and go.
fn files(bench: &Bench, folder: &str) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(bench.path(folder).join("runs")).into_iter().flatten().flatten();
    let files = folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().flatten();
    files.map(|file| file.path()).collect()
}

/// Waits for the study's run to keep a state; false if it ended without one that was seen.
fn keeps_a_state(bench: &Bench, folder: &str, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !files(bench, folder).iter().any(|path| path.ends_with("state.json")) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(Instant::now() < deadline, "no state is kept");
        sleep(Duration::from_millis(5));
    }
    true
}

/// Begins the study's run and kills it as soon as it has kept a state.
fn interrupted(bench: &Bench, manner: &str) {
    let mut child = bench.run(&[manner], &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(keeps_a_state(bench, "runs/small", &mut child), "no state is kept");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_state_that_was_damaged_is_told_and_the_run_starts_anew() {
    let bench = Bench::new(&study());
    interrupted(&bench, "counting");
    // One that was being written as the process died lies beside the one that counts.
    for path in files(&bench, "runs/small") {
        if path.file_name().unwrap().to_str().unwrap().starts_with("state-") {
            std::fs::write(&path, b"no tensors").unwrap();
        }
    }
    let output = bench.run(&["counting"], &[]).output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("starts anew: where it stood can't be read"), "{told}");
    let record = bench.record("counting-rnn-base-s1");
    assert_eq!(record.resumed, []);
    assert!(matches!(&record.lost[..], [LostState { epoch: None, .. }]), "{:?}", record.lost);
}

#[test]
fn a_state_that_the_backend_refuses_is_noted_and_the_run_starts_anew() {
    let bench = Bench::new(&study().replace("counting", "forgetful"));
    assert!(bench.run(&["forgetful"], &["--out", "undisturbed"]).output().unwrap().status.success());
    interrupted(&bench, "forgetful");
    let output = bench.run(&["forgetful"], &[]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("starts anew: the backend refuses the state after epoch "), "{told}");
    let record = bench.record("forgetful-rnn-base-s1");
    assert_eq!((&record.outcome, &record.resumed[..]), (&Outcome::Completed, &[][..]));
    let [LostState { epoch: Some(epoch), reason }] = &record.lost[..] else { panic!("{:?}", record.lost) };
    assert!((1..=6).contains(epoch), "{epoch}");
    assert_eq!(reason, "stream: nobody here draws from `dropout`");
    // Nothing of what lay behind is counted twice.
    let epochs: Vec<_> = record.epochs.iter().map(|epoch| epoch.epoch).collect();
    assert_eq!(epochs, [1, 2, 3, 4, 5, 6]);
    assert_eq!(bytes(&bench, "runs/small"), bytes(&bench, "undisturbed"));
}

#[test]
fn a_framework_that_fails_to_take_a_state_fails_the_run_and_the_state_stays() {
    let bench = Bench::new(&study().replace("counting", "exhausted"));
    interrupted(&bench, "exhausted");
    let output = bench.run(&["exhausted"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let record = bench.record("exhausted-rnn-base-s1");
    assert!(matches!(&record.outcome, Outcome::Failed { reason, .. } if reason.contains("no memory")), "{record:?}");
    assert_eq!(record.lost, []);
    let left = files(&bench, "runs/small");
    assert!(left.iter().any(|path| path.ends_with("state.json")), "{left:?}");
}
