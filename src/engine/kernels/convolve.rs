//! Convolutions as sums of products over taps, for all formats and instruction sets.

use super::finish::{Destination, Finish};
use super::product::{Depth, Product, SUMS};
use super::{Filters, Kernels, LANES, Map, Memory};
use crate::engine::graph::Activation;
use std::ops::Range;
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
    /// How much of each tap counts.
    pub(crate) depth: Depth,
    /// Bytes from the pixel at an output's place (times the stride) back to its first tap.
    pub(crate) reach: usize,
    /// Rows and columns between outputs.
    pub(crate) stride: [usize; 2],
    /// Bytes from one output's first tap to the next one's in a row.
    pub(crate) pixel_stride: usize,
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
    /// Outputs that follow one another in a strip: those of a row, or of an image whose rows follow one another.
    pub(crate) strip: usize,
    /// Outputs of a strip from row to row, those of the halo included; they are not kept.
    pub(crate) pitch: usize,
    /// Outputs of a group: those that are computed at a time.
    pub(crate) pixels: usize,
    /// Groups whose sums are kept while the taps are gone through, and taps whose filters are kept while the groups are.
    pub(crate) kept: [usize; 2],
    /// Groups of one item.
    pub(crate) groups: usize,
    /// Output chunks of one item.
    pub(crate) chunks: usize,
}

/// A group of outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// Which strip.
    pub(super) strip: usize,
    /// The first output's place in it.
    pub(super) first: usize,
}

/// The most groups whose sums are kept at a time.
pub(crate) const KEPT_GROUPS: usize = 12;

/// Sums on their way to the output: of some groups of pixels, and of the chunks of one block, or two.
#[repr(align(64))]
struct Sums([f32; KEPT_GROUPS * 4 * SUMS / 4]);

impl Convolve {
    fn chunks(&self) -> usize {
        self.output.chunks()
    }

    /// Groups of one strip.
    fn groups(&self) -> usize {
        self.cut.strip.div_ceil(self.cut.pixels)
    }

    fn strips(&self) -> usize {
        self.output.images * self.output.rows.div_ceil(self.rows_of_strip())
    }

    fn rows_of_strip(&self) -> usize {
        self.cut.strip.div_ceil(self.cut.pitch)
    }

    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        (self.strips() * self.groups()).div_ceil(self.cut.groups) * self.chunks().div_ceil(self.cut.chunks)
    }

    /// Does one of them.
    ///
    /// # Safety
    /// The maps lie in the memory's buffer, nothing else writes the output's or reads what it overlaps, and each item is
    /// done by one thread only.
    pub(crate) unsafe fn item(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        let (groups, chunks) = self.piece(item);
        let locate = |at: &At, block: usize| {
            let (image, row) = self.row(at.strip);
            let pixel = self.input.pixel(image, block, row * self.stride[0], 0) + at.first * self.pixel_stride;
            // Safety: the plan gave the map a halo of the window's reach.
            unsafe { memory.buffer.add(pixel - self.reach).cast_const() }
        };
        unsafe { self.groups_of(groups, chunks, locate, kernels, memory) }
    }

    /// Groups of all strips, and output chunks, of an item.
    pub(super) fn piece(&self, item: usize) -> (Range<usize>, Range<usize>) {
        let segments = self.chunks().div_ceil(self.cut.chunks);
        let first = item / segments * self.cut.groups;
        let groups = first..(first + self.cut.groups).min(self.strips() * self.groups());
        let chunk = item % segments * self.cut.chunks;
        (groups, chunk..(chunk + self.cut.chunks).min(self.chunks()))
    }

    /// Image and first row of a strip.
    fn row(&self, strip: usize) -> (usize, usize) {
        let strips = self.output.rows.div_ceil(self.rows_of_strip());
        (strip / strips, strip % strips * self.rows_of_strip())
    }

    /// Some chunks of some groups. `locate` tells where the first tap of a group's first output is, in a block of input
    /// channels.
    ///
    /// # Safety
    /// As for [`Self::item`]; what `locate` tells is valid for all taps.
    pub(super) unsafe fn groups_of(
        &self,
        groups: Range<usize>,
        chunks: Range<usize>,
        locate: impl Fn(&At, usize) -> *const u8,
        kernels: &Kernels,
        memory: &Memory,
    ) {
        let numbers = (self.filters.scale(), self.filters.bias());
        let activations = [self.activation, self.after];
        let finish = Finish::new(numbers, activations, &self.output, self.residual.as_ref());
        let unit = self.output.block_chunks().max(2);
        let mut sums = Sums([0.0; KEPT_GROUPS * 4 * SUMS / 4]);
        unsafe {
            (kernels.configure)(self.cut.pixels);
            for chunk in chunks.clone().step_by(unit) {
                let chunks = chunk..(chunk + unit).min(chunks.end);
                for first in groups.clone().step_by(self.cut.kept[0]) {
                    let kept = first..(first + self.cut.kept[0]).min(groups.end);
                    self.sum(kept.clone(), chunks.clone(), &locate, kernels, &mut sums);
                    for group in kept {
                        let sums = &sums.0[(group - first) * chunks.len() * SUMS / 4..];
                        self.write(&self.at(group), chunks.clone(), &finish, kernels, memory, sums);
                    }
                }
            }
            (kernels.release)();
        }
    }

    /// The n-th group of all strips; the last one of a strip may overlap the one before.
    pub(super) fn at(&self, n: usize) -> At {
        let first = (n % self.groups() * self.cut.pixels).min(self.cut.strip - self.cut.pixels);
        At { strip: n / self.groups(), first }
    }

    /// The sums of a few groups and chunks. A few taps' filters at a time are gone over by all groups, so that they are
    /// read from the first-level cache by all but the first.
    unsafe fn sum(
        &self,
        groups: Range<usize>,
        chunks: Range<usize>,
        locate: &impl Fn(&At, usize) -> *const u8,
        kernels: &Kernels,
        sums: &mut Sums,
    ) {
        let product = kernels.product(self.input.format);
        let tiles_of_two = kernels.has_tiles(self.input.format);
        // The last block's chunks that have no channel need no sums.
        let there = self.output.channels.div_ceil(LANES).saturating_sub(chunks.start).min(chunks.len());
        for (index, chunk) in chunks.clone().enumerate().take(there).step_by(2) {
            let chunk_count = (there - index).min(2);
            let block = chunk.checked_div(self.group[1]).unwrap_or(0) * self.group[0];
            for (part, taps) in self.taps.chunks(self.cut.kept[1]).enumerate() {
                for first in groups.clone().step_by(2) {
                    // In tiles, a lone group is computed twice rather than by a loop of its own.
                    let second = (first + 1).min(groups.end - 1);
                    let group_count = if tiles_of_two { 2 } else { second - first + 1 };
                    unsafe {
                        let tiles = |chunk: usize| {
                            self.filters
                                .tiles()
                                .add((chunk * self.taps.len() + part * self.cut.kept[1]) * self.depth.tile)
                        };
                        product(&Product {
                            groups: [locate(&self.at(first), block), locate(&self.at(second), block)],
                            group_count,
                            pixels: self.cut.pixels,
                            pixel_stride: self.pixel_stride,
                            taps,
                            depth: self.depth.after(part * self.cut.kept[1]),
                            filters: [tiles(chunk), tiles(chunk + chunk_count - 1)],
                            chunk_count,
                            go_on: part > 0,
                            sums: sums.0.as_mut_ptr().byte_add(((first - groups.start) * chunks.len() + index) * SUMS),
                            sums_stride: chunks.len(),
                        });
                    }
                }
            }
        }
    }

    /// Brings a group's sums to the output, row by row.
    unsafe fn write(
        &self,
        at: &At,
        chunks: Range<usize>,
        finish: &Finish,
        kernels: &Kernels,
        memory: &Memory,
        sums: &[f32],
    ) {
        let (image, first_row) = self.row(at.strip);
        let per_block = self.output.block_chunks();
        let (mut row, mut column) = (at.first / self.cut.pitch, at.first % self.cut.pitch);
        let mut pixel = 0;
        while pixel < self.cut.pixels {
            let next_row = pixel + self.cut.pitch - column;
            let pixels = self.output.columns.saturating_sub(column).min(self.cut.pixels - pixel);
            for chunk in chunks.clone().step_by(per_block).filter(|_| pixels > 0) {
                unsafe {
                    let at =
                        |map: &Map| memory.buffer.add(map.pixel(image, chunk / per_block, first_row + row, column));
                    let destination = Destination {
                        sums: sums[(chunk - chunks.start) * SUMS / 4 + pixel * LANES..].as_ptr(),
                        channel: chunk * LANES,
                        pixels,
                        output: at(&self.output),
                        residual: self.residual.as_ref().map_or(std::ptr::null(), |map| at(map).cast_const()),
                    };
                    (kernels.finish)(finish, &destination);
                }
            }
            (row, column, pixel) = (row + 1, 0, next_row);
        }
    }
}
