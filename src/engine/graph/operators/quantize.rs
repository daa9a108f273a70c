//! 8-bit numbers: of values as a grid that they are rounded to, of constants as they are.

use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::constants::{Constant, INT8, Numbers};
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Activation, Grid, Operation, Unsupported, fold};
use crate::onnx::UINT8;
use std::sync::Arc;

type Result1 = Result<Operand, Unsupported>;

/// QuantizeLinear. What depends on the inputs is rounded by a node that does nothing else; `fuse` leaves that to the one
/// before.
pub(super) fn quantize(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    if let Operand::Constant(constant) = operand {
        return quantize_constant(importer, call, constant);
    }
    let grid = grid(call, zero_type(call)?)?;
    let rounded =
        importer.apply(call, Operation::Activation(Activation::Linear), &[operand], operand.shape().to_vec())?;
    match rounded {
        Operand::Runtime { value, shape } => {
            importer.graph.values[value].grid = Some(grid);
            Ok(Operand::Quantized { value, shape })
        }
        other => Ok(other),
    }
}

/// DequantizeLinear.
pub(super) fn dequantize(importer: &mut Importer, call: &Call) -> Result1 {
    match call.operand(0)? {
        Operand::Runtime { .. } => Err(call.refuse("operand 0 is not of integers")),
        Operand::Constant(constant) => dequantize_constant(importer, call, constant),
        Operand::Quantized { value, shape } => {
            let found = importer.graph.values[*value].grid;
            if found != Some(grid(call, zero_type(call)?)?) {
                return Err(call.refuse("another grid than the one that the numbers were rounded to"));
            }
            Ok(Operand::Runtime { value: *value, shape: shape.clone() })
        }
    }
}

/// The type of the integers: that of the zero point, unsigned without one.
fn zero_type(call: &Call) -> Result<i32, Unsupported> {
    let stated = i32::try_from(call.int("output_dtype", 0)).unwrap_or(-1);
    let element = match call.optional(2) {
        Some(_) => call.constant(2)?.element,
        None if stated != 0 && call.operator() == "QuantizeLinear" => stated,
        None => match call.operand(0)? {
            Operand::Constant(constant) if !constant.is_float() => constant.element,
            _ => UINT8,
        },
    };
    if call.int("block_size", 0) != 0 { Err(call.refuse("blocks with scales of their own")) } else { Ok(element) }
}

/// The grid of a value; signed integers are the unsigned ones less 128.
fn grid(call: &Call, element: i32) -> Result<Grid, Unsupported> {
    let scale = call.number(1)?;
    let zero = match call.optional(2) {
        Some(_) => call.integers(2)?,
        None => vec![0],
    };
    let zero = match (element, zero.as_slice()) {
        (UINT8, [zero]) => u8::try_from(*zero).ok(),
        (INT8, [zero]) => u8::try_from(zero + 128).ok(),
        _ => None,
    };
    let zero_point = zero.ok_or_else(|| call.refuse("integers that are not of 8 bits, or several zero points"))?;
    if !(scale.is_finite() && scale > 0.0) {
        return Err(call.refuse(format!("a scale of {scale}")));
    }
    Ok(Grid { scale, zero_point })
}

/// Scales and zero points, one for each number of a constant of this shape.
fn steps(importer: &mut Importer, call: &Call, shape: &[usize]) -> Result<(Vec<f32>, Vec<i64>), Unsupported> {
    let scales = call.floats(1)?;
    let zeros = match call.optional(2) {
        Some(_) => call.integers(2)?,
        None => vec![0; scales.len()],
    };
    let count = shape.iter().product();
    importer.spend(call, count)?;
    let mut from = vec![1; shape.len()];
    if scales.len() != 1 {
        let axis = call.axis(call.int("axis", 1), shape.len())?;
        from[axis] = scales.len();
        if shape[axis] != scales.len() {
            return Err(call.refuse(format!("{} scales for an axis of {}", scales.len(), shape[axis])));
        }
    }
    if zeros.len() != scales.len() {
        return Err(call.refuse("scales and zero points are not equally many"));
    }
    Ok((fold::expand(&scales, &from, shape), fold::expand(&zeros, &from, shape)))
}

fn quantize_constant(importer: &mut Importer, call: &Call, constant: &Constant) -> Result1 {
    let element = zero_type(call)?;
    let (low, high) = match element {
        UINT8 => (0.0, 255.0),
        INT8 => (-128.0, 127.0),
        _ => return Err(call.refuse("integers that are not of 8 bits")),
    };
    let (scales, zeros) = steps(importer, call, &constant.shape)?;
    let floats = call.floats(0)?;
    let numbers = floats.iter().zip(scales.iter().zip(&zeros));
    let rounded = numbers.map(|(x, (scale, &zero))| ((x / scale).round_ties_even() + zero as f32).clamp(low, high));
    let numbers = match element {
        INT8 => Numbers::Signed(rounded.map(|q| q as i8 as u8).collect::<Vec<u8>>().into()),
        _ => Numbers::Integers(rounded.map(|q| q as i64).collect()),
    };
    let (name, shape) = (call.result().to_owned(), constant.shape.clone());
    Ok(Operand::Constant(Constant { name, shape, element, numbers: Arc::new(numbers) }))
}

/// Signed bytes around 0 with one scale, or one for each row, stay bytes: a convolution's weights.
fn dequantize_constant(importer: &mut Importer, call: &Call, constant: &Constant) -> Result1 {
    zero_type(call)?;
    let scales = call.floats(1)?;
    let centred = call.optional(2).is_none() || call.integers(2)?.iter().all(|&zero| zero == 0);
    let rank = constant.shape.len();
    let by_row = scales.len() == 1
        || (constant.shape.first() == Some(&scales.len()) && call.axis(call.int("axis", 1), rank)? == 0);
    if let Numbers::Signed(integers) = &*constant.numbers
        && centred
        && by_row
    {
        let numbers = Numbers::Scaled { integers: integers.clone(), scales };
        return Ok(Operand::Constant(Constant {
            numbers: Arc::new(numbers),
            element: crate::onnx::FLOAT,
            ..constant.clone()
        }));
    }
    let (scales, zeros) = steps(importer, call, &constant.shape)?;
    let integers = call.integers(0)?;
    let numbers = integers.iter().zip(scales.iter().zip(&zeros));
    let floats: Vec<f32> = numbers.map(|(&q, (scale, &zero))| q.saturating_sub(zero) as f32 * scale).collect();
    Ok(Operand::Constant(Constant::of_floats(&constant.name, constant.shape.clone(), &floats)))
}
