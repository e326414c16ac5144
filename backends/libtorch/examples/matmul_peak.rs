//! Measures how fast this machine multiplies matrices: `matmul_peak THREADS`.
//!
//! Prints a number a line, in thousands of millions of floating-point operations a second: float32 products of two square matrices,
//! large enough that memory doesn't matter, a sample each. `study bench` holds what the backends reach against it.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::time::Instant;

use tch::{Device, Kind, Tensor};

/// Rows and columns.
const SIZE: i64 = 1536;
const SAMPLES: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let threads: i32 = match std::env::args().nth(1).map(|text| text.parse()) {
        Some(Ok(threads)) if threads > 0 => threads,
        _ => return Err("give the number of threads".into()),
    };
    tch::set_num_threads(threads);
    let (a, b) = (random()?, random()?);
    let product = Tensor::f_zeros([SIZE, SIZE], (Kind::Float, Device::Cpu))?;
    let operations = 2.0 * f64::from(i32::try_from(SIZE)?).powi(3);
    for sample in 0..=SAMPLES {
        let start = Instant::now();
        let _ = a.f_matmul_out(&product, &b)?;
        // The first one is for the library to set itself up.
        if sample > 0 {
            println!("{}", operations / start.elapsed().as_secs_f64() / 1e9);
        }
    }
    Ok(())
}

fn random() -> Result<Tensor, tch::TchError> {
    Tensor::f_randn([SIZE, SIZE], (Kind::Float, Device::Cpu))
}
