//! `ReduceLROnPlateau` as PyTorch and as Keras have it.

use harness_contract::defaults::{PatienceRule, ThresholdMode};

use crate::plan::{Scheduler, SchedulerKind};

/// The state of a plateau scheduler.
///
/// Sources: `torch/optim/lr_scheduler.py`, `ReduceLROnPlateau.step`, and
/// `keras/src/callbacks/reduce_lr_on_plateau.py`, `ReduceLROnPlateau.on_epoch_end`. They differ in how an improvement is
/// recognised, in whether `patience` epochs or one more must pass, and in the order in which a cooldown is counted down.
#[derive(Debug, Clone)]
pub struct Plateau {
    settings: Scheduler,
    best: f64,
    bad_epochs: u32,
    cooldown_left: u32,
}

impl Plateau {
    /// A scheduler that has seen no epoch; `None` if the settings ask for none.
    #[must_use]
    pub fn new(settings: Scheduler) -> Option<Self> {
        (settings.kind == SchedulerKind::Plateau).then_some(Self {
            settings,
            best: f64::INFINITY,
            bad_epochs: 0,
            cooldown_left: 0,
        })
    }

    /// The learning rate after an epoch with this validation loss.
    pub fn step(&mut self, loss: f64, learning_rate: f64) -> f64 {
        let fires = match self.settings.patience_rule {
            PatienceRule::AfterPatience => self.pytorch(loss),
            PatienceRule::AtPatience => self.keras(loss),
        };
        if !fires {
            return learning_rate;
        }
        self.cooldown_left = self.settings.cooldown;
        self.bad_epochs = 0;
        (learning_rate * self.settings.factor).max(self.settings.min_learning_rate).min(learning_rate)
    }

    fn improves(&self, loss: f64) -> bool {
        match self.settings.threshold_mode {
            // An infinite best times a factor is still infinite.
            ThresholdMode::Relative => loss < self.best * (1.0 - self.settings.threshold),
            ThresholdMode::Absolute => loss < self.best - self.settings.threshold,
        }
    }

    /// PyTorch counts first and takes a cooldown into account after.
    fn pytorch(&mut self, loss: f64) -> bool {
        if self.improves(loss) {
            self.best = loss;
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
        }
        if self.cooldown_left > 0 {
            self.cooldown_left -= 1;
            self.bad_epochs = 0;
        }
        self.bad_epochs > self.settings.patience
    }

    /// Keras counts a cooldown down first, and counts an epoch as bad only outside of one.
    fn keras(&mut self, loss: f64) -> bool {
        if self.cooldown_left > 0 {
            self.cooldown_left -= 1;
            self.bad_epochs = 0;
        }
        if self.improves(loss) {
            self.best = loss;
            self.bad_epochs = 0;
            return false;
        }
        if self.cooldown_left > 0 {
            return false;
        }
        self.bad_epochs += 1;
        self.bad_epochs >= self.settings.patience
    }
}
