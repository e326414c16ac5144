//! A grid's progress: bars on a terminal, lines elsewhere. Both on stderr.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use harness_text::{numbers, plain_lines};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::exit::say;
use crate::plan::RunKey;
use crate::record::{LostState, Outcome, RunEvent};
use crate::run::GridEvent;

/// Shares of a run's work are counted in thousandths of its cost.
const PARTS: u64 = 1000;

/// Shows what a grid does.
pub(super) struct Display {
    bars: Option<Bars>,
    costs: BTreeMap<RunKey, u64>,
    done: BTreeMap<RunKey, u64>,
    epochs: BTreeMap<RunKey, u32>,
    start: Instant,
    kept: u64,
}

struct Bars {
    all: MultiProgress,
    grid: ProgressBar,
    runs: BTreeMap<RunKey, ProgressBar>,
}

impl Display {
    /// For a grid of these runs, each with its cost in a unit they share.
    pub(super) fn new(costs: &[(RunKey, u64)]) -> Self {
        let costs: BTreeMap<_, _> = costs.iter().cloned().collect();
        let bars = stderr().is_terminal().then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let grid = all.add(ProgressBar::new(costs.values().sum()));
            grid.set_style(style("grid {wide_bar} {percent:>3} %  {elapsed} gone, {msg} left"));
            grid.set_message("?");
            grid.enable_steady_tick(Duration::from_millis(500));
            Bars { all, grid, runs: BTreeMap::new() }
        });
        Self { bars, costs, done: BTreeMap::new(), epochs: BTreeMap::new(), start: Instant::now(), kept: 0 }
    }

    /// Shows one event.
    pub(super) fn show(&mut self, event: &GridEvent) {
        let key = &event.key;
        match &event.event {
            RunEvent::Kept { outcome } => {
                self.kept += self.costs.get(key).copied().unwrap_or(0);
                self.advance(key, PARTS);
                let reason = outcome.reason().map_or_else(String::new, |reason| format!(": {reason}"));
                let what = if matches!(outcome, Outcome::Unsupported { .. }) { "can't be run" } else { "had ended" };
                self.line(&format!("{key}  {what} ({}{reason})", outcome.name()));
            }
            RunEvent::Started { epochs } => {
                self.epochs.insert(key.clone(), *epochs);
                if let Some(bars) = &mut self.bars {
                    let bar = bars.all.insert_before(&bars.grid, ProgressBar::new(PARTS));
                    bar.set_style(style("{prefix} {wide_bar} {percent:>3} %  {eta} left  {msg}"));
                    bar.set_prefix(key.to_string());
                    bar.set_message("starting");
                    bars.runs.insert(key.clone(), bar);
                } else {
                    self.line(&format!("{key}  started, {epochs} epochs"));
                }
            }
            RunEvent::Resumed { epoch, extends } => {
                let what = if *extends { "extends a finished run" } else { "goes on" };
                self.line(&format!("{key}  {what} after epoch {epoch}"));
            }
            RunEvent::StateLost { lost: LostState { epoch, reason } } => {
                let what = match epoch {
                    Some(epoch) => format!("the backend refuses the state after epoch {epoch}"),
                    None => "where it stood can't be read".into(),
                };
                self.line(&format!("{key}  starts anew: {what}: {reason}"));
            }
            RunEvent::Initial { .. } => {}
            RunEvent::Step { epoch, done, of, step } => {
                let epochs = u64::from(self.epochs.get(key).copied().unwrap_or(1).max(1));
                let steps = (u64::from(*epoch) - 1) * of + done;
                self.advance(key, PARTS * steps / (epochs * of).max(1));
                self.message(key, || format!("epoch {epoch}/{epochs}, loss {:.3}", step.loss));
            }
            RunEvent::Evaluated { split, done, of } => self.message(key, || format!("{} {done}/{of}", split.name())),
            RunEvent::Epoch { record } => {
                let text = format!(
                    "{key}  epoch {}: train loss {:.4}, validation loss {:.4}, accuracy {:.4}, {:.1} s",
                    record.epoch,
                    record.train_loss,
                    record.validation.log_loss,
                    record.validation.confusion.accuracy(),
                    record.timing.train_seconds + record.timing.evaluation_seconds,
                );
                if self.bars.is_none() {
                    let left = self.left().map_or_else(String::new, |left| format!(", grid: {left} left"));
                    self.line(&format!("{text}{left}"));
                }
            }
            RunEvent::Ended { outcome, test_accuracy, seconds } => {
                self.advance(key, PARTS);
                self.drop_bar(key);
                let accuracy =
                    test_accuracy.map_or_else(String::new, |accuracy| format!(", test accuracy {accuracy:.4}"));
                let reason = outcome.reason().map_or_else(String::new, |reason| format!(": {reason}"));
                self.line(&format!("{key}  {}{reason}{accuracy}, {seconds:.0} s", outcome.name()));
                end_of(outcome.last_words()).into_iter().for_each(|line| self.line(&format!("  {line}")));
            }
            RunEvent::Slow { request, seconds, usual_seconds } => {
                let usual = usual_seconds.map_or_else(String::new, |usual| format!(", which took {usual:.2} s before"));
                self.line(&format!("{key}  no answer to `{request}` for {seconds:.0} s{usual}"));
            }
            RunEvent::Interrupted => {
                self.drop_bar(key);
                self.line(&format!("{key}  interrupted"));
            }
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(self) {
        if let Some(bars) = self.bars {
            bars.grid.finish_and_clear();
        }
    }

    /// Shows a line.
    pub(super) fn line(&self, text: &str) {
        match &self.bars {
            // A terminal that has gone away is no reason to stop.
            Some(bars) => drop(bars.all.println(text)),
            None => say(text),
        }
    }

    fn message(&self, key: &RunKey, text: impl FnOnce() -> String) {
        if let Some(bar) = self.bars.as_ref().and_then(|bars| bars.runs.get(key)) {
            bar.set_message(text());
        }
    }

    fn drop_bar(&mut self, key: &RunKey) {
        if let Some(bar) = self.bars.as_mut().and_then(|bars| bars.runs.remove(key)) {
            bar.finish_and_clear();
        }
    }

    fn advance(&mut self, key: &RunKey, parts: u64) {
        self.done.insert(key.clone(), parts);
        if let Some(bars) = &self.bars {
            if let Some(bar) = bars.runs.get(key) {
                bar.set_position(parts);
            }
            bars.grid.set_position(self.work_done());
            bars.grid.set_message(self.left().unwrap_or_else(|| "?".into()));
        }
    }

    fn work_done(&self) -> u64 {
        let cost = |key: &RunKey| self.costs.get(key).copied().unwrap_or(0);
        self.done
            .iter()
            .map(|(key, parts)| (u128::from(cost(key)) * u128::from(*parts) / u128::from(PARTS)) as u64)
            .sum()
    }

    /// The time left if the rest goes on at the pace so far, e.g. `12 min`.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn left(&self) -> Option<String> {
        let total: u64 = self.costs.values().sum();
        let done = self.work_done();
        let worked = done.checked_sub(self.kept).filter(|worked| *worked > 0)?;
        let seconds = self.start.elapsed().as_secs_f64() * total.saturating_sub(done) as f64 / worked as f64;
        Some(numbers::rough_time(seconds))
    }
}

/// The last lines of what a worker said before it died; all of them are in the record.
fn end_of(last_words: &str) -> Vec<String> {
    const SHOWN: usize = 12;
    let lines: Vec<_> = plain_lines(last_words).lines().map(str::to_owned).collect();
    let rest = lines.len().saturating_sub(SHOWN);
    let left_out = (rest > 0).then(|| format!("... ({rest} lines before)"));
    left_out.into_iter().chain(lines.into_iter().skip(rest)).collect()
}

/// A bar of this template; the plain one where it can't be read.
pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
