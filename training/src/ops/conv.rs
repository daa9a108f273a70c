//! The convolution's output: strips of the unfolded input, multiplied by the kernels.

use super::gemm::{Layout, Onto, multiply};
use super::geometry::Geometry;
use super::real::Real;
use super::unfold::unfold;
use rayon::prelude::*;
use std::ops::Range;

/// The convolution of each picture.
///
/// # Shapes
/// `x`: `[n, input, h, w]`, `weight`: `[output, input, kh, kw]`, `bias`: `[output]`; the result: `[n, output, h', w']`.
pub(super) fn convolve<E: Real>(x: &[E], weight: &[E], bias: Option<&[E]>, g: &Geometry) -> Vec<E> {
    let mut out = vec![E::default(); g.batch * g.output_length()];
    // With fewer pictures than threads, each product is shared.
    let wide = g.batch < rayon::current_num_threads();
    let picture = |(out, x): (&mut [E], &[E])| convolve_picture(out, x, weight, bias, g, wide);
    let (outs, xs) = (g.output_length(), g.input_length());
    match wide {
        true => out.chunks_exact_mut(outs).zip(x.chunks_exact(xs)).for_each(picture),
        false => out.par_chunks_exact_mut(outs).zip(x.par_chunks_exact(xs)).for_each(picture),
    }
    out
}

/// The convolution of one picture.
fn convolve_picture<E: Real>(out: &mut [E], x: &[E], weight: &[E], bias: Option<&[E]>, g: &Geometry, wide: bool) {
    let (plane, depth) = (g.output_plane(), g.depth());
    if let Some(bias) = bias {
        out.chunks_exact_mut(plane).zip(bias).for_each(|(out, bias)| out.fill(*bias));
    }
    let onto = if bias.is_some() { Onto::Old } else { Onto::Nothing };
    let kernels = Layout::rows(g.channels[1], depth, depth);
    if g.is_pointwise() {
        let (out_layout, x_layout) = (Layout::rows(g.channels[1], plane, plane), Layout::rows(depth, plane, plane));
        return multiply((out, out_layout), (weight, kernels), (x, x_layout), onto, wide);
    }
    for rows in g.strips(0..g.output[0], depth) {
        let length = rows.len() * g.output[1];
        E::with_workspace(depth * length, |columns| {
            unfold_strip(columns, x, g, rows.clone(), wide);
            let out = &mut out[rows.start * g.output[1]..];
            let (out_layout, columns_layout) =
                (Layout::rows(g.channels[1], length, plane), Layout::rows(depth, length, length));
            multiply((out, out_layout), (weight, kernels), (columns, columns_layout), onto, wide);
        });
    }
}

/// Unfolds on this thread or, if `wide`, on all of them.
fn unfold_strip<E: Real>(columns: &mut [E], x: &[E], g: &Geometry, rows: Range<usize>, wide: bool) {
    if wide {
        let channel = g.taps() * rows.len() * g.output[1];
        let planes = x.par_chunks_exact(g.input_plane());
        let parts = columns.par_chunks_exact_mut(channel).zip(planes);
        parts.for_each(|(columns, plane)| unfold(columns, plane, g, rows.clone()));
    } else {
        unfold(columns, x, g, rows);
    }
}
