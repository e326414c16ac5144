//! What a knob may be.

use harness_contract::{Device, Initializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor, value::Error};
use serde::forward_to_deserialize_any;
use toml::Value;

/// The values that a knob accepts.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// `true` or `false`.
    Switch,
    /// A whole number between these two, which are allowed.
    Whole(u64, u64),
    /// A number in a range.
    Number(Range),
    /// One of these words.
    Word(fn() -> &'static [&'static str]),
    /// Some of these words, none twice.
    Words(fn() -> &'static [&'static str]),
    /// A device.
    Device,
    /// A distribution of initial weights.
    Initializer,
}

/// An interval of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    least: f64,
    most: f64,
    /// Whether the ends themselves are allowed.
    ends: (bool, bool),
}

impl Range {
    pub(super) const fn closed(least: f64, most: f64) -> Self {
        Self { least, most, ends: (true, true) }
    }

    pub(super) const fn open(least: f64, most: f64) -> Self {
        Self { least, most, ends: (false, false) }
    }

    /// With its upper end, without its lower one.
    pub(super) const fn above(least: f64, most: f64) -> Self {
        Self { least, most, ends: (false, true) }
    }

    /// With its lower end, without its upper one.
    pub(super) const fn below(least: f64, most: f64) -> Self {
        Self { least, most, ends: (true, false) }
    }

    fn contains(self, number: f64) -> bool {
        let above = number > self.least || (self.ends.0 && number == self.least);
        let below = number < self.most || (self.ends.1 && number == self.most);
        number.is_finite() && above && below
    }
}

impl Values {
    /// The value as a protocol holds it.
    ///
    /// # Errors
    /// What it must be, and what it is.
    #[expect(clippy::cast_precision_loss, reason = "a whole number written where any number may stand")]
    pub(in crate::plan) fn accept(self, value: &Value) -> Result<Value, String> {
        let accepted = match (self, value) {
            (Self::Switch, Value::Boolean(_)) => Some(value.clone()),
            (Self::Whole(least, most), Value::Integer(number)) => {
                u64::try_from(*number).ok().filter(|own| (least..=most).contains(own)).map(|_| value.clone())
            }
            (Self::Number(range), Value::Float(number)) => range.contains(*number).then(|| value.clone()),
            (Self::Number(range), Value::Integer(number)) => {
                range.contains(*number as f64).then_some(Value::Float(*number as f64))
            }
            (Self::Word(words), Value::String(word)) => words().contains(&word.as_str()).then(|| value.clone()),
            (Self::Words(words), Value::Array(items)) => {
                let own: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                let twice = own.iter().enumerate().any(|(index, word)| own[..index].contains(word));
                let known = own.len() == items.len() && own.iter().all(|word| words().contains(word));
                (known && !twice).then(|| value.clone())
            }
            (Self::Device, Value::String(text)) => text.parse::<Device>().ok().map(|_| value.clone()),
            (Self::Initializer, _) => initializer(value)?,
            _ => None,
        };
        accepted.ok_or_else(|| format!("must be {}, not {value}", self.describe()))
    }

    /// What is accepted, in words that follow "must be".
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Switch => "`true` or `false`".into(),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Number(Range { least, most, ends }) => {
                let (open, close) = (if ends.0 { '[' } else { '(' }, if ends.1 { ']' } else { ')' });
                format!("a number in {open}{}, {}{close}", plain(least), plain(most))
            }
            Self::Word(words) => listed(words(), " or "),
            Self::Words(words) => format!("a list of {}", listed(words(), " and ")),
            Self::Device => "`cpu` or `cuda:N`".into(),
            Self::Initializer => format!(
                "{} (`{{ normal = {{ mean = 0.0, std = 1.0 }} }}`, `{{ uniform = {{ low = -0.05, high = 0.05 }} }}`)",
                listed(names::<Initializer>(), " or ")
            ),
        }
    }

    /// A value of this kind as people write it: words without quotes, small numbers with their exponent.
    #[must_use]
    pub fn written(self, value: &Value) -> String {
        if let (Self::Initializer, Ok(own)) = (self, value.clone().try_into::<Initializer>()) {
            return own.to_string();
        }
        match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(|item| self.written(item)).collect::<Vec<_>>().join(", "),
            Value::Float(number) => {
                if *number != 0.0 && number.abs() < 1e-3 {
                    format!("{number:e}")
                } else {
                    format!("{number:?}")
                }
            }
            other => other.to_string(),
        }
    }
}

/// An initialiser whose numbers make a distribution; nothing where it is none of those there are.
fn initializer(value: &Value) -> Result<Option<Value>, String> {
    let Ok(own) = value.clone().try_into::<Initializer>() else { return Ok(None) };
    match own {
        Initializer::Normal { mean, std } if !(mean.is_finite() && std.is_finite() && std >= 0.0) => {
            Err(format!("the mean must be a number and the standard deviation 0 or a positive one, not {value}"))
        }
        Initializer::Uniform { low, high } if !(low.is_finite() && high.is_finite() && low < high) => {
            Err(format!("`low` must be a number below `high`, not {value}"))
        }
        own => Ok(Value::try_from(own).ok()),
    }
}

fn plain(number: f64) -> String {
    if number != 0.0 && !(1e-3..1e6).contains(&number.abs()) { format!("{number:e}") } else { number.to_string() }
}

fn listed(words: &[&str], last: &str) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{}{last}{end}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

/// The names of an enum's variants as serde knows them, so that no list of them is kept beside the type.
pub(super) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It asks for a value that nothing gives, and is told so.
    let _ = T::deserialize(Names(&mut names));
    names
}

/// Gives no value, but notes which variants are asked for.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no value"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
