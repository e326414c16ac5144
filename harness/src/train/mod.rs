//! The training loop that every backend goes through.

mod batches;
mod clock;
mod epoch;
mod initial;
mod order;
mod plateau;
mod run;

pub use batches::{BatchSettings, HostBatch, evaluation_batches, training_batches};
pub use clock::ComputeClock;
pub use initial::initial_weights;
pub use order::{Stream, shuffled};
pub use plateau::Plateau;
pub use run::{Observer, Progress, RunSettings, TrainError, Trained, train};

/// A small model for tests.
#[cfg(test)]
pub(crate) fn test_spec(cell: harness_contract::CellKind) -> harness_contract::ModelSpec {
    use harness_contract::{
        AdamSpec, BiasVectors, Device, DropoutSpec, EpsilonPlacement, GruForm, Kernel, ModelSpec, Pooling,
        RepeatedWords, WeightDecayForm, WeightDecaySpec,
    };
    ModelSpec {
        cell,
        vocabulary_size: 50,
        embedding_size: 7,
        hidden_size: 5,
        layers: 2,
        bidirectional: false,
        layer_norm: false,
        bias_vectors: BiasVectors::Two,
        gru_form: GruForm::ResetAfter,
        pooling: Pooling::LastStep,
        masking: false,
        dropout: DropoutSpec::NONE,
        adam: AdamSpec {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            epsilon_placement: EpsilonPlacement::AfterCorrection,
            repeated_words: RepeatedWords::SumThenSquare,
        },
        clip: None,
        weight_decay: WeightDecaySpec { rate: 0.0, form: WeightDecayForm::Coupled },
        max_time: 20,
        max_batch: 8,
        threads: 1,
        device: Device::Cpu,
        kernel: Kernel::Stock,
    }
}
