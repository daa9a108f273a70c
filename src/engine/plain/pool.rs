//! Windows over maps `[n, c, h, w]`.

use super::Rows;
use crate::engine::graph::{Pool, PoolKind};

/// Fills `output`, of `shape`.
pub(super) fn pool(pool: &Pool, (numbers, from): Rows<f32>, output: &mut [f32], shape: &[usize]) {
    let (&[_, _, height, width], &[_, _, rows, columns]) = (from, shape) else { return };
    let maps = numbers.chunks_exact((height * width).max(1));
    for (map, results) in maps.zip(output.chunks_exact_mut((rows * columns).max(1))) {
        for (row, results) in results.chunks_exact_mut(columns).enumerate() {
            let down = Span::new(pool, 0, row, height);
            for (column, result) in results.iter_mut().enumerate() {
                let across = Span::new(pool, 1, column, width);
                let lines = down.places().map(|y| &map[y * width..][..width]);
                let window = lines.flat_map(|line| across.places().map(move |x| line[x]));
                *result = match pool.kind {
                    PoolKind::Max => window.fold(f32::NEG_INFINITY, f32::max),
                    PoolKind::Average => window.sum::<f32>() / (down.count() * across.count()) as f32,
                    PoolKind::AverageWithPadding => window.sum::<f32>() / (pool.kernel[0] * pool.kernel[1]) as f32,
                };
            }
        }
    }
}

/// The part of a window that lies on the map, along one axis.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    step: usize,
}

impl Span {
    /// `side` is 0 for rows, 1 for columns; `index` is the output's; `length` is the map's.
    fn new(pool: &Pool, side: usize, index: usize, length: usize) -> Self {
        let step = pool.dilation[side].max(1);
        let (first, padding) = (index * pool.stride[side], pool.padding[side]);
        let skipped = padding.saturating_sub(first).div_ceil(step);
        let end = (first + pool.kernel[side] * step).saturating_sub(padding).min(length);
        Self { start: (first + skipped * step).saturating_sub(padding), end, step }
    }

    fn places(self) -> impl Iterator<Item = usize> {
        (self.start..self.end).step_by(self.step)
    }

    fn count(self) -> usize {
        self.places().count()
    }
}

/// Fills `output` with the mean of each channel.
pub(super) fn mean(numbers: &[f32], output: &mut [f32]) {
    let size = numbers.len() / output.len().max(1);
    for (map, result) in numbers.chunks_exact(size.max(1)).zip(output) {
        *result = map.iter().sum::<f32>() / size as f32;
    }
}

/// Fills `output`: each number becomes a block.
pub(super) fn upsample([down, across]: [usize; 2], (numbers, from): Rows<f32>, output: &mut [f32]) {
    let width = from.last().copied().unwrap_or(1).max(1);
    let wide = width * across;
    for (row, results) in numbers.chunks_exact(width).zip(output.chunks_exact_mut((wide * down).max(1))) {
        let (first, others) = results.split_at_mut(wide);
        for (x, block) in row.iter().zip(first.chunks_exact_mut(across)) {
            block.fill(*x);
        }
        others.chunks_exact_mut(wide).for_each(|line| line.copy_from_slice(first));
    }
}
