//! The parts of a model's graph that are run: initialisation, a training step, prediction, gradients of the inputs, reading
//! the weights.

use harness_contract::{BackendError, Kernel, ModelSpec, Parameter, Pooling};
use tensorflow::{DataType, Graph, Output};

use crate::adam::{Optimiser, Slots};
use crate::clipping::Clipping;
use crate::dropout::{self, dropout};
use crate::embedding::{RowGradients, WordFeeds};
use crate::fused;
use crate::graph::scan::{Extent, Loop};
use crate::graph::{Builder, Value};
use crate::network::{Answers, Masks, Network};

/// Rows that are predicted at once. Twice as many take a few per cent less time, but memory for all steps of all rows: then predictions
/// needed 170 MB more than training; so they need hardly any.
pub(crate) const ROWS_AT_ONCE: usize = 128;

/// A model's graph and where to feed and fetch it.
pub(crate) struct Programs {
    /// The graph.
    pub(crate) graph: Graph,
    /// Setting the variables up.
    pub(crate) initialise: Initialise,
    /// A training step on a batch of any shape.
    pub(crate) train: Train,
    /// A training step on a batch of as many rows as the spec allows, padded in time, if the spec asks for it.
    pub(crate) fused: Option<Train>,
    /// Prediction.
    pub(crate) predict: Predict,
    /// Prediction of [`ROWS_AT_ONCE`] rows, padded in time, if the spec asks for it.
    pub(crate) fused_predict: Option<FusedPredict>,
    /// Gradient norms of the inputs.
    pub(crate) input_gradients: InputGradients,
    /// The weights, in canonical order.
    pub(crate) weights: Vec<Output>,
    /// The first and second moments, in canonical order.
    pub(crate) moments: [Vec<Output>; 2],
}

/// Placeholders of a batch. Tokens are time-major, `[time * batch]`.
pub(crate) struct BatchFeeds {
    /// Token ids.
    pub(crate) tokens: Output,
    /// Steps that tokens are given for, a scalar.
    pub(crate) time: Output,
    /// Steps to compute, a scalar, where they may be fewer.
    pub(crate) steps: Option<Output>,
    /// Rows, a scalar.
    pub(crate) batch: Output,
    /// The answering step of each row and the row, `[batch, 2]`, unless every row answers at its last step.
    pub(crate) answers: Option<Output>,
}

/// Setting the variables up.
pub(crate) struct Initialise {
    /// The placeholder of each parameter, in canonical order.
    pub(crate) parameters: Vec<Output>,
    /// What sets the weights.
    pub(crate) assigned: Vec<Output>,
    /// What makes the moments zeros.
    pub(crate) cleared: Vec<Output>,
    /// The placeholders of the first and second moments, in canonical order.
    pub(crate) moments: [Vec<Output>; 2],
    /// What sets the moments to those.
    pub(crate) restored: Vec<Output>,
}

/// A training step.
pub(crate) struct Train {
    /// The batch.
    pub(crate) batch: BatchFeeds,
    /// Labels, `[batch]`.
    pub(crate) labels: Output,
    /// The words of the batch and where they occur: see [`WordFeeds`].
    pub(crate) words: [Output; 4],
    /// Adam's rate, epsilon and the factor of decoupled decay.
    pub(crate) hyperparameters: [Output; 3],
    /// Counters of the dropout masks.
    pub(crate) counters: Vec<Output>,
    /// The mean loss, the gradient norm, and the factors of clipping if there are any.
    pub(crate) reports: Vec<Output>,
    /// What updates the variables.
    pub(crate) updates: Vec<Output>,
}

/// Prediction.
pub(crate) struct Predict {
    /// The batch.
    pub(crate) batch: BatchFeeds,
    /// Logits, `[batch]`.
    pub(crate) logits: Output,
}

/// Prediction with the first layer's products looked up.
pub(crate) struct FusedPredict {
    /// Prediction.
    pub(crate) predict: Predict,
    /// What computes the products anew, which is due whenever the weights have changed.
    pub(crate) renewed: Output,
}

/// Gradient norms of the inputs.
pub(crate) struct InputGradients {
    /// The batch.
    pub(crate) batch: BatchFeeds,
    /// Labels, `[batch]`.
    pub(crate) labels: Output,
    /// Norms, `[time * batch]`.
    pub(crate) norms: Output,
}

/// Whether every row of every batch answers at its last step, so that no step of its own need be fed.
pub(crate) fn answers_last(spec: &ModelSpec) -> bool {
    spec.pooling == Pooling::LastStep && !spec.masking
}

/// Builds the graph of a model.
///
/// # Errors
/// The first operation that TensorFlow refuses.
pub(crate) fn build(spec: &ModelSpec, run: Loop) -> Result<Programs, BackendError> {
    let builder = Builder::new(DataType::Float);
    let b = &builder;
    let parameters = spec.parameters();
    let variables = Variables::new(b, &parameters);
    let initialise = variables.initialise(b, &parameters)?;
    let train = train(b, spec, &variables, Differentiation::Stock(run))?;
    let fused = match spec.kernel {
        Kernel::Stock => None,
        Kernel::Fused => Some(self::train(b, spec, &variables, Differentiation::Fused)?),
    };
    let predict = predict(b, spec, run, &variables)?;
    let fused_predict = match spec.kernel {
        Kernel::Stock => None,
        Kernel::Fused => Some(self::fused_predict(b, spec, &variables)?),
    };
    let input_gradients = input_gradients(b, spec, run, &variables)?;
    let weights = variables.slots.iter().map(|slots| slots.weight.read().output()).collect::<Result<_, _>>()?;
    let read = |moment: for<'v> fn(&Slots<'v>) -> Value<'v>| -> Result<Vec<Output>, BackendError> {
        variables.slots.iter().map(|slots| moment(slots).read().output()).collect()
    };
    let moments = [read(|slots| slots.first)?, read(|slots| slots.second)?];
    let graph = builder.finish()?;
    Ok(Programs { graph, initialise, train, fused, predict, fused_predict, input_gradients, weights, moments })
}

/// The handles of a model's variables, in canonical order: the embedding first.
struct Variables<'b> {
    slots: Vec<Slots<'b>>,
}

impl<'b> Variables<'b> {
    fn new(b: &'b Builder, parameters: &[Parameter]) -> Self {
        let slots = parameters
            .iter()
            .map(|parameter| Slots {
                weight: b.variable(&parameter.name, &parameter.shape),
                first: b.variable(&format!("{}.first_moment", parameter.name), &parameter.shape),
                second: b.variable(&format!("{}.second_moment", parameter.name), &parameter.shape),
            })
            .collect();
        Self { slots }
    }

    fn initialise(&self, b: &'b Builder, parameters: &[Parameter]) -> Result<Initialise, BackendError> {
        let mut initialise = Initialise {
            parameters: Vec::new(),
            assigned: Vec::new(),
            cleared: Vec::new(),
            moments: [Vec::new(), Vec::new()],
            restored: Vec::new(),
        };
        let zeros = |parameter: &Parameter| {
            let shape: Vec<_> = parameter.shape.iter().map(|&axis| i32::try_from(axis).unwrap_or(i32::MAX)).collect();
            b.zeros(b.ints(&shape))
        };
        for (slots, parameter) in self.slots.iter().zip(parameters) {
            let placeholder = b.placeholder(b.element());
            initialise.parameters.push(placeholder.output()?);
            initialise.assigned.push(slots.weight.assign(placeholder, &[]).output()?);
            for (moment, placeholders) in [slots.first, slots.second].into_iter().zip(&mut initialise.moments) {
                initialise.cleared.push(moment.assign(zeros(parameter), &[]).output()?);
                let placeholder = b.placeholder(b.element());
                placeholders.push(placeholder.output()?);
                initialise.restored.push(moment.assign(placeholder, &[]).output()?);
            }
        }
        Ok(initialise)
    }

    /// The weights but for the embedding, in canonical order.
    fn read(&self) -> Vec<Value<'b>> {
        self.slots.iter().skip(1).map(|slots| slots.weight.read()).collect()
    }

    fn embedding(&self) -> Slots<'b> {
        self.slots[0]
    }
}

/// A batch as it enters the graph.
struct Batch<'b> {
    tokens: Value<'b>,
    answers: Answers<'b>,
    steps: Option<Value<'b>>,
    extent: Extent<'b>,
}

impl<'b> Batch<'b> {
    fn new(b: &'b Builder, spec: &ModelSpec) -> Self {
        let time = b.placeholder(DataType::Int32);
        Self::of_steps(b, spec, time, None)
    }

    /// A batch of which not all steps need be computed.
    fn padded(b: &'b Builder, spec: &ModelSpec) -> Self {
        let time = b.placeholder(DataType::Int32);
        Self::of_steps(b, spec, time, Some(b.placeholder(DataType::Int32)))
    }

    fn of_steps(b: &'b Builder, spec: &ModelSpec, time: Value<'b>, steps: Option<Value<'b>>) -> Self {
        let batch = b.placeholder(DataType::Int32);
        Self {
            tokens: b.placeholder(DataType::Int32),
            answers: if answers_last(spec) { Answers::Last } else { Answers::At(b.placeholder(DataType::Int32)) },
            steps,
            extent: Extent { time, steps: steps.unwrap_or(time), batch },
        }
    }

    fn feeds(&self) -> Result<BatchFeeds, BackendError> {
        let answers = self.answers.step().map(|steps| steps.output()).transpose()?;
        Ok(BatchFeeds {
            tokens: self.tokens.output()?,
            time: self.extent.time.output()?,
            steps: self.steps.map(|steps| steps.output()).transpose()?,
            batch: self.extent.batch.output()?,
            answers,
        })
    }
}

/// How the gradients of a training step are computed.
#[derive(Clone, Copy)]
enum Differentiation {
    /// Operation by operation.
    Stock(Loop),
    /// By a function that XLA compiles.
    Fused,
}

fn train(
    b: &Builder,
    spec: &ModelSpec,
    variables: &Variables<'_>,
    differentiation: Differentiation,
) -> Result<Train, BackendError> {
    let batch = match differentiation {
        Differentiation::Stock(_) => Batch::new(b, spec),
        Differentiation::Fused => Batch::padded(b, spec),
    };
    let labels = b.placeholder(b.element());
    let words = WordFeeds::new(b);
    let optimiser = Optimiser::new(b, spec);
    let dropout = dropout(b, spec, batch.extent);
    let embedded = variables.embedding().weight.gather_rows(batch.tokens);
    let weights = variables.read();
    let (gradients, squares) = match differentiation {
        Differentiation::Stock(run) => {
            let network = Network::new("train", spec, run, batch.extent, &weights);
            let masks = dropout::masks(&dropout.words, spec, batch.extent);
            let gradients = network.loss_gradients(embedded, batch.answers, labels, &masks);
            let squares = gradients.embedded.square();
            (gradients, squares)
        }
        Differentiation::Fused => {
            let (steps, answers) = (batch.extent.steps, batch.answers);
            let inputs = fused::Inputs { embedded, steps, labels, answers, words: &dropout.words, weights: &weights };
            fused::loss_gradients(b, spec, &inputs)?
        }
    };
    let rows = RowGradients::new(words, gradients.embedded, squares);

    let others = gradients.of_weights(spec.cell, batch.extent.batch);
    let clipping = Clipping::new(spec, rows.sums, squares, &others);
    let embedding = variables.embedding();
    let mut updates = vec![match differentiation {
        Differentiation::Stock(_) => rows.apply(&optimiser, embedding, clipping.factor(0)),
        Differentiation::Fused => rows.apply_compiled(&optimiser, embedding, clipping.factor(0)),
    }];
    for (parameter, (&slots, &gradient)) in variables.slots.iter().skip(1).zip(&others).enumerate() {
        let clipped = clipping.factor(parameter + 1).map_or(gradient, |factor| gradient * factor);
        updates.push(optimiser.apply(slots, clipped));
    }
    let mut reports = vec![gradients.loss.output()?, clipping.norm.output()?];
    for factor in &clipping.factors {
        reports.push(factor.output()?);
    }
    let [rate, epsilon, shrink] = optimiser.hyperparameters().all();
    Ok(Train {
        batch: batch.feeds()?,
        labels: labels.output()?,
        words: [words.words.output()?, words.occurrences.output()?, words.segments.output()?, words.rows.output()?],
        hyperparameters: [rate.output()?, epsilon.output()?, shrink.output()?],
        counters: dropout.counters.iter().map(|counter| counter.output()).collect::<Result<_, _>>()?,
        reports,
        updates: updates.iter().map(|update| update.output()).collect::<Result<_, _>>()?,
    })
}

fn predict(b: &Builder, spec: &ModelSpec, run: Loop, variables: &Variables<'_>) -> Result<Predict, BackendError> {
    let batch = Batch::new(b, spec);
    let network = Network::new("predict", spec, run, batch.extent, &variables.read());
    let embedded = variables.embedding().weight.gather_rows(batch.tokens);
    let logits = network.logits(embedded, batch.answers);
    Ok(Predict { batch: batch.feeds()?, logits: logits.output()? })
}

fn fused_predict(b: &Builder, spec: &ModelSpec, variables: &Variables<'_>) -> Result<FusedPredict, BackendError> {
    let batch = Batch::padded(b, spec);
    let weights = variables.read();
    let network = Network::new("words", spec, Loop::Compiled, batch.extent, &weights);
    let word_products = b.variable("word_products", &[spec.vocabulary_size, spec.cell.gates() * spec.hidden_size]);
    let renewed = word_products.assign(network.word_products(variables.embedding().weight.read()), &[]);
    let questions = fused::Questions {
        tokens: batch.tokens,
        rows: i32::try_from(ROWS_AT_ONCE).unwrap_or(i32::MAX),
        steps: batch.extent.steps,
        answers: batch.answers,
        word_products: word_products.read(),
        weights: &weights,
    };
    let logits = fused::logits(b, spec, &questions)?;
    let predict = Predict { batch: batch.feeds()?, logits: logits.output()? };
    Ok(FusedPredict { predict, renewed: renewed.output()? })
}

fn input_gradients(
    b: &Builder,
    spec: &ModelSpec,
    run: Loop,
    variables: &Variables<'_>,
) -> Result<InputGradients, BackendError> {
    let batch = Batch::new(b, spec);
    let labels = b.placeholder(b.element());
    let network = Network::new("input_gradients", spec, run, batch.extent, &variables.read());
    let embedded = variables.embedding().weight.gather_rows(batch.tokens);
    let gradients = network.loss_gradients(embedded, batch.answers, labels, &Masks::default());
    let norms = gradients.embedded.square().sum(&[1]).sqrt();
    Ok(InputGradients { batch: batch.feeds()?, labels: labels.output()?, norms: norms.output()? })
}
