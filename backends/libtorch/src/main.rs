//! Serves the libtorch backend over standard input and output.
fn main() {}
