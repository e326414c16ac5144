//! The conformance suite: every kernel computes what its spec says, held against the reference in double precision.

use harness_contract::Kernel;
use harness_contract::conformance::{Options, RandomOptions, run, run_random};

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
fn trainings_drawn_at_random_are_the_references_to_rounding() {
    let mut backend = backend_tensorflow::new().unwrap();
    let options = RandomOptions { count: 10, seed: 1, kernels: Vec::new() };
    let (mut reference, mut float32) = (backend_reference::new(), backend_reference::in_float32());
    let all = run_random(&mut backend, [&mut reference, &mut float32], &options, &mut |_| {}).unwrap();
    let failures: Vec<_> = all.iter().filter(|examined| !examined.passed()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
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
