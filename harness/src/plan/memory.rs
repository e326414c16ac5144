//! How much memory a run needs at least, by its settings alone.

use harness_contract::{Device, ModelSpec};

/// Bytes of a float32.
const FLOAT: u64 = 4;

/// What a worker with a framework holds before it has a model. libtorch has 180 MiB, TensorFlow 420.
const FRAMEWORK: u64 = 150 << 20;

/// What the process of a run holds without its data.
const PROCESS: u64 = 30 << 20;

/// Encoded tokens of a review, in bytes: IMDb has 231 on average.
pub(crate) const REVIEW: u64 = 1000;

/// Bytes that a run needs in this machine's memory, its worker's and its own process' together: weights, their gradients and the two moments of Adam;
/// of a training batch the embedded words, the gates and outputs of every layer, and the gradients of all of those; of a prediction batch a layer's
/// outputs; the data. Frameworks hold more: kernels' work space, what they precompute, what they don't give back.
#[must_use]
pub(crate) fn least_memory(spec: &ModelSpec, evaluation_rows: usize, reviews: usize, has_framework: bool) -> u64 {
    let process = PROCESS.saturating_add(REVIEW.saturating_mul(reviews as u64));
    let base = if has_framework { FRAMEWORK } else { 0 };
    if spec.device != Device::Cpu {
        return process.saturating_add(base);
    }
    let width = (spec.hidden_size * spec.directions()) as u64;
    let parameters: u64 = spec.parameters().iter().map(|own| own.len() as u64).sum();
    let tokens = (spec.max_batch as u64).saturating_mul(spec.max_time as u64);
    let of_a_token = spec.embedding_size as u64 + spec.layers as u64 * width * (spec.cell.gates() as u64 + 1);
    let evaluated = (evaluation_rows as u64).saturating_mul(spec.max_time as u64);
    let model = parameters.saturating_mul(4 * FLOAT);
    let training = tokens.saturating_mul(of_a_token).saturating_mul(2 * FLOAT);
    let evaluation = evaluated.saturating_mul(width).saturating_mul(FLOAT);
    [base, model, training.max(evaluation)].into_iter().fold(process, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use harness_contract::CellKind;

    use super::*;

    fn published(cell: CellKind) -> ModelSpec {
        ModelSpec {
            vocabulary_size: 30_000,
            embedding_size: 128,
            hidden_size: 64,
            layers: 2,
            max_time: 400,
            max_batch: 32,
            ..ModelSpec::plain(cell)
        }
    }

    #[test]
    fn it_is_below_what_the_published_models_were_measured_to_take_and_not_by_much() {
        // Peaks of libtorch's workers in a whole grid: reports/performance/peers.md, "Harness overhead".
        for (cell, mebibytes) in [(CellKind::Rnn, 249.0), (CellKind::Lstm, 296.0), (CellKind::Gru, 284.0)] {
            let own = least_memory(&published(cell), 250, 0, true) - PROCESS;
            #[expect(clippy::cast_precision_loss, reason = "a few hundred millions")]
            let share = own as f64 / (mebibytes * f64::from(1 << 20));
            assert!((0.8..1.05).contains(&share), "{cell}: {share}");
        }
    }

    #[test]
    fn it_grows_with_the_batch_the_steps_the_model_and_the_data_and_never_overflows() {
        let of = |spec: &ModelSpec, reviews| least_memory(spec, 250, reviews, false);
        let base = published(CellKind::Gru);
        let larger = [
            ModelSpec { max_batch: 64, ..base.clone() },
            ModelSpec { max_time: 800, ..base.clone() },
            ModelSpec { hidden_size: 128, ..base.clone() },
            ModelSpec { layers: 3, ..base.clone() },
            ModelSpec { bidirectional: true, ..base.clone() },
            ModelSpec { vocabulary_size: 60_000, ..base.clone() },
        ];
        assert!(larger.iter().all(|spec| of(spec, 10) > of(&base, 10)));
        assert!(of(&base, 10_000) > of(&base, 10));
        let most = usize::MAX / 1000;
        let largest = ModelSpec { max_batch: most, max_time: most, ..base };
        assert_eq!(of(&largest, usize::MAX), u64::MAX);
    }

    #[test]
    fn a_model_on_a_graphics_processor_takes_no_memory_of_the_machine() {
        let there = ModelSpec { device: Device::Cuda(0), hidden_size: 4096, ..published(CellKind::Lstm) };
        assert!(least_memory(&there, 250, 0, true) < 200 << 20);
    }
}
