//! What short trainings with the fused kernel give, to the last bit: the committed digests, on every x86-64 processor with AVX2 and FMA.
//!
//! Libraries that choose their code by processor are held to other instructions here, each in a process of its own, for they look once.

use std::env;
use std::process::Command;

use harness_contract::conformance::digests;
use harness_contract::{Backend, Kernel, portable_here};

/// What makes libraries compute as on another processor.
const ELSEWHERE: [[(&str, &str); 3]; 2] = [
    [("ATEN_CPU_CAPABILITY", "avx2"), ("MKL_ENABLE_INSTRUCTIONS", "AVX2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")],
    [("ATEN_CPU_CAPABILITY", "default"), ("MKL_CBWR", "COMPATIBLE"), ("ONEDNN_MAX_CPU_ISA", "SSE41")],
];

#[test]
fn the_fused_kernel_gives_the_committed_bytes() {
    let mut backend = backend_libtorch::new().unwrap();
    if portable_here(&[Kernel::Fused]).is_empty() {
        println!("skipped: this processor has no AVX2 with FMA");
        return;
    }
    let found = digests(&mut backend, Kernel::Fused).unwrap();
    let mut text = format!("numerics {}\n", backend.describe().numerics);
    found.iter().for_each(|digested| text.push_str(&format!("{digested}\n")));
    let committed = include_str!("golden/digests.txt");
    assert!(
        text == committed,
        "other numbers than `numerics` in src/lib.rs stands for: make it one more, or mend what changed them. Now:\n{text}committed:\n{committed}"
    );
}

#[test]
fn libraries_that_choose_code_by_processor_change_no_byte() {
    for variables in ELSEWHERE {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "the_fused_kernel_gives_the_committed_bytes"])
            .envs(variables)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{variables:?}: {said}");
    }
}
