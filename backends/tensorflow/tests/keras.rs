//! Twenty training steps give what Keras gives, with clipping and without: same weights, same batches, same losses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../python/golden/extremes.rs"]
mod extremes;
#[path = "golden/keras_training.rs"]
mod keras_training;

use harness_contract::{AdamSpec, BiasCorrection, Kernel};
use keras_training::{follow, runs};

#[test]
fn the_stock_kernel_follows_keras() {
    let mut backend = backend_tensorflow::new().unwrap();
    runs().iter().for_each(|run| follow(&mut backend, run, Kernel::Stock));
}

#[test]
fn the_fused_kernel_follows_keras() {
    let mut backend = backend_tensorflow::new().unwrap();
    runs().iter().for_each(|run| follow(&mut backend, run, Kernel::Fused));
}

#[test]
fn the_reference_follows_keras() {
    let mut backend = backend_reference::new();
    runs().iter().for_each(|run| follow(&mut backend, run, Kernel::Stock));
}

#[test]
fn a_norm_that_is_infinite_or_not_a_number_does_what_it_does_in_either_framework() {
    for kernel in [Kernel::Stock, Kernel::Fused] {
        extremes::follow(&mut backend_tensorflow::new().unwrap(), kernel, &["norm", "entry", "nothing"]);
    }
    // The gradient of the other cases is finite in float64.
    extremes::follow(&mut backend_reference::new(), Kernel::Stock, &["norm"]);
}

#[test]
fn bias_corrections_in_float32_are_those_of_keras_to_the_last_digit() {
    let golden = extremes::golden();
    let corrections = golden["corrections"].as_array().unwrap();
    assert_eq!(corrections.len(), 5 * 66);
    for found in corrections {
        let beta2 = found["beta"].as_f64().unwrap();
        let adam = AdamSpec { beta2, bias_correction: BiasCorrection::Float32, ..AdamSpec::KERAS };
        assert_eq!(
            Some(adam.bias_corrections(found["step"].as_u64().unwrap())[1]),
            found["correction"].as_f64(),
            "{found}"
        );
    }
}
