//! Tells the executables and tests of this crate where libtensorflow lies, when they are linked and
//! when they run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBTENSORFLOW");
    let Some(libtensorflow) = env::var_os("LIBTENSORFLOW").map(PathBuf::from) else {
        println!(
            "cargo::error=LIBTENSORFLOW is not set: run cargo inside the repository, whose .cargo/config.toml sets it"
        );
        return ExitCode::FAILURE;
    };
    let library = libtensorflow.join("lib/libtensorflow.so");
    if !library.exists() {
        println!("cargo::error={} does not exist: run `just setup`, which fetches libtensorflow", library.display());
        return ExitCode::FAILURE;
    }
    let record = libtensorflow.join("../installed.json");
    if record.exists() {
        println!("cargo::rerun-if-changed={}", record.display());
    }

    println!("cargo::rustc-link-search=native={}", libtensorflow.join("lib").display());
    set_run_path(&libtensorflow.join("lib"));
    ExitCode::SUCCESS
}

/// Lets the loader look for libraries in `folder`: first from where the executable lies, so that a moved or copied
/// repository keeps working, then under its absolute name, for a target directory outside the repository.
fn set_run_path(folder: &Path) {
    if let Some(from_executable) = relative_to_repository(folder) {
        // Executables lie in target/release, test executables one level below.
        println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/../../{from_executable}");
        println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/../../../{from_executable}");
    }
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
}

/// `folder` seen from the root of the repository, or `None` when it lies elsewhere.
fn relative_to_repository(folder: &Path) -> Option<String> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)?;
    let root = manifest.ancestors().nth(2)?;
    Some(folder.strip_prefix(root).ok()?.display().to_string())
}
