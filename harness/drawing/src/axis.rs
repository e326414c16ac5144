//! Axes: a range of values, where ticks stand and what they say.

/// How values are laid out along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
}

/// A range of values with its ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    scale: Scale,
    /// Values and what is written at them.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to 1, with ticks at 0, 0.5 and 1 or, where there is room, at every fifth.
    #[must_use]
    pub fn unit(room: bool) -> Self {
        let texts: &[(f64, &str)] = if room {
            &[(0.0, "0"), (0.2, "0.2"), (0.4, "0.4"), (0.6, "0.6"), (0.8, "0.8"), (1.0, "1")]
        } else {
            &[(0.0, "0"), (0.5, "0.5"), (1.0, "1")]
        };
        let ticks = texts.iter().map(|(value, text)| (*value, (*text).to_owned())).collect();
        Self { low: 0.0, high: 1.0, scale: Scale::Linear, ticks }
    }

    /// Whole numbers from 1 to `last`, such as epochs and steps, with a little air at both ends.
    #[must_use]
    pub fn counting(last: u32) -> Self {
        let last = last.max(1);
        let step = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|step| last / step <= 6).unwrap_or(last / 5);
        // With steps of more than one, ticks stand at the multiples of the step and at the first number.
        let multiples = (1..=last / step).map(|number| number * step);
        let first = (step > 1).then_some(1);
        let ticks = first.into_iter().chain(multiples).map(|number| (f64::from(number), number.to_string())).collect();
        let air = 0.04 * f64::from(last).max(2.0);
        Self { low: 1.0 - air, high: f64::from(last) + air, scale: Scale::Linear, ticks }
    }

    /// The same axis from 0 on, as for what is also known before the first epoch.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        let air = 1.0 - self.low;
        self.low = -air;
        // The first number stands only where the next is its neighbour.
        if self.ticks.get(1).is_none_or(|(next, _)| *next > 2.0) {
            self.ticks.retain(|(value, _)| *value != 1.0 || self.high < 2.0);
        }
        self.ticks.insert(0, (0.0, "0".into()));
        self
    }

    /// A linear axis that covers `low..=high`, both ends at ticks of round numbers, about `wanted` of them.
    #[must_use]
    pub fn covering(low: f64, high: f64, wanted: usize) -> Self {
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
        let step = round_step((high - low) / wanted.max(1) as f64);
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        let digits = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        let number = (last - first).round() as usize;
        let ticks = (0..=number).map(|place| {
            let value = (first + place as f64) * step;
            // A step such as 0.25 has a digit more than its power of ten.
            let digits = if (step * 10_f64.powi(digits as i32)).fract() > 1e-9 { digits + 1 } else { digits };
            (value, format!("{value:.digits$}"))
        });
        Self { low: first * step, high: last * step, scale: Scale::Linear, ticks: ticks.collect() }
    }

    /// A logarithmic axis that covers `low..=high`, both above 0, in whole decades.
    #[must_use]
    pub fn decades(low: f64, high: f64) -> Self {
        let first = (low.log10() + 1e-9).floor() as i32;
        let last = ((high.log10() - 1e-9).ceil() as i32).max(first + 1);
        let step = (last - first) / 6 + 1;
        let ticks = (first..=last).filter(|power| (power - first) % step == 0);
        let ticks = ticks.map(|power| (10_f64.powi(power), decade(power))).collect();
        Self { low: 10_f64.powi(first), high: 10_f64.powi(last), scale: Scale::Logarithmic, ticks }
    }

    /// The same axis without ticks.
    #[must_use]
    pub fn without_ticks(mut self) -> Self {
        self.ticks.clear();
        self
    }

    /// The lower end.
    #[must_use]
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The upper end.
    #[must_use]
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper.
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }

    /// The value at a place: the inverse of [`Axis::place`].
    #[must_use]
    pub fn value(&self, place: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.low + place * (self.high - self.low),
            Scale::Logarithmic => self.low * (self.high / self.low).powf(place),
        }
    }

    /// Whether a value lies on the axis.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.place(value))
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| step <= factor * power * (1.0 + 1e-9));
    factor.unwrap_or(10.0) * power
}

/// `0.1`, `1`, `10`, and powers of ten beyond.
fn decade(power: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match power {
        -2 => "0.01".into(),
        -1 => "0.1".into(),
        0 => "1".into(),
        1 => "10".into(),
        2 => "100".into(),
        _ => {
            let sign = if power < 0 { "⁻" } else { "" };
            let digits = power.unsigned_abs().to_string();
            let raised = digits.chars().filter_map(|digit| DIGITS.get(digit.to_digit(10)? as usize));
            format!("10{sign}{}", raised.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round_and_cover_the_range() {
        assert_eq!(texts(&Axis::covering(0.31, 0.72, 4)), ["0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(texts(&Axis::covering(0.0, 95.0, 4)), ["0", "25", "50", "75", "100"]);
        assert_eq!(texts(&Axis::covering(0.5, 0.51, 4)), ["0.5000", "0.5025", "0.5050", "0.5075", "0.5100"]);
        assert_eq!(texts(&Axis::covering(2.0, 2.0, 2)), ["1.5", "2.0", "2.5"]);
    }

    #[test]
    fn counting_has_whole_numbers_only() {
        assert_eq!(texts(&Axis::counting(1)), ["1"]);
        assert_eq!(texts(&Axis::counting(3)), ["1", "2", "3"]);
        assert_eq!(texts(&Axis::counting(10)), ["1", "2", "4", "6", "8", "10"]);
        assert_eq!(texts(&Axis::counting(1).from_zero()), ["0", "1"]);
        assert_eq!(texts(&Axis::counting(10).from_zero()), ["0", "1", "2", "4", "6", "8", "10"]);
        assert_eq!(texts(&Axis::counting(40).from_zero()), ["0", "10", "20", "30", "40"]);
    }

    #[test]
    fn decades_are_whole_and_placed_evenly() {
        let axis = Axis::decades(0.03, 2.0);
        assert_eq!(texts(&axis), ["0.01", "0.1", "1", "10"]);
        assert!((axis.place(0.1) - 1.0 / 3.0).abs() < 1e-12);
        assert!((axis.value(1.0 / 3.0) - 0.1).abs() < 1e-12 && Axis::unit(false).value(0.25) == 0.25);
        assert_eq!(texts(&Axis::decades(1e-12, 1e3)), ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1", "10³"]);
    }
}
