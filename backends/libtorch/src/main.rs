//! Serves the libtorch backend on standard input and output.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness_contract::serve(backend_libtorch::new)
}
