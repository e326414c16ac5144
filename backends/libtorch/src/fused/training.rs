//! One thread's rows of a training step, through all layers step by step.

use tch::TchError;

use super::activation::Real;
use super::gates;
use super::kernels::{Backward, Forward, Shape};
use super::product::Start;
use super::tape::{Band, Tape, bands};
use super::weight_gradients::WeightGradients;
use crate::dropout::Masks;
use crate::host::elements;
use crate::input::Input;

/// What all threads read.
pub(super) struct Batch<'a, T> {
    pub(super) rows: usize,
    pub(super) time: usize,
    /// Token ids, `[time, rows]`.
    pub(super) tokens: &'a [i64],
    /// `[vocabulary_size, embedding_size]`.
    pub(super) embedding: &'a [T],
    pub(super) embedding_size: usize,
    /// The masks on what each layer reads, `[time, rows, input_size]`.
    masks: Vec<Option<&'a [T]>>,
}

/// The buffers of a model for batches of some size.
pub(super) struct Buffers<T> {
    rows: usize,
    time: usize,
    /// One a layer.
    pub(super) tapes: Vec<Tape<T>>,
    /// What each layer reads, `[time, rows, input_size]`; empty where that is the output of the layer below.
    inputs: Vec<Vec<T>>,
}

/// One thread's rows.
pub(super) struct Part<'a, T> {
    /// The first row.
    first: usize,
    layers: Vec<Band<'a, T>>,
    inputs: Vec<Vec<&'a mut [T]>>,
    /// For the gradient with respect to the embedded tokens, a slice a step.
    at_tokens: Vec<&'a mut [T]>,
}

impl<'a, T: Real> Batch<'a, T> {
    /// A batch over an embedding for a model of so many layers.
    pub(super) fn new(
        input: &'a Input,
        embedding: &'a tch::Tensor,
        masks: &'a Masks,
        shapes: &[Shape],
    ) -> Result<Self, TchError> {
        let between = |layer: usize| masks.between_layers.get(layer - 1);
        let masks = (0..shapes.len())
            .map(|layer| if layer == 0 { masks.after_embedding.as_ref() } else { between(layer) })
            .map(|mask| mask.map(elements::<T>).transpose())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            rows: input.rows,
            time: input.time,
            tokens: elements(&input.tokens)?,
            embedding: elements(embedding)?,
            embedding_size: shapes.first().map_or(0, |shape| shape.input_size),
            masks,
        })
    }

    /// A layer's mask on a step of some rows from `first` on, `len` elements.
    fn mask(&self, layer: usize, step: usize, first: usize, width: usize, len: usize) -> Option<&'a [T]> {
        let mask = (*self.masks.get(layer)?)?;
        Some(&mask[(step * self.rows + first) * width..][..len])
    }

    /// The embedded tokens of a step of some rows.
    fn embed(&self, step: usize, first: usize, out: &mut [T]) {
        let tokens = &self.tokens[step * self.rows + first..];
        for (out, &token) in out.chunks_exact_mut(self.embedding_size).zip(tokens) {
            out.copy_from_slice(self.word(token));
        }
    }

    /// The embedding of a word. Callers have checked that batches hold words of the vocabulary only.
    fn word(&self, token: i64) -> &'a [T] {
        let start = usize::try_from(token).unwrap_or_default() * self.embedding_size;
        &self.embedding[start..start + self.embedding_size]
    }
}

impl<T: Real> Buffers<T> {
    /// Buffers for a batch.
    pub(super) fn new(batch: &Batch<'_, T>, shapes: &[Shape]) -> Self {
        let (rows, time) = (batch.rows, batch.time);
        let tapes = shapes.iter().map(|&shape| Tape::new(shape.sizes(rows, time), true)).collect();
        let inputs = shapes
            .iter()
            .zip(&batch.masks)
            .enumerate()
            .map(|(layer, (shape, mask))| {
                let own = layer == 0 || mask.is_some();
                vec![T::ZERO; if own { time * rows * shape.input_size } else { 0 }]
            })
            .collect();
        Self { rows, time, tapes, inputs }
    }

    /// Whether they serve a batch.
    pub(super) fn suit(&self, batch: &Batch<'_, T>) -> bool {
        let fits = |(inputs, mask): (&Vec<T>, &Option<&[T]>)| inputs.is_empty() != mask.is_some();
        let inputs_fit = self.inputs.iter().zip(&batch.masks).skip(1).all(fits);
        self.rows == batch.rows && self.time >= batch.time && inputs_fit
    }

    /// Their parts for threads that share the rows.
    pub(super) fn parts<'a>(
        &'a mut self,
        batch: &Batch<'_, T>,
        shapes: &[Shape],
        shares: &[usize],
        at_tokens: &'a mut [T],
    ) -> Vec<Part<'a, T>> {
        let mut first = 0;
        let mut parts: Vec<_> = bands(at_tokens, batch.time, batch.embedding_size, shares)
            .into_iter()
            .zip(shares)
            .map(|(at_tokens, rows)| {
                first += rows;
                Part { first: first - rows, layers: Vec::new(), inputs: Vec::new(), at_tokens }
            })
            .collect();
        for ((tape, inputs), shape) in self.tapes.iter_mut().zip(&mut self.inputs).zip(shapes) {
            let inputs = bands(inputs, batch.time, shape.input_size, shares);
            let layers = tape.bands(batch.time, shares);
            for ((part, layer), inputs) in parts.iter_mut().zip(layers).zip(inputs) {
                part.layers.push(layer);
                part.inputs.push(inputs);
            }
        }
        parts
    }
}

impl<T: Real> Part<'_, T> {
    /// The way forward.
    pub(super) fn forward(&mut self, batch: &Batch<'_, T>, kernels: &[Forward<T>], shapes: &[Shape]) {
        for step in 0..batch.time {
            for (layer, kernels) in kernels.iter().enumerate() {
                let (below, here) = self.layers.split_at_mut(layer);
                let (Some(band), width) = (here.first_mut(), shapes[layer].input_size) else { continue };
                let own = self.inputs[layer].get_mut(step);
                let input: &[T] = match (own, below.last()) {
                    (Some(own), None) => {
                        match batch.mask(layer, step, self.first, width, own.len()) {
                            Some(mask) => {
                                let tokens = &batch.tokens[step * batch.rows + self.first..];
                                let rows = own.chunks_exact_mut(width).zip(mask.chunks_exact(width)).zip(tokens);
                                for ((own, mask), &token) in rows {
                                    gates::multiply(batch.word(token), mask, own);
                                }
                            }
                            None => batch.embed(step, self.first, own),
                        }
                        own
                    }
                    (Some(own), Some(below)) => {
                        if let Some(mask) = batch.mask(layer, step, self.first, width, own.len()) {
                            gates::multiply(below.states[step + 1], mask, own);
                        }
                        own
                    }
                    (None, Some(below)) => below.states[step + 1],
                    (None, None) => continue,
                };
                kernels.step(band, step, input);
            }
        }
    }

    /// The way back. The gradients with respect to the outputs stand in the tapes.
    pub(super) fn back(
        &mut self,
        batch: &Batch<'_, T>,
        kernels: &[Backward<T>],
        shapes: &[Shape],
    ) -> Vec<WeightGradients<T>> {
        let rows = self.at_tokens.first().map_or(0, |tokens| tokens.len() / batch.embedding_size);
        let mut gradients: Vec<_> = shapes.iter().map(|&shape| WeightGradients::new(shape, rows)).collect();
        let mut at_input = vec![T::ZERO; rows * shapes.first().map_or(0, |shape| shape.hidden_size)];
        for step in (0..batch.time).rev() {
            for layer in (0..kernels.len()).rev() {
                let (below, here) = self.layers.split_at_mut(layer);
                let (Some(band), width) = (here.first_mut(), shapes[layer].input_size) else { continue };
                let output = match below.last_mut() {
                    None => {
                        let at_tokens = &mut *self.at_tokens[step];
                        if !kernels[layer].step(band, step, Start::Zero, at_tokens) {
                            at_tokens.fill(T::ZERO);
                            continue;
                        }
                        if let Some(mask) = batch.mask(layer, step, self.first, width, at_tokens.len()) {
                            gates::multiply_by(at_tokens, mask);
                        }
                        None
                    }
                    Some(below) => {
                        // The layer below has already added what comes from its own next step.
                        let at_output = &mut *below.upstream[step + 1];
                        let reached = match batch.mask(layer, step, self.first, width, at_output.len()) {
                            None => kernels[layer].step(band, step, Start::There, at_output),
                            Some(mask) => {
                                let reached = kernels[layer].step(band, step, Start::Zero, &mut at_input);
                                if reached {
                                    gates::multiply_and_add(&at_input, mask, at_output);
                                }
                                reached
                            }
                        };
                        if !reached {
                            continue;
                        }
                        Some(&*below.states[step + 1])
                    }
                };
                let own = self.inputs[layer].get(step).map(|own| &**own);
                if let Some(input) = own.or(output) {
                    gradients[layer].add(band, step, input);
                }
            }
        }
        for (gradients, band) in gradients.iter_mut().zip(&self.layers) {
            gradients.add_waiting(band);
        }
        gradients
    }
}
