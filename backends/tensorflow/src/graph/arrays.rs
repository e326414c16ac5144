//! Shapes, slices and gathers.

use super::{Attribute, Builder, Value};

impl Builder {
    /// An int32 vector out of int32 scalars.
    pub(crate) fn pack<'b>(&'b self, scalars: &[Value<'b>]) -> Value<'b> {
        self.op("Pack").list(scalars).value()
    }

    /// The int32 vector `0, 1, ..` of a length, a scalar.
    pub(crate) fn range<'b>(&'b self, length: Value<'b>) -> Value<'b> {
        self.op("Range").input(self.int(0)).input(length).input(self.int(1)).value()
    }

    /// Zeros of a shape.
    pub(crate) fn zeros<'b>(&'b self, shape: Value<'b>) -> Value<'b> {
        self.op("Fill").input(shape).input(self.scalar(0.0)).value()
    }

    /// Puts tensors one after the other along an axis.
    pub(crate) fn concat<'b>(&'b self, values: &[Value<'b>], axis: i32) -> Value<'b> {
        self.op("ConcatV2").list(values).input(self.int(axis)).value()
    }
}

impl<'b> Value<'b> {
    /// The same elements in another shape, an int32 vector in which one axis may be -1.
    pub(crate) fn reshape(self, shape: Self) -> Self {
        self.builder().op("Reshape").input(self).input(shape).value()
    }

    /// The same elements in another shape, in which one axis may be -1.
    pub(crate) fn reshape_to(self, shape: &[i32]) -> Self {
        self.reshape(self.builder().ints(shape))
    }

    /// `N` parts of equal length along an axis.
    pub(crate) fn split<const N: usize>(self, axis: i32) -> [Self; N] {
        let b = self.builder();
        b.op("Split")
            .input(b.int(axis))
            .input(self)
            .attribute("num_split", Attribute::Int(i64::try_from(N).unwrap_or(i64::MAX)))
            .array()
    }

    /// Parts of these lengths along an axis.
    pub(crate) fn split_at<const N: usize>(self, lengths: [i32; N], axis: i32) -> [Self; N] {
        let b = self.builder();
        b.op("SplitV")
            .input(self)
            .input(b.ints(&lengths))
            .input(b.int(axis))
            .attribute("num_split", Attribute::Int(i64::try_from(N).unwrap_or(i64::MAX)))
            .array()
    }

    /// Elements `begin..end` of the first axis; `begin` and `end` are int32 vectors of one element.
    pub(crate) fn slice_first(self, begin: Self, end: Self) -> Self {
        self.strided_slice(begin, end, 0)
    }

    /// Element `begin` of the first axis, which disappears; `end` is `begin + 1`, both int32 vectors of one element.
    ///
    /// TensorFlow gives out a view where rows are aligned, so nothing is copied.
    pub(crate) fn element_first(self, begin: Self, end: Self) -> Self {
        self.strided_slice(begin, end, 1)
    }

    /// The length of the first axis, an int32 scalar.
    pub(crate) fn first_axis(self) -> Self {
        let b = self.builder();
        b.op("Shape").input(self).value().element_first(b.ints(&[0]), b.ints(&[1]))
    }

    /// The transpose of a matrix.
    pub(crate) fn transpose(self) -> Self {
        self.builder().op("Transpose").input(self).input(self.builder().ints(&[1, 0])).value()
    }

    /// The elements at `indices`, `[n, axes]`, one for each of the first `axes` axes.
    pub(crate) fn gather_nd(self, indices: Self) -> Self {
        self.builder().op("GatherNd").input(self).input(indices).value()
    }

    /// Zeros of `shape` with these values added at `indices`, `[n, axes]`.
    pub(crate) fn scatter_nd(self, indices: Self, shape: Self) -> Self {
        self.builder().op("ScatterNd").input(indices).input(self).input(shape).value()
    }

    /// Sums of rows, as many as `count`: row `rows[i]` is added to row `segments[i]` of the result; `segments` must not descend.
    ///
    /// TensorFlow goes through the rows in order on one thread, so the result doesn't depend on the number of threads.
    pub(crate) fn segment_sum(self, rows: Self, segments: Self, count: Self) -> Self {
        self.builder()
            .op("SparseSegmentSumWithNumSegments")
            .input(self)
            .input(rows)
            .input(segments)
            .input(count)
            .value()
    }

    /// The rows at `indices`, `[n]`.
    pub(crate) fn take(self, indices: Self) -> Self {
        self.builder().op("GatherV2").input(self).input(indices).input(self.builder().int(0)).value()
    }

    fn strided_slice(self, begin: Self, end: Self, shrink: i64) -> Self {
        let b = self.builder();
        b.op("StridedSlice")
            .input(self)
            .input(begin)
            .input(end)
            .input(b.ints(&[1]))
            .attribute("shrink_axis_mask", Attribute::Int(shrink))
            .value()
    }
}
