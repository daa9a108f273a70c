//! Computes operations whose operands are all known: in 64-bit integers or 32-bit floats.

use super::constants::Constant;
use super::{Activation, Binary, Operation};
use crate::engine::plain::{self, Rows};

/// The result, of `count` numbers; or why there is none.
pub(super) fn fold(
    name: &str,
    operation: &Operation,
    operands: &[&Constant],
    shape: Vec<usize>,
    count: usize,
) -> Result<Constant, String> {
    let floats: Option<Vec<Vec<f32>>> = operands.iter().map(|operand| operand.floats()).collect();
    if let Some(floats) = floats {
        let inputs: Vec<Rows<f32>> =
            floats.iter().zip(operands).map(|(numbers, of)| (&numbers[..], &of.shape[..])).collect();
        let mut output = vec![0.0; count];
        plain::run(operation, &inputs, &mut output, &shape);
        return Ok(Constant::of_floats(name, shape, &output));
    }
    let integers: Option<Vec<Vec<i64>>> = operands.iter().map(|operand| operand.integers()).collect();
    let integers = integers.ok_or("floats and integers together")?;
    let element = operands.first().map_or(0, |operand| operand.element);
    let output = match (operation, integers.as_slice()) {
        (Operation::Binary(function), [a, b]) => {
            let [a, b] = [(a, operands[0]), (b, operands[1])].map(|(numbers, of)| expand(numbers, &of.shape, &shape));
            let results = a.iter().zip(&b).map(|(&a, &b)| whole(*function, a, b));
            results.collect::<Option<Vec<i64>>>().ok_or("a result that is no 64-bit integer")?
        }
        (Operation::Activation(Activation::Neg), [numbers]) => numbers.iter().map(|x| x.wrapping_neg()).collect(),
        (Operation::Activation(Activation::Abs), [numbers]) => numbers.iter().map(|x| x.wrapping_abs()).collect(),
        (Operation::Activation(Activation::Relu), [numbers]) => numbers.iter().map(|&x| x.max(0)).collect(),
        (
            Operation::Concat { .. }
            | Operation::Transpose { .. }
            | Operation::Slice { .. }
            | Operation::Gather { .. }
            | Operation::Pad { .. },
            _,
        ) => {
            let inputs: Vec<Rows<i64>> =
                integers.iter().zip(operands).map(|(numbers, of)| (&numbers[..], &of.shape[..])).collect();
            let mut output = vec![0; count];
            plain::rearrange(operation, &inputs, &mut output, &shape, padding(operation));
            output
        }
        _ => return Err("integers".into()),
    };
    Ok(Constant::of_integers(name, shape, element, output))
}

fn padding(operation: &Operation) -> i64 {
    match operation {
        Operation::Pad { value, .. } => *value as i64,
        _ => 0,
    }
}

/// The numbers broadcast to a shape that their own fits.
pub(super) fn expand<T: Copy>(numbers: &[T], from: &[usize], shape: &[usize]) -> Vec<T> {
    let count: usize = shape.iter().product();
    let place = |index: usize| {
        let (mut rest, mut place, mut stride) = (index, 0, 1);
        for (axis, &length) in shape.iter().enumerate().rev() {
            if let Some(own) = (axis + from.len()).checked_sub(shape.len()).map(|axis| from[axis]) {
                place += (rest % length) % own * stride;
                stride *= own;
            }
            rest /= length;
        }
        place
    };
    (0..count).map(|index| numbers[place(index)]).collect()
}

/// Integer arithmetic: division cuts towards zero, as ONNX has it.
fn whole(function: Binary, a: i64, b: i64) -> Option<i64> {
    match function {
        Binary::Add => a.checked_add(b),
        Binary::Sub => a.checked_sub(b),
        Binary::Mul => a.checked_mul(b),
        Binary::Div => a.checked_div(b),
        Binary::Max => Some(a.max(b)),
        Binary::Min => Some(a.min(b)),
        Binary::Pow => a.checked_pow(u32::try_from(b).ok()?),
    }
}
