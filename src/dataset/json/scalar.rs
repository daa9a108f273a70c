//! JSON's values.

use super::number;

/// A value without parts, or the fact that it has parts.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::dataset) enum Scalar {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent that fits.
    Integer(i64),
    /// Any other number; `NaN` and `Infinity` too, which are not JSON.
    Float(f64),
    /// A string.
    Text(String),
    /// A list; skipped.
    List,
    /// An object; skipped.
    Object,
}

impl Scalar {
    /// As a number, whatever its kind.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// As a whole number: `3`, and `3.0` as well, which some exporters write.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Float(value) if value.fract() == 0.0 && value.abs() <= number::EXACT as f64 => Some(*value as i64),
            _ => None,
        }
    }

    /// What it is, for a message.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) if value.is_infinite() => (if *value > 0.0 { "Infinity" } else { "-Infinity" }).into(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => format!("the string {:?}", text.chars().take(40).collect::<String>()),
            Self::List => "a list".into(),
            Self::Object => "an object".into(),
        }
    }
}
