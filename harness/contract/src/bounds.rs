//! The upper bound of every size that comes over the pipe. Each is checked before anything is allocated for it.
//!
//! They stop a slip or a broken peer from taking a machine's memory, not a study: each lies far above what such models use.
//! `backends/README.md` has the same list, and so has `backends/python/checks.py`; a test holds the three together.

/// Recurrent layers of a model.
pub const MAX_LAYERS: usize = 64;

/// Units of a recurrent layer, of one direction.
pub const MAX_HIDDEN_SIZE: usize = 1 << 14;

/// Columns of the embedding.
pub const MAX_EMBEDDING_SIZE: usize = 1 << 14;

/// Rows of the embedding.
pub const MAX_VOCABULARY_SIZE: usize = 1 << 24;

/// Steps of a batch.
pub const MAX_TIME: usize = 1 << 16;

/// Rows of a training batch.
pub const MAX_BATCH: usize = 1 << 16;

/// Steps of all rows of a training batch together: `max_time * max_batch`.
pub const MAX_TOKENS: u64 = 1 << 26;

/// Threads that a worker may be told to compute with.
pub const MAX_THREADS: usize = 1 << 10;

/// Elements of all weights of a model together: an embedding of a million words by 128.
pub const MAX_PARAMETERS: u64 = 1 << 27;

/// Rows of any batch; predictions may have more than training.
pub const MAX_ROWS: usize = 1 << 20;

/// Tensors in one list: three for each weight of the deepest model, which has [`MAX_LAYERS`] of ten tensors and three beside them.
pub const MAX_TENSORS: usize = 3 * (10 * MAX_LAYERS + 3);

/// Axes of a tensor.
pub const MAX_AXES: usize = 8;

/// Bytes of a tensor's or a stream's name.
pub const MAX_NAME_BYTES: usize = 256;

/// Steps that an optimiser may have taken.
pub const MAX_STEPS: u64 = i32::MAX.unsigned_abs() as u64;

/// Random streams of a model.
pub const MAX_STREAMS: usize = 256;

/// Words of 64 bits of the positions of all random streams together: a Mersenne twister has 632.
pub const MAX_STREAM_WORDS: usize = 1 << 12;

/// All bounds by the names that the document has for them.
pub const ALL: [(&str, u64); 16] = [
    ("layers", MAX_LAYERS as u64),
    ("hidden_size", MAX_HIDDEN_SIZE as u64),
    ("embedding_size", MAX_EMBEDDING_SIZE as u64),
    ("vocabulary_size", MAX_VOCABULARY_SIZE as u64),
    ("max_time", MAX_TIME as u64),
    ("max_batch", MAX_BATCH as u64),
    ("tokens", MAX_TOKENS),
    ("threads", MAX_THREADS as u64),
    ("parameters", MAX_PARAMETERS),
    ("rows", MAX_ROWS as u64),
    ("tensors", MAX_TENSORS as u64),
    ("axes", MAX_AXES as u64),
    ("name", MAX_NAME_BYTES as u64),
    ("steps", MAX_STEPS),
    ("streams", MAX_STREAMS as u64),
    ("stream words", MAX_STREAM_WORDS as u64),
];
