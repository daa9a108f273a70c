//! What moves numbers and leaves them as they are: of any type, since shapes are computed with it too.

use super::Rows;
use crate::engine::graph::Operation;

/// Rows and columns that a transposition goes through at a time, so that both sides stay in the cache.
const TILE: usize = 16;

/// Fills `output`, of `shape`, with numbers of the inputs: Concat, Reshape, Transpose, Slice, Gather, Pad (with `padding`).
pub(crate) fn rearrange<T: Copy>(
    operation: &Operation,
    inputs: &[Rows<T>],
    output: &mut [T],
    shape: &[usize],
    padding: T,
) {
    if output.is_empty() {
        return;
    }
    match (operation, inputs) {
        (Operation::Concat { axis }, _) => concat(inputs, output, shape, *axis),
        (Operation::Reshape, [(numbers, _), ..]) => output.copy_from_slice(numbers),
        (Operation::Transpose { order }, [(numbers, from), ..]) => {
            let strides = strides(from);
            copy(numbers, 0, shape, &order.iter().map(|&axis| strides[axis]).collect::<Vec<_>>(), output);
        }
        (Operation::Slice { starts, steps }, [(numbers, from), ..]) => {
            let strides = strides(from);
            let start: isize = starts.iter().zip(&strides).map(|(&start, stride)| start as isize * stride).sum();
            copy(
                numbers,
                start,
                shape,
                &steps.iter().zip(&strides).map(|(step, stride)| step * stride).collect::<Vec<_>>(),
                output,
            );
        }
        (Operation::Gather { axis, indices }, [(numbers, from), ..]) => gather(numbers, from, *axis, indices, output),
        (Operation::Pad { before, .. }, [(numbers, from), ..]) => {
            output.fill(padding);
            pad(numbers, from, before, output, shape);
        }
        _ => {}
    }
}

/// How far apart neighbours along each axis are.
fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

fn concat<T: Copy>(inputs: &[Rows<T>], output: &mut [T], shape: &[usize], axis: usize) {
    let row: usize = shape[axis..].iter().product();
    let mut at = 0;
    for (numbers, from) in inputs {
        let length: usize = from[axis..].iter().product();
        if length > 0 {
            for (run, result) in numbers.chunks_exact(length).zip(output.chunks_exact_mut(row)) {
                result[at..at + length].copy_from_slice(run);
            }
        }
        at += length;
    }
}

fn gather<T: Copy>(numbers: &[T], from: &[usize], axis: usize, indices: &[usize], output: &mut [T]) {
    let inner: usize = from[axis + 1..].iter().product();
    let blocks = numbers.chunks_exact(inner * from[axis]);
    for (block, results) in blocks.zip(output.chunks_exact_mut(inner * indices.len())) {
        for (&index, result) in indices.iter().zip(results.chunks_exact_mut(inner)) {
            result.copy_from_slice(&block[index * inner..][..inner]);
        }
    }
}

/// Copies the rows of the input to their places in the output.
fn pad<T: Copy>(numbers: &[T], from: &[usize], before: &[usize], output: &mut [T], shape: &[usize]) {
    let (Some(&length), Some(&left)) = (from.last(), before.last()) else {
        return output.copy_from_slice(numbers);
    };
    if length == 0 {
        return;
    }
    let strides = strides(shape);
    for (row, run) in numbers.chunks_exact(length).enumerate() {
        let (mut rest, mut at) = (row, left);
        for axis in (0..from.len() - 1).rev() {
            at += (rest % from[axis] + before[axis]) * strides[axis] as usize;
            rest /= from[axis];
        }
        output[at..at + length].copy_from_slice(run);
    }
}

/// Fills `output`, of `shape`, from `start`, with these distances between neighbours of each axis.
fn copy<T: Copy>(numbers: &[T], start: isize, shape: &[usize], strides: &[isize], output: &mut [T]) {
    let (shape, strides) = join(shape, strides);
    let last = shape.len() - 1;
    // The axis along which the input lies in order, unless that is the last one.
    let ordered = strides[..last].iter().position(|&stride| stride == 1).filter(|_| strides[last] > 1);
    let spans = self::strides(&shape);
    let outer: Vec<usize> = (0..last).filter(|axis| Some(*axis) != ordered).collect();
    let mut index = vec![0; outer.len()];
    let (mut from, mut to) = (start, 0isize);
    loop {
        match ordered {
            Some(axis) => {
                let tile = Plane { lengths: [shape[axis], shape[last]], stride: strides[last], span: spans[axis] };
                tile.copy(&numbers[from as usize..], &mut output[to as usize..]);
            }
            None => run(numbers, from, strides[last], &mut output[to as usize..][..shape[last]]),
        }
        let Some(place) = (0..outer.len()).rev().find(|&place| index[place] + 1 < shape[outer[place]]) else { return };
        for (count, axis) in index[place + 1..].iter_mut().zip(&outer[place + 1..]) {
            from -= *count as isize * strides[*axis];
            to -= *count as isize * spans[*axis];
            *count = 0;
        }
        index[place] += 1;
        from += strides[outer[place]];
        to += spans[outer[place]];
    }
}

/// One run along the last axis.
fn run<T: Copy>(numbers: &[T], start: isize, stride: isize, output: &mut [T]) {
    match stride {
        1 => output.copy_from_slice(&numbers[start as usize..][..output.len()]),
        stride if stride > 1 => {
            let numbers = numbers[start as usize..].iter().step_by(stride as usize);
            output.iter_mut().zip(numbers).for_each(|(result, number)| *result = *number);
        }
        stride => {
            let mut at = start;
            for result in output {
                *result = numbers[at as usize];
                at += stride;
            }
        }
    }
}

/// Two axes, the first of which lies in order in the input, the second in the output.
struct Plane {
    lengths: [usize; 2],
    /// Between neighbours of the second in the input.
    stride: isize,
    /// Between neighbours of the first in the output.
    span: isize,
}

impl Plane {
    fn copy<T: Copy>(&self, numbers: &[T], output: &mut [T]) {
        let [rows, columns] = self.lengths;
        let (stride, span) = (self.stride as usize, self.span as usize);
        for top in (0..rows).step_by(TILE) {
            for left in (0..columns).step_by(TILE) {
                for row in top..(top + TILE).min(rows) {
                    let right = (left + TILE).min(columns);
                    let result = &mut output[row * span + left..row * span + right];
                    let source = numbers[row + left * stride..].iter().step_by(stride.max(1));
                    result.iter_mut().zip(source).for_each(|(result, number)| *result = *number);
                }
            }
        }
    }
}

/// The same walk with fewer axes: those of length 1 left out, neighbours joined where one continues the other.
fn join(shape: &[usize], strides: &[isize]) -> (Vec<usize>, Vec<isize>) {
    let (mut lengths, mut joined) = (vec![], vec![]);
    for (&length, &stride) in shape.iter().zip(strides).filter(|(length, _)| **length != 1) {
        match (lengths.last_mut(), joined.last_mut()) {
            (Some(last), Some(distance)) if *distance == stride * length as isize => {
                *last *= length;
                *distance = stride;
            }
            _ => {
                lengths.push(length);
                joined.push(stride);
            }
        }
    }
    if lengths.is_empty() { (vec![1], vec![1]) } else { (lengths, joined) }
}
