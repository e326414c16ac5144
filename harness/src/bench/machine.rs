//! What the machine can do at most: matrix products by a program that links a framework, memory by copying.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use super::error::BenchError;

/// Bytes that a copy reads: far more than any cache holds.
const COPIED: usize = 256 << 20;
/// Copies that are timed.
const COPIES: usize = 5;

/// Thousands of millions of operations a second in a large float32 matrix product with so many threads, as `program` measures it:
/// it is called with the number of threads and prints a number a line, a sample each.
///
/// # Errors
/// If it can't be run, fails, or prints something else.
pub fn matmul_peak(program: &Path, threads: usize) -> Result<Vec<f64>, BenchError> {
    let failed = |reason: String| BenchError::Program { program: program.into(), reason };
    let output = Command::new(program)
        .arg(threads.to_string())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let samples: Result<Vec<f64>, _> = text.lines().map(|line| line.trim().parse::<f64>()).collect();
    match samples {
        Ok(samples) if !samples.is_empty() && samples.iter().all(|sample| sample.is_finite() && *sample > 0.0) => {
            Ok(samples)
        }
        _ => Err(failed(format!("it should print a positive number a line, and printed {:?}", text.trim()))),
    }
}

/// Thousands of millions of bytes a second, read and written, in copying memory with so many threads, a sample for each copy.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn copy_bandwidth(threads: usize) -> Vec<f64> {
    let source = vec![1_u8; COPIED];
    let mut target = vec![0_u8; COPIED];
    let part = COPIED.div_ceil(threads.max(1));
    let mut copy = || {
        let start = Instant::now();
        thread::scope(|scope| {
            for (from, to) in source.chunks(part).zip(target.chunks_mut(part)) {
                scope.spawn(move || black_box(to).copy_from_slice(black_box(from)));
            }
        });
        2.0 * COPIED as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    // The first touches the pages of the target.
    let _ = copy();
    (0..COPIES).map(|_| copy()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_copied_at_a_speed_that_a_machine_can_have() {
        let samples = copy_bandwidth(2);
        assert_eq!(samples.len(), COPIES);
        assert!(samples.iter().all(|sample| (0.1..10_000.0).contains(sample)), "{samples:?}");
    }
}
