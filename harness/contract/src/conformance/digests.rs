//! What short trainings give to the last bit, as digests: equal ones on two machines, equal bytes.

use std::fmt;

use crate::backend::Backend;
use crate::batch::Side;
use crate::checked::build_checked;
use crate::error::BackendError;
use crate::spec::{
    AdamSpec, CellKind, ClipForm, ClipSpec, DropoutSpec, Kernel, ModelSpec, Pooling, WeightDecayForm, WeightDecaySpec,
};

use super::inputs::{Rows, weights};
use super::random::Random;

/// Steps of a training; the last batch of each is a short one.
const STEPS: usize = 4;

/// A short training, and what it gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Digested {
    /// Cell and size, e.g. `rnn, odd sizes`.
    pub training: String,
    /// The loss of each step, in nats.
    pub losses: Vec<f64>,
    /// Sixteen hexadecimal digits of everything it gives.
    pub digest: String,
}

impl fmt::Display for Digested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}", self.training)?;
        self.losses.iter().try_for_each(|loss| write!(f, " {loss:.6}"))?;
        write!(f, " {}", self.digest)
    }
}

/// A digest for each cell and size of model: of losses, norms, predictions, input gradients and the weights at the end of a short training with
/// dropout and clipping that acts. Sizes are once powers of two, with Keras' optimiser, and once such that no vector's length divides them, with PyTorch's and
/// weight decay. The order is fixed.
///
/// # Errors
/// Whatever the backend fails with.
pub fn digests(backend: &mut dyn Backend, kernel: Kernel) -> Result<Vec<Digested>, BackendError> {
    let mut found = Vec::new();
    for cell in CellKind::ALL {
        for (size, spec, rows, time) in sizes(cell, kernel) {
            let (losses, digest) = digest(backend, &spec, rows, time)?;
            found.push(Digested { training: format!("{cell}, {size}"), losses, digest });
        }
    }
    Ok(found)
}

/// The models, with the largest batch of each.
fn sizes(cell: CellKind, kernel: Kernel) -> [(&'static str, ModelSpec, usize, usize); 2] {
    let dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.3, after_last: 0.4, seed: 5 };
    let even = ModelSpec {
        vocabulary_size: 2000,
        embedding_size: 128,
        hidden_size: 64,
        layers: 1,
        dropout,
        adam: AdamSpec::KERAS,
        clip: Some(ClipSpec { norm: 0.1, stabiliser: 0.0, form: ClipForm::EachVariable }),
        max_time: 64,
        max_batch: 32,
        kernel,
        ..ModelSpec::plain(cell)
    };
    let odd = ModelSpec {
        vocabulary_size: 211,
        embedding_size: 37,
        hidden_size: 29,
        layers: 2,
        pooling: Pooling::LastValidStep,
        masking: true,
        adam: AdamSpec::PYTORCH,
        clip: Some(ClipSpec { norm: 0.5, stabiliser: 1e-6, form: ClipForm::Gradient }),
        weight_decay: WeightDecaySpec { rate: 0.01, form: WeightDecayForm::Coupled },
        max_time: 35,
        max_batch: 19,
        ..even.clone()
    };
    [("even sizes", even, 32, 64), ("odd sizes", odd, 19, 35)]
}

fn digest(
    backend: &mut dyn Backend,
    spec: &ModelSpec,
    rows: usize,
    time: usize,
) -> Result<(Vec<f64>, String), BackendError> {
    let mut random = Random::named(&format!("digest {}", spec.cell));
    let capabilities = backend.describe().capabilities;
    let mut model = build_checked(backend, spec, &weights(spec, &mut random)?)?;
    let (mut digest, mut losses) = (Digest::new(), Vec::new());
    for step in 0..STEPS {
        let (rows, time, side) = if step + 1 == STEPS { (7, time / 2, Side::End) } else { (rows, time, Side::Front) };
        let batch = Rows::drawn(spec, rows, time, side, &mut random);
        let report = match capabilities.update_norm {
            true => model.train_batch_measured(batch.labelled()?, 0.01)?,
            false => model.train_batch(batch.labelled()?, 0.01)?,
        };
        losses.push(report.loss);
        digest.add(&report.loss.to_le_bytes());
        digest.add(&report.gradient_norm.to_le_bytes());
        digest.add(&report.update_norm.unwrap_or_default().to_le_bytes());
        let logits = model.predict_batch(batch.tokens()?)?;
        logits.iter().for_each(|logit| digest.add(&logit.to_le_bytes()));
        if capabilities.input_gradient_norms {
            let norms = model.input_gradient_norms(batch.labelled()?)?.norms;
            norms.iter().for_each(|norm| digest.add(&norm.to_le_bytes()));
        }
    }
    // More rows than any training batch has.
    let many = Rows::drawn(spec, 3 * rows + 1, time, Side::Front, &mut random);
    model.predict_batch(many.tokens()?)?.iter().for_each(|logit| digest.add(&logit.to_le_bytes()));
    let weights = model.weights()?;
    for (_, tensor) in weights.iter() {
        tensor.data.iter().for_each(|weight| digest.add(&weight.to_le_bytes()));
    }
    Ok((losses, digest.text()))
}

/// FNV-1a (Fowler, Noll & Vo): tells numbers apart that were not made to look alike.
pub(super) struct Digest(u64);

impl Digest {
    pub(super) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(super) const fn value(&self) -> u64 {
        self.0
    }

    /// Sixteen hexadecimal digits.
    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_published_one_and_every_byte_counts() {
        let of = |bytes: &[u8]| {
            let mut digest = Digest::new();
            digest.add(bytes);
            digest.text()
        };
        assert_eq!((of(b"").as_str(), of(b"a").as_str()), ("cbf29ce484222325", "af63dc4c8601ec8c"));
        assert_ne!(of(&0.0_f32.to_le_bytes()), of(&(-0.0_f32).to_le_bytes()));
    }
}
