//! Every size has one upper bound, and everyone who speaks the wire format knows the same.

use harness_contract::bounds::{self, ALL, MAX_PARAMETERS};
use harness_contract::{BiasVectors, CellKind, ModelSpec};
use proptest::prelude::*;

fn spec() -> ModelSpec {
    ModelSpec::plain(CellKind::Lstm)
}

#[test]
fn the_document_and_the_workers_in_python_have_the_same_bounds() {
    let document = include_str!("../../../backends/README.md");
    let python = include_str!("../../../backends/python/checks.py");
    for (name, most) in ALL {
        assert!(document.contains(&format!("| `{name}` | {most} |")), "{name} in backends/README.md");
        assert!(python.contains(&format!("    \"{name}\": {most},\n")), "{name} in backends/python/checks.py");
    }
}

#[test]
fn a_spec_at_a_bound_makes_sense_and_one_beyond_it_does_not() {
    type Set = fn(&mut ModelSpec, usize);
    let fields: [(&str, usize, Set); 7] = [
        ("layers", bounds::MAX_LAYERS, |spec, size| spec.layers = size),
        ("hidden_size", bounds::MAX_HIDDEN_SIZE, |spec, size| spec.hidden_size = size),
        ("embedding_size", bounds::MAX_EMBEDDING_SIZE, |spec, size| spec.embedding_size = size),
        ("vocabulary_size", bounds::MAX_VOCABULARY_SIZE, |spec, size| spec.vocabulary_size = size),
        ("max_time", bounds::MAX_TIME, |spec, size| spec.max_time = size),
        ("max_batch", bounds::MAX_BATCH, |spec, size| spec.max_batch = size),
        ("threads", bounds::MAX_THREADS, |spec, size| spec.threads = size),
    ];
    for (field, most, set) in fields {
        for beyond in [most + 1, 1 << 32, usize::MAX] {
            let mut spec = spec();
            set(&mut spec, beyond);
            let error = spec.check().unwrap_err();
            assert_eq!((error.field, error.reason), (field, format!("{beyond} is over the bound of {most}")));
        }
        // At its bound a size is refused for what it comes to together with the others, if at all.
        let mut spec = spec();
        set(&mut spec, most);
        assert!(spec.check().is_ok_and(|()| true) || spec.check().unwrap_err().field == "parameters", "{field}");
    }
}

#[test]
fn sizes_that_are_small_alone_are_bounded_together() {
    let many = ModelSpec { vocabulary_size: 1 << 14, embedding_size: 1 << 13, ..spec() };
    assert_eq!(many.check().unwrap_err().field, "parameters");
    let long = ModelSpec { max_time: 1 << 14, max_batch: 1 << 13, ..spec() };
    assert_eq!(long.check().unwrap_err().field, "tokens");
    assert!(ModelSpec { max_time: 1 << 13, max_batch: 1 << 13, ..spec() }.check().is_ok());
}

#[test]
fn the_largest_spec_that_any_field_can_hold_is_counted_without_overflow() {
    let largest = ModelSpec {
        cell: CellKind::Lstm,
        layers: bounds::MAX_LAYERS,
        hidden_size: bounds::MAX_HIDDEN_SIZE,
        embedding_size: bounds::MAX_EMBEDDING_SIZE,
        vocabulary_size: bounds::MAX_VOCABULARY_SIZE,
        bidirectional: true,
        layer_norm: true,
        ..spec()
    };
    assert!(largest.parameter_count() > MAX_PARAMETERS);
    assert_eq!(largest.check().unwrap_err().field, "parameters");
    // The deepest model has as many tensors as a state's list can have thirds.
    let deepest = ModelSpec { hidden_size: 1, ..largest };
    assert_eq!(3 * deepest.parameters().len(), bounds::MAX_TENSORS);
}

proptest! {
    #[test]
    fn parameters_are_counted_as_the_list_of_them_has_them(
        cell in prop::sample::select(CellKind::ALL.to_vec()),
        sizes in [2_usize..9, 1..9, 1..9, 1..5],
        bidirectional: bool,
        layer_norm: bool,
        two: bool,
    ) {
        let [vocabulary_size, embedding_size, hidden_size, layers] = sizes;
        let bias_vectors = if two { BiasVectors::Two } else { BiasVectors::One };
        let spec = ModelSpec { cell, vocabulary_size, embedding_size, hidden_size, layers, bidirectional, layer_norm, bias_vectors, ..spec() };
        let listed: usize = spec.parameters().iter().map(harness_contract::Parameter::len).sum();
        prop_assert_eq!(spec.parameter_count(), listed as u64);
    }
}
