//! In which precision a model keeps what it computes.

/// What is kept of a number. Sums are in float64 either way; what is rounded is each result that a step hands on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// All of it.
    #[default]
    Float64,
    /// A float32 next to it, the one below or the one above as a coin falls that the number itself throws: what a model can be held to whose every result in
    /// float32 is right to a unit in the last place. Such random roundings are the stochastic arithmetic of Vignes (1978, "New methods for evaluating the validity of
    /// the results of mathematical computations").
    Float32,
}

impl Precision {
    /// A number as it is kept.
    #[must_use]
    pub fn keep(self, value: f64) -> f64 {
        match self {
            Self::Float64 => value,
            Self::Float32 => {
                #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
                let nearest = value as f32;
                let other = match f64::from(nearest) {
                    below if below < value => nearest.next_up(),
                    above if above > value => nearest.next_down(),
                    _ => nearest,
                };
                // The high bit of a product by an odd number depends on every bit of the other factor.
                let coin = value.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1;
                f64::from(if coin { nearest } else { other })
            }
        }
    }

    /// Rounds all of these.
    pub fn keep_all<'a>(self, values: impl IntoIterator<Item = &'a mut f64>) {
        if self == Self::Float32 {
            values.into_iter().for_each(|value| *value = self.keep(*value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_a_neighbour_and_what_float32_holds_stays() {
        let numbers = (1..2000).map(|n| (f64::from(n) * 0.618).sin() * 10.0_f64.powi(n % 60 - 30));
        let (mut nearest, mut other) = (0, 0);
        for value in numbers.chain([1.0 - 2e-9, -1.0 + 2e-9]) {
            let kept = Precision::Float32.keep(value);
            let unit = f64::from((value.abs() as f32).next_up()) - f64::from((value.abs() as f32).next_down());
            assert!((kept - value).abs() < unit && kept == f64::from(kept as f32), "{value}: {kept}");
            assert_eq!(Precision::Float32.keep(kept), kept);
            assert_eq!(Precision::Float64.keep(value), value);
            if kept == f64::from(value as f32) { nearest += 1 } else { other += 1 }
        }
        assert!(nearest > 800 && other > 800, "{nearest} to the nearest, {other} to the other side");
        for value in [0.0, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Precision::Float32.keep(value), value);
        }
        assert!(Precision::Float32.keep(f64::NAN).is_nan());
    }
}
