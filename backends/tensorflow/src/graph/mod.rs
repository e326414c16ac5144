//! Writing TensorFlow graphs as formulas: a [`Builder`] holds the graph, a [`Value`] is one tensor in it, and the
//! arithmetic of values adds operations.
//!
//! The first operation that TensorFlow refuses is kept and given back by [`Builder::finish`]; every value made after it is
//! void. So a formula needs no `?` at each operator, and no error is lost.

mod arithmetic;
mod arrays;
mod functions;
mod lists;
pub(crate) mod scan;
pub(crate) mod variables;

use std::cell::RefCell;

use harness_contract::BackendError;
use tensorflow::{DataType, Graph, Operation, Output, Shape, Status, Tensor, TensorType};

/// A graph under construction.
pub(crate) struct Builder {
    element: DataType,
    graph: RefCell<Graph>,
    outputs: RefCell<Vec<Output>>,
    failure: RefCell<Option<BackendError>>,
}

/// One tensor of the graph that `builder` constructs.
#[derive(Clone, Copy)]
pub(crate) struct Value<'b> {
    builder: &'b Builder,
    index: usize,
}

/// An attribute of an operation.
#[derive(Clone)]
pub(crate) enum Attribute {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An element type.
    Type(DataType),
    /// A list of element types.
    Types(Vec<DataType>),
    /// A shape without unknown axes.
    Shape(Vec<i64>),
    /// A string.
    Text(String),
    /// The name of a function of the graph.
    Function(String),
}

/// An operation being described; [`Description::value`] and its sisters add it to the graph.
pub(crate) struct Description<'b> {
    builder: &'b Builder,
    kind: &'static str,
    inputs: Vec<Input<'b>>,
    attributes: Vec<(&'static str, Attribute)>,
    after: Vec<Value<'b>>,
}

enum Input<'b> {
    One(Value<'b>),
    List(Vec<Value<'b>>),
}

impl Builder {
    /// An empty graph whose floating-point constants have this element type.
    pub(crate) fn new(element: DataType) -> Self {
        Self {
            element,
            graph: RefCell::new(Graph::new()),
            outputs: RefCell::new(Vec::new()),
            failure: RefCell::new(None),
        }
    }

    /// The element type of the graph's floating-point constants and variables.
    pub(crate) fn element(&self) -> DataType {
        self.element
    }

    /// Begins to describe an operation, e.g. `MatMul`.
    pub(crate) fn op(&self, kind: &'static str) -> Description<'_> {
        Description { builder: self, kind, inputs: Vec::new(), attributes: Vec::new(), after: Vec::new() }
    }

    /// A tensor that is fed when the graph runs.
    pub(crate) fn placeholder(&self, data_type: DataType) -> Value<'_> {
        self.op("Placeholder").attribute("dtype", Attribute::Type(data_type)).value()
    }

    /// A constant of any type.
    pub(crate) fn tensor<T: TensorType>(&self, dims: &[u64], values: &[T]) -> Value<'_> {
        let added = Tensor::new(dims).with_values(values).and_then(|tensor| {
            let mut graph = self.graph.borrow_mut();
            let name = format!("Const_{}", self.outputs.borrow().len());
            let mut description = graph.new_operation("Const", &name)?;
            description.set_attr_type("dtype", T::data_type())?;
            description.set_attr_tensor("value", tensor)?;
            description.finish()
        });
        self.keep("Const", added, 1)[0]
    }

    /// A floating-point scalar.
    pub(crate) fn scalar(&self, value: f64) -> Value<'_> {
        #[expect(clippy::cast_possible_truncation, reason = "float32 is the element type asked for")]
        if self.element == DataType::Double { self.tensor(&[], &[value]) } else { self.tensor(&[], &[value as f32]) }
    }

    /// An int32 scalar.
    pub(crate) fn int(&self, value: i32) -> Value<'_> {
        self.tensor(&[], &[value])
    }

    /// An int32 vector.
    pub(crate) fn ints(&self, values: &[i32]) -> Value<'_> {
        self.tensor(&[values.len() as u64], values)
    }

    /// The graph, and where the values asked for lie in it.
    ///
    /// # Errors
    /// The first operation that TensorFlow refused.
    pub(crate) fn finish(self) -> Result<Graph, BackendError> {
        match self.failure.into_inner() {
            Some(failure) => Err(failure),
            None => Ok(self.graph.into_inner()),
        }
    }

    /// The first operation that TensorFlow refused, as the reason why a value is void.
    pub(crate) fn failed(&self) -> BackendError {
        let failure = self.failure.borrow().clone();
        failure.unwrap_or_else(|| BackendError::framework("build the graph", "a tensor of it is void"))
    }

    fn output(&self, index: usize) -> Option<Output> {
        self.outputs.borrow().get(index).cloned()
    }

    fn fail(&self, doing: &str, reason: impl std::fmt::Display) {
        self.failure.borrow_mut().get_or_insert_with(|| BackendError::framework(doing, reason));
    }

    /// Keeps the outputs of an operation that was added, or the reason why it was not.
    fn keep(&self, kind: &str, added: Result<Operation, Status>, outputs: usize) -> Vec<Value<'_>> {
        match added {
            Ok(operation) => {
                let mut all = self.outputs.borrow_mut();
                let first = all.len();
                // An operation without outputs still gets a value, so that it can be run or waited for.
                all.extend((0..outputs.max(1)).map(|index| {
                    let index = i32::try_from(index).unwrap_or(i32::MAX);
                    Output { operation: operation.clone(), index }
                }));
                (first..all.len()).map(|index| Value { builder: self, index }).collect()
            }
            Err(status) => {
                self.fail(&format!("add a {kind} to the graph"), status);
                vec![Value { builder: self, index: usize::MAX }; outputs.max(1)]
            }
        }
    }
}

impl<'b> Value<'b> {
    /// The builder of the graph this tensor belongs to.
    pub(crate) fn builder(self) -> &'b Builder {
        self.builder
    }

    /// Where the tensor lies in the graph, to feed it, to fetch it or to run it.
    ///
    /// # Errors
    /// What made the graph fail, if it did before this tensor was added.
    pub(crate) fn output(self) -> Result<Output, BackendError> {
        self.builder.output(self.index).ok_or_else(|| self.builder.failed())
    }

    fn data_type(self) -> DataType {
        self.builder.output(self.index).map_or(DataType::Float, |output| {
            output.operation.output_type(usize::try_from(output.index).unwrap_or_default())
        })
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.builder, other.builder) && self.index == other.index
    }
}

impl<'b> Description<'b> {
    /// Adds an input.
    pub(crate) fn input(mut self, value: Value<'b>) -> Self {
        self.inputs.push(Input::One(value));
        self
    }

    /// Adds a list of tensors as one input.
    pub(crate) fn list(mut self, values: &[Value<'b>]) -> Self {
        self.inputs.push(Input::List(values.to_vec()));
        self
    }

    /// Sets an attribute. Types that follow from the inputs need not be set.
    pub(crate) fn attribute(mut self, name: &'static str, value: Attribute) -> Self {
        self.attributes.push((name, value));
        self
    }

    /// Lets the operation run after others whose outputs it does not use.
    pub(crate) fn after(mut self, values: &[Value<'b>]) -> Self {
        self.after.extend_from_slice(values);
        self
    }

    /// Adds the operation and gives its first output.
    pub(crate) fn value(self) -> Value<'b> {
        self.values(1)[0]
    }

    /// Adds the operation and gives its first `N` outputs.
    pub(crate) fn array<const N: usize>(self) -> [Value<'b>; N] {
        let values = self.values(N);
        std::array::from_fn(|index| values[index])
    }

    /// Adds the operation and gives its first `outputs` outputs.
    pub(crate) fn values(self, outputs: usize) -> Vec<Value<'b>> {
        let builder = self.builder;
        if builder.failure.borrow().is_some() {
            return vec![Value { builder, index: usize::MAX }; outputs.max(1)];
        }
        let kind = self.kind;
        let added = self.add();
        builder.keep(kind, added, outputs)
    }

    fn add(self) -> Result<Operation, Status> {
        let builder = self.builder;
        let mut graph = builder.graph.borrow_mut();
        let name = format!("{}_{}", self.kind, builder.outputs.borrow().len());
        let find = |value: &Value<'_>| {
            builder
                .output(value.index)
                .ok_or_else(|| Status::new_set_lossy(tensorflow::Code::Internal, "an input of the operation is void"))
        };
        let mut description = graph.new_operation(self.kind, &name)?;
        for input in &self.inputs {
            match input {
                Input::One(value) => description.add_input(find(value)?),
                Input::List(values) => {
                    let outputs = values.iter().map(find).collect::<Result<Vec<_>, _>>()?;
                    description.add_input_list(&outputs);
                }
            }
        }
        for value in &self.after {
            description.add_control_input(&find(value)?.operation);
        }
        for (name, attribute) in self.attributes {
            match attribute {
                Attribute::Bool(value) => description.set_attr_bool(name, value)?,
                Attribute::Int(value) => description.set_attr_int(name, value)?,
                Attribute::Type(value) => description.set_attr_type(name, value)?,
                Attribute::Types(values) => description.set_attr_type_list(name, &values)?,
                Attribute::Shape(axes) => {
                    description
                        .set_attr_shape(name, &Shape::from(Some(axes.into_iter().map(Some).collect::<Vec<_>>())))?;
                }
                Attribute::Text(text) => description.set_attr_string(name, &text)?,
                Attribute::Function(function) => description.set_attr_func_name(name, &function)?,
            }
        }
        description.finish()
    }
}
