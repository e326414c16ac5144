//! A backend with one mistake of choice: the reference's own parts, one of them put together wrongly.

use backend_reference::{Adam, DropoutMasks, Gradients, Inputs, Parameters, backward, clip, forward};
use harness_contract::{
    Backend, BackendError, BackendInfo, BiasCorrection, BiasVectors, CellKind, ClipForm, ClipSpec, Device, Elements,
    EpsilonPlacement, Exclusion, GradientNorms, LabelledBatch, Model, ModelSpec, ModelState, RepeatedWords, StatePart,
    StepReport, Tensor, TokenBatch, WeightDecayForm, WeightMap, float32_norm,
};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nothing: the same parts put together rightly.
    Nothing,
    /// The first two gates are taken for each other, consistently in both directions.
    GatesSwapped,
    /// `sqrt(v + eps)` instead of `sqrt(v) + eps`.
    EpsilonInsideTheRoot,
    /// Adam's other formula.
    EpsilonPlacementIgnored,
    /// `(sum g)^2` where the spec says `sum g^2`, and the other way round.
    RepeatedWordsIgnored,
    /// Bias corrections are exact whatever the spec says.
    BiasCorrectionIgnored,
    /// The norm that clips is the gradient's whatever the spec says.
    ClipFormIgnored,
    /// Clipping takes the norm over occurrences, and leaves them as they are.
    ClippingKeepsOccurrences,
    /// Predictions use the masks of the step to come.
    DropoutInPrediction,
    /// Kept elements are not scaled.
    DropoutUnscaled,
    /// Every step of a row has the same mask.
    DropoutSharedOverTime,
    /// The seed goes through a float64.
    SeedRounded,
    /// A device is listed that no model can be built on.
    DeviceMissing,
    /// A cell is listed of which no model can be built.
    CellMissing,
    /// Every training step has the same masks.
    DropoutMasksRepeat,
    /// Gradients go through masks of their own.
    DropoutOtherMasksBackward,
    /// Padded steps change the state.
    MaskIgnored,
    /// The answer is read one step early.
    LastStepOffByOne,
    /// The LSTM's forget gate has no bias.
    ForgetBiasMissing,
    /// The gradient of the recurrent kernel's last gate in the last layer is 1 % too small.
    GateGradientScaled,
    /// Nothing flows back further than 30 steps from the end.
    TimeTruncated,
    /// With one bias vector the other is 0 at first but trained.
    HiddenBiasTrained,
    /// Words that aren't in the batch keep still.
    AbsentWordsStay,
    /// Padding, where it isn't masked, gets no gradient.
    PaddingGetsNoGradient,
    /// Every tensor is clipped to the norm on its own, whatever the spec says.
    ClippedPerTensor,
    /// Two bias vectors of a layer are two variables.
    BiasVectorsClippedApart,
    /// A gradient whose norm is infinite goes through as it is.
    InfiniteNormIgnored,
    /// The stabiliser is left out.
    ClipStabiliserIgnored,
    /// The reported norm is the one after clipping.
    NormAfterClipping,
    /// The loss is the sum over the rows.
    LossSummed,
    /// Decoupled weight decay leaves the head out.
    HeadNotDecayed,
    /// Every prediction uses up a step's dropout masks.
    PredictionDisturbsTheStream,
    /// Every prediction moves a weight.
    PredictionMovesAWeight,
    /// A model that goes on has its weights rounded to float32.
    StateRoundsWeights,
    /// A model that goes on begins with first moments of 0.
    StateForgetsFirstMoments,
    /// A model that goes on begins with second moments of 0.
    StateForgetsSecondMoments,
    /// A model that goes on counts Adam's steps from 0.
    StateForgetsSteps,
    /// A model that goes on draws its first masks again.
    StateForgetsStream,
    /// The norm of an update is that of the gradient.
    UpdateNormOfTheGradient,
    /// Measuring an update takes the masks of another step.
    MeasuringDraws,
    /// The loss takes labels as they are.
    LabelSmoothingIgnored,
    /// Id 0 at either end of a row's words is masked like padding.
    IdZeroMasked,
}

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

struct Wrong {
    mistake: Mistake,
    spec: ModelSpec,
    given: BiasVectors,
    weights: Parameters,
    adam: Adam,
    moments: (Parameters, Parameters),
    steps: u64,
}

impl Wrong {
    fn inputs(&self, batch: TokenBatch<'_>) -> Inputs {
        let mut inputs = Inputs::new(&self.spec, batch);
        if self.mistake == Mistake::LastStepOffByOne {
            for answer in &mut inputs.answers[0] {
                *answer = answer.saturating_sub(1);
            }
        }
        if self.mistake == Mistake::IdZeroMasked && self.spec.masking {
            for (row, valid) in inputs.valid.iter_mut().enumerate() {
                let words = &inputs.words[row * inputs.time..][..inputs.time];
                let read = |step: &usize| words[*step] != 0;
                if let (Some(first), Some(last)) = (valid.clone().find(read), valid.clone().rfind(read)) {
                    *valid = first..last + 1;
                    inputs.answers[0][row] = last;
                    inputs.answers[1][row] = first;
                }
            }
        }
        inputs
    }

    /// The weights that are computed with.
    fn effective(&self) -> Parameters {
        let mut weights = self.weights.clone();
        if self.mistake == Mistake::ForgetBiasMissing && self.spec.cell == CellKind::Lstm {
            let forget = self.spec.hidden_size..2 * self.spec.hidden_size;
            for direction in weights.layers.iter_mut().flat_map(|layer| &mut layer.directions) {
                direction.bias_ih[forget.clone()].fill(0.0);
                direction.bias_hh[forget.clone()].fill(0.0);
            }
        }
        weights
    }

    fn masks(&self, rows: usize, time: usize) -> DropoutMasks {
        let step = if self.mistake == Mistake::DropoutMasksRepeat { 0 } else { self.steps };
        let mut masks = DropoutMasks::draw(&self.spec, step, rows, time);
        let all = masks.after_embedding.iter_mut().chain(&mut masks.between_layers);
        match self.mistake {
            Mistake::DropoutUnscaled => {
                for multiplier in all.chain(&mut masks.after_last).flatten() {
                    *multiplier = multiplier.min(1.0);
                }
            }
            Mistake::DropoutSharedOverTime => {
                for mask in all {
                    let width = mask.len() / (rows * time);
                    for at in 0..mask.len() {
                        mask[at] = mask[at / (time * width) * time * width + at % width];
                    }
                }
            }
            _ => {}
        }
        masks
    }

    fn gradients(&self, batch: LabelledBatch<'_>, masks: &DropoutMasks) -> Gradients {
        let inputs = self.inputs(batch.tokens());
        let weights = self.effective();
        let pass = forward(&self.spec, &weights, &inputs, masks);
        let other = DropoutMasks::draw(&self.spec, self.steps + 1000, inputs.rows(), inputs.time);
        let masks = if self.mistake == Mistake::DropoutOtherMasksBackward { &other } else { masks };
        let mut gradients = backward(&self.spec, &weights, &inputs, masks, &pass, batch.labels());
        match self.mistake {
            Mistake::GateGradientScaled => {
                let last = self.spec.layers - 1;
                let kernel = &mut gradients.parameters.layers[last].directions[0].weight_hh;
                let gate = kernel.len() - self.spec.hidden_size * self.spec.hidden_size;
                kernel[gate..].iter_mut().for_each(|g| *g *= 0.99);
            }
            Mistake::TimeTruncated => {
                let size = self.spec.embedding_size;
                for (at, &word) in inputs.words.iter().enumerate().filter(|(at, _)| at % inputs.time + 30 < inputs.time)
                {
                    let occurrence = &mut gradients.occurrences[at * size..][..size];
                    let row = &mut gradients.parameters.embedding[word * size..][..size];
                    row.iter_mut().zip(&mut *occurrence).for_each(|(g, occurrence)| *g -= *occurrence);
                    occurrence.fill(0.0);
                }
            }
            Mistake::PaddingGetsNoGradient => {
                gradients.parameters.embedding[..self.spec.embedding_size].fill(0.0);
                let size = self.spec.embedding_size;
                for (at, _) in inputs.words.iter().enumerate().filter(|&(_, &word)| word == 0) {
                    gradients.occurrences[at * size..][..size].fill(0.0);
                }
            }
            Mistake::LossSummed => {
                let rows = inputs.rows() as f64;
                gradients.loss *= rows;
                gradients.scale(rows);
            }
            _ => {}
        }
        gradients
    }

    /// Adam with epsilon inside the root: algorithm 1 otherwise, with a gradient that is summed first.
    fn wrong_adam(&mut self, mut gradients: Gradients, learning_rate: f64) {
        let (beta1, beta2) = (self.spec.adam.beta1, self.spec.adam.beta2);
        let steps = i32::try_from(self.steps).unwrap();
        let tensors = self.weights.tensors_mut().into_iter().zip(gradients.parameters.tensors_mut());
        let moments = self.moments.0.tensors_mut().into_iter().zip(self.moments.1.tensors_mut());
        for ((weights, gradient), (first, second)) in tensors.zip(moments) {
            for at in 0..weights.len() {
                first[at] = beta1 * first[at] + (1.0 - beta1) * gradient[at];
                second[at] = beta2 * second[at] + (1.0 - beta2) * gradient[at] * gradient[at];
                let corrected = (first[at] / (1.0 - beta1.powi(steps)), second[at] / (1.0 - beta2.powi(steps)));
                weights[at] -= learning_rate * corrected.0 / (corrected.1 + self.spec.adam.epsilon).sqrt();
            }
        }
    }
}

impl Model for Wrong {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        let tokens = batch.tokens();
        let mut gradients = self.gradients(batch, &self.masks(tokens.rows(), tokens.time()));
        self.steps += 1;
        let gradient_norm = float32_norm(gradients.parameters.norm());
        let apart = match (self.mistake, self.spec.clip) {
            (Mistake::ClippedPerTensor, Some(clip)) => clip.form != ClipForm::EachVariable,
            (Mistake::BiasVectorsClippedApart, Some(clip)) => clip.form == ClipForm::EachVariable,
            _ => false,
        };
        let unclipped = gradients.clone();
        let words = self.inputs(tokens).words;
        let clipped = clip(&self.spec, &mut gradients, &words);
        match self.spec.clip {
            Some(clip) if apart => clip_apart(clip, &mut gradients, unclipped),
            Some(_) if self.mistake == Mistake::InfiniteNormIgnored && gradient_norm.is_infinite() => {
                gradients = unclipped;
            }
            _ => {}
        }
        let mut report = StepReport { loss: gradients.loss, gradient_norm, clipped, update_norm: None };
        if self.mistake == Mistake::NormAfterClipping {
            report.gradient_norm = gradients.parameters.norm();
        }
        if self.mistake == Mistake::EpsilonInsideTheRoot {
            self.wrong_adam(gradients, learning_rate);
        } else {
            let before = self.weights.clone();
            self.adam.step(&mut self.weights, gradients, &words, learning_rate);
            if self.mistake == Mistake::AbsentWordsStay {
                let size = self.spec.embedding_size;
                for word in (0..self.spec.vocabulary_size).filter(|word| !words.contains(word)) {
                    let row = word * size..(word + 1) * size;
                    self.weights.embedding[row.clone()].copy_from_slice(&before.embedding[row]);
                }
            }
            if self.mistake == Mistake::HeadNotDecayed && self.spec.weight_decay.form == WeightDecayForm::Decoupled {
                let undone = learning_rate * self.spec.weight_decay.rate;
                self.weights.head_weight.iter_mut().zip(&before.head_weight).for_each(|(w, b)| *w += undone * b);
            }
        }
        Ok(report)
    }

    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<StepReport, BackendError> {
        if self.mistake == Mistake::MeasuringDraws {
            self.steps += 1;
        }
        let before = self.weights.clone();
        let report = self.train_batch(batch, learning_rate)?;
        let moved = self.weights.distance(&before);
        let wrong = self.mistake == Mistake::UpdateNormOfTheGradient;
        Ok(StepReport { update_norm: Some(if wrong { report.gradient_norm } else { moved }), ..report })
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        let [first, second] = self.adam.moments();
        let streams = [("dropout".to_owned(), vec![self.steps])].into();
        ModelState::of(&self.spec, (self.adam.steps(), streams), |part, place, _| {
            let all = match part {
                StatePart::Weights => &self.weights,
                StatePart::FirstMoment => first,
                StatePart::SecondMoment => second,
            };
            Ok(Elements::Float64(all.tensors()[place].clone()))
        })
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        let masks = match self.mistake {
            Mistake::DropoutInPrediction => self.masks(tokens.rows(), tokens.time()),
            _ => DropoutMasks::none(),
        };
        match self.mistake {
            Mistake::PredictionDisturbsTheStream => self.steps += 1,
            Mistake::PredictionMovesAWeight => self.weights.head_bias[0] += 1e-3,
            _ => {}
        }
        let pass = forward(&self.spec, &self.effective(), &self.inputs(tokens), &masks);
        Ok(pass.logits.into_iter().map(|logit| logit as f32).collect())
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        let mut weights = self.weights.clone();
        if self.mistake == Mistake::GatesSwapped {
            swap_gates(&self.spec, &mut weights);
        }
        let all = weights.to_weights(&self.spec)?;
        let given = ModelSpec { bias_vectors: self.given, ..self.spec.clone() };
        let mut weights = WeightMap::new();
        for parameter in given.parameters() {
            weights.insert(&parameter.name, all.get(&parameter.name)?.clone())?;
        }
        Ok(weights)
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        let gradients = self.gradients(batch, &DropoutMasks::none());
        let steps = gradients.occurrences.chunks_exact(self.spec.embedding_size);
        Ok(GradientNorms { norms: steps.map(|d| d.iter().map(|d| d * d).sum::<f64>().sqrt() as f32).collect() })
    }
}

/// Clips every tensor by its own norm, the embedding's over occurrences where the spec has each variable's.
fn clip_apart(clip: ClipSpec, gradients: &mut Gradients, unclipped: Gradients) {
    *gradients = unclipped;
    let squares = |values: &[f64]| values.iter().map(|g| g * g).sum::<f64>();
    let of_occurrences = squares(&gradients.occurrences);
    for (at, tensor) in gradients.parameters.tensors_mut().into_iter().enumerate() {
        let over_occurrences = at == 0 && clip.form == ClipForm::EachVariable;
        let factor = clip.factor(if over_occurrences { of_occurrences } else { squares(tensor) }.sqrt());
        tensor.iter_mut().for_each(|g| *g *= factor);
    }
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

/// Exchanges the first two gates of every recurrent tensor; twice is none.
fn swap_gates(spec: &ModelSpec, weights: &mut Parameters) {
    let gates = spec.cell.gates();
    if gates < 2 {
        return;
    }
    for direction in weights.layers.iter_mut().flat_map(|layer| &mut layer.directions) {
        for tensor in
            [&mut direction.weight_ih, &mut direction.weight_hh, &mut direction.bias_ih, &mut direction.bias_hh]
        {
            let block = tensor.len() / gates;
            let (first, second) = tensor.split_at_mut(block);
            first.swap_with_slice(&mut second[..block]);
        }
    }
}
