//! A backend with one mistake of choice: the reference's own parts, one of them put together wrongly.

mod mistake;
mod model;

use backend_reference::{Adam, Parameters};
use harness_contract::{
    Backend, BackendError, BackendInfo, BiasCorrection, BiasVectors, CellKind, ClipForm, ClipSpec, Device,
    EpsilonPlacement, Exclusion, Model, ModelSpec, ModelState, RepeatedWords, StatePart, Tensor, WeightMap,
};

pub(crate) use self::mistake::Mistake;
use self::model::{Wrong, swap_gates};

/// The backend.
pub(crate) struct Planted(pub(crate) Mistake);

impl Backend for Planted {
    /// The reference's description without what only makes the suite longer.
    fn describe(&self) -> BackendInfo {
        let mut info = backend_reference::new().describe();
        info.name = format!("{:?}", self.0);
        info.capabilities.bidirectional = false;
        info.capabilities.layer_norm = false;
        if self.0 == Mistake::DeviceMissing {
            info.capabilities.devices.push(Device::Cuda(0));
        }
        if self.0 == Mistake::CellMissing {
            let without = |bias_vectors| Exclusion {
                cell: Some(CellKind::Lstm),
                bias_vectors: Some(bias_vectors),
                ..Exclusion::default()
            };
            info.capabilities.exclusions.extend([BiasVectors::One, BiasVectors::Two].map(without));
        }
        info
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        let mistake = self.0;
        let mut spec = spec.clone();
        match mistake {
            Mistake::EpsilonPlacementIgnored => spec.adam.epsilon_placement = EpsilonPlacement::AfterCorrection,
            Mistake::RepeatedWordsIgnored => spec.adam.repeated_words = RepeatedWords::SumThenSquare,
            Mistake::BiasCorrectionIgnored => spec.adam.bias_correction = BiasCorrection::Float64,
            Mistake::ClipFormIgnored => {
                spec.clip = spec.clip.map(|clip| ClipSpec { form: ClipForm::Gradient, ..clip });
            }
            Mistake::LabelSmoothingIgnored => spec.label_smoothing = 0.0,
            Mistake::MaskIgnored => spec.masking = false,
            Mistake::SeedRounded => spec.dropout.seed = spec.dropout.seed as f64 as u64,
            Mistake::DeviceMissing if spec.device != Device::Cpu => {
                return Err(BackendError::framework("find the device", spec.device));
            }
            Mistake::ClipStabiliserIgnored => {
                spec.clip = spec.clip.map(|clip| ClipSpec { stabiliser: 0.0, ..clip });
            }
            _ => {}
        }
        let given = spec.bias_vectors;
        let weights = if mistake == Mistake::HiddenBiasTrained && given == BiasVectors::One {
            spec.bias_vectors = BiasVectors::Two;
            with_hidden_biases(&spec, initial)?
        } else {
            Parameters::from_weights(&spec, initial)?
        };
        let adam = match mistake {
            // An optimiser that knows of no clipping takes repeated words as it would without.
            Mistake::ClippingKeepsOccurrences => Adam::new(&ModelSpec { clip: None, ..spec.clone() }),
            _ => Adam::new(&spec),
        };
        let moments = (Parameters::zeros(&spec), Parameters::zeros(&spec));
        let mut model = Wrong { mistake, spec, given, weights, adam, moments, steps: 0 };
        if mistake == Mistake::GatesSwapped {
            swap_gates(&model.spec, &mut model.weights);
        }
        Ok(Box::new(model))
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(resumed(self.0, spec, state)?))
    }
}

/// The model of a state, with what is forgotten of it.
fn resumed(mistake: Mistake, spec: &ModelSpec, state: &ModelState) -> Result<Wrong, BackendError> {
    let part = |part| Parameters::from_state(spec, state, part);
    let mut weights = part(StatePart::Weights)?;
    let mut first = part(StatePart::FirstMoment)?;
    let mut second = part(StatePart::SecondMoment)?;
    let mut steps = state.steps;
    let mut drawn = state.only_position("dropout")?;
    match mistake {
        Mistake::StateRoundsWeights => weights = Parameters::from_weights(spec, &weights.to_weights(spec)?)?,
        Mistake::StateForgetsFirstMoments => first = Parameters::zeros(spec),
        Mistake::StateForgetsSecondMoments => second = Parameters::zeros(spec),
        Mistake::StateForgetsSteps => steps = 0,
        Mistake::StateForgetsStream => drawn = 0,
        _ => {}
    }
    let adam = Adam::at(spec, steps, first.clone(), second.clone());
    let moments = (first, second);
    Ok(Wrong { mistake, spec: spec.clone(), given: spec.bias_vectors, weights, adam, moments, steps: drawn })
}

/// The weights of a model with one bias vector as those of a model with two.
fn with_hidden_biases(spec: &ModelSpec, initial: &WeightMap) -> Result<Parameters, BackendError> {
    let mut all = WeightMap::new();
    for parameter in spec.parameters() {
        let zeros = Tensor { data: vec![0.0; parameter.len()], shape: parameter.shape };
        all.insert(&parameter.name, initial.get(&parameter.name).cloned().unwrap_or(zeros))?;
    }
    Parameters::from_weights(spec, &all)
}
