//! The TensorFlow backend as an executable that serves one model over its standard input and output.

fn main() -> std::process::ExitCode {
    harness_contract::serve::serve(backend_tensorflow::new)
}
