//! What a backend can do, stated before anything is trained.

use serde::{Deserialize, Serialize};

use crate::exclusion::Exclusion;
use crate::spec::{
    BiasCorrection, BiasVectors, CellKind, ClipForm, Device, EpsilonPlacement, GruForm, Kernel, ModelSpec,
    RepeatedWords, WeightDecayForm,
};
use crate::state::Element;

/// What a backend can build. A spec outside it is refused by name, never bent. What a description leaves out of the optional abilities, the
/// backend doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Cells.
    pub cells: Vec<CellKind>,
    /// Implementations of the recurrent layers; the first is the one used unless a study says otherwise.
    pub kernels: Vec<Kernel>,
    /// Bias layouts.
    pub bias_vectors: Vec<BiasVectors>,
    /// Forms of the GRU.
    pub gru_forms: Vec<GruForm>,
    /// Places of Adam's epsilon.
    pub epsilon_placements: Vec<EpsilonPlacement>,
    /// Treatments of repeated words.
    pub repeated_words: Vec<RepeatedWords>,
    /// Precisions of Adam's bias corrections; float64 alone unless said.
    #[serde(default = "exact_corrections")]
    pub bias_corrections: Vec<BiasCorrection>,
    /// Forms of clipping; that of the gradient alone unless said.
    #[serde(default = "clipping_of_the_gradient")]
    pub clip_forms: Vec<ClipForm>,
    /// Forms of weight decay.
    pub weight_decay_forms: Vec<WeightDecayForm>,
    /// Whether layers can run in both directions.
    #[serde(default)]
    pub bidirectional: bool,
    /// Whether layers can be layer-normalised.
    #[serde(default)]
    pub layer_norm: bool,
    /// Whether padded steps can be masked.
    #[serde(default)]
    pub masking: bool,
    /// Whether dropout is implemented.
    #[serde(default)]
    pub dropout: bool,
    /// Whether labels can be smoothed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub label_smoothing: bool,
    /// Whether [`crate::Model::input_gradient_norms`] is implemented.
    #[serde(default)]
    pub input_gradient_norms: bool,
    /// Whether [`crate::Model::train_batch_measured`] is implemented.
    #[serde(default)]
    pub update_norm: bool,
    /// What the elements of [`crate::Model::state`] are; none where it is not implemented.
    #[serde(default)]
    pub state: Option<Element>,
    /// Devices that are there now, e.g. `cpu`, `cuda:0`.
    pub devices: Vec<Device>,
    /// The most layers, if there is a limit.
    #[serde(default)]
    pub max_layers: Option<usize>,
    /// Combinations of settings that can't be built although each of them can with others.
    #[serde(default)]
    pub exclusions: Vec<Exclusion>,
}

impl Default for Capabilities {
    /// Nothing at all but what a description that does not say is read as. A new ability is one line here, and changes no backend.
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            kernels: Vec::new(),
            bias_vectors: Vec::new(),
            gru_forms: Vec::new(),
            epsilon_placements: Vec::new(),
            repeated_words: Vec::new(),
            bias_corrections: exact_corrections(),
            clip_forms: clipping_of_the_gradient(),
            weight_decay_forms: Vec::new(),
            bidirectional: false,
            layer_norm: false,
            masking: false,
            dropout: false,
            label_smoothing: false,
            input_gradient_norms: false,
            update_norm: false,
            state: None,
            devices: Vec::new(),
            max_layers: None,
            exclusions: Vec::new(),
        }
    }
}

/// What a backend computes that does not say.
fn exact_corrections() -> Vec<BiasCorrection> {
    vec![BiasCorrection::Float64]
}

/// How a backend clips that does not say.
fn clipping_of_the_gradient() -> Vec<ClipForm> {
    vec![ClipForm::Gradient]
}

/// A setting that a backend can't honour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is not supported; this backend supports {supported}")]
pub struct Unsupported {
    /// The setting as it was asked for, e.g. `kernel = fused`, or the settings that don't go together, e.g. `cell = lstm with bias_vectors = two`.
    pub setting: String,
    /// What could be asked for instead.
    pub supported: String,
}

impl Capabilities {
    /// Every ability but the exclusions, in words for a table: what it is, and what is there of it.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        // Taken apart, so that a new ability can't be forgotten here.
        let Self {
            cells,
            kernels,
            bias_vectors,
            gru_forms,
            epsilon_placements,
            repeated_words,
            bias_corrections,
            clip_forms,
            weight_decay_forms,
            bidirectional,
            layer_norm,
            masking,
            dropout,
            label_smoothing,
            input_gradient_norms,
            update_norm,
            state,
            devices,
            max_layers,
            exclusions: _,
        } = self;
        let yes_or_no = |there: &bool| if *there { "yes" } else { "no" }.to_owned();
        vec![
            ("devices", names(devices)),
            ("cells", names(cells)),
            ("kernels", names(kernels)),
            ("bias vectors", names(bias_vectors)),
            ("GRU forms", names(gru_forms)),
            ("Adam epsilon placements", names(epsilon_placements)),
            ("Adam bias corrections", names(bias_corrections)),
            ("repeated words", names(repeated_words)),
            ("clip forms", names(clip_forms)),
            ("weight decay forms", names(weight_decay_forms)),
            ("most layers", max_layers.map_or_else(|| "any".into(), |most| most.to_string())),
            ("bidirectional", yes_or_no(bidirectional)),
            ("layer norm", yes_or_no(layer_norm)),
            ("masking", yes_or_no(masking)),
            ("dropout", yes_or_no(dropout)),
            ("label smoothing", yes_or_no(label_smoothing)),
            ("input gradient norms", yes_or_no(input_gradient_norms)),
            ("update norm", yes_or_no(update_norm)),
            ("state", state.as_ref().map_or_else(|| "no".into(), |element| format!("in {}", name(element)))),
        ]
    }

    /// Checks a spec against these capabilities.
    ///
    /// # Errors
    /// The first setting that can't be honoured, or the first combination of settings.
    pub fn check(&self, spec: &ModelSpec) -> Result<(), Unsupported> {
        listed("cell", &spec.cell, &self.cells)?;
        listed("kernel", &spec.kernel, &self.kernels)?;
        listed("bias_vectors", &spec.bias_vectors, &self.bias_vectors)?;
        if spec.cell == CellKind::Gru {
            listed("gru_form", &spec.gru_form, &self.gru_forms)?;
        }
        listed("adam.epsilon_placement", &spec.adam.epsilon_placement, &self.epsilon_placements)?;
        listed("adam.repeated_words", &spec.adam.repeated_words, &self.repeated_words)?;
        listed("adam.bias_correction", &spec.adam.bias_correction, &self.bias_corrections)?;
        if let Some(clip) = spec.clip {
            listed("clip.form", &clip.form, &self.clip_forms)?;
        }
        if spec.weight_decay.rate > 0.0 {
            listed("weight_decay.form", &spec.weight_decay.form, &self.weight_decay_forms)?;
        }
        for (setting, wanted, there) in [
            ("bidirectional", spec.bidirectional, self.bidirectional),
            ("layer_norm", spec.layer_norm, self.layer_norm),
            ("masking", spec.masking, self.masking),
            ("dropout", spec.dropout.is_active(), self.dropout),
            ("label_smoothing", spec.label_smoothing > 0.0, self.label_smoothing),
        ] {
            if wanted && !there {
                return Err(Unsupported {
                    setting: setting.into(),
                    supported: format!("only models without {setting}"),
                });
            }
        }
        listed("device", &spec.device, &self.devices)?;
        if let Some(most) = self.max_layers
            && spec.layers > most
        {
            return Err(Unsupported {
                setting: format!("layers = {}", spec.layers),
                supported: format!("at most {most}"),
            });
        }
        match self.exclusions.iter().find(|exclusion| exclusion.matches(spec)) {
            None => Ok(()),
            Some(exclusion) => {
                Err(Unsupported { setting: exclusion.to_string(), supported: "each of these, but not together".into() })
            }
        }
    }
}

fn listed<T: PartialEq + Serialize>(setting: &str, wanted: &T, there: &[T]) -> Result<(), Unsupported> {
    if there.contains(wanted) {
        return Ok(());
    }
    Err(Unsupported { setting: format!("{setting} = {}", name(wanted)), supported: names(there) })
}

/// The names of what is listed, or `none`.
fn names<T: Serialize>(there: &[T]) -> String {
    let names: Vec<_> = there.iter().map(name).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// The name of a unit variant as it is written in study files.
pub(crate) fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
