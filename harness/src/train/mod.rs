//! The training loop that every backend goes through.
