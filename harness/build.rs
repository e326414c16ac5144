//! Tells the program which commit it was built from, so that records can say so.

use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    changed_by("build.rs");
    // What moves with a commit and with what is staged. In a worktree it does not lie in `../.git`.
    for name in ["HEAD", "logs/HEAD", "index"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            changed_by(&path);
        }
    }
    // A change that is not staged makes another program, too: the sources of this crate and of those beside it.
    changed_by("src");
    changed_by("templates");
    for folder in fs::read_dir(".").into_iter().flatten().flatten() {
        changed_by(&format!("{}/src", folder.file_name().to_string_lossy()));
    }
    if let Some(commit) = git(&["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]) {
        println!("cargo::rustc-env=STUDY_GIT_COMMIT={commit}");
    }
}

/// Runs this again once that has changed. A path that is not there would be taken as changed each time.
fn changed_by(path: &str) {
    if Path::new(path).exists() {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout))?.ok()?;
    Some(text.trim().to_owned())
}
