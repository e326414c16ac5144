//! `arms.csv`: one row an arm, with every digit.

use std::path::Path;

use harness_statistics::metrics::{METRICS, expected_calibration_error};
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use super::ReportError;
use super::arms::{Arm, ArmRun, Level};
use super::overview::mean_over_epochs;
use super::published::Published;

/// Writes the table; what an arm does not have is empty. Metrics are of the completed runs that escaped, `others_auc_*` of those that did not.
///
/// # Errors
/// If polars refuses the columns or the file can't be written.
pub(super) fn write(arms: &[Arm<'_>], published: Option<&Published>, path: &Path) -> Result<(), ReportError> {
    let rows = Rows { arms };
    let framework = |arm: &Arm<'_>| Some(published?.framework_of(arm.group.backend)?.title.clone());
    let mut columns = vec![
        rows.column("backend", |arm| arm.group.backend.to_owned()),
        rows.column("framework", framework),
        rows.column("cell", |arm| arm.group.cell.name()),
        rows.column("variant", |arm| arm.group.variant.to_owned()),
        rows.column("planned", |arm| arm.runs.len() as u64),
        rows.column("completed", |arm| arm.completed().count() as u64),
        rows.column("alarms", |arm| arm.alarms().count() as u64),
        rows.column("escaped", |arm| arm.of_kind(true).count() as u64),
        rows.column("escaped_share", |arm| arm.escaped_share().map(|own| own.share)),
        rows.column("escaped_share_lower", |arm| arm.escaped_share().map(|own| own.lower)),
        rows.column("escaped_share_upper", |arm| arm.escaped_share().map(|own| own.upper)),
        rows.column("escape_epoch_restricted_mean", Arm::mean_escape),
    ];
    for metric in &METRICS {
        columns.extend(rows.level(metric.key, |arm| arm.metric(metric)));
    }
    columns.extend(rows.level("calibration_error", |arm| arm.level(calibration_error)));
    columns.extend(rows.level("train_seconds_per_epoch", |arm| {
        arm.level(|run| mean_over_epochs(run.record()?, |epoch| epoch.timing.train_seconds))
    }));
    let others = |pick: fn(f64, f64) -> f64| {
        move |arm: &Arm<'_>| arm.of_kind(false).filter_map(|(run, _)| Some(run.test()?.auc)).reduce(pick)
    };
    columns.push(rows.column("others_auc_least", others(f64::min)));
    columns.push(rows.column("others_auc_most", others(f64::max)));
    let frame = DataFrame::new(arms.len(), columns)
        .map_err(|source| ReportError::Table { what: "the table of arms", source })?;
    super::results::write_csv(&frame, path)
}

/// Expected calibration error of a run that completed.
pub(super) fn calibration_error(run: &ArmRun<'_>) -> Option<f64> {
    (!run.reliability.is_empty()).then(|| expected_calibration_error(&run.reliability))
}

struct Rows<'r, 'a> {
    arms: &'r [Arm<'a>],
}

impl<'a> Rows<'_, 'a> {
    fn column<T>(&self, name: &str, value: impl Fn(&Arm<'a>) -> T) -> Column
    where
        Series: NamedFrom<Vec<T>, [T]>,
    {
        Series::new(name.into(), self.arms.iter().map(value).collect::<Vec<T>>()).into()
    }

    /// Mean, sample standard deviation and Student's interval over the escaped runs.
    fn level(&self, name: &str, of: impl Fn(&Arm<'a>) -> Option<Level>) -> Vec<Column> {
        let levels: Vec<Option<Level>> = self.arms.iter().map(of).collect();
        let column = |suffix: &str, pick: fn(&Level) -> Option<f64>| {
            let values: Vec<Option<f64>> = levels.iter().map(|level| pick(level.as_ref()?)).collect();
            Series::new(format!("{name}{suffix}").into(), values).into()
        };
        vec![
            column("_mean", |level| Some(level.mean)),
            column("_deviation", |level| level.deviation),
            column("_lower", |level| Some(level.interval?.lower)),
            column("_upper", |level| Some(level.interval?.upper)),
        ]
    }
}
