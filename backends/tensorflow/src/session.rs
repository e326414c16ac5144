//! A TensorFlow session with its threads, and how tensors go in and out of it.

use std::sync::Once;

use harness_contract::BackendError;
use harness_contract::subnormal::SubnormalsAsZero;
use tensorflow::{Graph, Output, SessionOptions, SessionRunArgs, Tensor, TensorType};

/// A graph that runs, and the variables it has.
pub(crate) struct Session {
    inner: tensorflow::Session,
}

/// A tensor that is fed.
pub(crate) enum Feed {
    /// Integers.
    Int(Tensor<i32>),
    /// Floating-point numbers.
    Float(Tensor<f32>),
    /// Floating-point numbers of double precision, in tests of the gradients.
    #[cfg(test)]
    Double(Tensor<f64>),
    /// Counters of a random generator.
    Counter(Tensor<u64>),
}

/// What an execution works on: what is fed, what is fetched and what else is run.
#[derive(Default)]
pub(crate) struct Execution<'a> {
    /// Placeholders with their tensors.
    pub(crate) feeds: Vec<(&'a Output, Feed)>,
    /// Tensors to fetch.
    pub(crate) fetches: Vec<&'a Output>,
    /// Operations to run beside those that the fetches need.
    pub(crate) targets: Vec<&'a Output>,
}

/// Prepares the process for TensorFlow: quiet unless the user asked for its messages, and with thread pools of their own for
/// each session, because the process-wide pool has the size that the first session asked for.
pub(crate) fn prepare_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (name, value) in [("TF_CPP_MIN_LOG_LEVEL", "2"), ("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")] {
            if std::env::var_os(name).is_none() {
                // SAFETY: Rust's own accesses to the environment are locked against this one. TensorFlow, which reads it
                // without that lock, has not been called yet in this process, so none of its threads exists.
                unsafe { std::env::set_var(name, value) };
            }
        }
    });
}

impl Session {
    /// A session for a graph, computing with so many threads.
    ///
    /// # Errors
    /// Whatever TensorFlow fails with.
    pub(crate) fn new(graph: &Graph, threads: usize, executor: Executor) -> Result<Self, BackendError> {
        let mut options = SessionOptions::new();
        options
            .set_config(&config(threads, executor))
            .map_err(|status| BackendError::framework("configure a session", status))?;
        let inner = tensorflow::Session::new(&options, graph)
            .map_err(|status| BackendError::framework("open a session", status))?;
        Ok(Self { inner })
    }

    /// Runs a part of the graph; gives what was to be fetched, in order.
    ///
    /// # Errors
    /// Whatever TensorFlow fails with, `doing` what the run is for.
    pub(crate) fn run<T: TensorType>(
        &self,
        doing: &str,
        execution: &Execution<'_>,
    ) -> Result<Vec<Tensor<T>>, BackendError> {
        let mut arguments = SessionRunArgs::new();
        for (output, feed) in &execution.feeds {
            match feed {
                Feed::Int(tensor) => arguments.add_feed(&output.operation, output.index, tensor),
                Feed::Float(tensor) => arguments.add_feed(&output.operation, output.index, tensor),
                #[cfg(test)]
                Feed::Double(tensor) => arguments.add_feed(&output.operation, output.index, tensor),
                Feed::Counter(tensor) => arguments.add_feed(&output.operation, output.index, tensor),
            }
        }
        for output in &execution.targets {
            arguments.add_target(&output.operation);
        }
        let tokens: Vec<_> =
            execution.fetches.iter().map(|output| arguments.request_fetch(&output.operation, output.index)).collect();
        let _guard = SubnormalsAsZero::new();
        self.inner.run(&mut arguments).map_err(|status| BackendError::framework(doing, status))?;
        tokens
            .into_iter()
            .map(|token| arguments.fetch(token).map_err(|status| BackendError::framework(doing, status)))
            .collect()
    }
}

impl Feed {
    /// Integers of a shape.
    ///
    /// # Errors
    /// Values that don't fill the shape.
    pub(crate) fn ints(shape: &[usize], values: &[i32]) -> Result<Self, BackendError> {
        tensor(shape, values).map(Self::Int)
    }

    /// Floating-point numbers of a shape.
    ///
    /// # Errors
    /// Values that don't fill the shape.
    pub(crate) fn floats(shape: &[usize], values: &[f32]) -> Result<Self, BackendError> {
        tensor(shape, values).map(Self::Float)
    }

    /// A scalar, rounded to float32.
    pub(crate) fn scalar(value: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "float32 is what the graph computes in")]
        Self::Float(Tensor::from(value as f32))
    }

    /// A counter of a random generator.
    ///
    /// # Errors
    /// Whatever TensorFlow fails with.
    pub(crate) fn counter(words: [u64; 2]) -> Result<Self, BackendError> {
        tensor(&[2], &words).map(Self::Counter)
    }

    /// An integer scalar.
    ///
    /// # Errors
    /// A size beyond 32 bits.
    pub(crate) fn size(value: usize) -> Result<Self, BackendError> {
        i32::try_from(value)
            .map(|value| Self::Int(Tensor::from(value)))
            .map_err(|_| BackendError::framework("feed a size", format!("{value} does not fit 32 bits")))
    }
}

fn tensor<T: TensorType>(shape: &[usize], values: &[T]) -> Result<Tensor<T>, BackendError> {
    let axes: Vec<_> = shape.iter().map(|&axis| axis as u64).collect();
    Tensor::new(&axes).with_values(values).map_err(|status| BackendError::framework("fill a tensor", status))
}

/// How a session goes through its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executor {
    /// TensorFlow's default, which hands ready operations to a pool of threads.
    Parallel,
    /// One operation after the other, without the pool.
    Sequential,
}

/// A serialized `tensorflow.ConfigProto` (tensorflow/core/protobuf/config.proto and rewriter_config.proto).
fn config(threads: usize, executor: Executor) -> Vec<u8> {
    const INTRA_OP_PARALLELISM_THREADS: u64 = 2;
    const INTER_OP_PARALLELISM_THREADS: u64 = 5;
    const USE_PER_SESSION_THREADS: u64 = 9;
    const GRAPH_OPTIONS: u64 = 10;
    const REWRITE_OPTIONS: u64 = 10;
    const DISABLE_META_OPTIMIZER: u64 = 19;
    const EXPERIMENTAL: u64 = 16;
    const EXECUTOR_TYPE: u64 = 3;
    let mut config = Vec::new();
    for (field, value) in [
        (INTRA_OP_PARALLELISM_THREADS, threads as u64),
        (INTER_OP_PARALLELISM_THREADS, threads as u64),
        (USE_PER_SESSION_THREADS, 1),
    ] {
        varint(&mut config, field << 3);
        varint(&mut config, value);
    }
    // The graph is written as it should run; Grappler's passes over it cost a third of a second at the first step of
    // each program and gain nothing that can be measured afterwards.
    let mut rewrite_options = Vec::new();
    varint(&mut rewrite_options, DISABLE_META_OPTIMIZER << 3);
    varint(&mut rewrite_options, 1);
    let mut graph_options = Vec::new();
    delimited(&mut graph_options, REWRITE_OPTIONS, &rewrite_options);
    delimited(&mut config, GRAPH_OPTIONS, &graph_options);
    if executor == Executor::Sequential {
        let mut experimental = Vec::new();
        delimited(&mut experimental, EXECUTOR_TYPE, b"SINGLE_THREADED_EXECUTOR");
        delimited(&mut config, EXPERIMENTAL, &experimental);
    }
    config
}

fn delimited(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits are taken at a time")]
fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
