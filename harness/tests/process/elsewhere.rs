//! The program as another user, and in folders that are not its own.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{Bench, small_study};

/// Who has no rights beyond those of everyone.
const NOBODY: u32 = 65_534;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The program where everyone can start it: the folder it was built in may be closed to others.
fn program(bench: &Bench) -> PathBuf {
    let folder = bench.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("study");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_study")).arg(&program).status().unwrap();
    assert!(copied.success());
    program
}

/// A command as someone without rights, who is whoever runs the tests unless that is root.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn everyone_may(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_data_folder_that_can_not_be_written_is_read_if_it_holds_what_is_needed() {
    let bench = Bench::new(&small_study(&["reference"], &["rnn"]));
    let program = program(&bench);
    everyone_may(&bench.path("."), 0o755);
    let data = |set: &[&str]| -> Output {
        let mut command = unprivileged(&program);
        command.current_dir(bench.path(".")).args(["--sources", "sources.toml", "--data-dir", "data", "data"]);
        command.args(["--study", "study.toml", "--from", "reviews.json"]).args(set).output().unwrap()
    };
    let prepare = ["--data-dir", "data", "data", "--study", "study.toml", "--from", "reviews.json"];
    let first = bench.study(&[]).args(prepare).output().unwrap();
    assert!(first.status.success(), "{}", text(&first.stderr));
    for folder in ["data", "data/encoded"] {
        everyone_may(&bench.path(folder), 0o555);
    }
    let before = bench.bytes_below("data");
    let again = data(&[]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(text(&again.stdout), text(&first.stdout));
    assert!(text(&again.stderr).contains("data can't be written"), "{}", text(&again.stderr));
    // What is not there can't be made, and that is said.
    let other = data(&["--set", "data.train=40"]);
    assert_eq!(other.status.code(), Some(1));
    let words = text(&other.stderr);
    assert!(words.contains("Permission denied") && words.contains("with --data-dir, or in STUDY_DATA_DIR"), "{words}");
    assert_eq!(bench.bytes_below("data"), before);
    everyone_may(&bench.path("data"), 0o755);
    everyone_may(&bench.path("data/encoded"), 0o755);
}

/// An empty home of someone without rights, in a folder with a space in its name, and the program with a backend in another.
struct Stranger {
    bench: Bench,
    program: PathBuf,
    home: PathBuf,
}

impl Stranger {
    fn new() -> Self {
        let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
        everyone_may(&bench.path("."), 0o755);
        let built = program(&bench);
        let installed = bench.path("some where/bin");
        fs::create_dir_all(&installed).unwrap();
        fs::rename(built, installed.join("study")).unwrap();
        // `study run` made this link for its own folder; here the backend is found beside the program.
        drop(bench.study(&["fake"]));
        fs::copy(bench.path("study-backend-fake"), installed.join("study-backend-fake")).unwrap();
        let home = bench.path("the home");
        fs::create_dir(&home).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Self { program: installed.join("study"), home, bench }
    }

    /// The program in the home, with umask 027 and nothing in its environment but that home.
    fn study(&self, arguments: &[&str]) -> Output {
        let mut command = unprivileged(Path::new("/bin/sh"));
        command.env_clear().env("HOME", &self.home).current_dir(&self.home);
        command.args(["-c", "umask 027; exec \"$0\" \"$@\""]).arg(&self.program).args(arguments).output().unwrap()
    }
}

#[test]
fn from_an_empty_home_a_shipped_study_is_known_by_its_name_and_data_go_where_a_user_has_them() {
    let stranger = Stranger::new();
    let plan = stranger.study(&["run", "grid", "--dry-run"]);
    assert_eq!(plan.status.code(), Some(0), "{}", text(&plan.stderr));
    let plan = text(&plan.stdout);
    assert!(plan.contains("run  libtorch-lstm-base-s1  can't be run: "), "no backend is installed here: {plan}");
    let unknown = stranger.study(&["run", "grdi", "--dry-run"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("those that do are attribution, demo, "), "{}", text(&unknown.stderr));

    let [sources, study, reviews] =
        ["sources.toml", "study.toml", "reviews.json"].map(|name| stranger.bench.path(name));
    let [sources, study, reviews] = [&sources, &study, &reviews].map(|path| path.to_str().unwrap());
    let run = stranger.study(&["--sources", sources, "run", study, "--from", reviews]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert_eq!(text(&run.stdout).lines().next(), Some("runs/small/report/report.md"));
    for kept in [".local/share/study/encoded", "runs/small/study.json", "runs/small/report/report.md"] {
        let mode = fs::metadata(stranger.home.join(kept)).unwrap().permissions().mode();
        assert_eq!(mode & 0o027, 0, "{kept} has mode {mode:o}");
    }
    // Everything else works from there, too.
    for arguments in
        [["list"].as_slice(), &["show", "runs/small/fake-rnn-base-s1"], &["check", "runs/small"], &["backends", "fake"]]
    {
        let output = stranger.study(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    }
    let written: Vec<_> = fs::read_dir(&stranger.home).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(written.iter().all(|name| name == ".local" || name == "runs"), "{written:?}");
}

#[test]
fn a_place_that_records_could_not_name_is_refused_before_anything_is_done() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let out = OsStr::from_bytes(b"o\xff");
    for (flag, value) in [("--out", out), ("--data-dir", out)] {
        let output = bench.run(&["fake"], &[]).arg(flag).arg(value).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.contains(&format!("failed to use {flag}: ")) && said.contains("is no UTF-8"), "{said}");
    }
    assert!(!bench.path("data").exists() && !bench.path("runs").exists());
}
