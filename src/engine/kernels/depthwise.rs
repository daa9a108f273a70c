//! Convolutions in which each channel sees only itself.

use super::finish::{Destination, Finish};
use super::format::{Brain, Bytes, KnownForm, MOST_CHUNKS, Plain};
use super::product::SUMS;
use super::vector::{LANES, Vector};
use super::{ChannelFilters, Format, Kernels, Map, Memory, rows};
use crate::engine::graph::Activation;
use std::sync::Arc;

/// A depthwise convolution between maps.
#[derive(Debug, Clone)]
pub(crate) struct Depthwise {
    /// What is looked at; its halo is at least the window's reach.
    pub(crate) input: Map,
    /// What comes of it.
    pub(crate) output: Map,
    /// What is added, like the output in shape and format.
    pub(crate) residual: Option<Map>,
    /// The filters, for the input's format.
    pub(crate) filters: Arc<ChannelFilters>,
    /// Rows and columns of the window.
    pub(crate) kernel: [usize; 2],
    /// Bytes from a tap to the one below and to the next one in its row.
    pub(crate) tap_strides: [usize; 2],
    /// Bytes from the pixel at an output's place (times the stride) back to its first tap.
    pub(crate) reach: usize,
    /// Rows and columns between outputs.
    pub(crate) stride: [usize; 2],
    /// Applied to the sum.
    pub(crate) activation: Activation,
    /// Applied after the residual was added.
    pub(crate) after: Activation,
}

/// Pixels whose sums are brought to the output at a time: those of [`SUMS`].
const PIXELS: usize = SUMS / 4 / LANES;

/// The most of [`Vector::SUMS`].
const MOST_SUMS: usize = 8;

/// Sums of a block of channels on their way to the output.
#[repr(align(64))]
struct Sums([f32; MOST_CHUNKS * SUMS / 4]);

/// A chunk's sums for some pixels.
pub(super) struct Run {
    /// The first pixel's first tap.
    first: *const u8,
    /// How many pixels.
    pixels: usize,
    /// Which chunk.
    chunk: usize,
    /// Where they go: `[pixel][16]`.
    sums: *mut f32,
}

impl Depthwise {
    /// Rows of all blocks of all images.
    fn rows(&self) -> usize {
        self.output.images * self.output.blocks() * self.output.rows
    }

    /// How many of them an item has.
    fn per_item(&self) -> usize {
        (rows::per_item(&self.output) / self.output.block_chunks()).max(1)
    }

    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        self.rows().div_ceil(self.per_item())
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`.
    pub(super) unsafe fn item(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        let per_item = self.per_item();
        // Groups of one size, near enough.
        let columns = self.output.columns;
        let pixels = columns.div_ceil(columns.div_ceil(PIXELS));
        let numbers = (std::ptr::null(), self.filters.bias.as_ptr());
        let finish = Finish::new(numbers, [self.activation, self.after], &self.output, self.residual.as_ref());
        let mut sums = Sums([0.0; MOST_CHUNKS * SUMS / 4]);
        for n in item * per_item..((item + 1) * per_item).min(self.rows()) {
            let (rest, row) = (n / self.output.rows, n % self.output.rows);
            let (image, block) = (rest / self.output.blocks(), rest % self.output.blocks());
            for column in (0..columns).step_by(pixels) {
                let at = [image, block, row, column];
                unsafe { self.group(at, pixels.min(columns - column), &mut sums, &finish, kernels, memory) };
            }
        }
    }

    /// A block of some pixels of a row, from one on.
    unsafe fn group(
        &self,
        [image, block, row, column]: [usize; 4],
        pixels: usize,
        sums: &mut Sums,
        finish: &Finish,
        kernels: &Kernels,
        memory: &Memory,
    ) {
        let chunks = self.output.block_chunks();
        unsafe {
            for index in 0..chunks {
                let chunk = block * chunks + index;
                if self.output.has_channels(chunk) {
                    let [y, x] = [row * self.stride[0], column * self.stride[1]];
                    let first = memory.buffer.add(self.input.chunk(image, chunk, y, x) - self.reach).cast_const();
                    let sums = sums.0[index * SUMS / 4..].as_mut_ptr();
                    (kernels.depthwise)(self, &Run { first, pixels, chunk, sums });
                }
            }
            let at = |map: &Map| memory.buffer.add(map.chunk(image, block * chunks, row, column));
            let destination = Destination {
                sums: sums.0.as_ptr(),
                channel: block * chunks * LANES,
                pixels,
                output: at(&self.output),
                residual: self.residual.as_ref().map_or(std::ptr::null(), |map| at(map).cast_const()),
            };
            (kernels.finish)(finish, &destination);
        }
    }

    /// A chunk's sums.
    ///
    /// # Safety
    /// The run's pointers are valid for what it says.
    #[inline(always)]
    pub(super) unsafe fn sums<V: Vector>(&self, run: &Run) {
        unsafe {
            match self.input.format {
                Format::F32 => self.sums_of::<V, _>(run, Plain),
                Format::Bf16 => self.sums_of::<V, _>(run, Brain),
                Format::U8(grid) => self.sums_of::<V, _>(run, Bytes::new(grid)),
            }
        }
    }

    #[inline(always)]
    unsafe fn sums_of<V: Vector, F: KnownForm>(&self, run: &Run, form: F) {
        let step = self.stride[1] * self.input.pixel_stride;
        unsafe {
            if run.pixels < V::SUMS {
                for pixel in 0..run.pixels {
                    self.some::<V, F, 1>(run, pixel, step, form);
                }
                return;
            }
            for pixel in (0..run.pixels).step_by(V::SUMS) {
                // The last ones may be computed twice.
                let pixel = pixel.min(run.pixels - V::SUMS);
                match (self.kernel[1], step == self.tap_strides[1]) {
                    (3, true) => self.sliding::<V, F, 3>(run, pixel, form),
                    (5, true) => self.sliding::<V, F, 5>(run, pixel, form),
                    _ if V::SUMS == 8 => self.some::<V, F, 8>(run, pixel, step, form),
                    _ => self.some::<V, F, 4>(run, pixel, step, form),
                }
            }
        }
    }

    /// A chunk's filters.
    unsafe fn weights(&self, chunk: usize) -> *const f32 {
        unsafe { self.filters.weights.as_ptr().add(chunk * self.kernel[0] * self.kernel[1] * LANES) }
    }

    /// N pixels from one on, tap by tap.
    #[inline(always)]
    unsafe fn some<V: Vector, F: KnownForm, const N: usize>(&self, run: &Run, pixel: usize, step: usize, form: F) {
        let part = self.input.within_block(run.chunk);
        unsafe {
            let mut sums = [V::splat(0.0); N];
            let first = run.first.add(pixel * step);
            let mut weights = self.weights(run.chunk);
            for y in 0..self.kernel[0] {
                for x in 0..self.kernel[1] {
                    let tap = first.add(y * self.tap_strides[0] + x * self.tap_strides[1]);
                    let weight = V::load(weights);
                    for (i, sum) in sums.iter_mut().enumerate() {
                        *sum = form.load_stored::<V>(tap.add(i * step), part).mul_add(weight, *sum);
                    }
                    weights = weights.add(LANES);
                }
            }
            for (i, sum) in sums.into_iter().enumerate() {
                sum.store(run.sums.add((pixel + i) * LANES));
            }
        }
    }

    /// [`Vector::SUMS`] pixels from one on, where neighbours see the same numbers at taps next to each other: each number is
    /// read once for a row of taps.
    #[inline(always)]
    unsafe fn sliding<V: Vector, F: KnownForm, const TAPS: usize>(&self, run: &Run, pixel: usize, form: F) {
        let part = self.input.within_block(run.chunk);
        let step = self.tap_strides[1];
        unsafe {
            let mut sums = [V::splat(0.0); MOST_SUMS];
            let first = run.first.add(pixel * step);
            let weights = self.weights(run.chunk);
            for y in 0..self.kernel[0] {
                let mut row = [V::splat(0.0); TAPS];
                for (x, weight) in row.iter_mut().enumerate() {
                    *weight = V::load(weights.add((y * TAPS + x) * LANES));
                }
                let line = first.add(y * self.tap_strides[0]);
                for place in 0..V::SUMS + TAPS - 1 {
                    let numbers = form.load_stored::<V>(line.add(place * step), part);
                    for x in 0..TAPS {
                        if place >= x && place - x < V::SUMS {
                            sums[place - x] = numbers.mul_add(row[x], sums[place - x]);
                        }
                    }
                }
            }
            for (i, sum) in sums.into_iter().enumerate().take(V::SUMS) {
                sum.store(run.sums.add((pixel + i) * LANES));
            }
        }
    }
}
