//! Number by number.

use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::constants::Constant;
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Activation, Binary, Operation, Unsupported};

type Result1 = Result<Operand, Unsupported>;

pub(super) fn activation(importer: &mut Importer, call: &Call, activation: Activation) -> Result1 {
    let operand = call.operand(0)?;
    importer.apply(call, Operation::Activation(activation), &[operand], operand.shape().to_vec())
}

pub(super) fn binary(importer: &mut Importer, call: &Call, function: Binary) -> Result1 {
    let (a, b) = (call.operand(0)?, call.operand(1)?);
    // An exponent may be of whole numbers.
    match (function, b) {
        (Binary::Pow, Operand::Constant(b)) if a.constant().is_none_or(|a| a.is_float()) && !b.is_float() => {
            let floats: Vec<f32> = call.integers(1)?.iter().map(|&number| number as f32).collect();
            let b = Operand::Constant(Constant::of_floats(&b.name, b.shape.clone(), &floats));
            importer.binary(call, function, [a, &b])
        }
        _ => importer.binary(call, function, [a, b]),
    }
}

/// Any number of operands, two at a time.
pub(super) fn several(importer: &mut Importer, call: &Call, function: Binary) -> Result1 {
    let mut result = call.operand(0)?.clone();
    for place in 1..call.operand_count() {
        result = importer.binary(call, function, [&result, call.operand(place)?])?;
    }
    Ok(result)
}

/// A network that is run drops nothing.
pub(super) fn dropout(call: &Call) -> Result1 {
    match call.optional(2).map(|_| call.integers(2)).transpose()?.as_deref() {
        None | Some([0]) => call.operand(0).cloned(),
        Some(_) => Err(call.refuse("training mode")),
    }
}

/// PRelu, if its slopes are one number.
pub(super) fn one_slope(call: &Call) -> Result<Activation, Unsupported> {
    match call.floats(1)?.as_slice() {
        [slope, others @ ..] if others.iter().all(|other| other == slope) => Ok(Activation::Leaky(*slope)),
        _ => Err(call.refuse("several slopes")),
    }
}

/// Clip: its limits are attributes before operator set 11.
pub(super) fn clip(call: &Call) -> Result<Activation, Unsupported> {
    let limit = |attribute: &str, place: usize, default: f32| match call.optional(place) {
        Some(_) => call.number(place),
        None => Ok(call.float(attribute, default)),
    };
    let (low, high) = (limit("min", 1, f32::NEG_INFINITY)?, limit("max", 2, f32::INFINITY)?);
    Ok(if low == 0.0 && high >= f32::MAX { Activation::Relu } else { Activation::Clip(low, high) })
}
