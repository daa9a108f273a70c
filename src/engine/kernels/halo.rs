//! The zeros around maps.

use super::{Map, Memory};

/// Writes the zeros around one block of a map: the n-th of all images' blocks.
///
/// # Safety
/// The map lies in the memory's buffer, and nothing else writes or reads its zeros at the time.
pub(crate) unsafe fn fill(map: &Map, n: usize, memory: &Memory) {
    let [top, left, bottom, _] = map.halo;
    let pixel = map.pixel_stride;
    let first = map.pixel(n / map.blocks(), n % map.blocks(), 0, 0) - left * pixel;
    let zeros = |from: usize, bytes: usize| unsafe { memory.buffer.add(from).write_bytes(map.format.zero(), bytes) };
    zeros(first - top * map.row_stride, top * map.row_stride);
    // The row below may be another block's, or end the map: what is left of it is right of the last row.
    zeros(first + map.rows * map.row_stride, bottom * map.row_stride + left * pixel);
    for row in (0..map.rows).map(|row| first + row * map.row_stride) {
        zeros(row, left * pixel);
        zeros(row + (left + map.columns) * pixel, map.row_stride - (left + map.columns) * pixel);
    }
}

/// How many blocks [`fill`] knows.
pub(crate) fn blocks(map: &Map) -> usize {
    if map.halo == [0; 4] { 0 } else { map.images * map.blocks() }
}
