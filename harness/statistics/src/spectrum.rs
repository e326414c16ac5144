//! Singular values and spectral radius of a square matrix.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// The most rows of a matrix that is decomposed; the work grows with their cube.
pub const MAX_ROWS: usize = 4096;

/// The spectrum of a square matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spectrum {
    /// Singular values, the largest first, `[rows]`.
    pub singular_values: Vec<f64>,
    /// The largest absolute value of an eigenvalue.
    pub spectral_radius: f64,
}

/// A matrix that has no spectrum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpectrumError {
    /// Not as many elements as a square matrix of these rows has.
    #[error("{elements} elements are no square matrix of {rows} rows, of which there may be 1 to {MAX_ROWS}")]
    Shape {
        /// Elements given.
        elements: usize,
        /// Rows given.
        rows: usize,
    },
    /// An element is infinite or not a number.
    #[error("element {at} is not finite")]
    NotFinite {
        /// Its place, counted from 0.
        at: usize,
    },
    /// The iterations did not converge.
    #[error("the eigenvalues did not converge")]
    NoConvergence,
}

/// The spectrum of a matrix, `[rows, rows]`, row-major, computed in float64.
///
/// # Errors
/// If it is not square, too large or not finite, or if the iterations do not converge.
pub fn spectrum(elements: &[f32], rows: usize) -> Result<Spectrum, SpectrumError> {
    /// Sweeps of the iterations; a few for each row are usual.
    const ITERATIONS: usize = 100_000;
    if rows == 0 || rows > MAX_ROWS || elements.len() != rows * rows {
        return Err(SpectrumError::Shape { elements: elements.len(), rows });
    }
    if let Some(at) = elements.iter().position(|element| !element.is_finite()) {
        return Err(SpectrumError::NotFinite { at });
    }
    let matrix = DMatrix::from_row_iterator(rows, rows, elements.iter().map(|&element| f64::from(element)));
    let decomposed =
        matrix.clone().try_svd(false, false, f64::EPSILON, ITERATIONS).ok_or(SpectrumError::NoConvergence)?;
    let mut singular_values: Vec<f64> = decomposed.singular_values.iter().copied().collect();
    singular_values.sort_by(|a, b| b.total_cmp(a));
    let spectral_radius = spectral_radius(&matrix, singular_values[0]).ok_or(SpectrumError::NoConvergence)?;
    Ok(Spectrum { singular_values, spectral_radius })
}

/// By the real Schur form. On a matrix whose diagonal is near zero, as that of a permutation or of an orthogonal matrix can be, the
/// iteration may never find an element small enough beside its neighbours. All eigenvalues are then moved away from zero by `largest`, the
/// largest singular value, and moved back; and the matrix is seen from other axes, which leaves its eigenvalues as they are.
fn spectral_radius(matrix: &DMatrix<f64>, largest: f64) -> Option<f64> {
    /// Other axes that are tried.
    const REFLECTIONS: usize = 8;
    let radius = |seen: DMatrix<f64>, moved: f64| {
        let iterations = 60 * seen.nrows();
        let form = seen.try_schur(f64::EPSILON, iterations)?;
        Some(form.complex_eigenvalues().iter().map(|value| (value.re - moved).hypot(value.im)).fold(0.0, f64::max))
    };
    let moved = || matrix + DMatrix::identity(matrix.nrows(), matrix.nrows()) * largest;
    radius(matrix.clone(), 0.0)
        .or_else(|| (1..=REFLECTIONS).find_map(|number| radius(reflected(&moved(), number), largest)))
}

/// `H matrix H`, with `H` a Householder reflection along one of many unlike directions.
fn reflected(matrix: &DMatrix<f64>, number: usize) -> DMatrix<f64> {
    let rows = matrix.nrows();
    let axis = DVector::from_fn(rows, |row, _| ((row + 1) as f64 * (number as f64).sqrt() * 7.0).sin()).normalize();
    let reflection = DMatrix::identity(rows, rows) - (&axis * axis.transpose()) * 2.0;
    &reflection * matrix * &reflection
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `spectrum/make_cases.py` wrote these.
    #[derive(Deserialize)]
    struct Case {
        rows: usize,
        elements: Vec<f32>,
        singular_values: Vec<f64>,
        spectral_radius: f64,
    }

    #[test]
    fn the_spectrum_is_numpys() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../tests/golden/spectrum/cases.json")).unwrap();
        assert!(cases.len() >= 12);
        for case in cases {
            let found = spectrum(&case.elements, case.rows).unwrap();
            let scale = case.singular_values[0].max(1.0);
            for (found, expected) in found.singular_values.iter().zip(&case.singular_values) {
                assert!((found - expected).abs() < 1e-10 * scale, "{found} {expected}");
            }
            let off = (found.spectral_radius - case.spectral_radius).abs();
            assert!(off < 1e-6 * scale, "{} {}", found.spectral_radius, case.spectral_radius);
        }
    }

    #[test]
    fn what_is_no_finite_square_matrix_is_refused() {
        assert_eq!(spectrum(&[1.0; 5], 2), Err(SpectrumError::Shape { elements: 5, rows: 2 }));
        assert_eq!(spectrum(&[], 0), Err(SpectrumError::Shape { elements: 0, rows: 0 }));
        assert_eq!(spectrum(&[1.0, f32::NAN, 0.0, 1.0], 2), Err(SpectrumError::NotFinite { at: 1 }));
    }

    /// A square matrix with elements in `-2..2`, and its rows.
    fn square() -> impl Strategy<Value = (Vec<f32>, usize)> {
        (1_usize..12).prop_flat_map(|rows| (prop::collection::vec(-2.0_f32..2.0, rows * rows), Just(rows)))
    }

    proptest! {
        #[test]
        fn an_orthogonal_matrix_keeps_every_length((elements, rows) in square()) {
            let factor = DMatrix::from_row_iterator(rows, rows, elements.iter().map(|e| f64::from(*e))).qr().q();
            let orthogonal: Vec<f32> = (0..rows * rows).map(|at| factor[(at / rows, at % rows)] as f32).collect();
            let found = spectrum(&orthogonal, rows).unwrap();
            for value in found.singular_values.iter().chain([&found.spectral_radius]) {
                prop_assert!((value - 1.0).abs() < 1e-6, "{}", value);
            }
        }

        #[test]
        fn every_cyclic_permutation_has_radius_one(rows in 1_usize..70, shift in 0_usize..70) {
            let element = |at: usize| f32::from(u8::from((at / rows + shift) % rows == at % rows));
            let elements: Vec<f32> = (0..rows * rows).map(element).collect();
            prop_assert!((spectrum(&elements, rows).unwrap().spectral_radius - 1.0).abs() < 1e-9);
        }

        #[test]
        fn the_squared_singular_values_add_up_to_the_squared_elements((elements, rows) in square()) {
            let found = spectrum(&elements, rows).unwrap();
            let sum: f64 = elements.iter().map(|e| f64::from(*e).powi(2)).sum();
            let squares: f64 = found.singular_values.iter().map(|v| v * v).sum();
            prop_assert!(found.singular_values.is_sorted_by(|a, b| a >= b));
            prop_assert!((sum - squares).abs() <= 1e-9 * sum.max(1.0));
        }

        #[test]
        fn the_radius_is_at_most_the_largest_singular_value_and_both_scale(
            elements in prop::collection::vec(-2.0_f32..2.0, 25), factor in 0.25_f32..4.0,
        ) {
            let one = spectrum(&elements, 5).unwrap();
            prop_assert!(one.spectral_radius <= one.singular_values[0] * (1.0 + 1e-9) + 1e-9);
            // A power of two, so that the elements scale exactly.
            let factor = factor.log2().round().exp2();
            let scaled: Vec<f32> = elements.iter().map(|element| element * factor).collect();
            let other = spectrum(&scaled, 5).unwrap();
            prop_assert!((other.singular_values[0] - f64::from(factor) * one.singular_values[0]).abs() < 1e-9);
        }
    }
}
