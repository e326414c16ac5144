//! Functions: graphs of their own that operations of another graph call by name.

use harness_contract::BackendError;
use tensorflow::{DataType, FunctionOptions};

use super::{Attribute, Builder, Value};

impl Builder {
    /// Makes a function out of a graph that `write` fills, and adds it to this graph.
    ///
    /// `write` gets placeholders of the element types of `like` and gives the function's outputs. Functions that the inner
    /// graph calls are added along with it, because a function does not bring its own.
    pub(crate) fn function(
        &self,
        name: &str,
        like: &[Value<'_>],
        write: impl for<'s> FnOnce(&'s Self, &[Value<'s>]) -> Vec<Value<'s>>,
    ) {
        self.typed_function(name, like, write);
    }

    /// Makes a function in the same way, which XLA compiles at the first call for each shape of the arguments, and calls it. Gives its
    /// results, or none if the graph has failed.
    pub(crate) fn compiled<'b>(
        &'b self,
        name: &str,
        arguments: &[Value<'b>],
        write: impl for<'s> FnOnce(&'s Self, &[Value<'s>]) -> Vec<Value<'s>>,
    ) -> Vec<Value<'b>> {
        let types = self.typed_function(name, arguments, write);
        let count = types.len();
        if count == 0 {
            return Vec::new();
        }
        self.op("StatefulPartitionedCall")
            .list(arguments)
            .attribute("f", Attribute::Function(name.into()))
            .attribute("Tout", Attribute::Types(types))
            .attribute("_XlaMustCompile", Attribute::Bool(true))
            .values(count)
    }

    /// Calls one of two functions, both with these arguments and one output of the graph's element type: the first where the condition, a boolean scalar,
    /// holds.
    pub(crate) fn either<'b>(
        &'b self,
        condition: Value<'b>,
        [then, otherwise]: [&str; 2],
        arguments: &[Value<'b>],
    ) -> Value<'b> {
        self.op("If")
            .input(condition)
            .list(arguments)
            .attribute("then_branch", Attribute::Function(then.into()))
            .attribute("else_branch", Attribute::Function(otherwise.into()))
            .attribute("Tout", Attribute::Types(vec![self.element()]))
            .value()
    }

    /// Makes a function and gives the types of its outputs, none if the graph has failed.
    fn typed_function(
        &self,
        name: &str,
        like: &[Value<'_>],
        write: impl for<'s> FnOnce(&'s Self, &[Value<'s>]) -> Vec<Value<'s>>,
    ) -> Vec<DataType> {
        if self.failure.borrow().is_some() {
            return Vec::new();
        }
        self.try_function(name, like, write).unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            Vec::new()
        })
    }

    fn try_function(
        &self,
        name: &str,
        like: &[Value<'_>],
        write: impl for<'s> FnOnce(&'s Self, &[Value<'s>]) -> Vec<Value<'s>>,
    ) -> Result<Vec<DataType>, BackendError> {
        let inner = Self::new(self.element);
        let arguments: Vec<_> = like.iter().map(|value| inner.placeholder(value.data_type())).collect();
        let results = write(&inner, &arguments);
        let inputs = arguments.iter().map(|value| value.output()).collect::<Result<Vec<_>, _>>()?;
        let types = results.iter().map(|value| value.data_type()).collect();
        let outputs = results.iter().map(|value| value.output()).collect::<Result<Vec<_>, _>>()?;
        let body = inner.finish()?;
        let doing = || format!("make the function {name}");
        let function = body
            .to_function::<&str>(name, false, None, &inputs, &outputs, None, &FunctionOptions::new(), None)
            .map_err(|status| BackendError::framework(&doing(), status))?;
        let mut graph = self.graph.borrow_mut();
        for nested in body.get_functions().map_err(|status| BackendError::framework(&doing(), status))? {
            graph.copy_function(&nested, None).map_err(|status| BackendError::framework(&doing(), status))?;
        }
        graph.copy_function(&function, None).map_err(|status| BackendError::framework(&doing(), status))?;
        Ok(types)
    }
}
