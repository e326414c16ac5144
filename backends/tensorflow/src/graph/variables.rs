//! Variables: tensors that live as long as the session.

use super::{Attribute, Builder, Value};

impl Builder {
    /// A handle of the variable of that name; made where the session has none yet.
    pub(crate) fn variable(&self, name: &str, shape: &[usize]) -> Value<'_> {
        let axes = shape.iter().map(|&axis| i64::try_from(axis).unwrap_or(i64::MAX)).collect();
        self.op("VarHandleOp")
            .attribute("dtype", Attribute::Type(self.element()))
            .attribute("shape", Attribute::Shape(axes))
            .attribute("shared_name", Attribute::Text(name.to_owned()))
            .value()
    }
}

impl<'b> Value<'b> {
    /// The tensor that the variable behind this handle holds.
    pub(crate) fn read(self) -> Self {
        self.read_after(&[])
    }

    /// The tensor that the variable holds after these have run.
    pub(crate) fn read_after(self, after: &[Self]) -> Self {
        let element = self.builder().element();
        self.builder()
            .op("ReadVariableOp")
            .input(self)
            .attribute("dtype", Attribute::Type(element))
            .after(after)
            .value()
    }

    /// Rows of the variable behind this handle, as many as `ids`.
    pub(crate) fn gather_rows(self, ids: Self) -> Self {
        let element = self.builder().element();
        self.builder().op("ResourceGather").input(self).input(ids).attribute("dtype", Attribute::Type(element)).value()
    }

    /// Gives the variable behind this handle a new tensor, after these have run. The value can only be run or waited for.
    pub(crate) fn assign(self, tensor: Self, after: &[Self]) -> Self {
        self.builder().op("AssignVariableOp").input(self).input(tensor).after(after).value()
    }

    /// Adds rows to the variable behind this handle; `ids` must not repeat. The value can only be run or waited for.
    pub(crate) fn add_rows(self, ids: Self, rows: Self) -> Self {
        self.builder().op("ResourceScatterAdd").input(self).input(ids).input(rows).value()
    }
}
