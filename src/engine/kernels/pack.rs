//! Between tensors row by row and maps blocked by channel.

use super::format::{AnyForm, Form};
use super::vector::{LANES, Vector};
use super::{Map, Memory, Place, rows};

/// A map from a tensor `[images, channels, rows, columns]` of floats.
#[derive(Debug, Clone)]
pub(crate) struct Pack {
    /// The tensor.
    pub(crate) from: Place,
    /// What comes of it.
    pub(crate) to: Map,
}

/// The reverse of [`Pack`].
#[derive(Debug, Clone)]
pub(crate) struct Unpack {
    /// The map.
    pub(crate) from: Map,
    /// What comes of it.
    pub(crate) to: Place,
}

/// Sixteen pixels of sixteen channels.
type Square = [[f32; LANES]; LANES];

impl Pack {
    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        rows::count(&self.to).div_ceil(rows::per_item(&self.to))
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`.
    #[inline(always)]
    pub(super) unsafe fn item<V: Vector>(&self, item: usize, memory: &Memory) {
        let map = &self.to;
        let per_item = rows::per_item(map);
        let form = AnyForm::new(map.format);
        for n in item * per_item..((item + 1) * per_item).min(rows::count(map)) {
            let at = rows::nth(map, n);
            let channels = map.channels.saturating_sub(at.chunk * LANES).min(LANES);
            for first in (0..map.columns).step_by(LANES) {
                let pixels = (map.columns - first).min(LANES);
                let mut square: Square = [[0.0; LANES]; LANES];
                unsafe {
                    for channel in 0..channels {
                        let row = row_start(map, at, channel) + first;
                        for (pixel, lanes) in square.iter_mut().enumerate().take(pixels) {
                            lanes[channel] = memory.read(&self.from).add(row + pixel).read();
                        }
                    }
                    for (pixel, lanes) in square.iter().enumerate().take(pixels) {
                        let to = memory.buffer.add(map.chunk(at.image, at.chunk, at.row, first + pixel));
                        form.store(to, map.within_block(at.chunk), V::load(lanes.as_ptr()));
                    }
                }
            }
        }
    }
}

impl Unpack {
    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        rows::count(&self.from).div_ceil(rows::per_item(&self.from))
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`.
    #[inline(always)]
    pub(super) unsafe fn item<V: Vector>(&self, item: usize, memory: &Memory) {
        let map = &self.from;
        let per_item = rows::per_item(map);
        let form = AnyForm::new(map.format);
        for n in item * per_item..((item + 1) * per_item).min(rows::count(map)) {
            let at = rows::nth(map, n);
            let channels = map.channels.saturating_sub(at.chunk * LANES).min(LANES);
            for first in (0..map.columns).step_by(LANES) {
                let pixels = (map.columns - first).min(LANES);
                let mut square: Square = [[0.0; LANES]; LANES];
                unsafe {
                    for (pixel, lanes) in square.iter_mut().enumerate().take(pixels) {
                        let from = memory.buffer.add(map.chunk(at.image, at.chunk, at.row, first + pixel));
                        form.load::<V>(from, map.within_block(at.chunk)).store(lanes.as_mut_ptr());
                    }
                    for channel in 0..channels {
                        let row = memory.write(&self.to).add(row_start(map, at, channel) + first);
                        for (pixel, lanes) in square.iter().enumerate().take(pixels) {
                            row.add(pixel).write(lanes[channel]);
                        }
                    }
                }
            }
        }
    }
}

/// Index of a row's first number in the tensor.
fn row_start(map: &Map, at: rows::Row, channel: usize) -> usize {
    ((at.image * map.channels + at.chunk * LANES + channel) * map.rows + at.row) * map.columns
}
