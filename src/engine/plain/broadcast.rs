//! Two tensors, number by number, broadcast as in NumPy.

use super::Rows;

/// Axes of the output, each with the distance of its neighbours in both inputs.
struct Axes {
    lengths: Vec<usize>,
    strides: [Vec<usize>; 2],
}

/// Fills `output` with `function` of the inputs.
pub(super) fn binary(
    function: impl Fn(f32, f32) -> f32 + Copy,
    [(a, a_shape), (b, b_shape)]: [Rows<f32>; 2],
    output: &mut [f32],
    shape: &[usize],
) {
    let axes = Axes::new(shape, [a_shape, b_shape]);
    let Some((&length, outer)) = axes.lengths.split_last() else { return };
    let [a_step, b_step] = axes.strides.each_ref().map(|strides| strides[outer.len()]);
    let mut index = vec![0; outer.len()];
    let [mut a_at, mut b_at] = [0, 0];
    for row in output.chunks_exact_mut(length.max(1)) {
        rows(function, row, &a[a_at..], a_step, &b[b_at..], b_step);
        for axis in (0..outer.len()).rev() {
            let [a_stride, b_stride] = axes.strides.each_ref().map(|strides| strides[axis]);
            index[axis] += 1;
            a_at += a_stride;
            b_at += b_stride;
            if index[axis] < outer[axis] {
                break;
            }
            index[axis] = 0;
            a_at -= a_stride * outer[axis];
            b_at -= b_stride * outer[axis];
        }
    }
}

/// One run along the last axis, in which an input's step is 1, or 0 if it has one number for the whole run.
fn rows(function: impl Fn(f32, f32) -> f32, row: &mut [f32], a: &[f32], a_step: usize, b: &[f32], b_step: usize) {
    match (a_step, b_step) {
        (0, 0) => row.fill(function(a[0], b[0])),
        (0, _) => row.iter_mut().zip(b).for_each(|(result, &b)| *result = function(a[0], b)),
        (_, 0) => row.iter_mut().zip(a).for_each(|(result, &a)| *result = function(a, b[0])),
        _ => row.iter_mut().zip(a.iter().zip(b)).for_each(|(result, (&a, &b))| *result = function(a, b)),
    }
}

impl Axes {
    /// The axes of `shape`, neighbours joined where both inputs run through them alike.
    fn new(shape: &[usize], inputs: [&[usize]; 2]) -> Self {
        let strides = inputs.map(|input| strides(shape, input));
        let mut axes = Self { lengths: vec![1], strides: [vec![0], vec![0]] };
        for (axis, &length) in shape.iter().enumerate().filter(|(_, length)| **length != 1) {
            let last = axes.lengths.len() - 1;
            let joined = axes.strides.iter().zip(&strides).all(|(joined, own)| joined[last] == own[axis] * length);
            if joined || axes.lengths == [1] {
                axes.lengths[last] *= length;
                axes.strides.iter_mut().zip(&strides).for_each(|(joined, own)| joined[last] = own[axis]);
            } else {
                axes.lengths.push(length);
                axes.strides.iter_mut().zip(&strides).for_each(|(joined, own)| joined.push(own[axis]));
            }
        }
        axes
    }
}

/// How far apart an input's neighbours along each axis of `shape` are: 0 where it is broadcast.
fn strides(shape: &[usize], input: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; shape.len()];
    let mut stride = 1;
    for (stride_of, &length) in strides.iter_mut().rev().zip(input.iter().rev()) {
        if length != 1 {
            *stride_of = stride;
        }
        stride *= length;
    }
    strides
}
