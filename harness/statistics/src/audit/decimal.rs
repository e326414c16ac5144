//! A printed number: its digits and how many of them stand behind the point.

use serde::{Deserialize, Serialize};

use super::condition::Interval;

/// The most digits behind the point. More than nine say nothing about counts of the size that is audited.
pub const MOST_PLACES: u32 = 9;

/// A share between 0 and 1 as it was printed; `0.50` and `0.500` are not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decimal {
    /// The digits without the point, so that the value is `digits / 10^places`.
    digits: i64,
    places: u32,
}

/// Why a text is no printed share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Other than digits and one point.
    #[error("`{text}` is not a decimal number such as 0.500")]
    Form {
        /// The text.
        text: String,
    },
    /// More digits than are read.
    #[error("`{text}` has more than {MOST_PLACES} digits behind the point")]
    Places {
        /// The text.
        text: String,
    },
    /// Above 1, or above 100 %.
    #[error("`{text}` is more than the whole")]
    Range {
        /// The text.
        text: String,
    },
}

/// How a number came to its last digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest, a tie upwards: what schools teach.
    HalfUp,
    /// To the nearest, a tie to the even digit: what IEEE 754 and Python do.
    HalfEven,
    /// To the nearest, a tie either way: what holds under one of the two rules above.
    Nearest,
    /// Digits cut off.
    Truncation,
    /// Any value up to one unit of the last digit away, both ends included.
    OneUnit,
}

impl Decimal {
    /// Reads a share such as `0.500` or `.5`.
    ///
    /// # Errors
    /// If it is no such number, has more than [`MOST_PLACES`] digits behind the point, or is above 1.
    pub fn share(text: &str) -> Result<Self, DecimalError> {
        Self::read(text, 0)
    }

    /// Reads percent such as `50.0` as the share `0.500`.
    ///
    /// # Errors
    /// As [`Decimal::share`], with 100 for 1.
    pub fn percent(text: &str) -> Result<Self, DecimalError> {
        Self::read(text, 2)
    }

    fn read(text: &str, shift: u32) -> Result<Self, DecimalError> {
        let form = || DecimalError::Form { text: text.to_owned() };
        let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
        let all: String = [whole, behind].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(form());
        }
        let places = u32::try_from(behind.len()).unwrap_or(u32::MAX).saturating_add(shift);
        if places > MOST_PLACES {
            return Err(DecimalError::Places { text: text.to_owned() });
        }
        let range = || DecimalError::Range { text: text.to_owned() };
        let digits: i64 = all.parse().map_err(|_| range())?;
        if digits > 10_i64.pow(places) {
            return Err(range());
        }
        Ok(Self { digits, places })
    }

    /// The values that a rounding rule prints like this.
    #[must_use]
    pub fn interval(self, rounding: Rounding) -> Interval {
        let doubled = 2 * self.digits;
        let even = self.digits % 2 == 0;
        let (below, above, low_open, high_open) = match rounding {
            Rounding::HalfUp => (1, 1, false, true),
            Rounding::HalfEven => (1, 1, !even, !even),
            Rounding::Nearest => (1, 1, false, !even),
            Rounding::Truncation => (0, 2, false, true),
            Rounding::OneUnit => (2, 2, false, false),
        };
        Interval { low: doubled - below, high: doubled + above, scale: 2 * self.scale(), low_open, high_open }
    }

    /// The interval between two printed values, both included, whatever rounding made them.
    #[must_use]
    pub fn between(least: Self, most: Self) -> Interval {
        let places = least.places.max(most.places);
        let scaled = |value: Self| value.digits * 10_i64.pow(places - value.places);
        let (low, high) = (scaled(least), scaled(most));
        Interval { low, high, scale: 10_i64.pow(places), low_open: false, high_open: false }
    }

    /// Its value.
    #[must_use]
    pub fn value(self) -> f64 {
        self.digits as f64 / self.scale() as f64
    }

    /// Digits behind the point, of the share.
    #[must_use]
    pub fn places(self) -> u32 {
        self.places
    }

    fn scale(self) -> i64 {
        10_i64.pow(self.places)
    }
}
