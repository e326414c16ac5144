//! The conformance suite: every kernel computes what its spec says, held against the reference in double precision.

use harness_contract::conformance::{Options, run};

#[test]
fn the_backend_conforms() {
    let mut backend = backend_libtorch::new().unwrap();
    let report = run(&mut backend, &mut backend_reference::new(), &Options::default(), &mut |_| {});
    println!("{}", report.markdown());
    let failures: Vec<_> = report.failures().collect();
    assert!(report.passed(), "{failures:#?}");
}
