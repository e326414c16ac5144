//! A model and its optimiser: variables of a session, and batches in the form in which the graph takes them.

use std::collections::BTreeMap;
use std::thread;

use harness_contract::align::{Aligned, align};
use harness_contract::{
    BackendError, Elements, GradientNorms, LabelledBatch, Model, ModelSpec, ModelState, StatePart, StepReport,
    TokenBatch, WeightDecayForm, WeightMap,
};
use tensorflow::Output;

use crate::adam::Averages;
use crate::dropout;
use crate::embedding::Words;
use crate::fused::{padded_time, padded_words};
use crate::graph::scan::Loop;
use crate::programs::{self, BatchFeeds, FusedPredict, Initialise, Programs, ROWS_AT_ONCE};
use crate::session::{Execution, Executor, Feed, Session};

/// A model in a session of its own.
pub(crate) struct TensorFlowModel {
    spec: ModelSpec,
    averages: Averages,
    programs: Programs,
    session: Session,
    /// Steps that the optimiser has taken.
    steps: u64,
    /// Steps whose dropout masks have been drawn.
    drawn: u64,
    /// Whether the products that compiled predictions look up are those of these weights.
    word_products_renewed: bool,
}

impl TensorFlowModel {
    /// A model with these weights.
    ///
    /// # Errors
    /// Whatever TensorFlow fails with, or weights that don't fit the spec.
    pub(crate) fn new(spec: &ModelSpec, initial: &WeightMap) -> Result<Self, BackendError> {
        let model = Self::without_numbers(spec)?;
        let Initialise { parameters, assigned, cleared, .. } = &model.programs.initialise;
        let mut feeds = Vec::new();
        for (parameter, placeholder) in spec.parameters().iter().zip(parameters) {
            let tensor = initial.get(&parameter.name)?;
            feeds.push((placeholder, Feed::floats(&parameter.shape, &tensor.data)?));
        }
        let targets = assigned.iter().chain(cleared).collect();
        model.session.run::<f32>("assign weights", &Execution { feeds, fetches: vec![], targets })?;
        Ok(model)
    }

    /// A model that goes on from a state.
    ///
    /// # Errors
    /// Whatever TensorFlow fails with, or a stream that is not this model's.
    pub(crate) fn at(spec: &ModelSpec, state: &ModelState) -> Result<Self, BackendError> {
        let drawn = state.only_position(DROPOUT)?;
        let model = Self { steps: state.steps, drawn, ..Self::without_numbers(spec)? };
        let Initialise { parameters, assigned, moments: [first, second], restored, .. } = &model.programs.initialise;
        let parts =
            [(StatePart::Weights, parameters), (StatePart::FirstMoment, first), (StatePart::SecondMoment, second)];
        let mut feeds = Vec::new();
        for (part, placeholders) in parts {
            for (parameter, placeholder) in spec.parameters().iter().zip(placeholders) {
                feeds.push((placeholder, Feed::floats(&parameter.shape, state.float32(part, &parameter.name)?)?));
            }
        }
        let targets = assigned.iter().chain(restored).collect();
        model.session.run::<f32>("assign a state", &Execution { feeds, fetches: vec![], targets })?;
        Ok(model)
    }

    /// A model whose variables have not been set.
    fn without_numbers(spec: &ModelSpec) -> Result<Self, BackendError> {
        let (run, executor) = arrangement(spec.threads);
        let programs = programs::build(spec, run)?;
        let session = Session::new(&programs.graph, spec.threads, executor)?;
        Ok(Self {
            averages: Averages::new(&spec.adam),
            spec: spec.clone(),
            programs,
            session,
            steps: 0,
            drawn: 0,
            word_products_renewed: false,
        })
    }
}

/// The one random stream.
const DROPOUT: &str = "dropout";

impl TensorFlowModel {
    /// The elements of variables, each a copy.
    fn read(&self, doing: &str, variables: &[Output]) -> Result<Vec<Vec<f32>>, BackendError> {
        let execution = Execution { fetches: variables.iter().collect(), ..Execution::default() };
        Ok(self.session.run::<f32>(doing, &execution)?.iter().map(|tensor| tensor.to_vec()).collect())
    }

    /// Chunks that are predicted at the same time: XLA shares out one among threads badly, for each of its operations is small. The other
    /// graph does better, and would need memory for all steps of each chunk.
    fn chunks_at_once(&self) -> usize {
        if self.programs.fused_predict.is_some() { self.spec.threads } else { 1 }
    }

    /// The logits of chunks, each on a thread of its own.
    fn predict_together(&self, chunks: &[TokenBatch<'_>]) -> Vec<Result<Vec<f32>, BackendError>> {
        let [first, others @ ..] = chunks else { return Vec::new() };
        thread::scope(|scope| {
            let others: Vec<_> = others.iter().map(|&chunk| scope.spawn(move || self.predict_chunk(chunk))).collect();
            let panicked = |_| Err(BackendError::framework("predict a batch", "a thread of it panicked"));
            let first = self.predict_chunk(*first);
            let others = others.into_iter().map(|other| other.join().unwrap_or_else(panicked));
            std::iter::once(first).chain(others).collect()
        })
    }

    /// The logits of at most [`ROWS_AT_ONCE`] rows.
    fn predict_chunk(&self, chunk: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        let aligned = align(chunk, &self.spec);
        match &self.programs.fused_predict {
            Some(fused) if compiled_pays(&self.spec, chunk) => self.predict_compiled(fused, aligned),
            _ => self.predict_stock(&aligned),
        }
    }

    /// The logits of rows, by the graph that takes any number of them.
    fn predict_stock(&self, aligned: &Aligned<'_>) -> Result<Vec<f32>, BackendError> {
        let predict = &self.programs.predict;
        let tokens = time_major(aligned, aligned.time);
        let feeds = feed_batch(&predict.batch, aligned, &tokens, aligned.time)?;
        let execution = Execution { feeds, fetches: vec![&predict.logits], targets: vec![] };
        let fetched = self.session.run::<f32>("predict a batch", &execution)?;
        Ok(fetched.iter().flat_map(|tensor| tensor.iter().copied()).collect())
    }

    /// The logits of rows, by the compiled function, which is given as many as it is compiled for.
    fn predict_compiled(&self, fused: &FusedPredict, mut aligned: Aligned<'_>) -> Result<Vec<f32>, BackendError> {
        let predict = &fused.predict;
        let rows = aligned.answers.len();
        aligned.tokens.to_mut().resize(ROWS_AT_ONCE * aligned.time, 0);
        aligned.answers.resize(ROWS_AT_ONCE, 0);
        let time = self.spec.max_time;
        let tokens = time_major(&aligned, time);
        let feeds = feed_batch(&predict.batch, &aligned, &tokens, time)?;
        let execution = Execution { feeds, fetches: vec![&predict.logits], targets: vec![] };
        let fetched = self.session.run::<f32>("predict a batch", &execution)?;
        Ok(fetched.iter().flat_map(|tensor| tensor.iter().copied()).take(rows).collect())
    }
}

/// Whether rows are predicted faster by the compiled function: few would be padded with many, and the products of all words with the
/// first kernel are worth computing for as many tokens.
fn compiled_pays(spec: &ModelSpec, chunk: TokenBatch<'_>) -> bool {
    chunk.rows() > ROWS_AT_ONCE / 2
        && chunk.time() <= spec.max_time
        && spec.vocabulary_size <= ROWS_AT_ONCE * spec.max_time
}

/// The fastest arrangement for so many threads.
fn arrangement(threads: usize) -> (Loop, Executor) {
    if threads == 1 { (Loop::Functional, Executor::Sequential) } else { (Loop::Lowered, Executor::Parallel) }
}

impl Model for TensorFlowModel {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        let aligned = align(batch.tokens(), &self.spec);
        let full = batch.tokens().rows() == self.spec.max_batch;
        let (train, fused) = match &self.programs.fused {
            Some(fused) if full => (fused, true),
            _ => (&self.programs.train, false),
        };
        let time = if fused { padded_time(&self.spec, aligned.time) } else { aligned.time };
        let tokens = time_major(&aligned, time);
        let words = Words::of(&tokens, self.spec.vocabulary_size);
        let (listed, rows) =
            if fused { (&words.places, padded_words(words.ids.len())) } else { (&words.ids, words.ids.len()) };
        let step = self.steps + 1;
        let size = self.averages.step_size(&self.spec.adam, step, learning_rate);
        let decay = self.spec.weight_decay;
        let decoupled = if decay.form == WeightDecayForm::Decoupled { decay.rate } else { 0.0 };
        let [rate, epsilon, shrink] = &train.hyperparameters;

        let mut feeds = feed_batch(&train.batch, &aligned, &tokens, time)?;
        feeds.push((&train.labels, targets(batch, &self.spec)?));
        let [feed_listed, feed_occurrences, feed_segments, feed_rows] = &train.words;
        feeds.push((feed_listed, Feed::ints(&[listed.len()], listed)?));
        feeds.push((feed_occurrences, Feed::ints(&[tokens.len()], &words.occurrences)?));
        feeds.push((feed_segments, Feed::ints(&[tokens.len()], &words.segments)?));
        feeds.push((feed_rows, Feed::size(rows)?));
        feeds.push((rate, Feed::scalar(size.rate)));
        feeds.push((epsilon, Feed::scalar(size.epsilon)));
        feeds.push((shrink, Feed::scalar(1.0 - learning_rate * decoupled)));
        for (place, counter) in train.counters.iter().enumerate() {
            feeds.push((counter, Feed::counter(dropout::counter(self.drawn + 1, place))?));
        }
        let fetches = train.reports.iter().collect();
        let targets = train.updates.iter().collect();
        // Also if the step fails: it may have updated some of the weights.
        self.word_products_renewed = false;
        let reports = self.session.run::<f32>("take a training step", &Execution { feeds, fetches, targets })?;
        self.steps = step;
        self.drawn += 1;
        let report = |at: usize| reports.get(at).and_then(|tensor| tensor.first()).map(|&value| f64::from(value));
        Ok(StepReport {
            loss: report(0).unwrap_or(f64::NAN),
            gradient_norm: report(1).unwrap_or(f64::NAN),
            clipped: (2..reports.len()).filter_map(report).any(|factor| factor.is_nan() || factor < 1.0),
            update_norm: None,
        })
    }

    /// The weights are read before and after the step: the graph stays the same, and so does every byte of the step.
    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<StepReport, BackendError> {
        let before = self.read("read the weights", &self.programs.weights)?;
        let report = self.train_batch(batch, learning_rate)?;
        let after = self.read("read the weights", &self.programs.weights)?;
        let pairs = before.iter().flatten().zip(after.iter().flatten());
        let squares = pairs.map(|(before, after)| (f64::from(*after) - f64::from(*before)).powi(2));
        Ok(StepReport { update_norm: Some(squares.sum::<f64>().sqrt()), ..report })
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        let time = tokens.time();
        let chunks = tokens.tokens().chunks(ROWS_AT_ONCE * time).zip(tokens.lengths().chunks(ROWS_AT_ONCE));
        let chunks = chunks.map(|(ids, lengths)| TokenBatch::new(ids, lengths, time, tokens.padding()));
        let chunks = chunks.collect::<Result<Vec<_>, _>>()?;
        if let Some(fused) = &self.programs.fused_predict
            && !self.word_products_renewed
            && chunks.iter().any(|chunk| compiled_pays(&self.spec, *chunk))
        {
            let targets = vec![&fused.renewed];
            self.session.run::<f32>("project the words", &Execution { targets, ..Execution::default() })?;
            self.word_products_renewed = true;
        }
        let mut logits = Vec::with_capacity(tokens.rows());
        for together in chunks.chunks(self.chunks_at_once()) {
            for predicted in self.predict_together(together) {
                logits.extend(predicted?);
            }
        }
        Ok(logits)
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        let read = self.read("read the weights", &self.programs.weights)?;
        let mut weights = WeightMap::new();
        for (parameter, data) in self.spec.parameters().into_iter().zip(read) {
            weights.insert(parameter.name, harness_contract::Tensor { shape: parameter.shape, data })?;
        }
        Ok(weights)
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        let read = |variables: &[Output]| self.read("read the state", variables);
        let [first, second] = &self.programs.moments;
        let [mut weights, mut first, mut second] = [read(&self.programs.weights)?, read(first)?, read(second)?];
        let streams = BTreeMap::from([(DROPOUT.to_owned(), vec![self.drawn])]);
        ModelState::of(&self.spec, (self.steps, streams), |part, place, _| {
            let all = match part {
                StatePart::Weights => &mut weights,
                StatePart::FirstMoment => &mut first,
                StatePart::SecondMoment => &mut second,
            };
            Ok(Elements::Float32(std::mem::take(&mut all[place])))
        })
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        let program = &self.programs.input_gradients;
        let aligned = align(batch.tokens(), &self.spec);
        let tokens = time_major(&aligned, aligned.time);
        let mut feeds = feed_batch(&program.batch, &aligned, &tokens, aligned.time)?;
        feeds.push((&program.labels, targets(batch, &self.spec)?));
        let execution = Execution { feeds, fetches: vec![&program.norms], targets: vec![] };
        let fetched = self.session.run::<f32>("take the gradient of the inputs", &execution)?;
        let norms: Vec<_> = fetched.iter().flat_map(|tensor| tensor.iter().copied()).collect();
        let rows = aligned.answers.len();
        let by_row: Vec<_> = (0..rows).flat_map(|row| norms.iter().skip(row).step_by(rows).copied()).collect();
        Ok(GradientNorms { norms: aligned.restore(&by_row, batch.tokens().time()) })
    }
}

/// Token ids, `[time * batch]`: the first step of all rows, then the second. Steps that the batch doesn't have are padding.
fn time_major(aligned: &Aligned<'_>, time: usize) -> Vec<i32> {
    let mut tokens = Vec::with_capacity(time * aligned.answers.len());
    for step in 0..aligned.time {
        tokens.extend(aligned.tokens.iter().skip(step).step_by(aligned.time));
    }
    tokens.resize(time * aligned.answers.len(), 0);
    tokens
}

/// The labels as targets of the loss, `[rows]`.
#[expect(clippy::cast_possible_truncation, reason = "the model is float32")]
fn targets(batch: LabelledBatch<'_>, spec: &ModelSpec) -> Result<Feed, BackendError> {
    let targets: Vec<_> = batch.labels().iter().map(|&label| spec.target(label) as f32).collect();
    Feed::floats(&[targets.len()], &targets)
}

/// Feeds what every program takes of a batch; `tokens` are those of `time` steps.
fn feed_batch<'a>(
    feeds: &'a BatchFeeds,
    aligned: &Aligned<'_>,
    tokens: &[i32],
    time: usize,
) -> Result<Vec<(&'a Output, Feed)>, BackendError> {
    let rows = aligned.answers.len();
    let mut fed = vec![
        (&feeds.tokens, Feed::ints(&[tokens.len()], tokens)?),
        (&feeds.time, Feed::size(time)?),
        (&feeds.batch, Feed::size(rows)?),
    ];
    if let Some(steps) = &feeds.steps {
        fed.push((steps, Feed::size(aligned.time)?));
    }
    if let Some(answers) = &feeds.answers {
        let too_large = |_| BackendError::framework("feed a batch", "a size does not fit 32 bits");
        let mut steps = Vec::with_capacity(2 * rows);
        for (row, &answer) in aligned.answers.iter().enumerate() {
            steps.extend([i32::try_from(answer).map_err(too_large)?, i32::try_from(row).map_err(too_large)?]);
        }
        fed.push((answers, Feed::ints(&[rows, 2], &steps)?));
    }
    Ok(fed)
}
