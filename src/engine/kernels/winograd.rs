//! Convolutions of windows of 3×3 by Winograd's minimal filtering: fewer multiplications for more additions.
//!
//! Tiles of n×n inputs (n = 6 or 4) that overlap by two become n² *points*; at each point, all tiles' channels are multiplied
//! with the filters' channels as in a convolution of 1×1; what comes of it becomes tiles of (n − 2)×(n − 2) outputs:
//! 36 / 16 multiplications for each output and channel in place of 9, or 16 / 4.
//!
//! Lavin, Gray: [Fast Algorithms for Convolutional Neural Networks](https://arxiv.org/abs/1509.09308), 2015.

use super::finish::{Destination, Finish};
use super::format::{Brain, Plain};
use super::product::{Depth, Product, SUMS};
use super::stem::Line;
use super::tile::{Inputs, Outputs, Rows};
use super::vector::Vector;
use super::{Filters, Format, Kernels, LANES, LINE, Map, Memory, TILE};
use crate::engine::graph::Activation;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

/// A convolution of 3×3, stride 1, between maps of floats.
#[derive(Debug, Clone)]
pub(crate) struct Winograd {
    /// What is looked at; its halo is at least the window's reach.
    pub(crate) input: Map,
    /// What comes of it.
    pub(crate) output: Map,
    /// What is added, like the output in shape and format.
    pub(crate) residual: Option<Map>,
    /// The filters: [`super::Arrangement::Winograd`].
    pub(crate) filters: Arc<Filters>,
    /// Bytes from the pixel at an output's place back to its first tap.
    pub(crate) reach: usize,
    /// Applied to the sum.
    pub(crate) activation: Activation,
    /// Applied after the residual was added.
    pub(crate) after: Activation,
    /// Where in the buffer a step before puts the transformed inputs; `None`: each item transforms its own.
    pub(crate) transformed: Option<usize>,
    /// How the work is cut.
    pub(crate) cut: TileCut,
}

/// How the work is cut into items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TileCut {
    /// What points are multiplied in: floats, or the bfloat16 of the input. Tiles of 4 need floats: the differences that
    /// their points are lose too much otherwise.
    pub(crate) points: Format,
    /// Rows and columns of outputs in a tile: 4 or 2.
    pub(crate) edge: usize,
    /// Tiles of one item.
    pub(crate) tiles: usize,
    /// Tiles of a group: those that are multiplied at a time.
    pub(crate) pixels: usize,
    /// Output chunks of one item.
    pub(crate) chunks: usize,
    /// Output chunks whose sums are kept at a time.
    pub(crate) pass: usize,
}

impl TileCut {
    /// Rows and columns of inputs that a tile looks at.
    fn side(&self) -> usize {
        self.edge + 2
    }

    /// Points of a tile.
    pub(crate) fn point_count(&self) -> usize {
        self.side() * self.side()
    }

    /// Bytes of one block of one point: all tiles of an item, in whole groups.
    fn block_bytes(&self) -> usize {
        self.tiles.div_ceil(self.pixels) * self.pixels * LINE
    }

    /// Blocks of channels at a point.
    pub(crate) fn blocks(&self, channels: usize) -> usize {
        channels.div_ceil(self.points.channels())
    }

    /// Bytes of the transformed inputs of one item.
    pub(crate) fn input_bytes(&self, channels: usize) -> usize {
        self.point_count() * self.input_stride(channels)
    }

    /// Bytes from point to point of the transformed inputs: an odd number of lines, so that a tile's points do not fall on
    /// the same place of the cache.
    fn input_stride(&self, channels: usize) -> usize {
        (self.blocks(channels) * self.block_bytes()) | LINE
    }

    /// Bytes from point to point of the sums.
    fn sums_stride(&self) -> usize {
        (self.tiles.div_ceil(self.pixels) * self.pass * SUMS) | LINE
    }

    /// Bytes of the sums that are kept at a time.
    pub(crate) fn sums_bytes(&self) -> usize {
        self.point_count() * self.sums_stride()
    }
}

/// What a thread works in.
#[derive(Default)]
struct Scratch {
    /// Transformed inputs: `[point][block][tile]`.
    inputs: Vec<Line>,
    /// Sums: `[point][group][chunk][tile]`.
    sums: Vec<Line>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Where a tile is.
#[derive(Debug, Clone, Copy)]
struct Place {
    image: usize,
    /// Of the tile's first output.
    row: usize,
    column: usize,
}

impl Winograd {
    /// Tiles across a map.
    fn across(&self) -> usize {
        self.output.columns.div_ceil(self.cut.edge)
    }

    /// Tiles of all images.
    fn tiles(&self) -> usize {
        self.output.images * self.output.rows.div_ceil(self.cut.edge) * self.across()
    }

    fn place(&self, tile: usize) -> Place {
        let (down, across) = (self.output.rows.div_ceil(self.cut.edge), self.across());
        Place {
            image: tile / (down * across),
            row: tile / across % down * self.cut.edge,
            column: tile % across * self.cut.edge,
        }
    }

    /// Tiles of an item.
    fn range(&self, n: usize) -> Range<usize> {
        n * self.cut.tiles..((n + 1) * self.cut.tiles).min(self.tiles())
    }

    /// Pieces of the transform of the inputs, where that is a step of its own.
    pub(crate) fn input_items(&self) -> usize {
        self.tiles().div_ceil(self.cut.tiles) * self.input.blocks()
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`.
    pub(super) unsafe fn input_item(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        let (part, block) = (item / self.input.blocks(), item % self.input.blocks());
        unsafe {
            let to =
                memory.buffer.add(self.transformed.unwrap_or(0) + part * self.cut.input_bytes(self.input.channels));
            (kernels.winograd_inputs)(self, part, block, to, memory);
        }
    }

    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        self.tiles().div_ceil(self.cut.tiles) * self.output.chunks().div_ceil(self.cut.chunks)
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`.
    pub(super) unsafe fn item(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        let segments = self.output.chunks().div_ceil(self.cut.chunks);
        let (part, first) = (item / segments, item % segments * self.cut.chunks);
        let bytes = self.cut.input_bytes(self.input.channels);
        SCRATCH.with_borrow_mut(|Scratch { inputs, sums }| unsafe {
            let inputs = match self.transformed {
                Some(offset) => memory.buffer.add(offset + part * bytes),
                None => {
                    let to = room(inputs, bytes);
                    for block in 0..self.input.blocks() {
                        (kernels.winograd_inputs)(self, part, block, to, memory);
                    }
                    to
                }
            };
            let sums = room(sums, self.cut.sums_bytes());
            let end = (first + self.cut.chunks).min(self.output.chunks());
            for chunk in (first..end).step_by(self.cut.pass) {
                let chunks = chunk..(chunk + self.cut.pass).min(end);
                self.multiply(part, chunks.clone(), inputs, sums.cast(), kernels);
                for chunk in chunks.clone().step_by(self.output.block_chunks()) {
                    self.write(part, chunk, sums.add((chunk - chunks.start) * SUMS).cast(), kernels, memory);
                }
            }
        });
    }

    /// All points' products: one point's filters and inputs after another's.
    unsafe fn multiply(&self, part: usize, chunks: Range<usize>, inputs: *const u8, sums: *mut f32, kernels: &Kernels) {
        let blocks = self.cut.blocks(self.input.channels);
        let taps: Vec<u32> = (0..blocks).map(|block| (block * self.cut.block_bytes()) as u32).collect();
        let input_stride = self.cut.input_stride(self.input.channels);
        let last_steps = self.cut.points.last_steps(self.input.channels);
        let depth = Depth { whole: blocks - 1, last_steps, tile: TILE };
        let groups = self.range(part).len().div_ceil(self.cut.pixels);
        let product = kernels.product(self.cut.points);
        unsafe { (kernels.configure)(self.cut.pixels) };
        for point in 0..self.cut.point_count() {
            for chunk in chunks.clone().step_by(2) {
                let chunk_count = (chunks.end - chunk).min(2);
                for group in (0..groups).step_by(2) {
                    let group_count = (groups - group).min(2);
                    let slot = group * self.cut.pass + chunk - chunks.start;
                    unsafe {
                        let input = |group: usize| inputs.add(point * input_stride + group * self.cut.pixels * LINE);
                        let filters = |chunk: usize| self.filters.point(point, chunk);
                        product(&Product {
                            groups: [input(group), input(group + group_count - 1)],
                            group_count,
                            pixels: self.cut.pixels,
                            pixel_stride: LINE,
                            taps: &taps,
                            depth,
                            filters: [filters(chunk), filters(chunk + chunk_count - 1)],
                            chunk_count,
                            go_on: false,
                            sums: sums.byte_add(point * self.cut.sums_stride() + slot * SUMS),
                            sums_stride: self.cut.pass,
                        });
                    }
                }
            }
        }
        unsafe { (kernels.release)() };
    }

    /// Brings a block's sums to the output: as many tiles of a row at a time as have sixteen columns.
    unsafe fn write(&self, part: usize, chunk: usize, sums: *const f32, kernels: &Kernels, memory: &Memory) {
        let range = self.range(part);
        let mut rows = Rows::ZERO;
        let mut first = range.start;
        while first < range.end {
            let place = self.place(first);
            let left = self.across() - place.column / self.cut.edge;
            let count = left.min(16 / self.cut.edge).min(range.end - first);
            for index in 0..count {
                let tile = first + index - range.start;
                let slot = tile / self.cut.pixels * self.cut.pass * 16 + tile % self.cut.pixels;
                for chunk in 0..self.output.block_chunks() {
                    unsafe {
                        let sums = sums.add((slot + chunk * 16) * LANES);
                        let stride = self.cut.sums_stride();
                        (kernels.winograd_outputs)(self, Outputs { sums, stride, chunk, index, rows: &mut rows });
                    }
                }
            }
            unsafe { self.finish(place, count * self.cut.edge, chunk, &rows, kernels, memory) }
            first += count;
        }
    }

    /// Bias, activation and residual, row by row.
    unsafe fn finish(
        &self,
        place: Place,
        columns: usize,
        chunk: usize,
        rows: &Rows,
        kernels: &Kernels,
        memory: &Memory,
    ) {
        let numbers = (self.filters.scale(), self.filters.bias());
        let activations = [self.activation, self.after];
        let finish = Finish::new(numbers, activations, &self.output, self.residual.as_ref());
        for row in 0..self.cut.edge.min(self.output.rows - place.row) {
            unsafe {
                let at = |map: &Map| memory.buffer.add(map.chunk(place.image, chunk, place.row + row, place.column));
                let destination = Destination {
                    sums: rows.row(row),
                    channel: chunk * LANES,
                    pixels: columns.min(self.output.columns - place.column),
                    output: at(&self.output),
                    residual: self.residual.as_ref().map_or(std::ptr::null(), |map| at(map).cast_const()),
                };
                (kernels.finish)(&finish, &destination);
            }
        }
    }

    /// Transforms one block of all tiles of an item.
    ///
    /// # Safety
    /// As for `Convolve::item`; `to` has room for the item's transformed inputs.
    #[inline(always)]
    pub(super) unsafe fn inputs<V: Vector>(&self, part: usize, block: usize, to: *mut u8, memory: &Memory) {
        let stride = self.cut.input_stride(self.input.channels);
        let range = self.range(part);
        let (from_chunks, to_chunks) = (self.input.block_chunks(), self.cut.points.chunks());
        // A block of bfloat16 becomes two of floats, of which the second may have no channel.
        let chunks = from_chunks.min(self.cut.blocks(self.input.channels) * to_chunks - block * from_chunks);
        unsafe {
            let to = to.add(block * from_chunks / to_chunks * self.cut.block_bytes());
            for (index, tile) in range.clone().enumerate() {
                let Place { image, row, column } = self.place(tile);
                let from = memory.buffer.add(self.input.pixel(image, block, row, column) - self.reach);
                // What lies beyond the window of the last output is another row's, or nobody's.
                let there = [self.output.rows + 2 - row, self.output.columns + 2 - column];
                for chunk in 0..chunks {
                    let to = to.add(chunk / to_chunks * self.cut.block_bytes() + index * LINE);
                    let Map { row_stride, pixel_stride, .. } = self.input;
                    let inputs = Inputs { from, row_stride, pixel_stride, there, chunk, to, stride };
                    match (self.input.format, self.cut.points, self.cut.edge) {
                        (Format::Bf16, Format::Bf16, _) => inputs.transform::<V, _, _, 4>(Brain, Brain),
                        (Format::Bf16, _, 4) => inputs.transform::<V, _, _, 6>(Brain, Plain),
                        (Format::Bf16, ..) => inputs.transform::<V, _, _, 4>(Brain, Plain),
                        (.., 4) => inputs.transform::<V, _, _, 6>(Plain, Plain),
                        _ => inputs.transform::<V, _, _, 4>(Plain, Plain),
                    }
                }
            }
            // The last group's tiles that do not count.
            for index in range.len()..self.cut.block_bytes() / LINE {
                for block in 0..chunks.div_ceil(to_chunks) {
                    for point in 0..self.cut.point_count() {
                        let line = to.add(block * self.cut.block_bytes() + index * LINE + point * stride);
                        V::splat(0.0).store(line.cast());
                    }
                }
            }
        }
    }

    /// Transforms one chunk of one tile.
    ///
    /// # Safety
    /// The pointer is valid.
    #[inline(always)]
    pub(super) unsafe fn outputs<V: Vector>(&self, outputs: Outputs) {
        unsafe { if self.cut.edge == 4 { outputs.transform::<V, 6>() } else { outputs.transform::<V, 4>() } }
    }
}

/// Lines for so many bytes, aligned.
fn room(lines: &mut Vec<Line>, bytes: usize) -> *mut u8 {
    if lines.len() * LINE < bytes {
        lines.resize(bytes.div_ceil(LINE), Line::ZERO);
    }
    lines.as_mut_ptr().cast()
}
