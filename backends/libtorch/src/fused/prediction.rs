//! One thread's rows of a prediction, through all layers step by step, keeping nothing but the states.

use super::activation::Real;
use super::kernels::{Forward, Shape};
use super::tape::Band;
use super::words::ProjectedWords;

/// One thread's rows.
pub(super) struct Part<'a, T> {
    /// The rows' tokens, step by step: those of step `t` start at `t * stride`.
    pub(super) tokens: &'a [i64],
    pub(super) stride: usize,
    /// For each row the step that answers.
    pub(super) answers: &'a [usize],
    /// One a layer, for one step.
    pub(super) layers: Vec<Band<'a, T>>,
    /// For the answers, `[rows, hidden_size]`.
    pub(super) pooled: &'a mut [T],
}

impl<T: Real> Part<'_, T> {
    /// Computes the outputs that answer.
    pub(super) fn run(self, words: &ProjectedWords<T>, kernels: &[Forward<T>], shapes: &[Shape]) {
        let Self { tokens, stride, answers, mut layers, pooled } = self;
        let hidden_size = shapes.first().map_or(1, |shape| shape.hidden_size);
        let last = answers.iter().copied().max().unwrap_or(0);
        for (step, tokens) in tokens.chunks(stride).take(last + 1).enumerate() {
            for (layer, kernels) in kernels.iter().enumerate() {
                let (below, here) = layers.split_at_mut(layer);
                let Some(band) = here.first_mut() else { continue };
                match below.last() {
                    Some(below) => kernels.step(band, 0, below.states[1]),
                    None => {
                        words.read(&tokens[..answers.len()], band.gates[0]);
                        kernels.step_from_projected(band, 0);
                    }
                }
            }
            if let Some(top) = layers.last() {
                let rows = pooled.chunks_exact_mut(hidden_size).zip(top.states[1].chunks_exact(hidden_size));
                for ((pooled, state), _) in rows.zip(answers).filter(|&(_, &answer)| answer == step) {
                    pooled.copy_from_slice(state);
                }
            }
            // What was reached is where the next step begins.
            for band in &mut layers {
                band.states.swap(0, 1);
                if band.cells.len() > 1 {
                    band.cells.swap(0, 1);
                }
            }
        }
    }
}
