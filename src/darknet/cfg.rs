//! The text of a `.cfg`: sections of keys and values, and the values as numbers.
//!
//! Like Darknet: blanks inside a line do not count, the first of several equal keys does. Unlike Darknet, which reads
//! as many digits as it finds and takes the rest for a comment: a value is a number or an error. A comment starts
//! with `#` or `;` anywhere in a line.

use super::error::DarknetError;
use std::fmt::Display;
use std::str::FromStr;

/// The largest size, count or padding taken for one axis; far above any network, far below what overflows.
const LARGEST: usize = 1 << 20;

/// One `[section]`.
#[derive(Debug)]
pub(super) struct Section {
    /// The word in brackets.
    pub(super) name: String,
    /// Its line, from 1.
    pub(super) line: usize,
    /// Number of the layer; `None` for the first section, which is no layer.
    pub(super) layer: Option<usize>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: String,
    value: String,
    line: usize,
}

/// Splits a cfg into its sections.
pub(super) fn sections(text: &str) -> Result<Vec<Section>, DarknetError> {
    let mut sections: Vec<Section> = Vec::new();
    for (line, content) in text.trim_start_matches('\u{feff}').lines().enumerate().map(|(i, l)| (i + 1, l)) {
        let content: String =
            content.chars().take_while(|c| !matches!(c, '#' | ';')).filter(|c| !c.is_whitespace()).collect();
        let syntax = |reason: String| DarknetError::Syntax { line, reason };
        if let Some(name) = content.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or_else(|| syntax(format!("`{content}` lacks its `]`")))?;
            let layer = sections.len().checked_sub(1);
            sections.push(Section { name: name.into(), line, layer, entries: Vec::new() });
        } else if !content.is_empty() {
            let (key, value) = content
                .split_once('=')
                .ok_or_else(|| syntax(format!("`{content}` is neither `[section]` nor `key=value`")))?;
            let section = sections.last_mut().ok_or_else(|| syntax(format!("`{key}` stands before any section")))?;
            section.entries.push(Entry { key: key.into(), value: value.into(), line });
        }
    }
    Ok(sections)
}

impl Section {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.as_str())
    }

    /// A whole number, 0 or more.
    pub(super) fn count(&self, key: &str, default: usize) -> Result<usize, DarknetError> {
        let count = self.number(key, "a whole number, 0 or more")?.unwrap_or(default);
        if count > LARGEST {
            return Err(self.invalid(key, format!("{count} is more than {LARGEST}")));
        }
        Ok(count)
    }

    /// A whole number above 0.
    pub(super) fn size(&self, key: &str, default: usize) -> Result<usize, DarknetError> {
        match self.count(key, default)? {
            0 => Err(self.invalid(key, "0 is no size")),
            size => Ok(size),
        }
    }

    /// A whole number above 0 that must be there.
    pub(super) fn required_size(&self, key: &str) -> Result<usize, DarknetError> {
        self.required(key)?;
        self.size(key, 0)
    }

    /// Whether a whole number is anything but 0; false where the key is absent.
    pub(super) fn switch(&self, key: &str) -> Result<bool, DarknetError> {
        Ok(self.number::<i64>(key, "a whole number")?.is_some_and(|number| number != 0))
    }

    /// A finite number.
    pub(super) fn float(&self, key: &str, default: f32) -> Result<f32, DarknetError> {
        let number = self.number(key, "a number")?.unwrap_or(default);
        if number.is_finite() { Ok(number) } else { Err(self.invalid(key, format!("{number} is not finite"))) }
    }

    /// A comma-separated list that must be there; a comma at its end adds nothing.
    pub(super) fn list<T: FromStr>(&self, key: &str, wanted: &str) -> Result<Vec<T>, DarknetError> {
        let list = self.required(key)?.trim_end_matches(',');
        list.split(',').map(|item| self.item(key, item, wanted)).collect()
    }

    /// The layers that a key names: absolute, or negative and counted back from this one.
    pub(super) fn layers(&self, key: &str) -> Result<Vec<usize>, DarknetError> {
        let here = self.layer.unwrap_or(0);
        let resolve = |index: i64| {
            let absolute = if index < 0 { here as i64 + index } else { index };
            let outside = || self.invalid(key, format!("{index} is no layer before this one, which is layer {here}"));
            usize::try_from(absolute).ok().filter(|layer| *layer < here).ok_or_else(outside)
        };
        // Bounded, so that counting back cannot overflow.
        let indices = self.list::<i32>(key, "a whole number")?;
        indices.into_iter().map(|index| resolve(index.into())).collect()
    }

    /// The one layer that a key names.
    pub(super) fn one_layer(&self, key: &str) -> Result<usize, DarknetError> {
        match self.layers(key)?.as_slice() {
            [layer] => Ok(*layer),
            several => Err(self.unsupported(key, format!("`{key}` with {} layers", several.len()))),
        }
    }

    /// Refuses each of these keys unless it is absent or 0.
    pub(super) fn refuse(&self, keys: &[&str]) -> Result<(), DarknetError> {
        for key in keys {
            match self.get(key) {
                None | Some("0") => {}
                Some(value) => return Err(self.unsupported(key, format!("`{key}={value}`"))),
            }
        }
        Ok(())
    }

    /// The error of a bad value.
    pub(super) fn invalid(&self, key: &str, reason: impl Display) -> DarknetError {
        DarknetError::Invalid { line: self.line_of(key), place: self.place(), reason: format!("`{key}`: {reason}") }
    }

    /// The error of something that cannot be converted.
    pub(super) fn unsupported(&self, key: &str, what: String) -> DarknetError {
        DarknetError::Unsupported { line: self.line_of(key), place: self.place(), what }
    }

    /// The error of a layer that does not fit the ones before it.
    pub(super) fn misfit(&self, reason: String) -> DarknetError {
        DarknetError::Invalid { line: self.line, place: self.place(), reason }
    }

    fn place(&self) -> String {
        match self.layer {
            Some(layer) => format!("layer {layer} [{}]", self.name),
            None => format!("[{}]", self.name),
        }
    }

    fn line_of(&self, key: &str) -> usize {
        self.entry(key).map_or(self.line, |entry| entry.line)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn required(&self, key: &str) -> Result<&str, DarknetError> {
        self.get(key).ok_or_else(|| self.invalid(key, "missing"))
    }

    fn number<T: FromStr>(&self, key: &str, wanted: &str) -> Result<Option<T>, DarknetError> {
        self.get(key).map(|value| self.item(key, value, wanted)).transpose()
    }

    fn item<T: FromStr>(&self, key: &str, item: &str, wanted: &str) -> Result<T, DarknetError> {
        item.parse().map_err(|_| self.invalid(key, format!("`{item}` is not {wanted}")))
    }
}
