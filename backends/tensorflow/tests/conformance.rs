//! The conformance suite: every kernel computes what its spec says, held against the reference in double precision.

use harness_contract::Kernel;
use harness_contract::conformance::{Options, run};

// Tests of one binary run side by side, so each kernel has its own: two sessions at once, each with its own variables.
#[test]
fn the_stock_kernel_conforms() {
    conforms(&Options { kernels: vec![Kernel::Stock], ..Options::default() });
}

#[test]
fn the_fused_kernel_conforms() {
    conforms(&Options { kernels: vec![Kernel::Fused], ..Options::default() });
}

#[test]
#[ignore = "the reference takes minutes at this size"]
fn the_backend_conforms_at_the_size_of_the_study() {
    let only = ["logits", "loss", "gradients", "gradient-norm"].map(String::from).to_vec();
    conforms(&Options { only, study_size: true, ..Options::default() });
}

#[cfg(test)]
fn conforms(options: &Options) {
    let mut backend = backend_tensorflow::new().unwrap();
    let report = run(&mut backend, &mut backend_reference::new(), options, &mut |_| {});
    println!("{}", report.markdown());
    let failures: Vec<_> = report.failures().collect();
    assert!(report.passed(), "{failures:#?}");
}
