//! The dense head and the loss, by sums of a fixed order and exponentials in float64 that no library chooses by processor: nothing here
//! depends on how long a processor's vectors are.

use tch::TchError;

use super::activation::Real;
use super::kernels::term;
use super::product::{Left, Out, Packed, Start, Term, product};
use crate::host::{elements, elements_mut};
use crate::parameters::CoreViews;

/// The head's weights.
pub(super) struct Head<'a, T> {
    /// `[hidden_size]`.
    weight: &'a [T],
    bias: &'a [T],
}

impl<'a, T: Real> Head<'a, T> {
    pub(super) fn new(views: &'a CoreViews) -> Result<Self, TchError> {
        Ok(Self { weight: elements(&views.head_weight)?, bias: elements(&views.head_bias)? })
    }

    /// The logits of pooled outputs `[rows, hidden_size]`.
    pub(super) fn logits(&self, pooled: &[T]) -> Vec<T> {
        let hidden_size = self.weight.len();
        let mut logits = vec![T::ZERO; pooled.len() / hidden_size];
        let weight = Packed::new(hidden_size, 1, |k, _| self.weight[k]);
        let out = Out { stride: 1, rows: logits.len(), columns: 1, elements: &mut logits };
        product(Start::Row(self.bias), &[term(pooled, hidden_size, &weight)], out);
        logits
    }

    /// From the loss' derivative by each logit, `[rows]`, to that by the pooled outputs, `[rows, hidden_size]`.
    pub(super) fn back(&self, per_logit: &[T]) -> Vec<T> {
        per_logit.iter().flat_map(|&derivative| self.weight.iter().map(move |&weight| derivative * weight)).collect()
    }
}

/// Writes the gradient of the head's weights.
pub(super) fn write_gradient<T: Real>(
    per_logit: &[T],
    pooled: &[T],
    gradients: &mut CoreViews,
) -> Result<(), TchError> {
    let (rows, weight) = (per_logit.len(), elements_mut::<T>(&mut gradients.head_weight)?);
    let mut outputs = Packed::empty();
    outputs.arrange(pooled, weight.len());
    let left = Left { elements: per_logit, row_stride: rows, column_stride: 1 };
    let out = Out { stride: weight.len(), rows: 1, columns: weight.len(), elements: weight };
    product(Start::Zero, &[Term { left, right: &outputs }], out);
    let bias = elements_mut::<T>(&mut gradients.head_bias)?;
    bias.fill(T::ZERO);
    per_logit.iter().for_each(|&derivative| bias.iter_mut().for_each(|sum| *sum += derivative));
    Ok(())
}

/// The mean binary cross-entropy of logits with targets, both `[rows]`, in nats, and its derivative by each logit: the predicted probability minus the target,
/// over the rows. The probability is rounded to the elements' kind, as in PyTorch: what is predicted right with certainty to that precision has the
/// derivative 0.
pub(super) fn loss<T: Real>(logits: &[T], targets: &[T]) -> (f64, Vec<T>) {
    #[expect(clippy::cast_precision_loss, reason = "a batch has fewer than 2^52 rows")]
    let rows = logits.len() as f64;
    let pairs = || logits.iter().zip(targets);
    // As in PyTorch, so that what is not finite comes out alike: `(1 - y) x - ln(sigmoid(x))`.
    let of_row = |x: f64, y: f64| (1.0 - y) * x - (x.min(0.0) - libm::log1p(libm::exp(-x.abs())));
    let total: f64 = pairs().map(|(&x, &y)| of_row(x.into(), y.into())).sum();
    let derivative = |(&x, &y): (&T, &T)| {
        let probability = T::rounded(1.0 / (1.0 + libm::exp(-x.into())));
        (probability - y) / T::rounded(rows)
    };
    (total / rows, pairs().map(derivative).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loss and derivative of one row by libtorch.
    fn by_libtorch(x: f32, y: f32) -> (f64, f32) {
        let logit = tch::Tensor::from_slice(&[x]).set_requires_grad(true);
        let target = tch::Tensor::from_slice(&[y]);
        let loss = logit.binary_cross_entropy_with_logits::<tch::Tensor>(&target, None, None, tch::Reduction::Mean);
        loss.backward();
        (loss.double_value(&[]), logit.grad().double_value(&[0]) as f32)
    }

    #[test]
    fn a_loss_and_its_derivative_are_libtorchs_at_both_ends_too() {
        for x in [0.0, 1e-9, -0.3, 2.0, -7.5, 16.0, 17.5, -17.5, 40.0, -90.0, 1e30, f32::INFINITY, -f32::INFINITY] {
            for y in [0.0, 1.0] {
                let (loss, derivative) = loss(&[x], &[y]);
                let (expected, expected_derivative) = by_libtorch(x, y);
                let close = |found: f64, expected: f64, absolute: f64| {
                    found == expected
                        || (found.is_nan() && expected.is_nan())
                        || (found - expected).abs() <= absolute.max(3e-7 * expected.abs())
                };
                // libtorch adds up a loss in float32 from terms as large as the logit.
                let of_terms = f64::from(f32::EPSILON * x.abs().min(f32::MAX));
                assert!(close(loss, expected, of_terms), "loss of {x}, {y}: {loss}, not {expected}");
                // Below float32's normal numbers either side may keep or drop what is left. A probability near 1 is rounded to steps of 2^-24, and
                // libtorch's own may lie a step aside.
                let (found, expected_derivative) = (f64::from(derivative[0]), f64::from(expected_derivative));
                let small = found.abs().max(expected_derivative.abs()) < 1e-37;
                let a_step = if y == 1.0 { f64::from(f32::EPSILON) / 2.0 } else { 0.0 };
                let fits = small || close(found, expected_derivative, a_step);
                assert!(fits, "derivative of {x}, {y}: {found}, not {expected_derivative}");
            }
        }
    }

    #[test]
    fn a_batch_is_the_mean_of_its_rows() {
        let (x, y) = ([0.5_f32, -1.5, 3.0], [1.0, 1.0, 0.0]);
        let (mean, derivatives) = loss(&x, &y);
        let alone: Vec<_> = x.iter().zip(&y).map(|(&x, &y)| loss(&[x], &[y])).collect();
        assert!((mean - alone.iter().map(|row| row.0).sum::<f64>() / 3.0).abs() < 1e-15);
        let thirds: Vec<_> = alone.iter().map(|row| row.1[0] / 3.0).collect();
        assert_eq!(derivatives, thirds);
    }
}
