//! Serves the reference backend over the harness's pipe.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness_contract::serve(|| Ok(backend_reference::new()))
}
