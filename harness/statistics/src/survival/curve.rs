//! The survival curve.

use serde::{Deserialize, Serialize};

use crate::error::{SampleError, check_positive};

/// One run: when it happened, or until when it had not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Time, above zero; the epoch of escape, say.
    pub time: f64,
    /// Whether it happened at that time. Otherwise the observation is censored: it had not happened by then.
    pub happened: bool,
}

/// The curve from one time at which something was observed until the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalStep {
    /// The time.
    pub time: f64,
    /// Runs that were still without the event right before it.
    pub at_risk: usize,
    /// Events at it.
    pub events: usize,
    /// Runs that are censored at it.
    pub censored: usize,
    /// Estimated share without the event after it.
    pub surviving: f64,
}

/// The product-limit estimate of E. L. Kaplan and P. Meier, "Nonparametric estimation from incomplete observations", Journal of the
/// American Statistical Association 53 (1958), a step for each distinct time. What is censored at a time counts as at risk at that time.
///
/// # Errors
/// If there are no observations, or a time is not positive and finite.
pub fn kaplan_meier(observations: &[Observation]) -> Result<Vec<SurvivalStep>, SampleError> {
    let sorted = by_time(observations)?;
    let mut at_risk = sorted.len();
    let mut surviving = 1.0;
    let mut steps = Vec::new();
    for group in sorted.chunk_by(|a, b| a.time == b.time) {
        let events = group.iter().filter(|observation| observation.happened).count();
        surviving *= (at_risk - events) as f64 / at_risk as f64;
        steps.push(SurvivalStep { time: group[0].time, at_risk, events, censored: group.len() - events, surviving });
        at_risk -= group.len();
    }
    Ok(steps)
}

/// The observations in rising order of time.
fn by_time(observations: &[Observation]) -> Result<Vec<Observation>, SampleError> {
    if observations.is_empty() {
        return Err(SampleError::TooFew { found: 0, least: 1 });
    }
    for observation in observations {
        check_positive("a time", observation.time)?;
    }
    let mut sorted = observations.to_vec();
    sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
    Ok(sorted)
}
