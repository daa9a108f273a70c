//! Convolutions in which each channel sees only itself.

use super::finish::activate;
use super::format::{AnyForm, Brain, Bytes, Form, Plain};
use super::vector::{LANES, Vector};
use super::{ChannelFilters, Format, Map, Memory, rows};
use crate::engine::graph::Activation;
use std::sync::Arc;

/// A depthwise convolution between maps of one format.
#[derive(Debug, Clone)]
pub(crate) struct Depthwise {
    /// What is looked at; its halo is at least the window's reach.
    pub(crate) input: Map,
    /// What comes of it.
    pub(crate) output: Map,
    /// What is added, like the output in shape.
    pub(crate) residual: Option<Map>,
    /// `[chunk][tap][16]`, then `[channel]`.
    pub(crate) filters: Arc<ChannelFilters>,
    /// Bytes from the first tap's pixel to each tap's.
    pub(crate) taps: Vec<u32>,
    /// Bytes from the pixel at an output's place (times the stride) back to its first tap.
    pub(crate) reach: usize,
    /// Rows and columns between outputs.
    pub(crate) stride: [usize; 2],
    /// Applied to the sum.
    pub(crate) activation: Activation,
    /// Applied after the residual was added.
    pub(crate) after: Activation,
}

/// Pixels computed at a time, so that a filter's numbers are loaded once for all of them.
const PIXELS: usize = 4;

impl Depthwise {
    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        rows::count(&self.output).div_ceil(rows::per_item(&self.output))
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`.
    #[inline(always)]
    pub(super) unsafe fn item<V: Vector>(&self, item: usize, memory: &Memory) {
        let per_item = rows::per_item(&self.output);
        for n in item * per_item..((item + 1) * per_item).min(rows::count(&self.output)) {
            unsafe {
                match self.input.format {
                    Format::F32 => self.row::<V, _>(n, memory, Plain),
                    Format::Bf16 => self.row::<V, _>(n, memory, Brain),
                    Format::U8(grid) => self.row::<V, _>(n, memory, Bytes::new(grid)),
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn row<V: Vector, F: Form>(&self, n: usize, memory: &Memory, form: F) {
        let at = rows::nth(&self.output, n);
        if !self.output.has_channels(at.chunk) {
            return unsafe { rows::clear::<V>(&self.output, at, memory) };
        }
        let rows::Row { image, chunk, row } = at;
        let first = self.input.chunk(image, chunk, row * self.stride[0], 0) - self.reach;
        let step = self.stride[1] * self.input.pixel_stride;
        let (whole, rest) = (self.output.columns / PIXELS * PIXELS, self.output.columns % PIXELS);
        unsafe {
            let first = memory.buffer.add(first).cast_const();
            for column in (0..whole).step_by(PIXELS) {
                let sums = self.sums::<V, F, PIXELS>(first.add(column * step), step, chunk, form);
                self.write::<V, PIXELS>([image, chunk, row, column], sums, memory);
            }
            for column in whole..whole + rest {
                let sums = self.sums::<V, F, 1>(first.add(column * step), step, chunk, form);
                self.write::<V, 1>([image, chunk, row, column], sums, memory);
            }
        }
    }

    #[inline(always)]
    unsafe fn sums<V: Vector, F: Form, const N: usize>(
        &self,
        first: *const u8,
        step: usize,
        chunk: usize,
        form: F,
    ) -> [V; N] {
        unsafe {
            let mut sums = [V::load(self.filters.bias.as_ptr().add(chunk * LANES)); N];
            let weights = self.filters.weights.as_ptr().add(chunk * self.taps.len() * LANES);
            for (index, &tap) in self.taps.iter().enumerate() {
                let weight = V::load(weights.add(index * LANES));
                for (pixel, sum) in sums.iter_mut().enumerate() {
                    let x = form.load::<V>(first.add(tap as usize + pixel * step), self.input.within_block(chunk));
                    *sum = x.mul_add(weight, *sum);
                }
            }
            sums
        }
    }

    #[inline(always)]
    unsafe fn write<V: Vector, const N: usize>(
        &self,
        [image, chunk, row, column]: [usize; 4],
        sums: [V; N],
        memory: &Memory,
    ) {
        let form = AnyForm::new(self.output.format);
        for (pixel, sum) in sums.into_iter().enumerate() {
            let at = |map: &Map| unsafe { memory.buffer.add(map.chunk(image, chunk, row, column + pixel)) };
            let part = self.output.within_block(chunk);
            unsafe {
                let mut result = activate(self.activation, sum);
                if let Some(map) = &self.residual {
                    let residual = AnyForm::new(map.format).load::<V>(at(map), map.within_block(chunk));
                    result = activate(self.after, result.add(residual));
                }
                form.store(at(&self.output), part, result);
            }
        }
    }
}
