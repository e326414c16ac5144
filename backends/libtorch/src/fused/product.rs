//! Sums of matrix products with few rows, such as those of a recurrent step: `out = start + A B + C D + ...`.
//!
//! The right factors are arranged beforehand, in panels of [`PANEL`] columns that stay in the first-level cache while
//! rows pass over them. Kernels are the same for all steps of a batch, so they are arranged once, where a general matrix
//! product would do it at every step; and the sums of all terms stay in registers until they are complete.
//!
//! An element is the sum over the terms and within each over its depth, in order, and then what it starts from. It is
//! computed alone, so how rows are grouped changes no bit. Multiply-adds are fused where the processor can, with vectors
//! of any length alike; the plain loop rounds each product and differs by that.

#[cfg(target_arch = "x86_64")]
use std::arch::is_x86_feature_detected;

use super::activation::Real;

/// Rows that are best computed together.
pub(super) const ROWS: usize = 8;

/// Columns of a panel.
const PANEL: usize = 32;

/// A right factor, `[depth, columns]`.
pub(super) struct Packed<T> {
    /// Panel by panel `[depth, PANEL]`, the last one filled up with zeros.
    panels: Vec<T>,
    depth: usize,
    columns: usize,
}

/// A left factor: the element in row `i` and column `k` stands at `i * row_stride + k * column_stride`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a, T> {
    pub(super) elements: &'a [T],
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

/// One product of a sum.
#[derive(Clone, Copy)]
pub(super) struct Term<'a, T> {
    pub(super) left: Left<'a, T>,
    pub(super) right: &'a Packed<T>,
}

/// What a sum of products is added to.
#[derive(Clone, Copy)]
pub(super) enum Start<'a, T> {
    /// Nothing.
    Zero,
    /// The same row for all rows, `[columns]`.
    Row(&'a [T]),
    /// What stands there.
    There,
}

/// Where a sum goes: the first `columns` elements of `rows` rows, one every `stride` elements.
pub(super) struct Out<'a, T> {
    pub(super) elements: &'a mut [T],
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl<T: Real> Packed<T> {
    /// Arranges the matrix whose element in row `k` and column `j` is `element(k, j)`.
    pub(super) fn new(depth: usize, columns: usize, element: impl Fn(usize, usize) -> T) -> Self {
        let mut packed = Self { panels: Vec::new(), depth, columns };
        packed.panels.resize(columns.div_ceil(PANEL) * PANEL * depth, T::ZERO);
        for (panel, first) in packed.panels.chunks_exact_mut((PANEL * depth).max(1)).zip((0..columns).step_by(PANEL)) {
            for (k, row) in panel.chunks_exact_mut(PANEL).enumerate() {
                for (place, j) in row.iter_mut().zip(first..columns) {
                    *place = element(k, j);
                }
            }
        }
        packed
    }

    /// An empty matrix, to be filled by [`Self::arrange`].
    pub(super) const fn empty() -> Self {
        Self { panels: Vec::new(), depth: 0, columns: 0 }
    }

    /// Arranges a matrix given row by row, in the memory of the one before.
    pub(super) fn arrange(&mut self, rows: &[T], columns: usize) {
        (self.depth, self.columns) = (rows.len() / columns.max(1), columns);
        self.panels.resize(columns.div_ceil(PANEL) * PANEL * self.depth, T::ZERO);
        for (panel, first) in self.panels.chunks_exact_mut((PANEL * self.depth).max(1)).zip((0..columns).step_by(PANEL))
        {
            for (place, row) in panel.chunks_exact_mut(PANEL).zip(rows.chunks_exact(columns)) {
                // A whole panel's length is known to the compiler, which makes a few moves of it.
                if let (Some(place), Some(row)) =
                    (place.first_chunk_mut::<PANEL>(), row[first..].first_chunk::<PANEL>())
                {
                    *place = *row;
                } else {
                    let (valid, rest) = place.split_at_mut(columns - first);
                    valid.copy_from_slice(&row[first..]);
                    rest.fill(T::ZERO);
                }
            }
        }
    }
}

/// Computes `out = start + sum of terms`.
///
/// # Panics
/// Where the sizes of the factors and of `out` don't fit.
pub(super) fn product<T: Real>(start: Start<'_, T>, terms: &[Term<'_, T>], out: Out<'_, T>) {
    let Out { rows, columns, stride, .. } = out;
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(out.elements.len() >= (rows - 1) * stride + columns, "a product that doesn't fit where it goes");
    if let Start::Row(row) = start {
        assert!(row.len() >= columns, "a product that starts from a row too short");
    }
    for Term { left, right } in terms {
        let last = (rows - 1) * left.row_stride + right.depth.saturating_sub(1) * left.column_stride;
        assert!(right.depth == 0 || left.elements.len() > last, "a product with a left factor too short");
        assert!(right.columns == columns, "a product with a right factor of other columns");
    }
    T::product(start, terms, out);
}

/// [`product`] by plain loops. The sizes have been checked.
pub(super) fn plainly<T: Real>(start: Start<'_, T>, terms: &[Term<'_, T>], out: Out<'_, T>) {
    for (row, out_row) in out.elements.chunks_mut(out.stride.max(1)).take(out.rows).enumerate() {
        for (place, out_panel) in out_row[..out.columns].chunks_mut(PANEL).enumerate() {
            let mut sums = [T::ZERO; PANEL];
            for Term { left, right } in terms {
                let panel = &right.panels[place * PANEL * right.depth..][..PANEL * right.depth];
                for (k, b) in panel.chunks_exact(PANEL).enumerate() {
                    let a = left.elements[row * left.row_stride + k * left.column_stride];
                    for (sum, &b) in sums.iter_mut().zip(b) {
                        *sum += a * b;
                    }
                }
            }
            for (column, (out, sum)) in out_panel.iter_mut().zip(sums).enumerate() {
                *out = match start {
                    Start::Zero => sum,
                    Start::Row(from) => from[place * PANEL + column] + sum,
                    Start::There => *out + sum,
                };
            }
        }
    }
}

/// [`product`] by the widest vectors that the processor has. The sizes have been checked.
pub(super) fn by_vectors(start: Start<'_, f32>, terms: &[Term<'_, f32>], out: Out<'_, f32>) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has just been found to have what the function is compiled for, and the caller has
            // checked the sizes.
            return unsafe { avx512::product(start, terms, out) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            return unsafe { avx2::product(start, terms, out) };
        }
    }
    plainly(start, terms, out);
}

/// Defines a module with the product for vectors of `$lanes` numbers: tiles of up to `$rows` rows and two vectors, whose
/// sums stay in registers.
#[cfg(target_arch = "x86_64")]
macro_rules! product_by_vectors {
    ($name:ident, $features:literal, $lanes:literal, $rows:literal,
     $zero:ident, $load:ident, $splat:ident, $multiply_add:ident, $add:ident, $store:ident) => {
        mod $name {
            use std::arch::x86_64::{$add, $load, $multiply_add, $splat, $store, $zero};

            use super::{Out, PANEL, Start, Term};

            /// Columns of a tile.
            const TILE: usize = 2 * $lanes;

            /// # Safety
            /// The processor has the features, and the sizes are as [`super::product`] asks.
            #[target_feature(enable = $features)]
            pub(in super::super) unsafe fn product(
                start: Start<'_, f32>,
                terms: &[Term<'_, f32>],
                mut out: Out<'_, f32>,
            ) {
                for first in (0..out.columns).step_by(TILE) {
                    let mut row = 0;
                    while row < out.rows {
                        // SAFETY: row and column lie within, and as many rows are left as the tile takes.
                        row += unsafe {
                            match out.rows - row {
                                left if left >= $rows => tile::<$rows>(start, terms, &mut out, row, first),
                                4.. => tile::<4>(start, terms, &mut out, row, first),
                                2.. => tile::<2>(start, terms, &mut out, row, first),
                                _ => tile::<1>(start, terms, &mut out, row, first),
                            }
                        };
                    }
                }
            }

            /// Computes `R` rows from `row` on of `TILE` columns, or as many as there are, from `first` on. Says how many
            /// rows these are.
            ///
            /// # Safety
            /// As for [`product`], and `out` has the rows.
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn tile<const R: usize>(
                start: Start<'_, f32>,
                terms: &[Term<'_, f32>],
                out: &mut Out<'_, f32>,
                row: usize,
                first: usize,
            ) -> usize {
                let mut sums = [[$zero(); 2]; R];
                for Term { left, right } in terms {
                    if right.depth == 0 {
                        continue;
                    }
                    let panel = &right.panels[first / PANEL * PANEL * right.depth + first % PANEL..];
                    let a = &left.elements[row * left.row_stride..];
                    for k in 0..right.depth {
                        // SAFETY: row `k` of the panel has `PANEL` elements, of which `TILE` are left from `first` on.
                        let b = unsafe {
                            let b = panel.as_ptr().add(k * PANEL);
                            [$load(b), $load(b.add($lanes))]
                        };
                        for (row, sums) in sums.iter_mut().enumerate() {
                            // SAFETY: the left factor has these `R` rows of `depth` elements.
                            let a = unsafe { *a.as_ptr().add(row * left.row_stride + k * left.column_stride) };
                            let a = $splat(a);
                            *sums = [$multiply_add(a, b[0], sums[0]), $multiply_add(a, b[1], sums[1])];
                        }
                    }
                }
                let columns = TILE.min(out.columns - first);
                for (place, sums) in (row..).zip(&sums) {
                    let out = &mut out.elements[place * out.stride + first..][..columns];
                    let mut spread = [0.0; TILE];
                    let from: &[f32] = match start {
                        Start::Zero => &[0.0; TILE],
                        Start::Row(from) => &from[first..first + columns],
                        Start::There => out,
                    };
                    let whole = columns == TILE;
                    let from = if whole {
                        from.as_ptr()
                    } else {
                        spread[..columns].copy_from_slice(&from[..columns]);
                        spread.as_ptr()
                    };
                    // SAFETY: `from` points at `TILE` elements.
                    let sums = unsafe { [$add($load(from), sums[0]), $add($load(from.add($lanes)), sums[1])] };
                    let to = if whole { out.as_mut_ptr() } else { spread.as_mut_ptr() };
                    // SAFETY: `to` points at `TILE` elements.
                    unsafe {
                        $store(to, sums[0]);
                        $store(to.add($lanes), sums[1]);
                    }
                    if !whole {
                        out.copy_from_slice(&spread[..columns]);
                    }
                }
                R
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
product_by_vectors!(
    avx512,
    "avx512f",
    16,
    8,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_storeu_ps
);
#[cfg(target_arch = "x86_64")]
product_by_vectors!(
    avx2,
    "avx2,fma",
    8,
    4,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_storeu_ps
);

#[cfg(test)]
mod tests;
