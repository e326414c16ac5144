//! The loop over time that every cell shares, forward and backward.

use super::{Attribute, Value};

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
    /// XLA compiles the loop. What its body does element by element becomes a few loops over values in the cache, so cells do
    /// there what they otherwise do for all steps at once.
    Compiled,
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
    /// The tensors that are collected from step to step: the first of those a step leaves behind. What a step leaves beyond
    /// them is dropped.
    pub(crate) collected: &'a [Collected],
}

/// A tensor that is collected from step to step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Collected {
    /// Columns.
    pub(crate) columns: i32,
    /// Which of the tensors over time has the same columns and is not needed once a step has seen its element of it. XLA then
    /// writes over it, which saves clearing and filling fresh memory. The steps that are not computed keep what it held there.
    pub(crate) in_place_of: Option<usize>,
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

impl Collected {
    /// In memory of its own, where steps that are not computed are zeros.
    pub(crate) fn apart(columns: i32) -> Self {
        Self { columns, in_place_of: None }
    }

    /// In place of a tensor over time.
    pub(crate) fn in_place_of(place: usize, columns: i32) -> Self {
        Self { columns, in_place_of: Some(place) }
    }
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
    // Of each tensor over time the list that takes its place, where there is one.
    let mut replaced = vec![None; scan.over_time.len()];
    for (list, collected) in scan.collected.iter().enumerate() {
        let shape = extent.rows_of(collected.columns);
        variables.push(match collected.in_place_of.filter(|_| scan.run == Loop::Compiled) {
            Some(place) => {
                replaced[place] = Some(list);
                scan.over_time[place].to_list(shape)
            }
            None => b.list_of_zeros(shape, extent.time),
        });
    }
    let moving: Vec<_> =
        scan.over_time.iter().zip(&replaced).filter(|(_, list)| list.is_none()).map(|(&value, _)| value).collect();
    variables.extend_from_slice(&moving);
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
    let moving = moving.len();
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
        let mut apart = over_time.iter();
        let now = replaced.iter().filter_map(|list| match list {
            Some(list) => Some(lists[*list].list_item(index, s.ints(&[-1, scan.collected[*list].columns]))),
            None => apart.next().map(|value| value.element_first(begin, end)),
        });
        let stepped = step(Step { now: now.collect(), carry: carry.to_vec(), constants: constants.to_vec() });
        let mut results = vec![next_index, next_edge, head[2]];
        results.extend(stepped.carry);
        results.extend(lists.iter().zip(stepped.collected).map(|(list, item)| list.with_item(index, item)));
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
            .map(|(collected, &list)| list.stack_list(extent.rows_of(collected.columns)))
            .collect(),
    }
}
