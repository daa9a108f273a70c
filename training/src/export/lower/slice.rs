//! Parts of tensors, taken and replaced.

use super::{Lowered, Lowering, Refusal, refuse};
use burn::backend::ir::{BaseOperationIr, OperationIr, SliceAssignOpIr, SliceOpIr};
use burn::tensor::Slice;
use ocelli::onnx::Attribute;

/// What is taken of one axis: ONNX's start, end and step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

impl Lowering<'_> {
    pub(super) fn slice(&mut self, index: usize, op: &SliceOpIr) -> Lowered {
        let sizes = self.pairs.sizes(op.tensor.id).to_vec();
        let cuts = cuts(&sizes, &op.ranges, ranges(self.pairs.operations[index].1))?;
        let input = self.read(&op.tensor);
        if cuts.is_empty() {
            self.emit("Identity", vec![input], &op.out, vec![]);
        } else {
            let inputs = self.slice_inputs(input, &cuts);
            self.emit("Slice", inputs, &op.out, vec![]);
        }
        Ok(())
    }

    fn slice_inputs(&mut self, input: String, cuts: &[Cut]) -> Vec<String> {
        let list = |number: fn(&Cut) -> i64| cuts.iter().map(number).collect::<Vec<_>>();
        let lists = [list(|cut| cut.start), list(|cut| cut.end), list(|cut| cut.axis as i64), list(|cut| cut.step)];
        std::iter::once(input).chain(lists.iter().map(|list| self.integers(list)).collect::<Vec<_>>()).collect()
    }

    pub(super) fn flip(&mut self, input: String, axes: &[usize]) -> Vec<String> {
        let cut = |axis: &usize| Cut { axis: *axis, start: -1, end: i64::MIN, step: -1 };
        let cuts: Vec<Cut> = axes.iter().map(cut).collect();
        self.slice_inputs(input, &cuts)
    }

    /// ONNX has no such node of fixed places: the parts before, within and after are put together, axis by axis.
    pub(super) fn slice_assign(&mut self, index: usize, op: &SliceAssignOpIr) -> Lowered {
        let sizes = self.pairs.sizes(op.tensor.id).to_vec();
        let cuts = cuts(&sizes, &op.ranges, ranges(self.pairs.operations[index].1))?;
        if cuts.iter().any(|cut| cut.step != 1) {
            return refuse("only neighbouring elements can be replaced");
        }
        let (tensor, value) = (self.read(&op.tensor), self.read(&op.value));
        let whole = self.replace(tensor, value, &cuts);
        self.emit("Identity", vec![whole], &op.out, vec![]);
        Ok(())
    }

    fn replace(&mut self, tensor: String, value: String, cuts: &[Cut]) -> String {
        let Some((cut, rest)) = cuts.split_first() else { return value };
        let mut parts = Vec::new();
        if cut.start != 0 {
            let before = self.slice_inputs(tensor.clone(), &[Cut { start: 0, end: cut.start, ..*cut }]);
            parts.push(self.inner("Slice", before, vec![]));
        }
        let within = if rest.is_empty() {
            value
        } else {
            let within = self.slice_inputs(tensor.clone(), &[*cut]);
            let within = self.inner("Slice", within, vec![]);
            self.replace(within, value, rest)
        };
        parts.push(within);
        if cut.end != END {
            let after = self.slice_inputs(tensor, &[Cut { start: cut.end, end: END, ..*cut }]);
            parts.push(self.inner("Slice", after, vec![]));
        }
        self.inner("Concat", parts, vec![Attribute::int("axis", cut.axis as i64)])
    }
}

fn ranges(operation: &OperationIr) -> &[Slice] {
    match operation {
        OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => match op {
            BaseOperationIr::Slice(op) => &op.ranges,
            BaseOperationIr::SliceAssign(op) => &op.ranges,
            _ => &[],
        },
        _ => &[],
    }
}

/// The axes of which something is left out.
fn cuts(sizes: &[[usize; 2]], one: &[Slice], two: &[Slice]) -> Result<Vec<Cut>, Refusal> {
    let mut cuts = Vec::new();
    for (axis, ((sizes, one), two)) in sizes.iter().zip(one).zip(two).enumerate() {
        let (first, second) = (one.to_range(sizes[0]), two.to_range(sizes[1]));
        let start = place([first.start, second.start], *sizes)?;
        let end = place([first.end, second.end], *sizes)?;
        let step = one.step as i64;
        let cut = match step {
            0 => return refuse("a slice of step 0"),
            1.. => Cut { axis, start, end, step },
            // burn takes the range and then walks it from its end.
            _ => {
                let start_there = if end == END { -1 } else { end - 1 };
                Cut { axis, start: start_there, end: if start == 0 { i64::MIN } else { start - 1 }, step }
            }
        };
        if (cut.start, cut.end, step) != (0, END, 1) {
            cuts.push(cut);
        }
    }
    Ok(cuts)
}

/// As ONNX has it: past the last element, wherever that is.
const END: i64 = i64::MAX;

/// Where a slice starts or ends: counted from the start if it is the same in both traces, from the end if that is.
fn place(places: [usize; 2], sizes: [usize; 2]) -> Result<i64, Refusal> {
    let from_end = [sizes[0] - places[0], sizes[1] - places[1]];
    if from_end == [0, 0] && places[0] > 0 {
        return Ok(END);
    }
    if places[0] == places[1] {
        return Ok(places[0] as i64);
    }
    if from_end[0] == from_end[1] {
        return Ok(-(from_end[0] as i64));
    }
    refuse(format!("a slice at {} of {} and at {} of {}", places[0], sizes[0], places[1], sizes[1]))
}
