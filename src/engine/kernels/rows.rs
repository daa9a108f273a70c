//! What goes over a map chunk by chunk and row by row: one item of work is one row of one chunk of sixteen channels.

use super::format::{AnyForm, Form};
use super::vector::Vector;
use super::{Map, Memory};

/// A row of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) image: usize,
    pub(super) chunk: usize,
    pub(super) row: usize,
}

/// How many rows of chunks a map has.
pub(super) fn count(map: &Map) -> usize {
    map.images * map.chunks() * map.rows
}

/// The n-th of them. Those of one chunk follow one another.
pub(super) fn nth(map: &Map, n: usize) -> Row {
    let (rest, row) = (n / map.rows, n % map.rows);
    Row { image: rest / map.chunks(), chunk: rest % map.chunks(), row }
}

/// Writes zeros: channels that do not count are to be numbers all the same.
///
/// # Safety
/// As for `Convolve::item`.
#[inline(always)]
pub(super) unsafe fn clear<V: Vector>(map: &Map, at: Row, memory: &Memory) {
    let form = AnyForm::new(map.format);
    for column in 0..map.columns {
        unsafe {
            let pixel = memory.buffer.add(map.chunk(at.image, at.chunk, at.row, column));
            form.store(pixel, map.within_block(at.chunk), V::splat(0.0));
        }
    }
}

/// Rows for each item, so that an item is worth its handing out.
pub(super) fn per_item(map: &Map) -> usize {
    (2048 / map.columns.max(1)).clamp(1, 64)
}
