//! Lists of tensors of one shape, which loops over time fill. XLA turns a list into one tensor.

use tensorflow::DataType;

use super::{Attribute, Builder, Description, Value};

impl Builder {
    /// A list of `length` elements of a shape, which are zeros until they are set.
    pub(crate) fn list_of_zeros<'b>(&'b self, shape: Value<'b>, length: Value<'b>) -> Value<'b> {
        self.op("TensorListReserve")
            .input(shape)
            .input(length)
            .attribute("element_dtype", Attribute::Type(self.element()))
            .attribute("shape_type", Attribute::Type(DataType::Int32))
            .value()
    }
}

impl<'b> Value<'b> {
    /// The elements of this tensor along its first axis, each of this shape, as a list.
    pub(crate) fn to_list(self, shape: Self) -> Self {
        self.on_list("TensorListFromTensor")
            .input(shape)
            .attribute("shape_type", Attribute::Type(DataType::Int32))
            .value()
    }

    /// An element of this list, of this shape.
    pub(crate) fn list_item(self, index: Self, shape: Self) -> Self {
        self.on_list("TensorListGetItem").input(index).input(shape).value()
    }

    /// This list with another element.
    pub(crate) fn with_item(self, index: Self, item: Self) -> Self {
        self.on_list("TensorListSetItem").input(index).input(item).value()
    }

    /// The elements of this list, of this shape each, as one tensor.
    pub(crate) fn stack_list(self, shape: Self) -> Self {
        self.on_list("TensorListStack").input(shape).value()
    }

    fn on_list(self, kind: &'static str) -> Description<'b> {
        let b = self.builder();
        b.op(kind).input(self).attribute("element_dtype", Attribute::Type(b.element()))
    }
}
