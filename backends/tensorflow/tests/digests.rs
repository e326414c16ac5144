//! What short trainings with the fused kernel give: the committed losses everywhere, the committed bytes on the processor that they were taken down on.
//!
//! Which products oneDNN and XLA choose, and in which order they sum, depends on the processor (`NOTES.md`). Masks don't, and neither does anything else that moves a
//! loss by more than rounding.

use std::fs;

use harness_contract::conformance::{Digested, digests};
use harness_contract::{Backend, Kernel};

/// How far rounding may move a loss in these few steps, with what is printed of it.
const ROUNDING: f64 = 2e-5;

/// The processor, as the operating system names it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|name| name.trim() == key));
        line.and_then(|line| line.split(':').nth(1)).unwrap_or("?").trim().to_owned()
    };
    format!("{} {} {} {}", value("vendor_id"), value("cpu family"), value("model"), value("stepping"))
}

/// The losses of a line.
fn losses(line: &str) -> Vec<f64> {
    line.split_whitespace().filter(|word| word.contains('.')).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_fused_kernel_gives_the_committed_losses_and_on_the_same_processor_the_same_bytes() {
    let mut backend = backend_tensorflow::new().unwrap();
    let found: Vec<_> = digests(&mut backend, Kernel::Fused).unwrap().iter().map(Digested::to_string).collect();
    let (numerics, processor) = (backend.describe().numerics, processor());
    let text = format!("numerics {numerics}\nprocessor {processor}\n{}\n", found.join("\n"));
    let committed = include_str!("golden/digests.txt");
    let explained = || {
        format!(
            "other numbers than `numerics` in src/lib.rs stands for: make it one more, or mend what changed them. Now:\n{text}committed:\n{committed}"
        )
    };
    let mut lines = committed.lines();
    assert!(lines.next() == Some(&format!("numerics {numerics}")), "{}", explained());
    let same_processor = lines.next() == Some(&format!("processor {processor}"));
    assert!(lines.clone().count() == found.len(), "{}", explained());
    for (found, committed) in found.iter().zip(lines) {
        assert!(!same_processor || found == committed, "{}", explained());
        let (found, committed) = (losses(found), losses(committed));
        let close = |(found, committed): (&f64, &f64)| (found - committed).abs() < ROUNDING;
        assert!(found.len() == committed.len() && found.iter().zip(&committed).all(close), "{}", explained());
    }
    if !same_processor {
        println!("bytes not compared: they were taken down on another processor");
    }
}
