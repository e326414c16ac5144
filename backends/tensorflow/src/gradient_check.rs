//! Every gradient of the graph against differences of its loss, in double precision.

use harness_contract::{AdamSpec, BiasVectors, CellKind, ModelSpec, RepeatedWords};
use tensorflow::{DataType, Output, Tensor};

use crate::graph::Builder;
use crate::graph::scan::{Extent, Loop};
use crate::network::{Answers, Masks, Network};
use crate::session::{Execution, Executor, Feed, Session};

const EMBEDDING: usize = 3;
const TIME: usize = 5;
const BATCH: usize = 2;

/// Central differences of step `h` are wrong by about `h^2` and by rounding over `h`: 1e-10 and 1e-11.
const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-8;

#[test]
fn gradients_are_differences_of_the_loss() {
    for cell in CellKind::ALL {
        for (layers, bias_vectors, last, masked, run) in [
            (1, BiasVectors::One, true, false, Loop::Functional),
            (1, BiasVectors::Two, false, false, Loop::Compiled),
            (2, BiasVectors::Two, true, true, Loop::Functional),
            (3, BiasVectors::One, false, true, Loop::Compiled),
            (2, BiasVectors::One, false, false, Loop::Lowered),
        ] {
            check(&spec(cell, layers, bias_vectors), last, masked, run);
        }
    }
}

fn check(spec: &ModelSpec, last: bool, masked: bool, run: Loop) {
    let builder = Builder::new(DataType::Double);
    let b = &builder;
    let sizes = parameter_sizes(spec);
    let embedded = b.placeholder(DataType::Double);
    let weights: Vec<_> = sizes.iter().skip(1).map(|_| b.placeholder(DataType::Double)).collect();
    let extent = Extent { time: b.int(TIME as i32), steps: b.int(TIME as i32), batch: b.int(BATCH as i32) };
    let answers = if last { Answers::Last } else { Answers::At(b.tensor(&[2, 2], &[4_i32, 0, 2, 1])) };
    let labels = b.tensor(&[2], &[1.0_f64, 0.0]);
    let mask = |rows: usize, columns: usize| {
        let values: Vec<_> = (0..rows * columns).map(|at| [2.0, 0.0, 1.5][at % 3]).collect();
        b.tensor(&[rows as u64, columns as u64], &values)
    };
    let masks = if masked {
        Masks {
            after_embedding: Some(mask(TIME * BATCH, EMBEDDING)),
            between_layers: (1..spec.layers).map(|_| mask(TIME * BATCH, spec.hidden_size)).collect(),
            after_last: Some(mask(BATCH, spec.hidden_size)),
        }
    } else {
        Masks::default()
    };
    let network = Network::new("check", spec, run, extent, &weights);
    let gradients = network.loss_gradients(embedded, answers, labels, &masks);
    let inputs: Vec<Output> = std::iter::once(embedded).chain(weights).map(|value| value.output().unwrap()).collect();
    let loss = gradients.loss.output().unwrap();
    let outputs: Vec<Output> = std::iter::once(gradients.embedded)
        .chain(gradients.of_weights(spec.cell, extent.batch))
        .map(|value| value.output().unwrap())
        .collect();
    let graph = builder.finish().unwrap();
    let session = Session::new(&graph, 1, Executor::Parallel).unwrap();

    let mut values: Vec<Vec<f64>> = sizes
        .iter()
        .enumerate()
        .map(|(number, (_, shape))| {
            let count: usize = shape.iter().product();
            (0..count).map(|at| ((at * 37 + number * 11) as f64 * 0.71).sin() * 0.8).collect()
        })
        .collect();
    let evaluate = |values: &[Vec<f64>], fetches: Vec<&Output>| {
        let feeds = inputs
            .iter()
            .zip(values)
            .zip(&sizes)
            .map(|((input, values), (_, shape))| {
                let axes: Vec<_> = shape.iter().map(|&axis| axis as u64).collect();
                (input, Feed::Double(Tensor::new(&axes).with_values(values).unwrap()))
            })
            .collect();
        session.run::<f64>("check gradients", &Execution { feeds, fetches, targets: vec![] }).unwrap()
    };
    let analytic = evaluate(&values, outputs.iter().collect());
    for (number, (name, _)) in sizes.iter().enumerate() {
        for at in 0..values[number].len() {
            let kept = values[number][at];
            let mut loss_at = |value: f64| {
                values[number][at] = value;
                evaluate(&values, vec![&loss])[0][0]
            };
            let difference = (loss_at(kept + STEP) - loss_at(kept - STEP)) / (2.0 * STEP);
            values[number][at] = kept;
            let gradient = analytic[number][at];
            assert!(
                (gradient - difference).abs() < TOLERANCE,
                "{} with {} layers: {name}[{at}] is {gradient}, the loss says {difference}",
                spec.cell,
                spec.layers
            );
        }
    }
}

/// The embedded tokens in place of the embedding, then all other parameters.
fn parameter_sizes(spec: &ModelSpec) -> Vec<(String, Vec<usize>)> {
    let mut sizes = vec![("embedded".to_owned(), vec![TIME * BATCH, EMBEDDING])];
    sizes.extend(spec.parameters().into_iter().skip(1).map(|parameter| (parameter.name, parameter.shape)));
    sizes
}

fn spec(cell: CellKind, layers: usize, bias_vectors: BiasVectors) -> ModelSpec {
    ModelSpec {
        vocabulary_size: 2,
        embedding_size: EMBEDDING,
        hidden_size: 2,
        layers,
        bias_vectors,
        adam: AdamSpec { repeated_words: RepeatedWords::SumThenSquare, ..AdamSpec::KERAS },
        max_time: TIME,
        max_batch: BATCH,
        ..ModelSpec::plain(cell)
    }
}
