//! The three products of a matrix that a recurrent network and its gradient are made of. Matrices are row-major.

/// `out += matrix · x`, with `matrix` `[out, x]`.
pub(crate) fn add_product(out: &mut [f64], matrix: &[f64], x: &[f64]) {
    debug_assert_eq!(matrix.len(), out.len() * x.len());
    for (sum, row) in out.iter_mut().zip(matrix.chunks_exact(x.len())) {
        *sum += dot(row, x);
    }
}

/// `out += matrixᵀ · d`, with `matrix` `[d, out]`: the gradient of a product with respect to its vector.
pub(crate) fn add_transposed_product(out: &mut [f64], matrix: &[f64], d: &[f64]) {
    debug_assert_eq!(matrix.len(), d.len() * out.len());
    for (&d, row) in d.iter().zip(matrix.chunks_exact(out.len())) {
        add_scaled(out, d, row);
    }
}

/// `matrix += d ⊗ x`, with `matrix` `[d, x]`: the gradient of a product with respect to its matrix.
pub(crate) fn add_outer(matrix: &mut [f64], d: &[f64], x: &[f64]) {
    debug_assert_eq!(matrix.len(), d.len() * x.len());
    for (&d, row) in d.iter().zip(matrix.chunks_exact_mut(x.len())) {
        add_scaled(row, d, x);
    }
}

/// `out += x`.
pub(crate) fn add(out: &mut [f64], x: &[f64]) {
    for (sum, &x) in out.iter_mut().zip(x) {
        *sum += x;
    }
}

fn add_scaled(out: &mut [f64], factor: f64, x: &[f64]) {
    for (sum, &x) in out.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

/// Eight running sums, because one would make every addition wait for the one before it.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}
