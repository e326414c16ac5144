//! The learning rate from epoch to epoch.

use harness_contract::{PatienceRule, ThresholdMode};

use crate::plan::protocol::{Scheduler, SchedulerKind};
use crate::record::PlateauState;

/// A schedule under way.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// The learning rate stays.
    Constant,
    /// It falls when the validation loss stops falling.
    Plateau(Plateau),
}

impl Schedule {
    /// A schedule that has seen no epoch.
    #[must_use]
    pub const fn new(settings: Scheduler) -> Self {
        match settings.kind {
            SchedulerKind::None => Self::Constant,
            SchedulerKind::Plateau => Self::Plateau(Plateau::new(settings)),
        }
    }

    /// A schedule that stands where another one of these settings stood; one that has seen no epoch where there is no such place.
    #[must_use]
    pub fn at(settings: Scheduler, state: Option<PlateauState>) -> Self {
        match (settings.kind, state) {
            (SchedulerKind::Plateau, Some(state)) => Self::Plateau(Plateau::at(settings, state)),
            _ => Self::new(settings),
        }
    }

    /// Where it stands, if that moves.
    #[must_use]
    pub fn state(&self) -> Option<PlateauState> {
        match self {
            Self::Constant => None,
            Self::Plateau(plateau) => Some(plateau.state()),
        }
    }

    /// The learning rate after an epoch with this validation loss.
    pub fn step(&mut self, loss: f64, learning_rate: f64) -> f64 {
        match self {
            Self::Constant => learning_rate,
            Self::Plateau(plateau) => plateau.step(loss, learning_rate),
        }
    }
}

/// `ReduceLROnPlateau` as PyTorch and as Keras have it.
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
    const fn new(settings: Scheduler) -> Self {
        Self { settings, best: f64::INFINITY, bad_epochs: 0, cooldown_left: 0 }
    }

    fn at(settings: Scheduler, state: PlateauState) -> Self {
        let PlateauState { best, bad_epochs, cooldown_left } = state;
        Self { settings, best: best.unwrap_or(f64::INFINITY), bad_epochs, cooldown_left }
    }

    fn state(&self) -> PlateauState {
        let best = self.best.is_finite().then_some(self.best);
        PlateauState { best, bad_epochs: self.bad_epochs, cooldown_left: self.cooldown_left }
    }

    fn step(&mut self, loss: f64, learning_rate: f64) -> f64 {
        let fires = match self.settings.patience_rule {
            PatienceRule::AfterPatience => self.pytorch(loss),
            PatienceRule::AtPatience => self.keras(loss),
        };
        if !fires {
            return learning_rate;
        }
        self.cooldown_left = self.settings.cooldown;
        self.bad_epochs = 0;
        let reduced = (learning_rate * self.settings.factor).max(self.settings.min_learning_rate).min(learning_rate);
        if learning_rate - reduced > self.settings.min_change { reduced } else { learning_rate }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pytorch(patience: u32, cooldown: u32) -> Scheduler {
        Scheduler {
            kind: SchedulerKind::Plateau,
            factor: 0.1,
            patience,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Relative,
            patience_rule: PatienceRule::AfterPatience,
            cooldown,
            min_learning_rate: 0.0,
            min_change: 0.0,
        }
    }

    fn keras(patience: u32, cooldown: u32) -> Scheduler {
        Scheduler {
            threshold_mode: ThresholdMode::Absolute,
            patience_rule: PatienceRule::AtPatience,
            ..pytorch(patience, cooldown)
        }
    }

    /// The epochs, counted from 1, after which the learning rate fell.
    fn reductions(settings: Scheduler, losses: &[f64]) -> Vec<usize> {
        let mut schedule = Schedule::new(settings);
        let mut rate = 1.0;
        let mut fell = Vec::new();
        for (index, loss) in losses.iter().enumerate() {
            let next = schedule.step(*loss, rate);
            if next < rate {
                fell.push(index + 1);
            }
            rate = next;
        }
        fell
    }

    #[test]
    fn a_schedule_that_goes_on_from_where_it_stood_falls_at_the_same_epochs() {
        let losses = [0.7, 0.6, 0.6, 0.65, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4];
        for settings in [keras(2, 1), pytorch(1, 2)] {
            let mut schedule = Schedule::new(settings);
            let mut rate = 1.0;
            let mut fell = Vec::new();
            for (index, loss) in losses.iter().enumerate() {
                // Through JSON, as it is kept.
                let kept = serde_json::to_string(&schedule.state()).unwrap();
                schedule = Schedule::at(settings, serde_json::from_str(&kept).unwrap());
                let next = schedule.step(*loss, rate);
                if next < rate {
                    fell.push(index + 1);
                }
                rate = next;
            }
            assert!(fell.len() > 1);
            assert_eq!(fell, reductions(settings, &losses));
        }
    }

    #[test]
    fn without_a_schedule_the_learning_rate_stays() {
        assert!(reductions(Scheduler { kind: SchedulerKind::None, ..keras(1, 0) }, &[0.5; 8]).is_empty());
    }

    /// What the real schedulers of Keras and PyTorch did, from `tests/golden/schedule/make_cases.py`. The last case is a rate of 1e-7, which
    /// PyTorch reduces once.
    #[test]
    fn learning_rates_are_those_of_the_real_schedulers() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/schedule/cases.json")).unwrap();
        let cases = golden["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 41);
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        for case in cases {
            let mut settings = case["settings"].clone();
            settings["kind"] = "plateau".into();
            let mut schedule = Schedule::new(serde_json::from_value(settings).unwrap());
            let mut rate = case["rate"].as_f64().unwrap();
            let mut rates = Vec::new();
            for loss in numbers(&case["losses"]) {
                rate = schedule.step(loss, rate);
                rates.push(rate);
            }
            assert_eq!(rates, numbers(&case["rates"]), "{}", case["settings"]);
        }
    }

    #[test]
    fn pytorch_lets_one_more_epoch_pass_than_keras() {
        // Epoch 1 is the best; with patience 2 Keras acts on the second bad epoch, PyTorch on the third.
        let losses = [0.5; 8];
        assert_eq!(reductions(keras(2, 0), &losses), [3, 5, 7]);
        assert_eq!(reductions(pytorch(2, 0), &losses), [4, 7]);
    }

    #[test]
    fn neither_fires_within_ten_epochs_of_its_default_patience() {
        // Keras: epoch 11 is the tenth bad one. PyTorch: epoch 12 is the eleventh.
        let losses = [0.7; 12];
        assert_eq!(reductions(keras(10, 0), &losses), [11]);
        assert_eq!(reductions(pytorch(10, 0), &losses), [12]);
    }

    #[test]
    fn an_improvement_below_the_threshold_counts_relatively_in_pytorch_and_absolutely_in_keras() {
        // 2.0 to 1.99985 is an improvement of 1.5e-4 absolute, 0.75e-4 relative.
        let losses = [2.0, 1.99985];
        assert_eq!(reductions(keras(1, 0), &losses), Vec::<usize>::new());
        assert_eq!(reductions(pytorch(0, 0), &losses), [2]);
    }

    /// By hand from the two sources. PyTorch, patience 0, cooldown 2: the reduction at epoch 2 sets the counter to 2; epochs 3
    /// and 4 count it down and clear the bad epochs; epoch 5 fires. Keras, patience 1: epoch 3 counts down to 1, epoch 4 to 0 and is
    /// already outside of the cooldown, so its bad epoch counts and fires.
    #[test]
    fn a_cooldown_ends_one_epoch_earlier_in_keras() {
        let losses = [0.5; 6];
        assert_eq!(reductions(pytorch(0, 2), &losses), [2, 5]);
        assert_eq!(reductions(keras(1, 2), &losses), [2, 4, 6]);
    }

    #[test]
    fn the_learning_rate_never_falls_below_its_minimum() {
        let mut schedule = Schedule::new(Scheduler { min_learning_rate: 0.5, ..pytorch(0, 0) });
        schedule.step(1.0, 1.0);
        assert_eq!(schedule.step(1.0, 1.0), 0.5);
        assert_eq!(schedule.step(1.0, 0.5), 0.5);
    }
}
