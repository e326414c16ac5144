//! The few distributions that the methods need, by `statrs`. Arguments are checked by the callers.

use statrs::function::beta::{beta_reg, inv_beta_reg};

/// `P(|T| >= |t|)` of Student's distribution with `degrees` of freedom, which need not be whole.
pub(crate) fn student_two_sided(t: f64, degrees: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    // Abramowitz and Stegun 26.5.27.
    beta_reg(degrees / 2.0, 0.5, degrees / (degrees + t * t))
}

/// `P(T >= t)` of Student's distribution.
pub(crate) fn student_above(t: f64, degrees: f64) -> f64 {
    let half = student_two_sided(t, degrees) / 2.0;
    if t >= 0.0 { half } else { 1.0 - half }
}

/// The `t` that is exceeded in absolute value with probability `1 - confidence`.
pub fn student_critical(confidence: f64, degrees: f64) -> f64 {
    let y = beta_quantile(degrees / 2.0, 0.5, 1.0 - confidence);
    (degrees * (1.0 - y) / y).sqrt()
}

/// The `probability` quantile of the beta distribution.
pub(crate) fn beta_quantile(a: f64, b: f64, probability: f64) -> f64 {
    inv_beta_reg(a, b, probability)
}

/// `P(X <= successes)` of `trials` tosses of a fair coin.
pub(crate) fn fair_coin_at_most(successes: u64, trials: u64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    beta_reg((trials - successes) as f64, (successes + 1) as f64, 0.5)
}
