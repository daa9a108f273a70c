//! Parts of tensors, and what is put around them.

use super::Results;
use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Operation, Unsupported};

type Result1 = Result<Operand, Unsupported>;

/// What a slice takes along one axis.
#[derive(Clone, Copy)]
struct Range {
    start: usize,
    step: isize,
    count: usize,
}

impl Range {
    /// From a start to an end that is left out, both of which may be counted from the end or lie outside.
    fn new(start: i64, end: i64, step: i64, length: usize) -> Option<Self> {
        let n = i64::try_from(length).ok()?;
        let place = |index: i64, low: i64, high: i64| {
            let index = if index < 0 { index.saturating_add(n) } else { index };
            index.max(low).min(high)
        };
        let (start, distance) = match step {
            0 => return None,
            1.. => {
                let start = place(start, 0, n);
                (start, place(end, 0, n) - start)
            }
            _ => {
                let start = place(start, -1, n - 1);
                (start, start - place(end, -1, n - 1))
            }
        };
        let count = usize::try_from(distance).unwrap_or(0).div_ceil(usize::try_from(step.unsigned_abs()).ok()?);
        // A single number has no neighbour that the step would lead to.
        let step = if count > 1 { isize::try_from(step).ok()? } else { 1 };
        Some(Self { start: if count == 0 { 0 } else { usize::try_from(start).ok()? }, step, count })
    }
}

/// Takes a range along each axis.
fn ranges(importer: &mut Importer, call: &Call, operand: &Operand, ranges: &[Range]) -> Result1 {
    let shape: Vec<usize> = ranges.iter().map(|range| range.count).collect();
    if shape == operand.shape() && ranges.iter().all(|range| range.step > 0) {
        return Ok(operand.clone());
    }
    let starts = ranges.iter().map(|range| range.start).collect();
    let steps = ranges.iter().map(|range| range.step).collect();
    importer.apply(call, Operation::Slice { starts, steps }, &[operand], shape)
}

fn all(shape: &[usize]) -> Vec<Range> {
    shape.iter().map(|&count| Range { start: 0, step: 1, count }).collect()
}

pub(super) fn slice(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let shape = operand.shape();
    let needed = |list: Option<Vec<i64>>| list.ok_or_else(|| call.refuse("starts or ends are missing"));
    let starts = needed(call.listed("starts", 1)?)?;
    let ends = needed(call.listed("ends", 2)?)?;
    let axes = call.listed("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.listed("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    let axes = call.axes(&axes, shape.len())?;
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(call.refuse("starts, ends, axes and steps are not equally many"));
    }
    let mut taken = all(shape);
    for (index, &axis) in axes.iter().enumerate() {
        let range = Range::new(starts[index], ends[index], steps[index], shape[axis]);
        taken[axis] = range.ok_or_else(|| call.refuse("a step of 0"))?;
    }
    ranges(importer, call, operand, &taken)
}

pub(super) fn split(importer: &mut Importer, call: &Call) -> Results {
    let operand = call.operand(0)?;
    let axis = call.axis(call.int("axis", 0), operand.shape().len())?;
    let (length, parts) = (operand.shape()[axis], call.results().max(1));
    let sizes = match call.listed("split", 1)? {
        Some(sizes) => call.lengths(&sizes)?,
        // The last part may be smaller if the file gives the number of parts.
        None if call.attribute("num_outputs").is_some() => {
            let size = length.div_ceil(parts);
            (0..parts).map(|part| length.saturating_sub(part * size).min(size)).collect()
        }
        None => vec![length / parts; parts],
    };
    let total = sizes.iter().try_fold(0usize, |total, size| total.checked_add(*size));
    if total != Some(length) || sizes.len() != parts {
        return Err(call.refuse(format!("parts {sizes:?} of {length}")));
    }
    let mut start = 0;
    let mut results = Vec::with_capacity(parts);
    for count in sizes {
        let mut taken = all(operand.shape());
        taken[axis] = Range { start, step: 1, count };
        results.push(ranges(importer, call, operand, &taken)?);
        start += count;
    }
    Ok(results)
}

pub(super) fn gather(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let shape = operand.shape();
    let axis = call.axis(call.int("axis", 0), shape.len())?;
    let length = i64::try_from(shape[axis]).unwrap_or(i64::MAX);
    let index = |&index: &i64| {
        let index = if index < 0 { index.saturating_add(length) } else { index };
        (0..length).contains(&index).then_some(index as usize)
    };
    let indices: Option<Vec<usize>> = call.integers(1)?.iter().map(index).collect();
    let indices = indices.ok_or_else(|| call.refuse(format!("an index outside of {length}")))?;
    let places = call.operand(1)?.shape();
    let around = |middle: &[usize]| [&shape[..axis], middle, &shape[axis + 1..]].concat();
    let whole = around(places);
    if let Some(range) = run(&indices).filter(|_| places.len() == 1) {
        let mut taken = all(shape);
        taken[axis] = range;
        return ranges(importer, call, operand, &taken);
    }
    if places.len() < 2 {
        return importer.apply(call, Operation::Gather { axis, indices }, &[operand], whole);
    }
    let listed = around(&[indices.len()]);
    let gathered = importer.apply(call, Operation::Gather { axis, indices }, &[operand], listed)?;
    importer.reshape(call, &gathered, whole)
}

/// Indices that lie equally far apart, upwards.
fn run(indices: &[usize]) -> Option<Range> {
    let (&start, &second) = (indices.first()?, indices.get(1).or(indices.first())?);
    let step = second.checked_sub(start)?.max(1);
    let even = indices.windows(2).all(|pair| pair[1].checked_sub(pair[0]) == Some(step));
    even.then_some(Range { start, step: step as isize, count: indices.len() })
}

/// Negative padding takes away.
pub(super) fn pad(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let shape = operand.shape();
    if call.text("mode", "constant") != "constant" {
        return Err(call.refuse(format!("mode {}", call.text("mode", ""))));
    }
    let pads = call.listed("pads", 1)?.ok_or_else(|| call.refuse("pads are missing"))?;
    let value = match call.optional(2) {
        Some(Operand::Constant(constant)) if !constant.is_float() => {
            call.integers(2)?.first().map_or(0.0, |&x| x as f32)
        }
        Some(_) => call.number(2)?,
        None => call.float("value", 0.0),
    };
    let axes = match call.optional(3) {
        Some(_) => call.axes(&call.integers(3)?, shape.len())?,
        None => (0..shape.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(call.refuse(format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let (mut taken, mut before, mut padded) = (all(shape), vec![0; shape.len()], vec![]);
    let mut after = vec![0; shape.len()];
    for (index, &axis) in axes.iter().enumerate() {
        let [front, back] = [pads[index], pads[index + axes.len()]];
        let cut = |pad: i64| usize::try_from(pad.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let count = shape[axis].checked_sub(cut(front)).and_then(|rest| rest.checked_sub(cut(back)));
        let count = count.ok_or_else(|| call.refuse(format!("pads {pads:?} of {shape:?}")))?;
        taken[axis] = Range { start: cut(front), step: 1, count };
        (before[axis], after[axis]) = (front.max(0) as usize, back.max(0) as usize);
    }
    for axis in 0..shape.len() {
        padded.push(taken[axis].count.saturating_add(before[axis]).saturating_add(after[axis]));
    }
    let rest = ranges(importer, call, operand, &taken)?;
    if padded == rest.shape() {
        return Ok(rest);
    }
    importer.apply(call, Operation::Pad { before, value }, &[&rest], padded)
}
