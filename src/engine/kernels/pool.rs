//! The largest number, or the mean, of windows and of whole channels.

use super::format::{AnyForm, Form};
use super::vector::Vector;
use super::{Map, Memory, rows};
use crate::engine::graph::{Pool, PoolKind};

/// A pool between maps.
#[derive(Debug, Clone)]
pub(crate) struct Pooling {
    /// What is looked at.
    pub(crate) input: Map,
    /// What comes of it.
    pub(crate) output: Map,
    /// How.
    pub(crate) pool: Pool,
}

impl Pooling {
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
        let (from, to) = (AnyForm::new(self.input.format), AnyForm::new(self.output.format));
        for n in item * per_item..((item + 1) * per_item).min(rows::count(&self.output)) {
            let at = rows::nth(&self.output, n);
            if !self.output.has_channels(at.chunk) {
                unsafe { rows::clear::<V>(&self.output, at, memory) };
                continue;
            }
            let down = self.window(0, at.row, self.input.rows);
            for column in 0..self.output.columns {
                let across = self.window(1, column, self.input.columns);
                unsafe {
                    let numbers = self.pixel::<V>(at, &down, &across, from, memory);
                    let pixel = memory.buffer.add(self.output.chunk(at.image, at.chunk, at.row, column));
                    to.store(pixel, self.output.within_block(at.chunk), numbers);
                }
            }
        }
    }

    /// First index, and how many steps of the window lie on the map.
    #[inline(always)]
    fn window(&self, axis: usize, output: usize, length: usize) -> (usize, usize) {
        let Pool { kernel, stride, dilation, padding, .. } = &self.pool;
        let start = output * stride[axis];
        let before = padding[axis];
        let skipped = before.saturating_sub(start).div_ceil(dilation[axis]);
        let first = start + skipped * dilation[axis] - before;
        let most = if first < length { (length - first).div_ceil(dilation[axis]) } else { 0 };
        (first, kernel[axis].saturating_sub(skipped).min(most))
    }

    #[inline(always)]
    unsafe fn pixel<V: Vector>(
        &self,
        at: rows::Row,
        down: &(usize, usize),
        across: &(usize, usize),
        form: AnyForm,
        memory: &Memory,
    ) -> V {
        let maximum = self.pool.kind == PoolKind::Max;
        let part = self.input.within_block(at.chunk);
        let first = self.input.chunk(at.image, at.chunk, down.0, across.0);
        let step = self.pool.dilation[1] * self.input.pixel_stride;
        unsafe {
            let mut result = V::splat(if maximum { f32::NEG_INFINITY } else { 0.0 });
            for row in 0..down.1 {
                let line = memory.buffer.add(first + row * self.pool.dilation[0] * self.input.row_stride);
                for column in 0..across.1 {
                    let x = form.load::<V>(line.add(column * step), part);
                    result = if maximum { result.max(x) } else { result.add(x) };
                }
            }
            let count = match self.pool.kind {
                PoolKind::Max => return result,
                PoolKind::Average => down.1 * across.1,
                PoolKind::AverageWithPadding => self.pool.kernel[0] * self.pool.kernel[1],
            };
            result.div(V::splat(count as f32))
        }
    }
}
