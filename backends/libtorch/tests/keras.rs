//! With Keras' settings libtorch's kernels give what Keras gives: its clipping, bias corrections and treatment of repeated words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../python/golden/extremes.rs"]
mod extremes;
#[path = "../../tensorflow/tests/golden/keras_training.rs"]
mod keras_training;

use backend_libtorch::new;
use harness_contract::Backend;
use keras_training::{follow, runs};

#[test]
fn both_kernels_follow_keras() {
    let mut backend = new().unwrap();
    for kernel in backend.describe().capabilities.kernels {
        runs().iter().for_each(|run| follow(&mut backend, run, kernel));
    }
}

#[test]
fn a_norm_that_is_infinite_or_not_a_number_does_what_it_does_in_either_framework() {
    let mut backend = new().unwrap();
    for kernel in backend.describe().capabilities.kernels {
        extremes::follow(&mut backend, kernel, &["norm", "entry", "nothing"]);
    }
}
