//! Max pooling: the place of the largest value in its window is remembered in one byte.

use super::real::Real;
use burn::tensor::ops::MaxPoolOptions;
use rayon::prelude::*;

/// Elements of a window whose places fit one byte.
pub(super) const LARGEST_WINDOW: usize = 256;

/// Sizes of a pooling; pairs are vertical, horizontal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// Size of the input.
    pub(super) input: [usize; 2],
    /// Size of the output.
    pub(super) output: [usize; 2],
    /// Size of a window.
    pub(super) kernel: [usize; 2],
    /// Stride.
    pub(super) stride: [usize; 2],
    /// Padding on each side, at most half of the window.
    pub(super) padding: [usize; 2],
}

impl Windows {
    /// Whether at least one window fits into the input.
    pub(super) fn fit(x: [usize; 4], options: &MaxPoolOptions<2>) -> bool {
        let room = |i: usize| x[2 + i] + 2 * options.padding[i].0 >= options.kernel_size[i];
        room(0) && room(1) && x.iter().all(|&size| size > 0)
    }

    /// Those of `x`; they fit.
    pub(super) fn new(x: [usize; 4], options: &MaxPoolOptions<2>) -> Self {
        let (kernel, stride, padding) = (options.kernel_size, options.stride, options.padding.map(|(begin, _)| begin));
        let size = |i: usize| (x[2 + i] + 2 * padding[i]).saturating_sub(kernel[i]) / stride[i] + 1;
        Self { input: [x[2], x[3]], output: [size(0), size(1)], kernel, stride, padding }
    }

    fn is_halving(&self) -> bool {
        self.kernel == [2, 2] && self.stride == [2, 2] && self.padding == [0, 0]
    }

    /// The input's position of a window's element, if it is not padding.
    fn position(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        (output * self.stride[axis] + tap).checked_sub(self.padding[axis]).filter(|&i| i < self.input[axis])
    }
}

/// The largest values and their places in the windows, in rows.
///
/// # Shapes
/// `x`: `[planes, h, w]`; both results: `[planes, h', w']`.
pub(super) fn forward<E: Real>(x: &[E], windows: &Windows) -> (Vec<E>, Vec<u8>) {
    let (input, output) = (windows.input.iter().product(), windows.output.iter().product());
    let count = x.len() / input * output;
    let (mut values, mut places) = (vec![E::default(); count], vec![0; count]);
    let planes = values.par_chunks_exact_mut(output).zip(places.par_chunks_exact_mut(output));
    planes.zip(x.par_chunks_exact(input)).for_each(|((values, places), x)| {
        let width = windows.output[1];
        let rows = values.chunks_exact_mut(width).zip(places.chunks_exact_mut(width));
        rows.enumerate().for_each(|(y, (values, places))| match windows.is_halving() {
            true => halve_row(values, places, &x[2 * y * windows.input[1]..], windows.input[1]),
            false => pool_row(values, places, x, windows, y),
        });
    });
    (values, places)
}

/// Whether `new` takes the place of `largest`: a NaN always does, as in PyTorch.
fn is_larger<E: Real>(new: E, largest: E) -> bool {
    new > largest || new.partial_cmp(&new).is_none()
}

/// One row of windows of 2×2 at stride 2; `x` starts at their first row.
fn halve_row<E: Real>(values: &mut [E], places: &mut [u8], x: &[E], width: usize) {
    let (upper, lower) = (x[..width].chunks_exact(2), x[width..2 * width].chunks_exact(2));
    for (((value, place), upper), lower) in values.iter_mut().zip(places).zip(upper).zip(lower) {
        let (mut largest, mut at) = (upper[0], 0);
        for (new, i) in [(upper[1], 1), (lower[0], 2), (lower[1], 3)] {
            if is_larger(new, largest) {
                (largest, at) = (new, i);
            }
        }
        (*value, *place) = (largest, at);
    }
}

/// One row of any windows.
fn pool_row<E: Real>(values: &mut [E], places: &mut [u8], x: &[E], windows: &Windows, y: usize) {
    let [height, width] = windows.kernel;
    for (i, (value, place)) in values.iter_mut().zip(places).enumerate() {
        let mut largest = None;
        for tap in 0..height * width {
            let row = windows.position(0, y, tap / width);
            let column = windows.position(1, i, tap % width);
            let Some((row, column)) = row.zip(column) else { continue };
            let new = x[row * windows.input[1] + column];
            if largest.is_none_or(|largest| is_larger(new, largest)) {
                largest = Some(new);
                *place = tap as u8;
            }
        }
        *value = largest.unwrap_or_default();
    }
}

/// The input's gradient: each window's goes to the place of its largest value.
///
/// # Shapes
/// `grad`, `places`: `[planes, h', w']`; the result: `[planes, h, w]`.
pub(super) fn backward<E: Real>(grad: &[E], places: &[u8], windows: &Windows) -> Vec<E> {
    let (input, output): (usize, usize) = (windows.input.iter().product(), windows.output.iter().product());
    let mut out = vec![E::default(); grad.len() / output * input];
    let planes = grad.par_chunks_exact(output).zip(places.par_chunks_exact(output));
    out.par_chunks_exact_mut(input).zip(planes).for_each(|(out, (grad, places))| {
        let [width, width_in] = [windows.output[1], windows.input[1]];
        for (y, (grad, places)) in grad.chunks_exact(width).zip(places.chunks_exact(width)).enumerate() {
            if windows.is_halving() {
                double_row(&mut out[2 * y * width_in..][..2 * width_in], grad, places);
                continue;
            }
            for (x, (grad, place)) in grad.iter().zip(places).enumerate() {
                let tap = usize::from(*place);
                let row = windows.position(0, y, tap / windows.kernel[1]);
                let column = windows.position(1, x, tap % windows.kernel[1]);
                if let Some((row, column)) = row.zip(column) {
                    out[row * width_in + column] += *grad;
                }
            }
        }
    });
    out
}

/// The gradient of one row of windows of 2×2 at stride 2: two rows of the input.
fn double_row<E: Real>(out: &mut [E], grad: &[E], places: &[u8]) {
    let (upper, lower) = out.split_at_mut(out.len() / 2);
    let pairs = upper.chunks_exact_mut(2).zip(lower.chunks_exact_mut(2));
    for ((upper, lower), (grad, place)) in pairs.zip(grad.iter().zip(places)) {
        let at = |i: u8| if *place == i { *grad } else { E::default() };
        (upper[0], upper[1], lower[0], lower[1]) = (at(0), at(1), at(2), at(3));
    }
}
