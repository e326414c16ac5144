//! Every way to compute a product against a plain loop in double precision.

use proptest::prelude::*;

use super::{Left, Out, Packed, Start, Term, by_vectors, plainly, product};

type Way = fn(Start<'_, f32>, &[Term<'_, f32>], Out<'_, f32>);

/// All ways that this processor has. The tests' sizes fit.
fn ways() -> Vec<(&'static str, Way)> {
    let mut ways: Vec<(&'static str, Way)> = vec![("plain", plainly), ("chosen", by_vectors)];
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected;
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features, and the sizes fit.
            ways.push(("avx2", |start, terms, out| unsafe { super::avx2::product(start, terms, out) }));
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: as above.
            ways.push(("avx512", |start, terms, out| unsafe { super::avx512::product(start, terms, out) }));
        }
    }
    ways
}

/// Numbers between -1 and 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A product's factors as they come: the left one row by row or column by column, the right one row by row.
struct Factors {
    left: Vec<f32>,
    right: Vec<f32>,
    transposed: bool,
    depth: usize,
}

impl Factors {
    fn new(rows: usize, columns: usize, depth: usize, transposed: bool, seed: u64) -> Self {
        Self { left: numbers(seed, rows * depth), right: numbers(!seed, depth * columns), transposed, depth }
    }

    /// Its strides with these rows.
    fn strides(&self, rows: usize) -> (usize, usize) {
        if self.transposed { (1, rows) } else { (self.depth, 1) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_way_gives_the_sum_of_products_whatever_the_sizes(
        rows in 1_usize..21,
        columns in 1_usize..101,
        depths in prop::collection::vec((0_usize..71, any::<bool>()), 0..4),
        gap in 0_usize..5,
        start in 0_usize..3,
        seed: u64,
    ) {
        let factors: Vec<_> = depths
            .iter()
            .zip(seed..=u64::MAX)
            .map(|(&(depth, transposed), seed)| Factors::new(rows, columns, depth, transposed, seed))
            .collect();
        let packed: Vec<_> = factors
            .iter()
            .map(|Factors { right, depth, .. }| {
                let packed = Packed::new(*depth, columns, |k, j| right[k * columns + j]);
                let mut again = Packed::empty();
                again.arrange(&numbers(1, 7 * columns), columns);
                again.arrange(right, columns);
                assert_eq!((&packed.panels, packed.depth), (&again.panels, again.depth));
                packed
            })
            .collect();
        let terms: Vec<_> = factors
            .iter()
            .zip(&packed)
            .map(|(factors, right)| {
                let (row_stride, column_stride) = factors.strides(rows);
                Term { left: Left { elements: &factors.left, row_stride, column_stride }, right }
            })
            .collect();
        let from = numbers(seed ^ 3, columns);
        let start = [Start::Zero, Start::Row(&from), Start::There][start];
        // The last row ends where its last element stands, so that reading or writing beyond it would show.
        let stride = columns + gap;
        let before = numbers(seed ^ 2, (rows - 1) * stride + columns);
        let mut by_fused_multiply_adds = Vec::new();
        for (name, way) in ways() {
            let mut found = before.clone();
            way(start, &terms, Out { elements: &mut found, stride, rows, columns });
            for (at, (&found, &before)) in found.iter().zip(&before).enumerate() {
                let (row, column) = (at / stride, at % stride);
                if column >= columns {
                    prop_assert_eq!(found, before, "{} writes between rows", name);
                    continue;
                }
                let first = match start {
                    Start::Zero => 0.0,
                    Start::Row(from) => from[column],
                    Start::There => before,
                };
                let (mut sum, mut magnitude, mut additions) = (f64::from(first), f64::from(first.abs()), 2.0);
                for factors in &factors {
                    let (row_stride, column_stride) = factors.strides(rows);
                    for k in 0..factors.depth {
                        let term = f64::from(factors.left[row * row_stride + k * column_stride])
                            * f64::from(factors.right[k * columns + column]);
                        sum += term;
                        magnitude += term.abs();
                        additions += 1.0;
                    }
                }
                // Each addition, and each product of the plain loop, rounds what is at most the sum of the magnitudes.
                let bound = additions * f64::from(f32::EPSILON) * magnitude;
                prop_assert!((f64::from(found) - sum).abs() <= bound, "{name}: {found} for {sum}");
            }
            if name.starts_with("avx") {
                by_fused_multiply_adds.push(found);
            }
        }
        prop_assert!(by_fused_multiply_adds.windows(2).all(|two| two[0] == two[1]), "vectors of another length, other bits");
    }

    #[test]
    fn a_row_is_computed_alone(rows in 2_usize..21, depth in 1_usize..40, columns in 1_usize..70, seed: u64) {
        let factors = Factors::new(rows, columns, depth, false, seed);
        let right = Packed::new(depth, columns, |k, j| factors.right[k * columns + j]);
        let compute = |left: &[f32], rows| {
            let mut out = vec![0.0; rows * columns];
            let left = Left { elements: left, row_stride: depth, column_stride: 1 };
            let out_of = Out { elements: &mut out, stride: columns, rows, columns };
            product(Start::Zero, &[Term { left, right: &right }], out_of);
            out
        };
        let alone: Vec<_> = factors.left.chunks(depth).flat_map(|row| compute(row, 1)).collect();
        prop_assert_eq!(alone, compute(&factors.left, rows));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let right = Packed::new(3, 2, |_, _| 1.0_f32);
    for (left, out, columns) in [(5, 4, 2), (6, 3, 2), (6, 4, 1)] {
        let refused = std::panic::catch_unwind(|| {
            let left = Left { elements: &vec![1.0; left], row_stride: 3, column_stride: 1 };
            let out = Out { elements: &mut vec![0.0; out], stride: 2, rows: 2, columns };
            product(Start::Zero, &[Term { left, right: &right }], out);
        });
        assert!(refused.is_err(), "{} elements on the left, {out} to write, {columns} columns", left);
    }
}
