//! The loop over time that every cell shares, forward and backward.

use tensorflow::DataType;

use super::{Attribute, Builder, Value};

/// The sizes that every tensor of a batch shares, as int32 scalars of the graph.
#[derive(Clone, Copy)]
pub(crate) struct Extent<'b> {
    /// Steps that tensors over time have room for.
    pub(crate) time: Value<'b>,
    /// Steps that are computed, at most `time`.
    pub(crate) steps: Value<'b>,
    /// Rows of the batch.
    pub(crate) batch: Value<'b>,
}

/// Which way the loop goes through time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// From step 0 on.
    Forward,
    /// From the last step computed back to step 0.
    Backward,
}

/// How the loop is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loop {
    /// One `While` operation that calls its body as a function.
    Functional,
    /// The `While` is dissolved into the graph around it, so that several threads can work on one step.
    Lowered,
}

/// What a loop over time works on.
pub(crate) struct Scan<'a, 'b> {
    /// A name for the loop's functions, unique in the graph.
    pub(crate) name: String,
    /// How the loop is run.
    pub(crate) run: Loop,
    /// Which way it goes.
    pub(crate) order: Order,
    /// The sizes of the batch.
    pub(crate) extent: Extent<'b>,
    /// Tensors of which each step sees its own element, `[time, batch, ..]`.
    pub(crate) over_time: &'a [Value<'b>],
    /// What the first step is given from before.
    pub(crate) carry: &'a [Value<'b>],
    /// Tensors that every step sees whole.
    pub(crate) constants: &'a [Value<'b>],
    /// Columns of each tensor that is collected from step to step: the first of those a step leaves behind. What a step leaves
    /// beyond them is dropped.
    pub(crate) collected: &'a [i32],
}

/// What one step sees.
pub(crate) struct Step<'s> {
    /// This step's elements of the tensors over time, `[batch, ..]`.
    pub(crate) now: Vec<Value<'s>>,
    /// What the step before gave.
    pub(crate) carry: Vec<Value<'s>>,
    /// The tensors that every step sees whole.
    pub(crate) constants: Vec<Value<'s>>,
}

/// What one step gives, and what the whole loop gives.
pub(crate) struct Stepped<'s> {
    /// What the next step is given; of the whole loop: what the last step gave.
    pub(crate) carry: Vec<Value<'s>>,
    /// What the step leaves behind, `[batch, columns]` each; of the whole loop: the same of all steps, `[time, batch, columns]`.
    pub(crate) collected: Vec<Value<'s>>,
}

impl<'b> Extent<'b> {
    /// The shape `[batch, columns]`.
    pub(crate) fn rows_of(self, columns: i32) -> Value<'b> {
        let b = self.batch.builder();
        b.pack(&[self.batch, b.int(columns)])
    }

    /// The shape `[time, batch, columns]`.
    pub(crate) fn steps_of(self, columns: i32) -> Value<'b> {
        let b = self.batch.builder();
        b.pack(&[self.time, self.batch, b.int(columns)])
    }
}

/// Runs `step` once for each step of time.
///
/// The loop is a functional `While` whose variables are: the step's index, the same as the edge of a slice, the carried tensors, a tensor list for
/// each collected tensor, and all that does not change. What a step leaves behind travels in tensor lists, since setting an element of
/// a list moves a pointer where updating a slice of a tensor would copy.
pub(crate) fn scan<'b>(scan: &Scan<'_, 'b>, step: impl for<'s> FnOnce(Step<'s>) -> Stepped<'s>) -> Stepped<'b> {
    let extent = scan.extent;
    let b = extent.batch.builder();
    let one = b.int(1);
    let (index, edge) = match scan.order {
        Order::Forward => (b.int(0), b.ints(&[0])),
        Order::Backward => (extent.steps - one, extent.steps.reshape_to(&[1])),
    };
    let mut variables = vec![index, edge, extent.steps];
    variables.extend_from_slice(scan.carry);
    for &columns in scan.collected {
        variables.push(
            b.op("TensorListReserve")
                .input(extent.rows_of(columns))
                .input(extent.time)
                .attribute("element_dtype", Attribute::Type(b.element()))
                .attribute("shape_type", Attribute::Type(DataType::Int32))
                .value(),
        );
    }
    variables.extend_from_slice(scan.over_time);
    variables.extend_from_slice(scan.constants);

    let condition = format!("{}_condition", scan.name);
    let body = format!("{}_body", scan.name);
    let order = scan.order;
    b.function(&condition, &variables, |c, variables| {
        vec![match order {
            Order::Forward => variables[0].less(variables[2]),
            Order::Backward => variables[0].greater_equal(c.int(0)),
        }]
    });
    let carried = scan.carry.len();
    let lists = scan.collected.len();
    let moving = scan.over_time.len();
    b.function(&body, &variables, |s, variables| {
        let (head, rest) = variables.split_at(3);
        let (carry, rest) = rest.split_at(carried);
        let (lists, rest) = rest.split_at(lists);
        let (over_time, constants) = rest.split_at(moving);
        let (index, edge) = (head[0], head[1]);
        // `edge` is where this step's slice begins going forward, and where it ends going backward, so
        // that one addition gives both ends and the next step's edge.
        let (next_index, next_edge) = match order {
            Order::Forward => (index + s.int(1), edge + s.ints(&[1])),
            Order::Backward => (index - s.int(1), edge - s.ints(&[1])),
        };
        let (begin, end) = if order == Order::Forward { (edge, next_edge) } else { (next_edge, edge) };
        let now = over_time.iter().map(|value| value.element_first(begin, end)).collect();
        let stepped = step(Step { now, carry: carry.to_vec(), constants: constants.to_vec() });
        let mut results = vec![next_index, next_edge, head[2]];
        results.extend(stepped.carry);
        for (&list, item) in lists.iter().zip(stepped.collected) {
            results.push(s.op("TensorListSetItem").input(list).input(index).input(item).value());
        }
        results.extend_from_slice(over_time);
        results.extend_from_slice(constants);
        results
    });
    let results = b
        .op("While")
        .list(&variables)
        .attribute("cond", Attribute::Function(condition))
        .attribute("body", Attribute::Function(body))
        .attribute("parallel_iterations", Attribute::Int(1))
        .attribute("_lower_using_switch_merge", Attribute::Bool(scan.run == Loop::Lowered))
        .values(variables.len());
    Stepped {
        carry: results[3..3 + carried].to_vec(),
        collected: scan
            .collected
            .iter()
            .zip(&results[3 + carried..])
            .map(|(&columns, &list)| stack(b, list, extent.rows_of(columns)))
            .collect(),
    }
}

fn stack<'b>(b: &'b Builder, list: Value<'b>, element_shape: Value<'b>) -> Value<'b> {
    b.op("TensorListStack")
        .input(list)
        .input(element_shape)
        .attribute("element_dtype", Attribute::Type(b.element()))
        .value()
}
