//! What needs two processes of one backend: going on from a state that another process gave.

use crate::backend::Backend;
use crate::spec::Kernel;

use super::Options;
use super::checks::state;
use super::inputs::{Stack, eventful};
use super::measure::Measure;
use super::report::Check;

/// Where the check stands in the report.
const SUBJECT: &str = "in another process";

/// Takes a backend's state to another process of it and goes on there, for every kernel and cell. Every finished check is handed to
/// `progress` as well.
pub fn run_elsewhere(
    here: &mut dyn Backend,
    there: &mut dyn Backend,
    options: &Options,
    progress: &mut dyn FnMut(&Check),
) -> Vec<Check> {
    let capabilities = here.describe().capabilities;
    if !options.only.is_empty() && !options.only.iter().any(|only| only == "state-resumes") {
        return Vec::new();
    }
    let chosen = |kernel: &Kernel| options.kernels.is_empty() || options.kernels.contains(kernel);
    let mut measure = Measure::default();
    let mut result = Ok(());
    for kernel in capabilities.kernels.iter().copied().filter(chosen) {
        for stack in Stack::PLAIN {
            let spec = eventful(stack.spec(&capabilities, kernel), |spec| capabilities.check(spec).is_ok());
            match capabilities.check(&spec) {
                Ok(()) => {
                    result =
                        result.and_then(|()| state::elsewhere(stack, [&mut *here, &mut *there], &spec, &mut measure));
                }
                Err(lack) => measure.lacks(&lack),
            }
        }
    }
    let check = measure.conclude("state-resumes", SUBJECT, 0.0, result);
    progress(&check);
    vec![check]
}
