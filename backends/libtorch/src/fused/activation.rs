//! The logistic function and the hyperbolic tangent, written so that the compiler can compute several elements at once.
//!
//! libtorch's own `tanh` takes five times as long as its `sigmoid` on processors that are not Intel's. Both functions
//! here stay within three units in the last place of the true value, as a test shows. With `FUSED` a product and the sum
//! it enters are rounded once, which every instruction set that has such an operation does alike.

use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Sub};

use tch::kind::Element;

use super::product::{self, Out, Start, Term};

/// A kind of element that the kernels compute with: `f32` in earnest, `f64` for tests of the mathematics.
pub(super) trait Real:
    Element
    + Copy
    + Send
    + Sync
    + PartialEq
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + MulAssign
    + Into<f64>
    + 'static
{
    /// 1.
    const ONE: Self;
    /// The nearest of this kind.
    fn rounded(value: f64) -> Self;
    /// `1 / (1 + exp(-self))`.
    fn sigmoid<const FUSED: bool>(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh<const FUSED: bool>(self) -> Self;
    /// See [`product::product`], which has checked the sizes.
    fn product(start: Start<'_, Self>, terms: &[Term<'_, Self>], out: Out<'_, Self>);
}

impl Real for f32 {
    const ONE: Self = 1.0;

    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    fn rounded(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn sigmoid<const FUSED: bool>(self) -> Self {
        let (rest, power) = exp_minus_one::<FUSED>(-self);
        1.0 / (1.0 + multiply_add::<FUSED>(rest, power, power))
    }

    /// `-e / (2 + e)` with `e = exp(-2 |x|) - 1`, which is computed without cancellation near 0.
    #[inline(always)]
    fn tanh<const FUSED: bool>(self) -> Self {
        let (rest, power) = exp_minus_one::<FUSED>(-2.0 * self.abs());
        let e = multiply_add::<FUSED>(rest, power, power - 1.0);
        (-e / (2.0 + e)).copysign(self)
    }

    fn product(start: Start<'_, Self>, terms: &[Term<'_, Self>], out: Out<'_, Self>) {
        product::by_vectors(start, terms, out);
    }
}

impl Real for f64 {
    const ONE: Self = 1.0;

    fn rounded(value: f64) -> Self {
        value
    }

    fn sigmoid<const FUSED: bool>(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }

    fn tanh<const FUSED: bool>(self) -> Self {
        Self::tanh(self)
    }

    fn product(start: Start<'_, Self>, terms: &[Term<'_, Self>], out: Out<'_, Self>) {
        product::plainly(start, terms, out);
    }
}

/// `exp(r) - 1` and `2^n` with `exp(x) = 2^n exp(r)` and `|r| <= ln(2) / 2`, where the polynomial is that of Cephes'
/// `expf` (Moshier 1992). Beyond `±87` they stay where they are there, which is near the ends of float32's range. What is
/// not a number stays so.
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "the coefficients as they are published")]
fn exp_minus_one<const FUSED: bool>(x: f32) -> (f32, f32) {
    /// Adding this rounds to an integer, whose low bits are then those of the sum.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > 87.0 { 87.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = multiply_add::<FUSED>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln(2) in two parts, the first of few digits, so that the product with `n` is exact.
    let r = multiply_add::<FUSED>(n, -0.693_359_375, x);
    let r = multiply_add::<FUSED>(n, 2.121_944_4e-4, r);
    let mut tail = 1.987_569_150_0e-4;
    tail = multiply_add::<FUSED>(tail, r, 1.398_199_950_7e-3);
    tail = multiply_add::<FUSED>(tail, r, 8.333_451_907_3e-3);
    tail = multiply_add::<FUSED>(tail, r, 4.166_579_589_4e-2);
    tail = multiply_add::<FUSED>(tail, r, 1.666_666_545_9e-1);
    tail = multiply_add::<FUSED>(tail, r, 5.000_000_120_1e-1);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    (multiply_add::<FUSED>(tail, r * r, r), power)
}

/// `a b + c`, rounded once or twice. Once is slow where the processor has no such operation.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::Real;

    /// The largest distance from `truth` in units in the last place, over float32 between -100 and 100.
    fn worst(function: fn(f32) -> f32, truth: fn(f64) -> f64) -> f64 {
        let finite = (0..=u32::MAX).step_by(1_009).map(f32::from_bits).filter(|x| x.abs() <= 100.0);
        let dense = (-2_000_000..=2_000_000).map(|step| step as f32 * 1e-5);
        finite
            .chain(dense)
            .map(|x| {
                let truth = truth(f64::from(x));
                // Below the normal numbers an absolute comparison is all that makes sense.
                let unit = f64::from((truth as f32).abs().max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON);
                (f64::from(function(x)) - truth).abs() / unit
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn tanh_is_within_three_units_in_the_last_place() {
        for tanh in [Real::tanh::<true>, Real::tanh::<false>] {
            let worst = worst(tanh, f64::tanh);
            assert!(worst < 3.0, "{worst}");
        }
    }

    #[test]
    fn sigmoid_is_within_three_units_in_the_last_place() {
        // Beyond -87 it stays where it is there, at 1.6e-38.
        for sigmoid in [Real::sigmoid::<true>, Real::sigmoid::<false>] {
            let worst = worst(sigmoid, |x| 1.0 / (1.0 + (-x.max(-87.0)).exp()));
            assert!(worst < 3.0, "{worst}");
        }
    }

    #[test]
    fn ends_and_what_is_not_a_number() {
        fn check<const FUSED: bool>() {
            let (sigmoid, tanh) = (Real::sigmoid::<FUSED>, Real::tanh::<FUSED>);
            for (x, near, exact) in [(f32::INFINITY, 1.0, 1.0), (1e30, 1.0, 1.0), (0.0, 0.5, 0.0), (-1e30, 0.0, -1.0)] {
                assert!((sigmoid(x) - near).abs() < 1e-37 && tanh(x) == exact, "{x}");
            }
            assert!(sigmoid(f32::NEG_INFINITY) < 1e-37 && tanh(f32::NEG_INFINITY) == -1.0);
            assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
            assert!(tanh(-0.0).is_sign_negative() && tanh(1e-30) == 1e-30);
        }
        check::<true>();
        check::<false>();
    }
}
