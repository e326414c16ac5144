//! Serves the reference in float32 over the harness's pipe: the floor of what a backend that computes in float32 can be held to.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness_contract::serve(|| Ok(backend_reference::in_float32()))
}
