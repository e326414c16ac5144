//! Euclidean norms. In main memory their sums are of a fixed order, in double precision, so that every processor gives the same bits.

use harness_contract::float32_norm;
use tch::kind::Element;
use tch::{Device, Kind, TchError, Tensor};

use crate::host::elements;
use crate::parameters::to_host;

/// Partial sums that are added up side by side, whatever the length of a processor's vectors.
const LANES: usize = 8;

/// The norm of all elements of these tensors together; in float32 infinite where float32 can't add it up ([`float32_norm`]).
pub(crate) fn of_all(tensors: &[&Tensor]) -> Result<f64, TchError> {
    let norm = || -> Result<f64, TchError> {
        let sums = tensors.iter().map(|tensor| sum_of_squares_in(tensor)).collect::<Result<Vec<_>, _>>()?;
        Ok(sums.iter().sum::<f64>().sqrt())
    };
    match tensors.first() {
        Some(tensor) if tensor.device() != Device::Cpu => {
            let norms = tensors.iter().map(|tensor| tensor.f_norm()).collect::<Result<Vec<_>, _>>()?;
            Tensor::f_stack(&norms, 0)?.f_norm()?.f_double_value(&[])
        }
        Some(tensor) if tensor.f_kind()? == Kind::Float => norm().map(float32_norm),
        _ => norm(),
    }
}

/// The norm of each of the last axis' rows, in row-major order.
pub(crate) fn of_rows(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    if tensor.device() != Device::Cpu || tensor.f_kind()? != Kind::Float {
        return to_host(&tensor.f_norm_scalaropt_dim(2.0, [-1], false)?);
    }
    let columns = tensor.size().last().and_then(|&columns| usize::try_from(columns).ok()).unwrap_or_default().max(1);
    let tensor = tensor.f_contiguous()?;
    #[expect(clippy::cast_possible_truncation, reason = "the norms are reported in float32")]
    let norm = |row: &[f32]| sum_of_squares(row).sqrt() as f32;
    Ok(elements::<f32>(&tensor)?.chunks(columns).map(norm).collect())
}

/// The sum of the squared differences of two rows of the same length.
pub(crate) fn squared_distance(before: &[f32], after: &[f32]) -> f64 {
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
pub(crate) fn squared_distance_of(before: &Tensor, after: &Tensor) -> Result<f64, TchError> {
    let change = after.f_to_kind(Kind::Double)?.f_sub(&before.f_to_kind(Kind::Double)?)?;
    change.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])
}

fn sum_of_squares_in(tensor: &Tensor) -> Result<f64, TchError> {
    let tensor = tensor.f_contiguous()?;
    match tensor.f_kind()? {
        Kind::Double => elements::<f64>(&tensor).map(sum_of_squares),
        _ => elements::<f32>(&tensor).map(sum_of_squares),
    }
}

fn sum_of_squares<T: Element + Copy + Into<f64>>(values: &[T]) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let (values, rest) = values.as_chunks::<LANES>();
    for values in values {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            let value: f64 = value.into();
            *lane += value * value;
        }
    }
    let rest = rest.iter().map(|&value| value.into());
    lanes.iter().sum::<f64>() + rest.map(|value| value * value).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_those_of_libtorch() {
        let tensor = Tensor::rand([7, 3, 13], (Kind::Float, Device::Cpu)) - 0.5;
        let other = Tensor::rand([5], (Kind::Float, Device::Cpu));
        let expected = (tensor.square().sum(Kind::Double) + other.square().sum(Kind::Double)).sqrt().double_value(&[]);
        assert!((of_all(&[&tensor, &other]).unwrap() - expected).abs() < 1e-6 * expected);
        let doubles = [&tensor.to_kind(Kind::Double), &other.to_kind(Kind::Double)];
        assert!((of_all(&doubles).unwrap() - expected).abs() < 1e-6 * expected);
        let rows = of_rows(&tensor.transpose(0, 1)).unwrap();
        let expected = to_host(&tensor.transpose(0, 1).norm_scalaropt_dim(2.0, [2], false)).unwrap();
        assert_eq!(rows.len(), expected.len());
        assert!(rows.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= 2e-7 * expected));
    }

    #[test]
    fn a_norm_is_infinite_where_float32_adds_up_to_infinity() {
        for (value, infinite) in [(1e18_f32, false), (3e19, true), (f32::INFINITY, true)] {
            let tensor = Tensor::from_slice(&[value, value]);
            assert_eq!(of_all(&[&tensor]).unwrap().is_infinite(), infinite, "{value}");
            assert_eq!(tensor.norm().double_value(&[]).is_infinite(), infinite, "{value} in libtorch");
        }
        assert!(of_all(&[&Tensor::from_slice(&[f32::NAN, 1.0])]).unwrap().is_nan());
    }
}
