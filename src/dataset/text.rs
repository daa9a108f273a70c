//! Files of text, as the world writes them.

use super::DatasetError;
use std::path::Path;

/// A file as text; see [`decode`].
pub(super) fn read(path: &Path) -> Result<String, DatasetError> {
    Ok(decode(std::fs::read(path).map_err(|error| DatasetError::file(path, error))?))
}

/// Text from bytes: UTF-8, or UTF-16 with a byte-order mark; without the mark. What is neither is Latin-1, in which old
/// tools write names, and in which all bytes are characters.
pub(super) fn decode(bytes: Vec<u8>) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => return wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return wide(rest, u16::from_be_bytes),
        _ => {}
    }
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect());
    text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text)
}

/// The lines that say something, trimmed, each with its number, from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().map(str::trim).enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.is_empty())
}

/// The beginning of a text, to quote.
pub(super) fn beginning(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut start: String = text.chars().take(LONGEST).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
