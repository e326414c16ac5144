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
    assert!(text(&other.stderr).contains("Permission denied"), "{}", text(&other.stderr));
    assert_eq!(bench.bytes_below("data"), before);
    everyone_may(&bench.path("data"), 0o755);
    everyone_may(&bench.path("data/encoded"), 0o755);
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
