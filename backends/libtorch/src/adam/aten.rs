//! The update as a chain of ATen operations, for any element kind and device.

use tch::{TchError, Tensor};

use super::{Block, Update};
use crate::embedding::EmbeddingGradient;

/// Updates a block whose gradient is dense.
pub(super) fn dense(block: &mut Block<'_>, gradient: &Tensor, update: &Update) -> Result<(), TchError> {
    let _ = block.weights.f_mul_scalar_(update.shrink)?;
    let gradient = gradient.f_mul_scalar(update.clip)?.f_add(&block.weights.f_mul_scalar(update.coupled_decay)?)?;
    let _ = block.first.f_mul_scalar_(update.beta1)?.f_add_(&gradient.f_mul_scalar(1.0 - update.beta1)?)?;
    let _ =
        block.second.f_mul_scalar_(update.beta2)?.f_add_(&gradient.f_square()?.f_mul_scalar(1.0 - update.beta2)?)?;
    step(block, update)
}

/// Updates the embedding, whose gradient has rows for the words of the batch only.
pub(super) fn by_word(block: &mut Block<'_>, gradient: &EmbeddingGradient, update: &Update) -> Result<(), TchError> {
    let _ = block.weights.f_mul_scalar_(update.shrink)?;
    let words = Tensor::f_from_slice(&gradient.words)?.f_to_device(block.weights.device())?;
    let sum = gradient.sum.f_mul_scalar(update.clip)?;
    let decay = block.weights.f_mul_scalar(update.coupled_decay)?.f_add_scalar_(update.idle)?;
    // No word stands twice among `words`, so the order of additions is fixed on every device.
    let _ = block.first.f_mul_scalar_(update.beta1)?.f_add_(&decay.f_mul_scalar(1.0 - update.beta1)?)?;
    let _ = block.first.f_index_add_(0, &words, &sum.f_mul_scalar(1.0 - update.beta1)?)?;
    let squares = match &gradient.squares {
        // Clipping comes before squaring: what it makes 0 has the square 0, even if what came had one beyond float32.
        Some(_) if update.clip == 0.0 => decay.f_square()?,
        Some(squares) => decay.f_square()?.f_index_add(0, &words, &squares.f_mul_scalar(update.clip * update.clip)?)?,
        None => decay.f_index_add(0, &words, &sum)?.f_square()?,
    };
    let _ = block.second.f_mul_scalar_(update.beta2)?.f_add_(&squares.f_mul_scalar(1.0 - update.beta2)?)?;
    step(block, update)
}

/// Moves the weights by the moments.
fn step(block: &mut Block<'_>, update: &Update) -> Result<(), TchError> {
    let divisor = block.second.f_sqrt()?.f_mul_scalar_(update.root_scale)?.f_add_scalar_(update.epsilon)?;
    let _ = block.weights.f_sub_(&block.first.f_div(&divisor)?.f_mul_scalar_(update.rate)?)?;
    Ok(())
}
