//! The network as a graph: logits, the loss, and the gradient of the loss with respect to every weight and every embedded token.

use harness_contract::{BiasVectors, CellKind, ModelSpec};

use crate::cells::{self, Layer, LayerWeights, Outputs, Upstream, WeightGradients};
use crate::graph::Value;
use crate::graph::scan::{Extent, Loop};

/// The recurrent layers and the head.
pub(crate) struct Network<'b> {
    /// The layer that reads the outputs of `below`, or the embedded tokens.
    pub(crate) top: Layer<'b>,
    /// The other layers, from the one that reads the embedded tokens up.
    pub(crate) below: Vec<Layer<'b>>,
    /// `[1, hidden]`.
    pub(crate) head_kernel: Value<'b>,
    /// `[1]`.
    pub(crate) head_bias: Value<'b>,
}

/// Which step of each row goes into the head.
#[derive(Clone, Copy)]
pub(crate) enum Answers<'b> {
    /// The last step computed, the same for all rows.
    Last,
    /// A step for each row: its step and its row, `[batch, 2]`.
    At(Value<'b>),
}

/// What dropout multiplies values by: 0 or `1 / (1 - rate)`. None where the rate is 0.
#[derive(Clone, Default)]
pub(crate) struct Masks<'b> {
    /// Of the embedded tokens, `[time * batch, embedding]`.
    pub(crate) after_embedding: Option<Value<'b>>,
    /// Of the output of each layer but the last, `[time * batch, hidden]`; empty or one for each.
    pub(crate) between_layers: Vec<Value<'b>>,
    /// Of the pooled output, `[batch, hidden]`.
    pub(crate) after_last: Option<Value<'b>>,
}

/// The mean loss of a batch and its gradients, made of values `V`.
pub(crate) struct LossGradients<V> {
    /// The mean loss.
    pub(crate) loss: V,
    /// Of the embedded tokens, each occurrence its own, `[time * batch, embedding]`.
    pub(crate) embedded: V,
    /// Of the weights of each layer, from the one that reads the embedded tokens up.
    pub(crate) layers: Vec<WeightGradients<V>>,
    /// Of the head's kernel, `[1, hidden]`, and bias, `[1]`.
    pub(crate) head: [V; 2],
}

impl<'b> Answers<'b> {
    /// The tensor of steps, if there is one.
    pub(crate) fn step(self) -> Option<Value<'b>> {
        match self {
            Answers::Last => None,
            Answers::At(steps) => Some(steps),
        }
    }

    /// The same with the next of these in place of its tensor.
    pub(crate) fn replaced<'s>(self, by: &mut impl Iterator<Item = Value<'s>>) -> Answers<'s> {
        self.step().and_then(|_| by.next()).map_or(Answers::Last, Answers::At)
    }
}

impl<'b> Masks<'b> {
    /// All masks, in the order of their places.
    pub(crate) fn all(&self) -> Vec<Value<'b>> {
        self.after_embedding.iter().chain(&self.between_layers).chain(&self.after_last).copied().collect()
    }

    /// Masks that stand for these, one for one.
    pub(crate) fn replaced<'s>(&self, by: &mut impl Iterator<Item = Value<'s>>) -> Masks<'s> {
        Masks {
            after_embedding: self.after_embedding.and_then(|_| by.next()),
            between_layers: by.take(self.between_layers.len()).collect(),
            after_last: self.after_last.and_then(|_| by.next()),
        }
    }
}

impl<V: Copy> LossGradients<V> {
    /// The same gradients of other values.
    pub(crate) fn map<W>(&self, to: &mut impl FnMut(V) -> W) -> LossGradients<W> {
        LossGradients {
            loss: to(self.loss),
            embedded: to(self.embedded),
            layers: self.layers.iter().map(|layer| layer.map(to)).collect(),
            head: self.head.map(to),
        }
    }
}

impl<'b> LossGradients<Value<'b>> {
    /// The gradients of all weights but the embedding in canonical order, each in its weight's shape; `batch` is the number of rows, a scalar.
    pub(crate) fn of_weights(&self, cell: CellKind, batch: Value<'b>) -> Vec<Value<'b>> {
        self.layers.iter().flat_map(|layer| layer.in_canonical_order(cell, batch)).chain(self.head).collect()
    }
}

/// How many weights a layer has: two kernels and its biases.
fn weights_per_layer(spec: &ModelSpec) -> usize {
    if spec.bias_vectors == BiasVectors::Two { 4 } else { 3 }
}

impl<'b> Network<'b> {
    /// A network of this spec; `weights` are all but the embedding, in canonical order, and `name` distinguishes its
    /// loops from those of the graph's other networks.
    pub(crate) fn new(name: &str, spec: &ModelSpec, run: Loop, extent: Extent<'b>, weights: &[Value<'b>]) -> Self {
        let per_layer = weights_per_layer(spec);
        let layers = weights.chunks_exact(per_layer).take(spec.layers).enumerate();
        let mut layers: Vec<_> = layers
            .map(|(number, weights)| Layer {
                name: format!("{name}_layer_{number}"),
                cell: spec.cell,
                hidden: i32::try_from(spec.hidden_size).unwrap_or(i32::MAX),
                run,
                extent,
                weights: LayerWeights {
                    input_kernel: weights[0],
                    recurrent_kernel: weights[1],
                    input_bias: weights[2],
                    recurrent_bias: weights.get(3).copied(),
                },
            })
            .collect();
        let head = &weights[per_layer * spec.layers..];
        let top = layers.remove(spec.layers - 1);
        Self { top, below: layers, head_kernel: head[0], head_bias: head[1] }
    }

    /// The logits of a batch, `[batch]`, without dropout; `embedded` is `[time * batch, embedding]`.
    pub(crate) fn logits(&self, embedded: Value<'b>, answers: Answers<'b>) -> Value<'b> {
        let inputs = self.below.iter().fold(embedded, |inputs, layer| cells::outputs(layer, inputs).all);
        let pooled = match answers {
            Answers::Last => cells::last_output(&self.top, inputs),
            Answers::At(_) => self.pool(cells::outputs(&self.top, inputs), answers),
        };
        self.head(pooled)
    }

    /// What [`Network::logits_of_words`] looks up: the first layer's products with all words, `[words, gates * hidden]`.
    pub(crate) fn word_products(&self, embedding: Value<'b>) -> Value<'b> {
        cells::word_products(self.layers()[0], embedding)
    }

    /// The logits of a batch, `[batch]`, without dropout, all layers in one loop; `tokens` are `[time, batch]`.
    pub(crate) fn logits_of_words(
        &self,
        word_products: Value<'b>,
        tokens: Value<'b>,
        answers: Answers<'b>,
    ) -> Value<'b> {
        let layers = self.layers();
        self.head(match answers {
            Answers::Last => cells::stacked_last_output(&layers, word_products, tokens),
            Answers::At(steps) => self.at(cells::stacked_outputs(&layers, word_products, tokens), steps),
        })
    }

    /// The layers from the one that reads the embedded tokens up.
    fn layers(&self) -> Vec<&Layer<'b>> {
        self.below.iter().chain([&self.top]).collect()
    }

    /// The mean cross-entropy of a batch and its gradients; `labels` is `[batch]`.
    pub(crate) fn loss_gradients(
        &self,
        embedded: Value<'b>,
        answers: Answers<'b>,
        labels: Value<'b>,
        masks: &Masks<'b>,
    ) -> LossGradients<Value<'b>> {
        let mut inputs = masked(embedded, masks.after_embedding);
        let mut recorded = Vec::new();
        for (number, layer) in self.below.iter().enumerate() {
            let (outputs, tape) = cells::record(layer, inputs);
            recorded.push((layer, inputs, tape));
            inputs = masked(outputs.all, masks.between_layers.get(number).copied());
        }
        let (outputs, tape) = cells::record(&self.top, inputs);
        let pooled = masked(self.pool(outputs, answers), masks.after_last);
        let logits = self.head(pooled);
        let rows = self.top.extent.batch.cast();
        let loss = logits.cross_entropy(labels).sum(&[0]).divided_by(rows);

        let of_logits = (logits.sigmoid() - labels).divided_by(rows).reshape_to(&[-1, 1]);
        let of_pooled = masked(of_logits.matmul(self.head_kernel), masks.after_last);
        let upstream = match answers {
            Answers::Last => Upstream::Last(of_pooled),
            Answers::At(steps) => {
                Upstream::Outputs(of_pooled.scatter_nd(steps, self.top.extent.steps_of(self.top.hidden)))
            }
        };
        let mut gradients = cells::backward(&self.top, inputs, &tape, upstream);
        let mut layers = vec![gradients.weights];
        for (number, (layer, inputs, tape)) in recorded.iter().enumerate().rev() {
            let of_outputs = masked(gradients.inputs, masks.between_layers.get(number).copied());
            let upstream = Upstream::Outputs(of_outputs.reshape(layer.extent.steps_of(layer.hidden)));
            gradients = cells::backward(layer, *inputs, tape, upstream);
            layers.push(gradients.weights);
        }
        layers.reverse();
        let head = [of_logits.transposed_matmul(pooled), of_logits.sum(&[0])];
        LossGradients { loss, embedded: masked(gradients.inputs, masks.after_embedding), layers, head }
    }

    /// The logits, `[batch]`, of pooled outputs, `[batch, hidden]`.
    fn head(&self, pooled: Value<'b>) -> Value<'b> {
        pooled.matmul_transposed(self.head_kernel).plus_bias(self.head_bias).reshape_to(&[-1])
    }

    /// The output of each row's answering step, `[batch, hidden]`.
    fn pool(&self, outputs: Outputs<'b>, answers: Answers<'b>) -> Value<'b> {
        match answers {
            Answers::Last => outputs.last,
            Answers::At(steps) => self.at(outputs.all, steps),
        }
    }

    /// The outputs at these steps and rows, `[batch, 2]`.
    fn at(&self, outputs: Value<'b>, steps: Value<'b>) -> Value<'b> {
        outputs.reshape(self.top.extent.steps_of(self.top.hidden)).gather_nd(steps)
    }
}

fn masked<'b>(values: Value<'b>, mask: Option<Value<'b>>) -> Value<'b> {
    mask.map_or(values, |mask| values * mask)
}
