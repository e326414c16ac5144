//! Functions: graphs of their own that operations of another graph call by name.

use harness_contract::BackendError;
use tensorflow::FunctionOptions;

use super::{Builder, Value};

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
        if self.failure.borrow().is_none()
            && let Err(error) = self.try_function(name, like, write)
        {
            self.failure.borrow_mut().get_or_insert(error);
        }
    }

    fn try_function(
        &self,
        name: &str,
        like: &[Value<'_>],
        write: impl for<'s> FnOnce(&'s Self, &[Value<'s>]) -> Vec<Value<'s>>,
    ) -> Result<(), BackendError> {
        let inner = Self::new(self.element);
        let arguments: Vec<_> = like.iter().map(|value| inner.placeholder(value.data_type())).collect();
        let results = write(&inner, &arguments);
        let inputs = arguments.iter().map(|value| value.output()).collect::<Result<Vec<_>, _>>()?;
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
        graph.copy_function(&function, None).map_err(|status| BackendError::framework(&doing(), status))
    }
}
