//! Our own arrangement of the recurrent layers for the processor: hand-written forward and backward passes over
//! buffers that are allocated once.
//!
//! A step of a layer is a sum of matrix products ([`product`]) and one pass over its gates ([`gates`]). All layers take a
//! step before the next one begins, so that what belongs to it stays in the cache. Rows don't depend on each other, so
//! threads share them and meet twice a batch: at the loss and at the end. No autograd, no temporary tensors. The same
//! numbers as the stock layers' to float32 rounding.
//!
//! On the way back, steps that no gradient reaches are left out: what they would add is zero. Where the answer is read
//! at the last step, gradients shrink with every step away from it, and a SimpleRNN's are often below the smallest normal
//! number, which is zero here (see [`harness_contract::subnormal`]), long before the first step.

mod activation;
mod cell;
mod gates;
mod head;
mod kernels;
mod prediction;
mod product;
mod tape;
mod training;
mod weight_gradients;
mod words;

use harness_contract::ModelSpec;
use harness_contract::subnormal::SubnormalsAsZero;
use tch::{Kind, TchError, Tensor};

use self::activation::Real;
use self::head::Head;
use self::kernels::{Backward, Forward, Shape};
use self::tape::Tape;
use self::training::{Batch, Buffers};
use self::words::ProjectedWords;
use crate::dropout::Masks;
use crate::host::{elements, elements_mut};
use crate::input::Input;
use crate::network::Gradient;
use crate::parameters::{CoreViews, Layout, Parameters, length};
use crate::share;

/// What a model keeps between batches, for either kind of element.
#[derive(Default)]
pub(crate) struct Fused {
    single: Kept<f32>,
    double: Kept<f64>,
}

/// What a model with elements of kind `T` keeps between batches.
struct Kept<T> {
    training: Option<Buffers<T>>,
    prediction: Option<(usize, Vec<Tape<T>>)>,
    words: Option<ProjectedWords<T>>,
}

impl Fused {
    /// One logit a row, `[rows]`.
    pub(crate) fn logits(
        &mut self,
        spec: &ModelSpec,
        embedding: &Tensor,
        views: &CoreViews,
        input: &Input,
    ) -> Result<Tensor, TchError> {
        let _guard = SubnormalsAsZero::new();
        tch::no_grad(|| match embedding.f_kind()? {
            Kind::Double => self.double.logits(spec, embedding, views, input),
            _ => self.single.logits(spec, embedding, views, input),
        })
    }

    /// The mean loss of a batch and its gradient.
    pub(crate) fn gradient(
        &mut self,
        spec: &ModelSpec,
        layout: &Layout,
        parameters: &Parameters,
        views: &CoreViews,
        batch: (&Input, &Tensor),
        masks: &Masks,
    ) -> Result<Gradient, TchError> {
        let _guard = SubnormalsAsZero::new();
        tch::no_grad(|| match parameters.core.f_kind()? {
            Kind::Double => self.double.gradient(spec, layout, parameters, views, batch, masks),
            _ => self.single.gradient(spec, layout, parameters, views, batch, masks),
        })
    }

    /// Forgets what was computed from the weights, since they have changed.
    pub(crate) fn weights_changed(&mut self) {
        self.single.weights_changed();
        self.double.weights_changed();
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { training: None, prediction: None, words: None }
    }
}

impl<T: Real> Kept<T> {
    fn weights_changed(&mut self) {
        if let Some(words) = &mut self.words {
            words.forget();
        }
    }

    fn logits(
        &mut self,
        spec: &ModelSpec,
        embedding: &Tensor,
        views: &CoreViews,
        input: &Input,
    ) -> Result<Tensor, TchError> {
        let (shapes, rows) = (shapes(spec), input.rows);
        let kernels = arranged(&shapes, views, Forward::new)?;
        let tokens = elements::<i64>(&input.tokens)?;
        let Some((first, width)) = kernels.first().zip(shapes.first().map(|shape| shape.width())) else {
            return Err(TchError::Shape("a model without layers".into()));
        };
        let words = self.words.get_or_insert_with(|| ProjectedWords::new(spec.vocabulary_size, width));
        words.learn(tokens, embedding, first)?;

        let tapes = match self.prediction.take().filter(|(kept, _)| *kept == rows) {
            Some(kept) => kept,
            None => (rows, shapes.iter().map(|shape| Tape::new(shape.sizes(rows, 1), false)).collect()),
        };
        let (_, tapes) = self.prediction.insert(tapes);
        let shares = share::rows_each(rows, spec.threads, product::ROWS);
        let mut pooled = vec![T::ZERO; rows * spec.hidden_size];
        let mut at = 0;
        let mut parts: Vec<_> = tape::bands(&mut pooled, 1, spec.hidden_size, &shares)
            .into_iter()
            .flatten()
            .zip(&shares)
            .map(|(pooled, share)| {
                at += share;
                let (tokens, answers) = (&tokens[at - share..], &input.answer_steps[at - share..at]);
                prediction::Part { tokens, stride: rows, answers, layers: Vec::new(), pooled }
            })
            .collect();
        for tape in tapes {
            tape.clear_state();
            for (part, band) in parts.iter_mut().zip(tape.bands(1, &shares)) {
                part.layers.push(band);
            }
        }
        let words = &*words;
        share::each(parts, |part| part.run(words, &kernels, &shapes));
        Tensor::f_from_slice(&Head::new(views)?.logits(&pooled))
    }

    fn gradient(
        &mut self,
        spec: &ModelSpec,
        layout: &Layout,
        parameters: &Parameters,
        views: &CoreViews,
        (input, targets): (&Input, &Tensor),
        masks: &Masks,
    ) -> Result<Gradient, TchError> {
        let (shapes, options) = (shapes(spec), (T::KIND, parameters.core.device()));
        let batch = Batch::new(input, &parameters.embedding, masks, &shapes)?;
        let buffers = match self.training.take().filter(|buffers| buffers.suit(&batch)) {
            Some(kept) => kept,
            None => Buffers::new(&batch, &shapes),
        };
        let buffers = self.training.insert(buffers);
        let shares = share::rows_each(input.rows, spec.threads, product::ROWS);
        let size = [length(input.time), length(input.rows), length(spec.embedding_size)];
        let mut tokens = Tensor::f_empty(size, options)?;
        let core = Tensor::f_empty([length(layout.core_len())], options)?;
        let mut gradients = CoreViews::new(spec, &layout.views(&core)?)?;

        buffers.tapes.iter_mut().for_each(Tape::clear_state);
        let kernels = arranged(&shapes, views, Forward::new)?;
        let parts = buffers.parts(&batch, &shapes, &shares, elements_mut(&mut tokens)?);
        share::each(parts, |mut part| part.forward(&batch, &kernels, &shapes));

        let Some(top) = buffers.tapes.last_mut() else {
            return Err(TchError::Shape("a model without layers".into()));
        };
        let answers = || input.answer_steps.iter().enumerate();
        let mut pooled: Vec<_> = answers().flat_map(|(row, &step)| top.output(step, row)).copied().collect();
        let mask = masks.after_last.as_ref().map(elements::<T>).transpose()?;
        let masked = |values: &mut [T]| mask.map_or((), |mask| gates::multiply_by(values, mask));
        masked(&mut pooled);
        let head = Head::new(views)?;
        let (loss, per_logit) = head::loss(&head.logits(&pooled), elements(targets)?);
        head::write_gradient(&per_logit, &pooled, &mut gradients)?;
        let mut per_answer = head.back(&per_logit);
        masked(&mut per_answer);

        buffers.tapes.iter_mut().for_each(Tape::clear_gradients);
        if let Some(top) = buffers.tapes.last_mut() {
            for ((row, &step), gradient) in answers().zip(per_answer.chunks_exact(spec.hidden_size)) {
                top.output_gradient(step, row).copy_from_slice(gradient);
            }
        }
        let kernels = arranged(&shapes, views, Backward::new)?;
        let mut by_thread: Vec<_> = shares.iter().map(|_| Vec::new()).collect();
        let parts = buffers.parts(&batch, &shapes, &shares, elements_mut(&mut tokens)?);
        share::each(parts.into_iter().zip(&mut by_thread), |(mut part, gradients)| {
            *gradients = part.back(&batch, &kernels, &shapes);
        });
        let mut by_thread = by_thread.into_iter();
        let mut sums = by_thread.next().unwrap_or_default();
        for other in by_thread {
            sums.iter_mut().zip(&other).for_each(|(sum, other)| sum.merge(other));
        }
        for (sum, gradients) in sums.iter().zip(&mut gradients.layers) {
            sum.write(gradients)?;
        }
        Ok(Gradient { loss, core, tokens })
    }
}

/// What each layer is made for.
fn shapes(spec: &ModelSpec) -> Vec<Shape> {
    let shape = |layer: usize| Shape {
        cell: spec.cell,
        hidden_size: spec.hidden_size,
        input_size: if layer == 0 { spec.embedding_size } else { spec.hidden_size },
    };
    (0..spec.layers).map(shape).collect()
}

/// Every layer's weights, arranged.
fn arranged<K>(
    shapes: &[Shape],
    views: &CoreViews,
    arrange: impl Fn(Shape, &crate::parameters::LayerViews) -> Result<K, TchError>,
) -> Result<Vec<K>, TchError> {
    shapes.iter().zip(&views.layers).map(|(&shape, weights)| arrange(shape, weights)).collect()
}
