//! What the real frameworks make of a gradient whose norm is infinite or not a number: `extremes.json`, which `../extremes.py` wrote, and the same steps of a
//! backend. Tests of several crates read this file.

use harness_contract::{
    AdamSpec, Backend, BiasVectors, CellKind, ClipSpec, Kernel, LabelledBatch, ModelSpec, Side, Tensor, TensorGroup,
    TokenBatch, WeightMap, build_checked,
};
use serde_json::Value;

const RATE: f64 = 0.01;

/// The golden file: `runs` and `corrections`.
pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("extremes.json")).unwrap()
}

/// Takes the steps of every run of these cases: what is not a number there must be none here, and all else move as far.
pub(crate) fn follow(backend: &mut dyn Backend, kernel: Kernel, cases: &[&str]) {
    let golden = golden();
    let runs = golden["runs"].as_array().unwrap();
    let chosen = runs.iter().filter(|run| cases.contains(&run["case"].as_str().unwrap()));
    let followed = chosen.map(|run| follow_run(backend, run, kernel)).count();
    assert_eq!(followed, 3 * 3 * cases.len(), "cells, forms of clipping and cases");
}

fn follow_run(backend: &mut dyn Backend, run: &Value, kernel: Kernel) {
    let spec = ModelSpec { kernel, ..spec(run) };
    let name = format!("{}, {}, {kernel}, {}, {}", backend.describe().name, spec.cell, run["case"], run["form"]);
    let (size, steps) = match run["case"].as_str() {
        Some("norm") => (1e10, 1),
        Some("entry") => (1e30, 1),
        _ => (1e30, 2),
    };
    let mut initial = WeightMap::new();
    for parameter in spec.parameters() {
        let large = matches!(parameter.group, TensorGroup::InputKernel | TensorGroup::HeadKernel);
        let data = vec![if large { size } else { 0.0 }; parameter.len()];
        initial.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
    }
    let mut model = build_checked(backend, &spec, &initial).unwrap();
    for _ in 0..steps {
        let tokens = TokenBatch::new(&[3, 3, 4, 5, 3, 5], &[3, 3], 3, Side::End).unwrap();
        let report = model.train_batch(LabelledBatch::new(tokens, &[1, 1]).unwrap(), RATE).unwrap();
        assert!(report.clipped && !report.gradient_norm.is_finite(), "{name}: {report:?}");
    }
    for (tensor, after) in model.weights().unwrap().iter() {
        let expected = run["moved"][tensor].as_array().unwrap();
        assert_eq!(after.data.len(), expected.len(), "{name}: {tensor}");
        let before = &initial.get(tensor).unwrap().data;
        for (at, ((after, before), expected)) in after.data.iter().zip(before).zip(expected).enumerate() {
            let moved = f64::from(after - before);
            match expected.as_f64() {
                None => assert!(moved.is_nan(), "{name}: {tensor}[{at}] moved by {moved}, in the framework it is NaN"),
                Some(expected) => {
                    let close = (moved - expected).abs() <= 1e-6;
                    assert!(close, "{name}: {tensor}[{at}] moved by {moved}, in the framework by {expected}");
                }
            }
        }
    }
}

fn spec(run: &Value) -> ModelSpec {
    let cell = serde_json::from_value(run["cell"].clone()).unwrap();
    let keras = run["framework"] == "keras";
    let form = serde_json::from_value(run["form"].clone()).unwrap();
    ModelSpec {
        vocabulary_size: 20,
        embedding_size: 2,
        hidden_size: 2,
        layers: 1,
        bias_vectors: if keras && cell != CellKind::Gru { BiasVectors::One } else { BiasVectors::Two },
        adam: if keras { AdamSpec::KERAS } else { AdamSpec::PYTORCH },
        clip: Some(ClipSpec { norm: 1.0, stabiliser: if keras { 0.0 } else { 1e-6 }, form }),
        max_time: 3,
        max_batch: 2,
        ..ModelSpec::plain(cell)
    }
}
