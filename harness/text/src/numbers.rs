//! How reports write numbers.

/// What stands where there is no number.
pub const NONE: &str = "–";

/// A share or an area with four digits.
#[must_use]
pub fn metric(value: f64) -> String {
    format!("{value:.4}")
}

/// A difference with its sign and three digits, the precision of the published figures.
#[must_use]
pub fn difference(value: f64) -> String {
    // Rounding first, so that -0.0001 is not written as -0.000.
    let rounded = (value * 1000.0).round() / 1000.0;
    if rounded == 0.0 { "0.000".into() } else { format!("{rounded:+.3}").replace('-', "−") }
}

/// A number of things, e.g. `1 run`, `8 runs`.
#[must_use]
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A count with commas between thousands.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds: three significant digits below a hundred, none after the point above.
#[must_use]
pub fn seconds(value: f64) -> String {
    significant(value)
}

/// A number with three significant digits, in scientific notation where it is tiny or huge.
#[must_use]
pub fn significant(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value == 0.0 => "0".into(),
        1e7.. => format!("{value:.2e}"),
        100.0.. => count_signed(value),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        1e-3.. => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

fn count_signed(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}", count(value.abs().round() as u64))
}

/// A share as a percentage with one digit.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Bytes in mebibytes or gibibytes.
#[must_use]
pub fn bytes(value: u64) -> String {
    const MEBIBYTE: f64 = 1024.0 * 1024.0;
    let mebibytes = value as f64 / MEBIBYTE;
    if mebibytes < 1024.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.2} GiB", mebibytes / 1024.0) }
}

/// A time of so many seconds as people say it: `45 s`, `12 min`, `3.2 h`, `5 days`.
#[must_use]
pub fn rough_time(seconds: f64) -> String {
    match seconds.max(0.0) {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 90.0 * 60.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 36.0 * 3600.0 => format!("{:.1} h", seconds / 3600.0),
        seconds => format!("{:.0} days", seconds / 86_400.0),
    }
}

/// The day on which a second since 1970-01-01 UTC falls, as `2024-02-29`.
#[must_use]
pub fn utc_date(unix_seconds: u64) -> String {
    // Howard Hinnant's `civil_from_days`: days are counted from 0000-03-01, so that a leap day is the
    // last of its year, in eras of 400 years.
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let found: Vec<_> = [0, 999, 1000, 12_352, 3_840_000].into_iter().map(count).collect();
        assert_eq!(found, ["0", "999", "1,000", "12,352", "3,840,000"]);
    }

    #[test]
    fn a_difference_that_rounds_to_nothing_has_no_sign() {
        assert_eq!(difference(-0.0001), "0.000");
        assert_eq!(difference(0.0621), "+0.062");
        assert_eq!(difference(-0.5), "−0.500");
    }

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        let found: Vec<_> = [0.4, 89.4, 90.0, 5000.0, 11_520.0, 430_000.0].into_iter().map(rough_time).collect();
        assert_eq!(found, ["0 s", "89 s", "2 min", "83 min", "3.2 h", "5 days"]);
    }

    #[test]
    fn dates_know_leap_years() {
        // `date -u -d @951782400` and so on.
        assert_eq!(utc_date(0), "1970-01-01");
        assert_eq!(utc_date(951_782_400), "2000-02-29");
        assert_eq!(utc_date(1_709_251_199), "2024-02-29");
        assert_eq!(utc_date(1_709_251_200), "2024-03-01");
        assert_eq!(utc_date(4_107_542_399), "2100-02-28");
        assert_eq!(utc_date(4_107_542_400), "2100-03-01");
    }

    #[test]
    fn sizes_and_small_numbers_are_readable() {
        assert_eq!(bytes(734_003_200), "700 MiB");
        assert_eq!(bytes(1_610_612_736), "1.50 GiB");
        let found: Vec<_> = [0.0, 1e-7, 0.0123, 2.5, 37.04, 1234.4].into_iter().map(significant).collect();
        assert_eq!(found, ["0", "1.00e-7", "0.012", "2.50", "37.0", "1,234"]);
    }
}
