//! The update in one pass over float32 weights in main memory.
//!
//! Every element is computed alone, so neither the number of threads nor how the rows are shared among them can change
//! a bit of the result.

use std::thread;

use harness_contract::subnormal::SubnormalsAsZero;
use tch::{TchError, Tensor};

use super::{Block, Update};
use crate::embedding::EmbeddingGradient;
use crate::host::{elements, elements_mut};
use crate::norm::squared_distance;

/// The numbers of an update in the precision it is computed in.
#[derive(Clone, Copy)]
struct Constants {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    epsilon: f32,
    rate: f32,
    root_scale: f32,
    clip: f32,
    idle: f32,
    coupled_decay: f32,
    shrink: f32,
}

/// A run of consecutive rows of the embedding with their moments.
struct Rows<'a> {
    weights: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    /// For each row the row of the gradient that belongs to it, if its word occurs.
    slots: &'a [Option<usize>],
    /// For each row where the sum of its squared changes goes; empty where nobody asks.
    moved: &'a mut [f64],
}

/// Elements of a dense block that are updated and measured at once; they fit the nearest cache with all that belongs to them.
const MEASURED_AT_ONCE: usize = 1024;

/// Updates a block whose gradient is dense. Gives the sum of the squared changes of its weights, where that is to be measured.
pub(super) fn dense(block: &mut Block<'_>, gradient: &Tensor, update: &Update) -> Result<f64, TchError> {
    let constants = Constants::new(update);
    let gradient = elements(gradient)?;
    let (weights, first, second) =
        (elements_mut(block.weights)?, elements_mut(block.first)?, elements_mut(block.second)?);
    let _guard = SubnormalsAsZero::new();
    if !update.measured {
        update_row(&constants, weights, first, second, gradient);
        return Ok(0.0);
    }
    let size = MEASURED_AT_ONCE;
    let parts = weights.chunks_mut(size).zip(first.chunks_mut(size)).zip(second.chunks_mut(size));
    let mut moved = 0.0;
    for (((weights, first), second), gradient) in parts.zip(gradient.chunks(size)) {
        let before = weights.to_vec();
        update_row(&constants, weights, first, second, gradient);
        moved += squared_distance(&before, weights);
    }
    Ok(moved)
}

/// Updates the embedding, whose gradient has rows for the words of the batch only. Rows of other words move as well, by
/// their moments. Gives the sum of the squared changes, where that is to be measured.
pub(super) fn by_word(
    block: &mut Block<'_>,
    gradient: &EmbeddingGradient,
    update: &Update,
    threads: usize,
) -> Result<f64, TchError> {
    let constants = Constants::new(update);
    let columns = usize::try_from(block.weights.size2()?.1).unwrap_or(1).max(1);
    let sum = elements(&gradient.sum)?;
    let squares = gradient.squares.as_ref().map(elements::<f32>).transpose()?;
    let (weights, first, second) =
        (elements_mut(block.weights)?, elements_mut(block.first)?, elements_mut(block.second)?);
    let mut slots = vec![None; weights.len() / columns];
    for (slot, &word) in gradient.words.iter().enumerate() {
        match usize::try_from(word).ok().and_then(|word| slots.get_mut(word)) {
            Some(place) => *place = Some(slot),
            None => return Err(TchError::Shape(format!("word {word} is not in the embedding"))),
        }
    }
    let share = slots.len().div_ceil(threads.max(1)).max(1);
    // One for each row, so that their sum doesn't depend on who computes which.
    let mut moved = vec![0.0; if update.measured { slots.len() } else { 0 }];
    let mut moved_rows = moved.chunks_mut(share);
    let shares = weights
        .chunks_mut(share * columns)
        .zip(first.chunks_mut(share * columns))
        .zip(second.chunks_mut(share * columns))
        .zip(slots.chunks(share))
        .map(|(((weights, first), second), slots)| {
            let moved = moved_rows.next().unwrap_or_default();
            Rows { weights, first, second, slots, moved }
        });
    thread::scope(|scope| {
        let mut mine = None;
        for rows in shares {
            // The first share is this thread's own.
            match mine {
                None => mine = Some(rows),
                Some(_) => drop(scope.spawn(move || update_rows(&constants, rows, columns, sum, squares))),
            }
        }
        if let Some(rows) = mine {
            update_rows(&constants, rows, columns, sum, squares);
        }
    });
    Ok(moved.iter().sum())
}

impl Constants {
    #[expect(clippy::cast_possible_truncation, reason = "the update is computed in float32")]
    fn new(update: &Update) -> Self {
        Self {
            beta1: update.beta1 as f32,
            rest1: (1.0 - update.beta1) as f32,
            beta2: update.beta2 as f32,
            rest2: (1.0 - update.beta2) as f32,
            epsilon: update.epsilon as f32,
            rate: update.rate as f32,
            root_scale: update.root_scale as f32,
            clip: update.clip as f32,
            idle: update.idle as f32,
            coupled_decay: update.coupled_decay as f32,
            shrink: update.shrink as f32,
        }
    }

    /// The sum of squares of clipped occurrences. Clipping comes before squaring: where it makes an occurrence 0, its square is 0, even if the
    /// square of what came was beyond float32.
    #[inline(always)]
    fn clipped_square(&self, square: f32) -> f32 {
        if self.clip == 0.0 { 0.0 } else { self.clip * self.clip * square }
    }

    /// The new first and second moment and weight of one element, from its gradient (clipped and with decay) and its
    /// square.
    #[inline(always)]
    fn step(&self, weight: f32, first: f32, second: f32, gradient: f32, square: f32) -> (f32, f32, f32) {
        let first = self.beta1 * first + self.rest1 * gradient;
        let second = self.beta2 * second + self.rest2 * square;
        let weight = weight - self.rate * (first / (self.root_scale * second.sqrt() + self.epsilon));
        (weight, first, second)
    }
}

fn update_rows(constants: &Constants, rows: Rows<'_>, columns: usize, sum: &[f32], squares: Option<&[f32]>) {
    let _guard = SubnormalsAsZero::new();
    let Rows { weights, first, second, slots, moved } = rows;
    let mut moved = moved.iter_mut();
    let mut before = Vec::new();
    let rows =
        weights.chunks_exact_mut(columns).zip(first.chunks_exact_mut(columns)).zip(second.chunks_exact_mut(columns));
    for (((weights, first), second), slot) in rows.zip(slots) {
        let moved = moved.next();
        if moved.is_some() {
            before.clear();
            before.extend_from_slice(weights);
        }
        match (slot.map(|slot| slot * columns..(slot + 1) * columns), squares) {
            (None, _) => update_idle_row(constants, weights, first, second),
            (Some(at), None) => update_row(constants, weights, first, second, &sum[at]),
            (Some(at), Some(squares)) => {
                update_row_with_squares(constants, weights, first, second, &sum[at.clone()], &squares[at]);
            }
        }
        if let Some(moved) = moved {
            *moved = squared_distance(&before, weights);
        }
    }
}

/// A row with a gradient, which is squared.
fn update_row(constants: &Constants, weights: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
    for (((weight, first), second), gradient) in weights.iter_mut().zip(first).zip(second).zip(gradient) {
        let shrunk = *weight * constants.shrink;
        let gradient = constants.clip * gradient + constants.coupled_decay * shrunk;
        (*weight, *first, *second) = constants.step(shrunk, *first, *second, gradient, gradient * gradient);
    }
}

/// A row with a gradient and the sum of its occurrences' squares. Coupled decay counts as an occurrence of its own.
fn update_row_with_squares(
    constants: &Constants,
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
    squares: &[f32],
) {
    let moments = weights.iter_mut().zip(first).zip(second);
    for ((((weight, first), second), gradient), square) in moments.zip(gradient).zip(squares) {
        let shrunk = *weight * constants.shrink;
        let decay = constants.coupled_decay * shrunk;
        let gradient = constants.clip * gradient + decay;
        let square = constants.clipped_square(*square) + decay * decay;
        (*weight, *first, *second) = constants.step(shrunk, *first, *second, gradient, square);
    }
}

/// A row whose word doesn't occur: its gradient is that of the decay alone, unless clipping makes NaN of all.
fn update_idle_row(constants: &Constants, weights: &mut [f32], first: &mut [f32], second: &mut [f32]) {
    for ((weight, first), second) in weights.iter_mut().zip(first).zip(second) {
        let shrunk = *weight * constants.shrink;
        let gradient = constants.idle + constants.coupled_decay * shrunk;
        (*weight, *first, *second) = constants.step(shrunk, *first, *second, gradient, gradient * gradient);
    }
}
