//! The conformance suite seen from both sides: the reference passes it, and models with planted mistakes don't.
#![cfg(test)]

use harness_contract::conformance::{Options, run};

#[test]
fn the_reference_passes() {
    let options = Options { study_size: false, ..Options::default() };
    let report = run(&mut backend_reference::new(), &mut backend_reference::new(), &options, &mut |_| {});
    println!("{}", report.markdown());
    let failures: Vec<_> = report.failures().collect();
    assert!(report.passed(), "{failures:#?}");
}
