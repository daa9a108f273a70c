//! The convolution's gradients.

use super::conv::convolve;
use super::gemm::{Layout, Onto, multiply};
use super::geometry::Geometry;
use super::real::Real;
use super::unfold::{fold, unfold};
use rayon::prelude::*;
use std::ops::Range;

/// Kernels of up to this many numbers have their gradients summed up for each picture apart.
const SMALL_KERNELS: usize = 1 << 17;

/// Parts of the batch that small kernels' gradients are summed up for; there is one for each picture at least.
const PARTS: usize = 8;

/// Rows of the unfolded input that one task multiplies with the output's gradient.
const TASK_DEPTH: usize = 288;

/// The input's gradient, from the output's.
///
/// # Shapes
/// `weight`: `[output, input, kh, kw]`, `grad`: `[n, output, h', w']`; the result: `[n, input, h, w]`.
pub(super) fn input_gradient<E: Real>(weight: &[E], grad: &[E], g: &Geometry) -> Vec<E> {
    match g.turned() {
        Some(turned) => convolve(grad, &turn(weight, g), None, &turned),
        None => scatter(weight, grad, g),
    }
}

/// Kernels turned by 180°, with input and output exchanged.
fn turn<E: Real>(weight: &[E], g: &Geometry) -> Vec<E> {
    let [input, output] = g.channels;
    let taps = g.taps();
    let mut turned = vec![E::default(); weight.len()];
    turned.par_chunks_exact_mut(output * taps).enumerate().for_each(|(i, turned)| {
        for (o, turned) in turned.chunks_exact_mut(taps).enumerate() {
            let taps = &weight[(o * input + i) * taps..][..taps];
            turned.iter_mut().zip(taps.iter().rev()).for_each(|(to, from)| *to = *from);
        }
    });
    turned
}

/// The input's gradient for any stride: the columns' gradient, folded.
fn scatter<E: Real>(weight: &[E], grad: &[E], g: &Geometry) -> Vec<E> {
    let (depth, plane) = (g.depth(), g.output_plane());
    let mut out = vec![E::default(); g.batch * g.input_length()];
    let wide = g.batch < rayon::current_num_threads();
    let kernels = Layout::rows(g.channels[1], depth, depth).transposed();
    let picture = |(out, grad): (&mut [E], &[E])| {
        for rows in g.strips(0..g.output[0], depth) {
            let length = rows.len() * g.output[1];
            E::with_workspace(depth * length, |columns| {
                let grad = &grad[rows.start * g.output[1]..];
                let (layout, grad_layout) =
                    (Layout::rows(depth, length, length), Layout::rows(g.channels[1], length, plane));
                multiply((columns, layout), (weight, kernels), (grad, grad_layout), Onto::Nothing, wide);
                fold(out, columns, g, rows.clone());
            });
        }
    };
    let (outs, grads) = (g.input_length(), g.output_length());
    match wide {
        true => out.chunks_exact_mut(outs).zip(grad.chunks_exact(grads)).for_each(picture),
        false => out.par_chunks_exact_mut(outs).zip(grad.par_chunks_exact(grads)).for_each(picture),
    }
    out
}

/// The kernels' gradient, from the output's. What is summed up in which order depends on the sizes alone.
///
/// # Shapes
/// `x`: `[n, input, h, w]`, `grad`: `[n, output, h', w']`; the result: `[output, input, kh, kw]`.
pub(super) fn weight_gradient<E: Real>(x: &[E], grad: &[E], g: &Geometry) -> Vec<E> {
    if g.channels[1] * g.depth() <= SMALL_KERNELS {
        small_weight_gradient(x, grad, g)
    } else {
        large_weight_gradient(x, grad, g)
    }
}

/// Small kernels: parts of the batch apart, then their sum.
fn small_weight_gradient<E: Real>(x: &[E], grad: &[E], g: &Geometry) -> Vec<E> {
    let [height, size] = [g.output[0], g.channels[1] * g.depth()];
    let parts = PARTS.div_ceil(g.batch).min(height);
    let rows = height.div_ceil(parts);
    let tasks: Vec<_> = (0..g.batch)
        .flat_map(|picture| (0..height).step_by(rows).map(move |start| (picture, start..(start + rows).min(height))))
        .collect();
    let sums: Vec<Vec<E>> = tasks
        .into_par_iter()
        .map(|(picture, rows)| {
            let mut sum = vec![E::default(); size];
            add_picture(&mut sum, x, grad, g, picture, 0..g.channels[0], rows);
            sum
        })
        .collect();
    let mut sums = sums.into_iter();
    let mut total = sums.next().unwrap_or_default();
    sums.for_each(|sum| total.iter_mut().zip(sum).for_each(|(total, part)| *total += part));
    total
}

/// Large kernels: input channels apart, the whole batch for each.
fn large_weight_gradient<E: Real>(x: &[E], grad: &[E], g: &Geometry) -> Vec<E> {
    let ([input, output], taps) = (g.channels, g.taps());
    let step = (TASK_DEPTH / taps).max(1);
    let starts: Vec<_> = (0..input).step_by(step).collect();
    let parts: Vec<Vec<E>> = starts
        .into_par_iter()
        .map(|start| {
            let channels = start..(start + step).min(input);
            let mut sum = vec![E::default(); output * channels.len() * taps];
            for picture in 0..g.batch {
                add_picture(&mut sum, x, grad, g, picture, channels.clone(), 0..g.output[0]);
            }
            sum
        })
        .collect();
    let mut total = vec![E::default(); output * input * taps];
    total.par_chunks_exact_mut(input * taps).enumerate().for_each(|(o, kernel)| {
        for (kernel, part) in kernel.chunks_mut(step * taps).zip(&parts) {
            kernel.copy_from_slice(&part[o * kernel.len()..][..kernel.len()]);
        }
    });
    total
}

/// Adds what the output's rows `rows` of one picture give for the kernels' part of the input channels `channels`.
fn add_picture<E: Real>(
    sum: &mut [E],
    x: &[E],
    grad: &[E],
    g: &Geometry,
    picture: usize,
    channels: Range<usize>,
    rows: Range<usize>,
) {
    let (plane, depth) = (g.output_plane(), channels.len() * g.taps());
    let grad = &grad[picture * g.output_length()..][..g.output_length()];
    let x = &x[picture * g.input_length()..][channels.start * g.input_plane()..channels.end * g.input_plane()];
    let sum_layout = Layout::rows(g.channels[1], depth, depth);
    for rows in g.strips(rows, depth) {
        let length = rows.len() * g.output[1];
        let grad = (&grad[rows.start * g.output[1]..], Layout::rows(g.channels[1], length, plane));
        if g.is_pointwise() {
            let x = (&x[rows.start * g.output[1]..], Layout::rows(depth, length, plane).transposed());
            multiply((sum, sum_layout), grad, x, Onto::Old, false);
        } else {
            E::with_workspace(depth * length, |columns| {
                unfold(columns, x, g, rows.clone());
                let columns = (&*columns, Layout::rows(depth, length, length).transposed());
                multiply((sum, sum_layout), grad, columns, Onto::Old, false);
            });
        }
    }
}

/// The bias's gradient: the sum over pictures and positions.
///
/// # Shapes
/// `grad`: `[n, output, h', w']`; the result: `[output]`.
pub(super) fn bias_gradient<E: Real>(grad: &[E], g: &Geometry) -> Vec<E> {
    let (channels, plane) = (g.channels[1], g.output_plane());
    let sum = |channel: usize| {
        let planes = (0..g.batch).flat_map(|n| &grad[(n * channels + channel) * plane..][..plane]);
        E::of(planes.map(|value| value.as_f64()).sum())
    };
    (0..channels).into_par_iter().map(sum).collect()
}
