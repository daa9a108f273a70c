//! Convolutions as sums of products over taps, for all formats and instruction sets.

use super::finish::{Destination, Finish};
use super::product::{Product, SUMS};
use super::{Filters, Kernels, Map, Memory, TILE};
use crate::engine::graph::Activation;
use std::sync::Arc;

/// A convolution between maps.
#[derive(Debug, Clone)]
pub(crate) struct Convolve {
    /// What is looked at; its halo is at least the window's reach.
    pub(crate) input: Map,
    /// What comes of it.
    pub(crate) output: Map,
    /// What is added, like the output in shape and format.
    pub(crate) residual: Option<Map>,
    /// The filters.
    pub(crate) filters: Arc<Filters>,
    /// Bytes from the first tap's line to each tap's.
    pub(crate) taps: Vec<u32>,
    /// Bytes from the pixel at an output's place (times the stride) back to its first tap.
    pub(crate) reach: usize,
    /// Rows and columns between outputs.
    pub(crate) stride: [usize; 2],
    /// Blocks of input channels, and chunks of output channels, of one group of the convolution.
    pub(crate) group: [usize; 2],
    /// Applied to the sum.
    pub(crate) activation: Activation,
    /// Applied after the residual was added.
    pub(crate) after: Activation,
    /// How the work is cut.
    pub(crate) cut: Cut,
}

/// How a convolution's work is cut into items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Pixels of a row that are computed at a time.
    pub(crate) pixels: usize,
    /// Output rows of one item.
    pub(crate) rows: usize,
    /// Output chunks of one item.
    pub(crate) chunks: usize,
}

/// Sums on their way to the output.
#[repr(align(64))]
struct Sums([f32; 2 * 4 * SUMS / 4]);

impl Convolve {
    fn chunks(&self) -> usize {
        self.output.blocks() * self.output.format.chunks()
    }

    fn row_items(&self) -> usize {
        (self.output.images * self.output.rows).div_ceil(self.cut.rows)
    }

    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        self.row_items() * self.chunks().div_ceil(self.cut.chunks)
    }

    /// Does one of them.
    ///
    /// # Safety
    /// The maps lie in the memory's buffer, nothing else writes the output's or reads what it overlaps, and each item is
    /// done by one thread only.
    pub(crate) unsafe fn item(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        let segments = self.chunks().div_ceil(self.cut.chunks);
        let first_row = item / segments * self.cut.rows;
        let rows = first_row..(first_row + self.cut.rows).min(self.output.images * self.output.rows);
        let first_chunk = item % segments * self.cut.chunks;
        let chunks = first_chunk..(first_chunk + self.cut.chunks).min(self.chunks());
        let unit = self.output.format.chunks().max(2);
        unsafe {
            (kernels.configure)(self.cut.pixels);
            for chunk in chunks.clone().step_by(unit) {
                self.unit(rows.clone(), chunk..(chunk + unit).min(chunks.end), kernels, memory);
            }
            (kernels.release)();
        }
    }

    /// A few chunks for all pixels of some rows.
    unsafe fn unit(
        &self,
        rows: std::ops::Range<usize>,
        chunks: std::ops::Range<usize>,
        kernels: &Kernels,
        memory: &Memory,
    ) {
        let mut sums = Sums([0.0; 2 * 4 * SUMS / 4]);
        let across = self.output.columns.div_ceil(self.cut.pixels);
        let places = rows.len() * across;
        let place = |index: usize| {
            let row = rows.start + index / across;
            (row / self.output.rows, row % self.output.rows, self.column(index % across))
        };
        let finish = Finish {
            scale: self.filters.scale(),
            bias: self.filters.bias(),
            activation: self.activation,
            after: self.after,
            format: self.output.format,
        };
        for first in (0..places).step_by(2) {
            let count = (places - first).min(2);
            let both = [place(first), place(first + count - 1)];
            unsafe {
                self.sum(both, chunks.clone(), kernels, memory, &mut sums);
                for (group, at) in both.into_iter().take(count).enumerate() {
                    self.write(at, chunks.clone(), &finish, kernels, memory, &sums.0[group * chunks.len() * SUMS / 4..]);
                }
            }
        }
    }

    /// Where the n-th group of pixels of a row begins; the last one may overlap the one before.
    fn column(&self, n: usize) -> usize {
        (n * self.cut.pixels).min(self.output.columns - self.cut.pixels)
    }

    unsafe fn sum(
        &self,
        places: [(usize, usize, usize); 2],
        chunks: std::ops::Range<usize>,
        kernels: &Kernels,
        memory: &Memory,
        sums: &mut Sums,
    ) {
        let tiles = self.taps.len() * self.filters.tile();
        let product = kernels.product(self.input.format);
        for (index, chunk) in chunks.clone().enumerate().step_by(2) {
            let chunk_count = (chunks.len() - index).min(2);
            let block = chunk / self.group[1] * self.group[0];
            let group = |(image, row, column): (usize, usize, usize)| {
                let pixel = self.input.pixel(image, block, row * self.stride[0], column * self.stride[1]);
                unsafe { memory.buffer.add(pixel - self.reach).cast_const() }
            };
            let filters = |chunk: usize| unsafe { self.filters.tiles().add(chunk * tiles) };
            unsafe {
                product(&Product {
                    groups: places.map(group),
                    group_count: 2,
                    pixels: self.cut.pixels,
                    pixel_stride: self.stride[1] * self.input.format.bytes(),
                    taps: &self.taps,
                    filters: [filters(chunk), filters(chunk + chunk_count - 1)],
                    chunk_count,
                    sums: sums.0.as_mut_ptr().byte_add(index * SUMS),
                    sums_stride: chunks.len(),
                });
            }
        }
    }

    unsafe fn write(
        &self,
        (image, row, column): (usize, usize, usize),
        chunks: std::ops::Range<usize>,
        finish: &Finish,
        kernels: &Kernels,
        memory: &Memory,
        sums: &[f32],
    ) {
        let per_block = self.output.format.chunks();
        for chunk in chunks.clone().step_by(per_block) {
            let at = |map: &Map| unsafe { memory.buffer.add(map.pixel(image, chunk / per_block, row, column)) };
            let destination = Destination {
                sums: sums[(chunk - chunks.start) * SUMS / 4..].as_ptr(),
                channel: chunk * super::LANES,
                pixels: self.cut.pixels,
                output: at(&self.output),
                residual: self.residual.as_ref().map_or(std::ptr::null(), |map| at(map).cast_const()),
            };
            unsafe { (kernels.finish)(finish, &destination) }
        }
    }
}

const _: () = assert!(TILE == 1024);
