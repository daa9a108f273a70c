//! Text in columns, by the width that a terminal gives each character.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between columns.
const GAP: usize = 2;

/// To which side a column's cells are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Lines of cells in columns that fit into `width`: a last column of text wraps, else the first one is cut.
pub(super) fn columns(rows: &[Vec<String>], sides: &[Side], width: usize) -> Vec<String> {
    let mut widths: Vec<usize> = (0..sides.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect();
    let wraps = sides.len() > 1 && sides.last() == Some(&Side::Left);
    // The one column that gives way: the explanation at the end, else the name at the start.
    let giving = if wraps { sides.len() - 1 } else { 0 };
    let others: usize =
        widths.iter().enumerate().filter(|(column, _)| *column != giving).map(|(_, width)| width + GAP).sum();
    let least = if wraps { 24 } else { 12 };
    if let Some(own) = widths.get_mut(giving) {
        *own = (*own).min(width.saturating_sub(others).max(least));
    }
    rows.iter().flat_map(|row| set(row, sides, &widths, wraps)).collect()
}

/// One row, as one line or more.
fn set(row: &[String], sides: &[Side], widths: &[usize], wraps: bool) -> Vec<String> {
    let mut line = String::new();
    let mut more = Vec::new();
    for (index, ((cell, side), width)) in row.iter().zip(sides).zip(widths).enumerate() {
        if index > 0 {
            line.push_str(&" ".repeat(GAP));
        }
        if wraps && index + 1 == widths.len() {
            let indent = line.width();
            let mut parts = wrap(cell, *width).into_iter();
            line.push_str(&parts.next().unwrap_or_default());
            more = parts.map(|part| format!("{}{part}", " ".repeat(indent))).collect();
            continue;
        }
        let cell = cut(cell, *width);
        let space = " ".repeat(width.saturating_sub(cell.width()));
        line.push_str(&if *side == Side::Left { cell + &space } else { space + &cell });
    }
    let mut lines = vec![line.trim_end().to_owned()];
    lines.extend(more);
    lines
}

/// Words in lines of at most `width`; a longer word has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Text of at most `width` columns, with an ellipsis where it was longer.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

/// A label without what would move the cursor or colour the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
