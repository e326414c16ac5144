//! A network with its optimiser: the contract's [`Model`].

use std::collections::BTreeMap;

use harness_contract::{
    BackendError, Elements, GradientNorms, LabelledBatch, Model, ModelSpec, ModelState, StatePart, StepReport,
    TokenBatch, WeightMap,
};
use tch::{Kind, TchError};

use crate::adam::{Adam, Step};
use crate::clipping::clipping;
use crate::dropout::{self, Masks};
use crate::embedding;
use crate::input::{self, Input, Occurrences};
use crate::network::Network;
use crate::norm;
use crate::parameters::to_host;

/// Predictions are computed for at most about this many tokens at once, so that they take no more memory than training.
const TOKENS_AT_ONCE: usize = 1 << 15;

/// A model that libtorch computes.
pub(crate) struct LibtorchModel {
    network: Network,
    adam: Adam,
    /// Steps whose dropout masks have been drawn.
    drawn: u64,
}

/// The one random stream.
const DROPOUT: &str = "dropout";

impl LibtorchModel {
    /// A model with these weights and an optimiser that has taken no step; see [`Network::new`] for `kind`.
    pub(crate) fn new(spec: &ModelSpec, weights: &WeightMap, kind: Kind) -> Result<Self, TchError> {
        limit_threads(spec);
        let network = Network::new(spec, weights, kind)?;
        let adam = Adam::new(&network.layout, network.options)?;
        Ok(Self { network, adam, drawn: 0 })
    }

    /// A model that goes on from a state.
    pub(crate) fn at(spec: &ModelSpec, state: &ModelState) -> Result<Self, BackendError> {
        let drawn = state.only_position(DROPOUT)?;
        limit_threads(spec);
        let doing = |error: TchError| failure("build the model", &error);
        let network = Network::at(spec, state).map_err(doing)?;
        let moments = |part| network.layout.load_part(state, part, network.options).map_err(doing);
        let adam = Adam::at(state.steps, moments(StatePart::FirstMoment)?, moments(StatePart::SecondMoment)?);
        Ok(Self { network, adam, drawn })
    }

    fn train(&mut self, batch: LabelledBatch<'_>, learning_rate: f64, measured: bool) -> Result<StepReport, TchError> {
        let (spec, options) = (self.network.spec.clone(), self.network.options);
        let (input, aligned) = Input::new(batch.tokens(), &spec, options.1)?;
        let targets = input::targets(batch, &spec, options)?;
        let masks = dropout::draw(&spec, self.drawn + 1, input.time, input.rows, options)?;
        let gradient = self.network.gradient(&input, &targets, &masks)?;
        let occurrences = Occurrences::new(&aligned, spec.vocabulary_size);
        let embedding = embedding::collect(&gradient.tokens, occurrences, spec.repeated_words(), spec.threads)?;
        let clipping = clipping(&spec, &self.network.layout, &gradient, &embedding)?;
        self.drawn += 1;
        let parameters = self.network.parameters_mut();
        let step = Step { clipping, learning_rate, measured };
        let update_norm = self.adam.update(&spec, parameters, &gradient.core, &embedding, step)?;
        Ok(StepReport { loss: gradient.loss, gradient_norm: clipping.norm, clipped: clipping.clipped, update_norm })
    }

    fn predict(&mut self, batch: TokenBatch<'_>) -> Result<Vec<f32>, TchError> {
        // Parts of equal size, so that buffers made for one serve the next.
        let parts = (batch.rows() * batch.time()).div_ceil(TOKENS_AT_ONCE).min(batch.rows());
        let at_once = batch.rows().div_ceil(parts);
        let mut logits = Vec::with_capacity(batch.rows());
        for (tokens, lengths) in batch.tokens().chunks(at_once * batch.time()).zip(batch.lengths().chunks(at_once)) {
            let part = TokenBatch::new(tokens, lengths, batch.time(), batch.padding())
                .map_err(|error| TchError::Shape(error.to_string()))?;
            let (input, _) = Input::new(part, &self.network.spec, self.network.options.1)?;
            logits.extend(to_host(&self.network.logits(&input)?)?);
        }
        Ok(logits)
    }

    fn token_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, TchError> {
        let options = self.network.options;
        let (input, aligned) = Input::new(batch.tokens(), &self.network.spec, options.1)?;
        let targets = input::targets(batch, &self.network.spec, options)?;
        let gradient = self.network.gradient(&input, &targets, &Masks::default())?;
        let norms = norm::of_rows(&gradient.tokens.f_transpose(0, 1)?)?;
        Ok(GradientNorms { norms: aligned.restore(&norms, batch.tokens().time()) })
    }
}

impl Model for LibtorchModel {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        limit_threads(&self.network.spec);
        self.train(batch, learning_rate, false).map_err(|error| failure("take a training step", &error))
    }

    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<StepReport, BackendError> {
        limit_threads(&self.network.spec);
        self.train(batch, learning_rate, true).map_err(|error| failure("take a training step", &error))
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        limit_threads(&self.network.spec);
        self.predict(tokens).map_err(|error| failure("predict", &error))
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        self.network.layout.save(&self.network.parameters).map_err(|error| failure("read the weights", &error))
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        limit_threads(&self.network.spec);
        self.token_gradient_norms(batch).map_err(|error| failure("differentiate with respect to the tokens", &error))
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        let [first, second] = self.adam.moments();
        let streams = BTreeMap::from([(DROPOUT.to_owned(), vec![self.drawn])]);
        let read =
            |parameters| self.network.layout.to_host(parameters).map_err(|error| failure("read the state", &error));
        let [mut weights, mut first, mut second] = [read(&self.network.parameters)?, read(first)?, read(second)?];
        ModelState::of(&self.network.spec, (self.adam.step(), streams), |part, place, _| {
            let all = match part {
                StatePart::Weights => &mut weights,
                StatePart::FirstMoment => &mut first,
                StatePart::SecondMoment => &mut second,
            };
            Ok(Elements::Float32(std::mem::take(&mut all[place])))
        })
    }
}

/// An error of libtorch's, without the C++ stack that follows its first line.
pub(crate) fn failure(doing: &str, error: &TchError) -> BackendError {
    let text = match error {
        TchError::Torch(text) => text.clone(),
        other => other.to_string(),
    };
    BackendError::framework(doing, text.lines().next().unwrap_or("no reason given"))
}

/// Holds libtorch to the spec's threads. The number belongs to the calling thread and not to a model, so it is looked at
/// before every computation; setting it also empties caches, so it is only set where it differs.
fn limit_threads(spec: &ModelSpec) {
    let threads = i32::try_from(spec.threads).unwrap_or(i32::MAX);
    if tch::get_num_threads() != threads {
        tch::set_num_threads(threads);
    }
}
