//! Layer norm (Ba, Kiros & Hinton 2016, arXiv 1607.06450) of a recurrent layer's output, step by step.
//!
//! ```text
//! mean = sum(x) / n      variance = sum((x - mean)^2) / n      s = sqrt(variance + epsilon)
//! normal = (x - mean) / s
//! y = scale * normal + shift
//! ```

use crate::parameters::NormParameters;

/// What is added to the variance: the default of PyTorch's `nn.LayerNorm`. The spec has no field for it.
pub const NORM_EPSILON: f64 = 1e-5;

/// What the forward pass of a layer norm leaves for the backward pass.
#[derive(Debug, Clone)]
pub(crate) struct NormPass {
    /// `(x - mean) / s`, `[steps, width]`.
    normal: Vec<f64>,
    /// `s`, `[steps]`.
    deviation: Vec<f64>,
}

/// Normalises `x`, `[steps, width]`, in place.
#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^53")]
pub(crate) fn forward(parameters: &NormParameters, x: &mut [f64]) -> NormPass {
    let width = parameters.scale.len();
    let n = width as f64;
    let mut pass = NormPass { normal: Vec::with_capacity(x.len()), deviation: Vec::with_capacity(x.len() / width) };
    for x in x.chunks_exact_mut(width) {
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        let deviation = (variance + NORM_EPSILON).sqrt();
        pass.deviation.push(deviation);
        for (j, x) in x.iter_mut().enumerate() {
            let normal = (*x - mean) / deviation;
            pass.normal.push(normal);
            *x = parameters.scale[j] * normal + parameters.shift[j];
        }
    }
    pass
}

/// Turns the gradient with respect to `y`, `[steps, width]`, into that with respect to `x`, in place, and adds the parameters' gradient.
///
/// With `g = dy * scale`: `dx = (g - mean(g) - normal * mean(g * normal)) / s`, because the mean and the variance depend on every `x` of the step.
#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^53")]
pub(crate) fn backward(parameters: &NormParameters, pass: &NormPass, d: &mut [f64], gradient: &mut NormParameters) {
    let width = parameters.scale.len();
    let n = width as f64;
    let steps = d.chunks_exact_mut(width).zip(pass.normal.chunks_exact(width)).zip(&pass.deviation);
    for ((d, normal), deviation) in steps {
        let mut mean = 0.0;
        let mut mean_with_normal = 0.0;
        for j in 0..width {
            gradient.scale[j] += d[j] * normal[j];
            gradient.shift[j] += d[j];
            d[j] *= parameters.scale[j];
            mean += d[j] / n;
            mean_with_normal += d[j] * normal[j] / n;
        }
        for j in 0..width {
            d[j] = (d[j] - mean - normal[j] * mean_with_normal) / deviation;
        }
    }
}
