//! Tells the executables and tests of this crate where libtorch lies at run time, and joins its CUDA half where that
//! has been fetched.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    let Some(libtorch) = env::var_os("LIBTORCH").map(PathBuf::from) else {
        println!("cargo::error=LIBTORCH is not set: run cargo inside the repository, whose .cargo/config.toml sets it");
        return ExitCode::FAILURE;
    };
    let library = libtorch.join("lib/libtorch_cpu.so");
    if !library.exists() {
        println!("cargo::error={} does not exist: run `just setup`, which fetches libtorch", library.display());
        return ExitCode::FAILURE;
    }
    let record = libtorch.join("../installed.json");
    if record.exists() {
        println!("cargo::rerun-if-changed={}", record.display());
    }

    set_run_path(&libtorch.join("lib"));

    // The CUDA half registers itself when it is loaded, but nothing refers to a symbol of it, so that a linker which
    // keeps only what is referred to would drop it.
    let cuda = libtorch.join("../cuda/torch/lib");
    if cuda.join("libtorch_cuda.so").exists() {
        set_run_path(&cuda);
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed,{}/libtorch_cuda.so,--as-needed", cuda.display());
    }
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
