//! A lockstep's progress: a bar on a terminal, lines elsewhere. Both on stderr.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use harness_text::numbers;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::exit::say;
use super::progress::style;
use crate::lockstep::{Comparison, LockstepEvent, Subject};

/// Lines of a comparison where there is no terminal.
const LINES: u64 = 4;

/// Shows what a lockstep does.
pub(super) struct Display {
    bar: Option<ProgressBar>,
    comparisons: u64,
    steps: u64,
    ended: u64,
    walked: u64,
    name: String,
    start: Instant,
}

impl Display {
    /// For so many comparisons of so many steps.
    pub(super) fn new(comparisons: usize, steps: u64) -> Self {
        let comparisons = comparisons as u64;
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(comparisons * steps), ProgressDrawTarget::stderr());
            bar.set_style(style("{prefix} {wide_bar} {percent:>3} %  {elapsed} gone  {msg}"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Self { bar, comparisons, steps, ended: 0, walked: 0, name: String::new(), start: Instant::now() }
    }

    /// Shows one event.
    pub(super) fn show(&mut self, event: &LockstepEvent<'_>) {
        match event {
            LockstepEvent::Kept(comparison) => {
                self.name = title(&comparison.subject, comparison.cell.name());
                self.line(&format!("{}: had ended", self.name));
                self.end();
            }
            LockstepEvent::Started(subject, cell) => {
                self.name = title(subject, cell.name());
                match &self.bar {
                    Some(bar) => bar.set_prefix(self.name.clone()),
                    None => say(&format!("{}: comparison {} of {}", self.name, self.ended + 1, self.comparisons)),
                }
            }
            LockstepEvent::Step(pair) => {
                self.walked += 1;
                let text = format!(
                    "step {}/{}, loss {:.4}, apart {:.1e}{}",
                    pair.step,
                    self.steps,
                    pair.loss[0],
                    pair.loss_difference(),
                    self.left(pair.step)
                );
                match &self.bar {
                    Some(bar) => {
                        bar.set_position(self.ended * self.steps + pair.step);
                        bar.set_message(text);
                    }
                    None if pair.step % self.steps.div_ceil(LINES) == 0 => say(&format!("{}: {text}", self.name)),
                    None => {}
                }
            }
            LockstepEvent::Ended(record) => {
                if let Some(reason) = record.comparisons.last().and_then(Comparison::unfinished) {
                    self.line(&format!("{}: {reason}", self.name));
                }
                self.end();
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    fn end(&mut self) {
        self.ended += 1;
        if let Some(bar) = &self.bar {
            bar.set_position(self.ended * self.steps);
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    /// The time left at the pace so far, e.g. `, 12 min left`.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn left(&self, step: u64) -> String {
        let steps = (self.comparisons * self.steps).saturating_sub(self.ended * self.steps + step);
        let seconds = self.start.elapsed().as_secs_f64() / self.walked.max(1) as f64 * steps as f64;
        format!(", {} left", numbers::rough_time(seconds))
    }
}

fn title(subject: &Subject, cell: &str) -> String {
    let side = |place: &usize| if *place == 0 { "first" } else { "second" };
    let what = match subject {
        Subject::Pair => "the two sides".to_owned(),
        Subject::Equal => "the two sides with equal settings".to_owned(),
        Subject::Threads { side: place, threads: [one, other] } => {
            format!("the {} side with {one} and {other} threads", side(place))
        }
        Subject::Rounding { side: place } => format!("the {} side, weights moved by one rounding", side(place)),
        Subject::Switched { keys, .. } => keys.join(", "),
    };
    format!("{cell}, {what}")
}
