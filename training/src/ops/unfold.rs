//! Unfolding: each position of the kernel as a column, each of its taps as a row ("im2col"), and back.

use super::geometry::Geometry;
use super::real::Real;
use std::ops::Range;

/// Output positions along one axis where a tap is inside the input, and the input's position at the first of them.
fn inside(g: &Geometry, axis: usize, tap: usize, outputs: Range<usize>) -> (Range<usize>, usize) {
    let (stride, padding) = (g.stride[axis], g.padding[axis]);
    let first = padding.saturating_sub(tap).div_ceil(stride).clamp(outputs.start, outputs.end);
    let end = (g.input[axis] + padding).saturating_sub(tap).div_ceil(stride).clamp(first, outputs.end);
    (first..end, (first * stride + tap).saturating_sub(padding))
}

/// Writes the unfolded input of the output's rows `rows` to `columns`.
///
/// # Shapes
/// `planes`: `[channels, h, w]`; `columns`: `[channels · kh · kw, rows · output width]`.
pub(super) fn unfold<E: Real>(columns: &mut [E], planes: &[E], g: &Geometry, rows: Range<usize>) {
    let length = rows.len() * g.output[1];
    let taps = g.taps();
    let keeps_width = g.stride == [1, 1] && g.input[1] == g.output[1];
    for (plane, group) in planes.chunks_exact(g.input_plane()).zip(columns.chunks_exact_mut(taps * length)) {
        for (tap, out) in group.chunks_exact_mut(length).enumerate() {
            let tap = [tap / g.kernel[1], tap % g.kernel[1]];
            if keeps_width {
                shift(out, plane, g, tap, rows.clone());
            } else {
                gather(out, plane, g, tap, rows.clone());
            }
        }
    }
}

/// One row of the unfolded input where the output is as wide as the input: the plane, shifted, with zeros at the sides.
fn shift<E: Real>(out: &mut [E], plane: &[E], g: &Geometry, tap: [usize; 2], rows: Range<usize>) {
    let width = g.input[1];
    let (inner, top) = inside(g, 0, tap[0], rows.clone());
    let (across, left) = inside(g, 1, tap[1], 0..width);
    let (above, rest) = out.split_at_mut((inner.start - rows.start) * width);
    let (body, below) = rest.split_at_mut(inner.len() * width);
    above.fill(E::default());
    below.fill(E::default());
    if inner.is_empty() || across.is_empty() {
        return body.fill(E::default());
    }
    // From the first element inside to the last one: what lies between is copied with the rest, then cleared.
    let count = body.len() - across.start - (width - across.end);
    let start = top * width + left;
    body[across.start..across.start + count].copy_from_slice(&plane[start..start + count]);
    if across.len() < width {
        for row in body.chunks_exact_mut(width) {
            row[..across.start].fill(E::default());
            row[across.end..].fill(E::default());
        }
    }
}

/// One row of the unfolded input for any stride.
fn gather<E: Real>(out: &mut [E], plane: &[E], g: &Geometry, tap: [usize; 2], rows: Range<usize>) {
    let width = g.output[1];
    let (inner, top) = inside(g, 0, tap[0], rows.clone());
    let (across, left) = inside(g, 1, tap[1], 0..width);
    for (y, row) in rows.zip(out.chunks_exact_mut(width)) {
        if !inner.contains(&y) || across.is_empty() {
            row.fill(E::default());
            continue;
        }
        let start = (top + (y - inner.start) * g.stride[0]) * g.input[1] + left;
        row[..across.start].fill(E::default());
        row[across.end..].fill(E::default());
        let row = &mut row[across.clone()];
        match g.stride[1] {
            1 => row.copy_from_slice(&plane[start..start + row.len()]),
            stride => row.iter_mut().zip(plane[start..].iter().step_by(stride)).for_each(|(to, from)| *to = *from),
        }
    }
}

/// Adds `columns` to the elements of `planes` that [`unfold`] would take them from.
pub(super) fn fold<E: Real>(planes: &mut [E], columns: &[E], g: &Geometry, rows: Range<usize>) {
    let [length, width] = [rows.len() * g.output[1], g.output[1]];
    let taps = g.taps();
    for (plane, group) in planes.chunks_exact_mut(g.input_plane()).zip(columns.chunks_exact(taps * length)) {
        for (tap, column) in group.chunks_exact(length).enumerate() {
            let (inner, top) = inside(g, 0, tap / g.kernel[1], rows.clone());
            let (across, left) = inside(g, 1, tap % g.kernel[1], 0..width);
            if across.is_empty() {
                continue;
            }
            for y in inner.clone() {
                let start = (top + (y - inner.start) * g.stride[0]) * g.input[1] + left;
                let row = &column[(y - rows.start) * width..][across.clone()];
                let places = plane[start..].iter_mut().step_by(g.stride[1]);
                places.zip(row).for_each(|(to, from)| *to += *from);
            }
        }
    }
}
