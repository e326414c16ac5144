//! Binary cross-entropy on logits.

use crate::precision::Precision;

/// The logistic function, `1 / (1 + e^-x)`. Exact at both ends: `e^-x` overflows to infinity and the quotient to 0.
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Mean binary cross-entropy of logits `[batch]` with targets `[batch]` in `[0, 1]` in nats, and its gradient with respect to each logit, `[batch]`.
///
/// With `p = sigmoid(z)` a row's loss is `-y ln p - (1 - y) ln(1 - p)`, which is computed as
/// `max(z, 0) - z y + ln(1 + e^-|z|)`: the same number, without overflow or cancellation at either end
/// (the form that TensorFlow's `sigmoid_cross_entropy_with_logits` documents; PyTorch's
/// `binary_cross_entropy_with_logits` is equal). Its derivative is `p - y`, divided by the number of rows for the mean.
#[must_use]
pub fn binary_cross_entropy(logits: &[f64], targets: &[f64]) -> (f64, Vec<f64>) {
    binary_cross_entropy_in(Precision::Float64, logits, targets)
}

/// The same with probabilities kept in some precision.
#[expect(clippy::cast_precision_loss, reason = "batches have far fewer than 2^53 rows")]
pub(crate) fn binary_cross_entropy_in(precision: Precision, logits: &[f64], targets: &[f64]) -> (f64, Vec<f64>) {
    let rows = logits.len() as f64;
    let pairs = || logits.iter().zip(targets);
    let total: f64 = pairs().map(|(&z, &y)| z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()).sum();
    let gradient = pairs().map(|(&z, &y)| (precision.keep(sigmoid(z)) - y) / rows).collect();
    (total / rows, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logit_of_zero_costs_ln_2_whatever_the_label() {
        let (loss, gradient) = binary_cross_entropy(&[0.0, 0.0], &[0.0, 1.0]);
        assert!((loss - std::f64::consts::LN_2).abs() < 1e-16);
        assert_eq!(gradient, [0.25, -0.25]);
    }

    #[test]
    fn it_equals_the_definition_where_the_definition_can_be_computed() {
        for z in [-3.0, -0.5, 0.1, 2.0] {
            let p = sigmoid(z);
            for (target, direct) in
                [(0.0, -(1.0 - p).ln()), (1.0, -p.ln()), (0.2, -0.2 * p.ln() - 0.8 * (1.0 - p).ln())]
            {
                let (loss, _) = binary_cross_entropy(&[z], &[target]);
                assert!((loss - direct).abs() < 1e-14, "{z} {target}: {loss} against {direct}");
            }
        }
    }

    #[test]
    fn huge_logits_neither_overflow_nor_lose_their_loss() {
        let (loss, gradient) = binary_cross_entropy(&[1e4, -1e4], &[0.0, 1.0]);
        assert_eq!(loss, 1e4);
        assert_eq!(gradient, [0.5, -0.5]);
        let (loss, gradient) = binary_cross_entropy(&[800.0], &[1.0]);
        assert_eq!((loss, gradient[0]), (0.0, 0.0));
    }
}
