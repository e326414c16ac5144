//! How a training step's cost grows with one factor.

use harness_contract::CellKind;

use crate::bench::{BenchRecord, Factor};
use harness_statistics::samples::Spread;

/// The cost of one backend's step on one cell at each value of a factor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// The backend.
    pub(super) backend: String,
    /// The cell.
    pub(super) cell: CellKind,
    /// Values of the factor, ascending, with the milliseconds of a training step.
    pub(super) points: Vec<(f64, Spread)>,
}

impl Series {
    /// The exponent `b` of the least-squares fit `cost = a * value^b` over the medians; `None` of fewer than two values.
    pub(super) fn exponent(&self) -> Option<f64> {
        let logarithms: Vec<(f64, f64)> =
            self.points.iter().map(|(value, cost)| (value.ln(), cost.median.ln())).collect();
        slope(&logarithms)
    }
}

/// Every series of a factor, cells in their order and backends in that of the record. What could not be measured is left out.
pub(super) fn series(record: &BenchRecord, factor: Factor) -> Vec<Series> {
    let mut all = Vec::new();
    for cell in CellKind::ALL {
        for backend in &record.backends {
            let own = record
                .measurements
                .iter()
                .filter(|row| row.factor == factor && row.model.cell == cell && row.backend == backend.name);
            let mut points: Vec<(f64, Spread)> = own
                .filter_map(|row| {
                    let milliseconds = row.timing()?.train.iter().map(|sample| 1e3 * sample.compute_seconds);
                    Some((row.value() as f64, Spread::of(milliseconds)?))
                })
                .collect();
            points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            if !points.is_empty() {
                all.push(Series { backend: backend.name.clone(), cell, points });
            }
        }
    }
    all
}

/// The slope of the least-squares line; `None` where the abscissae don't differ.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let number = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / number;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let covariance: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (variance > 0.0).then(|| covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_found_by_its_exponent() {
        let points = [1.0_f64, 2.0, 4.0].map(|value| {
            let cost = 3.0 * value.powf(1.5);
            (value, Spread { min: cost, median: cost, max: cost })
        });
        let series = Series { backend: "any".into(), cell: CellKind::Gru, points: points.into() };
        assert!((series.exponent().unwrap() - 1.5).abs() < 1e-12);
        let single = Series { points: series.points[..1].to_vec(), ..series };
        assert_eq!(single.exponent(), None);
    }
}
