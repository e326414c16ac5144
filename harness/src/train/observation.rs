//! Looking at a model between epochs: how far the gradient reaches back, and the spectra of its recurrent kernels.

use harness_contract::{ModelSpec, Side, TensorGroup};
use harness_statistics::spectrum::spectrum;

use super::batches::BatchSettings;
use super::model::TimedModel;
use super::run::TrainError;
use crate::data::EncodedSplit;
use crate::plan::Protocol;
use crate::record::{BlockSpectrum, InputGradients, Observation, RowReach};

/// What a protocol asks to be looked at, on the first rows of the validation split. Changes nothing about the model.
pub(super) fn observe_model(
    model: &mut dyn TimedModel,
    spec: &ModelSpec,
    protocol: &Protocol,
    validation: &EncodedSplit,
    epoch: u32,
) -> Result<Observation, TrainError> {
    let input_gradients =
        protocol.input_gradient_norms.then(|| input_gradients(model, protocol, validation, epoch)).transpose()?;
    let recurrent_spectrum = if protocol.recurrent_spectrum { spectra(model, spec, epoch)? } else { Vec::new() };
    Ok(Observation { input_gradients, recurrent_spectrum })
}

#[expect(clippy::cast_precision_loss, reason = "the rows of a batch")]
fn input_gradients(
    model: &mut dyn TimedModel,
    protocol: &Protocol,
    split: &EncodedSplit,
    epoch: u32,
) -> Result<InputGradients, TrainError> {
    let settings = BatchSettings::training(protocol);
    let reviews: Vec<usize> = (0..split.len().min(settings.rows)).collect();
    let batch = settings.assemble(split, &reviews);
    let norms = model.input_gradient_norms(batch.labelled()?)?.norms;
    if norms.iter().any(|norm| !norm.is_finite()) {
        return Err(TrainError::Diverged { epoch, step: 0, what: "a gradient of the inputs".into() });
    }
    let time = batch.time();
    let column = |step: usize| norms.iter().skip(step).step_by(time).map(|norm| f64::from(*norm));
    let mean = (0..time).map(|step| digits_kept(column(step).sum::<f64>() / reviews.len() as f64)).collect();
    let mean_log = (0..time)
        .map(|step| {
            let logs: Vec<f64> = column(step).filter(|norm| *norm > 0.0).map(f64::ln).collect();
            (!logs.is_empty()).then(|| digits_kept(logs.iter().sum::<f64>() / logs.len() as f64))
        })
        .collect();
    let rows = norms
        .chunks_exact(time)
        .zip(batch.words())
        .map(|(norms, length)| {
            let after = match protocol.padding {
                // Masked steps are none: a row ends with its last word.
                _ if protocol.masking => 0,
                Side::Front => protocol.gap,
                Side::End => time - length,
            };
            let last_word = match (protocol.masking, protocol.padding) {
                (true, Side::End) => length - 1,
                _ => time - 1 - after,
            };
            let last_step = last_word + after;
            RowReach {
                length: u32::try_from(length).unwrap_or(u32::MAX),
                padded_after: u32::try_from(after).unwrap_or(u32::MAX),
                at_last_word: digits_kept(norms[last_word].into()),
                at_last_step: digits_kept(norms[last_step].into()),
            }
        })
        .collect();
    Ok(InputGradients { mean, mean_log, rows })
}

/// A value to seven significant digits, which is what the float32 numbers that it comes from have. A record has thousands of them, and the other ten
/// digits were nearly half of it, compressed.
fn digits_kept(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

/// The spectrum of each gate's block of every recurrent kernel, `[gates * hidden, hidden]`, gate by gate.
fn spectra(model: &dyn TimedModel, spec: &ModelSpec, epoch: u32) -> Result<Vec<BlockSpectrum>, TrainError> {
    let weights = model.weights()?;
    let hidden = spec.hidden_size;
    let mut found = Vec::new();
    for parameter in spec.parameters().into_iter().filter(|own| own.group == TensorGroup::RecurrentKernel) {
        let tensor = weights.get(&parameter.name).map_err(harness_contract::BackendError::from)?;
        for (gate, block) in (0..).zip(tensor.data.chunks_exact(hidden * hidden)) {
            let mut spectrum = spectrum(block, hidden).map_err(|error| TrainError::Diverged {
                epoch,
                step: 0,
                what: format!("{} ({error})", parameter.name),
            })?;
            spectrum.singular_values.iter_mut().for_each(|value| *value = digits_kept(*value));
            spectrum.spectral_radius = digits_kept(spectrum.spectral_radius);
            found.push(BlockSpectrum { kernel: parameter.name.clone(), gate, spectrum });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_digits_are_kept_whatever_the_size() {
        assert_eq!(digits_kept(0.123_456_789), 0.123_456_8);
        assert_eq!(digits_kept(f64::from(0.1_f32)), 0.1);
        assert_eq!(digits_kept(-1.234_567_89e-60), -1.234_568e-60);
        assert_eq!(digits_kept(9.999_999_99e300), 1e301);
        assert_eq!(digits_kept(0.0), 0.0);
    }
}
