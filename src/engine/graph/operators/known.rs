//! Operators that make or compute constants, which is all they are known for here.

use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::constants::Constant;
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Unsupported, fold, shapes};
use crate::onnx::{BOOL, DOUBLE, FLOAT, FLOAT16, INT64};

type Result1 = Result<Operand, Unsupported>;

pub(super) fn import(importer: &mut Importer, call: &Call, operator: &str) -> Result1 {
    match operator {
        "Shape" => shape(call),
        "Size" => {
            let count = shapes::count(call.operand(0)?.shape()).and_then(|count| i64::try_from(count).ok());
            Ok(integers(call, vec![], vec![count.unwrap_or(0)]))
        }
        "Constant" => constant(call),
        "ConstantOfShape" => constant_of_shape(importer, call),
        "Range" => range(importer, call),
        "Cast" => cast(importer, call),
        "Floor" => rounded(importer, call, f32::floor),
        "Ceil" => rounded(importer, call, f32::ceil),
        "Round" => rounded(importer, call, f32::round_ties_even),
        "Equal" => compare(importer, call, |a, b| a == b),
        "Less" => compare(importer, call, |a, b| a < b),
        "Greater" => compare(importer, call, |a, b| a > b),
        "Where" => choose(importer, call),
        _ => Err(call.refuse("it is not known")),
    }
}

fn integers(call: &Call, shape: Vec<usize>, numbers: Vec<i64>) -> Operand {
    Operand::Constant(Constant::of_integers(call.result(), shape, INT64, numbers))
}

fn floats(call: &Call, shape: Vec<usize>, numbers: &[f32]) -> Operand {
    Operand::Constant(Constant::of_floats(call.result(), shape, numbers))
}

fn shape(call: &Call) -> Result1 {
    let shape = call.operand(0)?.shape();
    let rank = shape.len() as i64;
    let place = |axis: i64| (if axis < 0 { axis.saturating_add(rank) } else { axis }).clamp(0, rank) as usize;
    let (start, end) = (place(call.int("start", 0)), place(call.int("end", rank)));
    let lengths: Vec<i64> = shape.get(start..end).unwrap_or(&[]).iter().map(|&length| length as i64).collect();
    Ok(integers(call, vec![lengths.len()], lengths))
}

fn constant(call: &Call) -> Result1 {
    if let Some(tensor) = call.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        let constant = Constant::read(tensor).map_err(|reason| call.refuse(reason))?;
        return Ok(Operand::Constant(Constant { name: call.result().into(), ..constant }));
    }
    if let Some(attribute) = call.attribute("value_ints") {
        return Ok(integers(call, vec![attribute.ints.len()], attribute.ints.clone()));
    }
    if let Some(attribute) = call.attribute("value_floats") {
        return Ok(floats(call, vec![attribute.floats.len()], &attribute.floats));
    }
    match (call.attribute("value_int"), call.attribute("value_float")) {
        (Some(attribute), _) => Ok(integers(call, vec![], vec![attribute.i])),
        (None, Some(attribute)) => Ok(floats(call, vec![], &[attribute.f])),
        (None, None) => Err(call.refuse("a constant that is not of numbers")),
    }
}

fn constant_of_shape(importer: &mut Importer, call: &Call) -> Result1 {
    let shape = call.lengths(&call.integers(0)?)?;
    let count = shapes::count(&shape).ok_or_else(|| call.refuse(format!("a result of shape {shape:?}")))?;
    importer.spend(call, count)?;
    let Some(tensor) = call.attribute("value").and_then(|attribute| attribute.t.as_ref()) else {
        return Ok(floats(call, shape, &vec![0.0; count]));
    };
    let value = Constant::read(tensor).map_err(|reason| call.refuse(reason))?;
    match (value.floats().as_deref(), value.integers().as_deref()) {
        (Some([value]), _) => Ok(floats(call, shape, &vec![*value; count])),
        (None, Some([number])) => {
            let constant = Constant::of_integers(call.result(), shape, value.element, vec![*number; count]);
            Ok(Operand::Constant(constant))
        }
        _ => Err(call.refuse("a value that is not one number")),
    }
}

fn range(importer: &mut Importer, call: &Call) -> Result1 {
    if call.constant(0)?.is_float() {
        let [start, limit, delta] = [call.number(0)?, call.number(1)?, call.number(2)?];
        let count = ((limit - start) / delta).ceil().max(0.0);
        let count = if count.is_finite() { count as usize } else { usize::MAX };
        importer.spend(call, count)?;
        let numbers: Vec<f32> = (0..count).map(|index| start + index as f32 * delta).collect();
        return Ok(floats(call, vec![count], &numbers));
    }
    let ends = [call.integers(0)?, call.integers(1)?, call.integers(2)?];
    let [&[start], &[limit], &[delta]] = ends.each_ref().map(Vec::as_slice) else {
        return Err(call.refuse("operands that are not one number each"));
    };
    // Wide enough for any difference of two 64-bit integers.
    let (distance, delta) = (i128::from(limit) - i128::from(start), i128::from(delta));
    if delta == 0 {
        return Err(call.refuse("a step of 0"));
    }
    let count = distance / delta + i128::from(distance % delta != 0 && (distance > 0) == (delta > 0));
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    importer.spend(call, count)?;
    let numbers: Vec<i64> = (0..count as i128).map(|index| (i128::from(start) + index * delta) as i64).collect();
    Ok(integers(call, vec![count], numbers))
}

fn cast(importer: &mut Importer, call: &Call) -> Result1 {
    let to = i32::try_from(call.int("to", 0)).unwrap_or(0);
    let constant = match call.operand(0)? {
        Operand::Constant(constant) => constant,
        operand @ Operand::Runtime { .. } if to == FLOAT => return Ok(operand.clone()),
        _ => return Err(call.refuse(format!("to type {to}"))),
    };
    let float = matches!(to, FLOAT | FLOAT16 | DOUBLE);
    if float && constant.is_float() {
        // Numbers that were 16 bits wide may stay so.
        return Ok(Operand::Constant(Constant { element: to, ..constant.clone() }));
    }
    importer.spend(call, constant.shape.iter().product())?;
    let (name, shape) = (call.result(), constant.shape.clone());
    let cast = match (constant.floats(), constant.integers()) {
        (Some(numbers), _) => {
            let whole = |x: &f32| if to == BOOL { i64::from(*x != 0.0) } else { *x as i64 };
            Constant::of_integers(name, shape, to, numbers.iter().map(whole).collect())
        }
        (None, numbers) => {
            let numbers = numbers.unwrap_or_default();
            if float {
                Constant::of_floats(name, shape, &numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>())
            } else {
                let truth = |x: i64| if to == BOOL { i64::from(x != 0) } else { x };
                Constant::of_integers(name, shape, to, numbers.into_iter().map(truth).collect())
            }
        }
    };
    Ok(Operand::Constant(cast))
}

fn rounded(importer: &mut Importer, call: &Call, round: fn(f32) -> f32) -> Result1 {
    let numbers: Vec<f32> = call.floats(0)?.into_iter().map(round).collect();
    importer.spend(call, numbers.len())?;
    Ok(floats(call, call.constant(0)?.shape.clone(), &numbers))
}

/// The shape that operands from `first` on are broadcast to.
fn common(importer: &mut Importer, call: &Call) -> Result<Vec<usize>, Unsupported> {
    let mut shape = vec![];
    for place in 0..call.operand_count() {
        let own = &call.constant(place)?.shape;
        shape = shapes::broadcast(&shape, own).ok_or_else(|| call.refuse("shapes that do not fit"))?;
    }
    let count = shapes::count(&shape).ok_or_else(|| call.refuse(format!("a result of shape {shape:?}")))?;
    importer.spend(call, count)?;
    Ok(shape)
}

/// Truth values, of integers or floats.
fn compare(importer: &mut Importer, call: &Call, holds: fn(f64, f64) -> bool) -> Result1 {
    let shape = common(importer, call)?;
    let numbers = |place: usize| {
        let constant = call.constant(place)?;
        let numbers: Vec<f64> = match constant.floats() {
            Some(floats) => floats.into_iter().map(f64::from).collect(),
            None => call.integers(place)?.into_iter().map(|number| number as f64).collect(),
        };
        Ok(fold::expand(&numbers, &constant.shape, &shape))
    };
    let (a, b) = (numbers(0)?, numbers(1)?);
    let truths = a.iter().zip(&b).map(|(&a, &b)| i64::from(holds(a, b))).collect();
    Ok(Operand::Constant(Constant::of_integers(call.result(), shape, BOOL, truths)))
}

fn choose(importer: &mut Importer, call: &Call) -> Result1 {
    let shape = common(importer, call)?;
    let truths = fold::expand(&call.integers(0)?, &call.constant(0)?.shape, &shape);
    let (a, b) = (call.constant(1)?, call.constant(2)?);
    if a.is_float() {
        let [a, b] =
            [(call.floats(1)?, a), (call.floats(2)?, b)].map(|(list, of)| fold::expand(&list, &of.shape, &shape));
        let numbers: Vec<f32> =
            truths.iter().zip(a.iter().zip(&b)).map(|(&t, (a, b))| if t != 0 { *a } else { *b }).collect();
        return Ok(floats(call, shape, &numbers));
    }
    let element = a.element;
    let [a, b] =
        [(call.integers(1)?, a), (call.integers(2)?, b)].map(|(list, of)| fold::expand(&list, &of.shape, &shape));
    let numbers = truths.iter().zip(a.iter().zip(&b)).map(|(&t, (a, b))| if t != 0 { *a } else { *b }).collect();
    Ok(Operand::Constant(Constant::of_integers(call.result(), shape, element, numbers)))
}
