//! Settings that a backend can do one by one but not together.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capabilities::name;
use crate::spec::{
    BiasCorrection, BiasVectors, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, EpsilonPlacement, GruForm, Kernel,
    ModelSpec, RepeatedWords, WeightDecayForm,
};

/// The sort of a device, without its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// Any CUDA device.
    Cuda,
}

impl From<Device> for DeviceKind {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(_) => Self::Cuda,
        }
    }
}

/// A combination that a backend refuses although it can do each of its settings with others. A setting that is `None` doesn't matter; a spec
/// in which all others hold is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exclusion {
    /// The cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<CellKind>,
    /// The form of a GRU; holds of no other cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gru_form: Option<GruForm>,
    /// The bias layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias_vectors: Option<BiasVectors>,
    /// Both directions, or one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bidirectional: Option<bool>,
    /// Layer norm, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_norm: Option<bool>,
    /// Masking, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masking: Option<bool>,
    /// Dropout at any place, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<bool>,
    /// The place of Adam's epsilon.
    #[serde(rename = "adam.epsilon_placement", skip_serializing_if = "Option::is_none")]
    pub epsilon_placement: Option<EpsilonPlacement>,
    /// The treatment of repeated words.
    #[serde(rename = "adam.repeated_words", skip_serializing_if = "Option::is_none")]
    pub repeated_words: Option<RepeatedWords>,
    /// The precision of Adam's bias corrections.
    #[serde(rename = "adam.bias_correction", skip_serializing_if = "Option::is_none")]
    pub bias_correction: Option<BiasCorrection>,
    /// The form of clipping; holds only where there is any.
    #[serde(rename = "clip.form", skip_serializing_if = "Option::is_none")]
    pub clip_form: Option<ClipForm>,
    /// The form of weight decay; holds only where there is any.
    #[serde(rename = "weight_decay.form", skip_serializing_if = "Option::is_none")]
    pub weight_decay_form: Option<WeightDecayForm>,
    /// The implementation of the recurrent layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// The sort of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceKind>,
}

impl Exclusion {
    /// Whether a spec has all of these settings.
    #[must_use]
    pub fn matches(&self, spec: &ModelSpec) -> bool {
        fn holds<T: PartialEq>(excluded: Option<T>, there: Option<T>) -> bool {
            excluded.is_none() || excluded == there
        }
        holds(self.cell, Some(spec.cell))
            && holds(self.gru_form, (spec.cell == CellKind::Gru).then_some(spec.gru_form))
            && holds(self.bias_vectors, Some(spec.bias_vectors))
            && holds(self.bidirectional, Some(spec.bidirectional))
            && holds(self.layer_norm, Some(spec.layer_norm))
            && holds(self.masking, Some(spec.masking))
            && holds(self.dropout, Some(spec.dropout.is_active()))
            && holds(self.epsilon_placement, Some(spec.adam.epsilon_placement))
            && holds(self.repeated_words, Some(spec.adam.repeated_words))
            && holds(self.bias_correction, Some(spec.adam.bias_correction))
            && holds(self.clip_form, spec.clip.map(|clip| clip.form))
            && holds(self.weight_decay_form, (spec.weight_decay.rate > 0.0).then_some(spec.weight_decay.form))
            && holds(self.kernel, Some(spec.kernel))
            && holds(self.device, Some(spec.device.into()))
    }

    /// The settings that don't go together, as `key = value`, in the order of the fields.
    #[must_use]
    pub fn settings(&self) -> Vec<String> {
        fn setting<T: Serialize>(key: &str, value: Option<T>) -> Option<String> {
            value.map(|value| format!("{key} = {}", name(&value)))
        }
        [
            setting("cell", self.cell),
            setting("gru_form", self.gru_form),
            setting("bias_vectors", self.bias_vectors),
            setting("bidirectional", self.bidirectional),
            setting("layer_norm", self.layer_norm),
            setting("masking", self.masking),
            setting("dropout", self.dropout),
            setting("adam.epsilon_placement", self.epsilon_placement),
            setting("adam.repeated_words", self.repeated_words),
            setting("adam.bias_correction", self.bias_correction),
            setting("clip.form", self.clip_form),
            setting("weight_decay.form", self.weight_decay_form),
            setting("kernel", self.kernel),
            setting("device", self.device),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A spec with all of these settings and otherwise as `base`, on the first fitting one of `devices`; none if there is no such device.
    pub(crate) fn applied(&self, base: &ModelSpec, devices: &[Device]) -> Option<ModelSpec> {
        let mut spec = base.clone();
        let device = |kind| devices.iter().copied().find(|&device| DeviceKind::from(device) == kind);
        spec.device = self.device.map_or(Some(base.device), device)?;
        spec.cell = self.cell.unwrap_or(base.cell);
        if let Some(form) = self.gru_form {
            (spec.cell, spec.gru_form) = (CellKind::Gru, form);
        }
        spec.bias_vectors = self.bias_vectors.unwrap_or(base.bias_vectors);
        spec.bidirectional = self.bidirectional.unwrap_or(base.bidirectional);
        spec.layer_norm = self.layer_norm.unwrap_or(base.layer_norm);
        spec.masking = self.masking.unwrap_or(base.masking);
        spec.dropout = match self.dropout {
            Some(true) => DropoutSpec { after_last: 0.5, ..DropoutSpec::NONE },
            Some(false) => DropoutSpec::NONE,
            None => base.dropout,
        };
        spec.adam.epsilon_placement = self.epsilon_placement.unwrap_or(base.adam.epsilon_placement);
        spec.adam.repeated_words = self.repeated_words.unwrap_or(base.adam.repeated_words);
        spec.adam.bias_correction = self.bias_correction.unwrap_or(base.adam.bias_correction);
        if let Some(form) = self.clip_form {
            spec.clip = Some(ClipSpec { norm: 1.0, stabiliser: 0.0, form });
        }
        if let Some(form) = self.weight_decay_form {
            (spec.weight_decay.rate, spec.weight_decay.form) = (0.1, form);
        }
        spec.kernel = self.kernel.unwrap_or(base.kernel);
        Some(spec)
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.settings().join(" with "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ModelSpec {
        ModelSpec::plain(CellKind::Lstm)
    }

    fn two_vectors() -> Exclusion {
        Exclusion { cell: Some(CellKind::Lstm), bias_vectors: Some(BiasVectors::Two), ..Exclusion::default() }
    }

    #[test]
    fn only_a_spec_with_all_of_the_settings_is_excluded() {
        let excluded = ModelSpec { cell: CellKind::Lstm, bias_vectors: BiasVectors::Two, ..spec() };
        assert!(two_vectors().matches(&excluded));
        assert!(!two_vectors().matches(&ModelSpec { cell: CellKind::Gru, ..excluded.clone() }));
        assert!(!two_vectors().matches(&ModelSpec { bias_vectors: BiasVectors::One, ..excluded }));
    }

    #[test]
    fn the_form_of_a_gru_is_no_setting_of_another_cell_and_that_of_decay_none_without_decay() {
        let form = Exclusion { gru_form: Some(GruForm::ResetBefore), ..Exclusion::default() };
        let gru = ModelSpec { cell: CellKind::Gru, gru_form: GruForm::ResetBefore, ..spec() };
        assert!(form.matches(&gru));
        assert!(!form.matches(&ModelSpec { cell: CellKind::Lstm, ..gru }));
        let decay = Exclusion { weight_decay_form: Some(WeightDecayForm::Coupled), ..Exclusion::default() };
        let mut decayed = spec();
        decayed.weight_decay = crate::WeightDecaySpec { rate: 0.1, form: WeightDecayForm::Coupled };
        assert!(decay.matches(&decayed));
        decayed.weight_decay.rate = 0.0;
        assert!(!decay.matches(&decayed));
    }

    #[test]
    fn every_cuda_device_is_excluded_by_its_sort() {
        let fused = Exclusion { kernel: Some(Kernel::Fused), device: Some(DeviceKind::Cuda), ..Exclusion::default() };
        assert_eq!(fused.to_string(), "kernel = fused with device = cuda");
        for (device, excluded) in [(Device::Cpu, false), (Device::Cuda(0), true), (Device::Cuda(7), true)] {
            assert_eq!(fused.matches(&ModelSpec { kernel: Kernel::Fused, device, ..spec() }), excluded, "{device}");
        }
    }

    #[test]
    fn a_spec_made_of_an_exclusion_is_excluded_by_it() {
        let every = Exclusion {
            cell: Some(CellKind::Gru),
            gru_form: Some(GruForm::ResetBefore),
            bias_vectors: Some(BiasVectors::Two),
            bidirectional: Some(true),
            layer_norm: Some(true),
            masking: Some(true),
            dropout: Some(true),
            epsilon_placement: Some(EpsilonPlacement::Hat),
            repeated_words: Some(RepeatedWords::SquareThenSum),
            bias_correction: Some(BiasCorrection::Float32),
            clip_form: Some(ClipForm::Occurrences),
            weight_decay_form: Some(WeightDecayForm::Coupled),
            kernel: Some(Kernel::Fused),
            device: Some(DeviceKind::Cuda),
        };
        assert_eq!(every.settings().len(), 14);
        let applied = every.applied(&spec(), &[Device::Cpu, Device::Cuda(1)]).unwrap();
        assert!(every.matches(&applied));
        assert_eq!(applied.device, Device::Cuda(1));
        assert_eq!(every.applied(&spec(), &[Device::Cpu]), None);
    }

    #[test]
    fn the_wire_carries_the_keys_of_a_spec_and_no_others() {
        let text = r#"{"cell":"lstm","bias_vectors":"two"}"#;
        assert_eq!(serde_json::to_string(&two_vectors()).unwrap(), text);
        assert_eq!(serde_json::from_str::<Exclusion>(text).unwrap(), two_vectors());
        assert!(serde_json::from_str::<Exclusion>(r#"{"hidden_size":3}"#).is_err());
    }
}
