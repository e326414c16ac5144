//! How far an update moves weights, measured row by row while a row is in the processor's nearest cache.

use tch::{Kind, TchError, Tensor};

/// The sum of the squared changes of a row: added up in eight lanes, so that the order of additions is the same on every processor.
pub(super) fn squared_change(before: &[f32], after: &[f32]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0_f64; LANES];
    let (before, before_rest) = before.as_chunks::<LANES>();
    let (after, after_rest) = after.as_chunks::<LANES>();
    for (before, after) in before.iter().zip(after) {
        for ((lane, before), after) in lanes.iter_mut().zip(before).zip(after) {
            let change = f64::from(*after) - f64::from(*before);
            *lane += change * change;
        }
    }
    let rest = before_rest.iter().zip(after_rest).map(|(before, after)| f64::from(*after) - f64::from(*before));
    lanes.iter().sum::<f64>() + rest.map(|change| change * change).sum::<f64>()
}

/// The same of tensors of any kind on any device.
pub(super) fn squared_change_of(before: &Tensor, after: &Tensor) -> Result<f64, TchError> {
    let change = after.f_to_kind(Kind::Double)?.f_sub(&before.f_to_kind(Kind::Double)?)?;
    change.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])
}
