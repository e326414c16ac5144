//! The model of a backend with a mistake.

use backend_reference::{Adam, DropoutMasks, Gradients, Inputs, Parameters, backward, clip, forward};
use harness_contract::{
    BackendError, BiasVectors, CellKind, ClipForm, ClipSpec, Elements, GradientNorms, LabelledBatch, Model, ModelSpec,
    ModelState, StatePart, StepReport, TokenBatch, WeightDecayForm, WeightMap, float32_norm,
};

use super::mistake::Mistake;

/// The reference's parts, one of them put together wrongly.
pub(super) struct Wrong {
    pub(super) mistake: Mistake,
    pub(super) spec: ModelSpec,
    pub(super) given: BiasVectors,
    pub(super) weights: Parameters,
    pub(super) adam: Adam,
    pub(super) moments: (Parameters, Parameters),
    pub(super) steps: u64,
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

/// Exchanges the first two gates of every recurrent tensor; twice is none.
pub(super) fn swap_gates(spec: &ModelSpec, weights: &mut Parameters) {
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
