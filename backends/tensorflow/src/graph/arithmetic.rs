//! Arithmetic on tensors, element by element unless it says otherwise, with TensorFlow's broadcasting.

use std::ops::{Add, Mul, Neg, Sub};

use super::{Attribute, Value};

impl<'b> Value<'b> {
    /// `1 / (1 + exp(-x))`.
    pub(crate) fn sigmoid(self) -> Self {
        self.unary("Sigmoid")
    }

    /// Hyperbolic tangent.
    pub(crate) fn tanh(self) -> Self {
        self.unary("Tanh")
    }

    /// `x * x`.
    pub(crate) fn square(self) -> Self {
        self.unary("Square")
    }

    /// Square root.
    pub(crate) fn sqrt(self) -> Self {
        self.unary("Sqrt")
    }

    /// `1 - x`.
    pub(crate) fn one_minus(self) -> Self {
        self.builder().scalar(1.0) - self
    }

    /// Quotient.
    pub(crate) fn divided_by(self, other: Self) -> Self {
        self.binary("RealDiv", other)
    }

    /// Quotient of integers, rounded down.
    pub(crate) fn floor_divided_by(self, other: Self) -> Self {
        self.binary("FloorDiv", other)
    }

    /// Integers shifted to the right by numbers of bits.
    pub(crate) fn shifted_right(self, bits: Self) -> Self {
        self.binary("RightShift", bits)
    }

    /// The bits that both integers have.
    pub(crate) fn and(self, other: Self) -> Self {
        self.binary("BitwiseAnd", other)
    }

    /// Whether `self < other`, as booleans.
    pub(crate) fn less(self, other: Self) -> Self {
        self.binary("Less", other)
    }

    /// Whether `self >= other`, as booleans.
    pub(crate) fn greater_equal(self, other: Self) -> Self {
        self.binary("GreaterEqual", other)
    }

    /// `then` where this is true, `otherwise` where it is not.
    pub(crate) fn choose(self, then: Self, otherwise: Self) -> Self {
        self.builder().op("SelectV2").input(self).input(then).input(otherwise).value()
    }

    /// Converts to the element type of the graph.
    pub(crate) fn cast(self) -> Self {
        let element = self.builder().element();
        self.builder().op("Cast").input(self).attribute("DstT", Attribute::Type(element)).value()
    }

    /// Binary cross-entropy of logits against labels in `[0, 1]`: `max(x, 0) - x y + log(1 + exp(-|x|))`, which
    /// overflows for no logit.
    pub(crate) fn cross_entropy(self, labels: Self) -> Self {
        let b = self.builder();
        let log_term = self.unary("Abs").neg().unary("Exp").unary("Log1p");
        self.binary("Maximum", b.scalar(0.0)) - self * labels + log_term
    }

    /// Product of two matrices.
    pub(crate) fn matmul(self, other: Self) -> Self {
        self.product(other, false, false)
    }

    /// Product of a matrix with the transpose of another.
    pub(crate) fn matmul_transposed(self, other: Self) -> Self {
        self.product(other, false, true)
    }

    /// Product of the transpose of this matrix with another.
    pub(crate) fn transposed_matmul(self, other: Self) -> Self {
        self.product(other, true, false)
    }

    /// Adds a vector to each row.
    pub(crate) fn plus_bias(self, bias: Self) -> Self {
        self.builder().op("BiasAdd").input(self).input(bias).value()
    }

    /// The sum over these axes, which disappear.
    pub(crate) fn sum(self, axes: &[i32]) -> Self {
        self.builder().op("Sum").input(self).input(self.builder().ints(axes)).value()
    }

    /// The sum of all of a list of tensors.
    pub(crate) fn total(values: &[Self]) -> Self {
        values[0].builder().op("AddN").list(values).value()
    }

    fn product(self, other: Self, transpose_a: bool, transpose_b: bool) -> Self {
        self.builder()
            .op("MatMul")
            .input(self)
            .input(other)
            .attribute("transpose_a", Attribute::Bool(transpose_a))
            .attribute("transpose_b", Attribute::Bool(transpose_b))
            .value()
    }

    fn unary(self, kind: &'static str) -> Self {
        self.builder().op(kind).input(self).value()
    }

    fn binary(self, kind: &'static str, other: Self) -> Self {
        self.builder().op(kind).input(self).input(other).value()
    }
}

impl Add for Value<'_> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.binary("AddV2", other)
    }
}

impl Sub for Value<'_> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.binary("Sub", other)
    }
}

impl Mul for Value<'_> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.binary("Mul", other)
    }
}

impl Mul<f64> for Value<'_> {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        self * self.builder().scalar(factor)
    }
}

impl Neg for Value<'_> {
    type Output = Self;

    fn neg(self) -> Self {
        self.unary("Neg")
    }
}
