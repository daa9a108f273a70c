//! Shapes and the order of axes.

use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::constants::Constant;
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Operation, Unsupported, fold, shapes};

type Result1 = Result<Operand, Unsupported>;

pub(super) fn concat(importer: &mut Importer, call: &Call) -> Result1 {
    let first = call.operand(0)?.shape().to_vec();
    let axis = call.attribute("axis").ok_or_else(|| call.refuse("axis is missing"))?.i;
    let axis = call.axis(axis, first.len())?;
    let mut shape = first.clone();
    shape[axis] = 0;
    let mut operands = Vec::new();
    for place in 0..call.operand_count() {
        let operand = call.operand(place)?;
        let own = operand.shape();
        let fits = own.len() == first.len() && (0..own.len()).all(|other| other == axis || own[other] == first[other]);
        if !fits {
            return Err(call.refuse(format!("shapes {first:?} and {own:?} do not fit")));
        }
        shape[axis] = shape[axis].saturating_add(own[axis]);
        if own[axis] > 0 || operands.is_empty() {
            operands.push(operand);
        }
    }
    operands.retain(|operand| operand.shape()[axis] > 0 || shape[axis] == 0);
    match operands.as_slice() {
        [operand] => Ok((*operand).clone()),
        operands => importer.apply(call, Operation::Concat { axis }, operands, shape),
    }
}

pub(super) fn reshape(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let wanted = call.listed("shape", 1)?.ok_or_else(|| call.refuse("shape is missing"))?;
    let mut shape = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (axis, &length) in wanted.iter().enumerate() {
        shape.push(match length {
            -1 if open.replace(axis).is_none() => 1,
            0 if call.int("allowzero", 0) == 0 => {
                *operand.shape().get(axis).ok_or_else(|| call.refuse(format!("there is no axis {axis} to keep")))?
            }
            length => usize::try_from(length).map_err(|_| call.refuse(format!("shape {wanted:?}")))?,
        });
    }
    if let Some(axis) = open {
        let known = shapes::count(&shape).filter(|known| *known > 0);
        let all = shapes::count(operand.shape()).unwrap_or(0);
        shape[axis] = all / known.ok_or_else(|| call.refuse(format!("shape {wanted:?}")))?;
    }
    importer.reshape(call, operand, shape)
}

pub(super) fn flatten(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let rank = operand.shape().len();
    let axis = call.int("axis", 1);
    // The axis may also stand behind the last one.
    let axis = if usize::try_from(axis) == Ok(rank) { rank } else { call.axis(axis, rank)? };
    let (rows, columns) = operand.shape().split_at(axis);
    importer.reshape(call, operand, vec![rows.iter().product(), columns.iter().product()])
}

pub(super) fn squeeze(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let shape = operand.shape();
    let dropped: Vec<usize> = match call.listed("axes", 1)? {
        Some(axes) => call.axes(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
    };
    let kept = (0..shape.len()).filter(|axis| !dropped.contains(axis)).map(|axis| shape[axis]).collect();
    importer.reshape(call, operand, kept)
}

pub(super) fn unsqueeze(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let axes = call.listed("axes", 1)?.ok_or_else(|| call.refuse("axes are missing"))?;
    let rank = operand.shape().len() + axes.len();
    let new = call.axes(&axes, rank)?;
    let mut old = operand.shape().iter();
    let shape = (0..rank).map(|axis| if new.contains(&axis) { 1 } else { old.next().copied().unwrap_or(1) });
    importer.reshape(call, operand, shape.collect())
}

pub(super) fn transpose(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let rank = operand.shape().len();
    let order = match call.ints("perm") {
        Some(order) => call.axes(order, rank)?,
        None => (0..rank).rev().collect(),
    };
    if order.len() != rank {
        return Err(call.refuse(format!("{} of {rank} axes", order.len())));
    }
    if order.is_sorted() {
        return Ok(operand.clone());
    }
    let shape = order.iter().map(|&axis| operand.shape()[axis]).collect();
    importer.apply(call, Operation::Transpose { order }, &[operand], shape)
}

/// Expand: of constants, or where it changes nothing.
pub(super) fn expand(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let wanted = call.lengths(&call.integers(1)?)?;
    let shape = shapes::broadcast(operand.shape(), &wanted);
    let shape = shape.ok_or_else(|| call.refuse(format!("{:?} does not expand to {wanted:?}", operand.shape())))?;
    if shape == operand.shape() {
        return Ok(operand.clone());
    }
    let constant = call.constant(0)?;
    let count = shapes::count(&shape).ok_or_else(|| call.refuse(format!("a result of shape {shape:?}")))?;
    importer.spend(call, count)?;
    let expanded = match (constant.floats(), constant.integers()) {
        (Some(floats), _) => {
            let floats = fold::expand(&floats, &constant.shape, &shape);
            Constant::of_floats(call.result(), shape, &floats)
        }
        (None, integers) => {
            let integers = fold::expand(&integers.unwrap_or_default(), &constant.shape, &shape);
            Constant::of_integers(call.result(), shape, constant.element, integers)
        }
    };
    Ok(Operand::Constant(expanded))
}
