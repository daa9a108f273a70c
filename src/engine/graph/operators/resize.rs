//! Enlarging by whole factors, each number becoming a block.

use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Operation, Unsupported};

/// The longest side that is looked at pixel by pixel.
const LONGEST: usize = 1 << 16;

pub(super) fn resize(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    let operand = call.operand(0)?;
    let shape = operand.shape();
    let factors = factors(call, shape)?;
    if factors.iter().all(|&factor| factor == 1) {
        return Ok(operand.clone());
    }
    let mode = call.text("mode", "nearest");
    let &[1, 1, down, across] = factors.as_slice() else {
        return Err(call.refuse(format!("factors {factors:?}: only those of a map's rows and columns are known")));
    };
    let whole = mode == "nearest" && [(shape[2], down), (shape[3], across)].iter().all(|&(n, f)| blocks(call, n, f));
    if !whole {
        return Err(call.refuse(format!("mode {mode}, in which a number does not become a block")));
    }
    let output = vec![shape[0], shape[1], shape[2] * down, shape[3] * across];
    importer.apply(call, Operation::Upsample { factor: [down, across] }, &[operand], output)
}

/// By how much each axis grows, which must be whole factors.
fn factors(call: &Call, shape: &[usize]) -> Result<Vec<usize>, Unsupported> {
    let (scales, sizes) = match (call.operator(), call.opset) {
        ("Resize", 11..) => (2, 3),
        _ => (1, 4),
    };
    let axes = match call.ints("axes") {
        Some(axes) => call.axes(axes, shape.len())?,
        None => (0..shape.len()).collect(),
    };
    let refuse = || call.refuse("factors that are not whole, or as many as axes");
    let listed: Vec<f64> = match (call.attribute("scales"), call.optional(scales)) {
        (Some(attribute), _) => attribute.floats.iter().map(|&scale| f64::from(scale)).collect(),
        (None, Some(operand)) if !operand.shape().contains(&0) => {
            call.floats(scales)?.iter().map(|&scale| f64::from(scale)).collect()
        }
        _ if call.text("keep_aspect_ratio_policy", "stretch") != "stretch" => {
            return Err(call.refuse("keep_aspect_ratio_policy"));
        }
        _ => {
            let sizes = call.integers(sizes)?;
            sizes.iter().zip(&axes).map(|(&size, &axis)| size as f64 / shape[axis] as f64).collect()
        }
    };
    if listed.len() != axes.len() {
        return Err(refuse());
    }
    let mut factors = vec![1; shape.len()];
    for (factor, axis) in listed.into_iter().zip(axes) {
        if factor.fract() != 0.0 || !(1.0..=LONGEST as f64).contains(&factor) {
            return Err(refuse());
        }
        factors[axis] = factor as usize;
    }
    Ok(factors)
}

/// Whether pixel i of the result is pixel i / factor of `length`, by the formulas of the specification.
fn blocks(call: &Call, length: usize, factor: usize) -> bool {
    // Upsample, and Resize-10, know no other way than this.
    let old = call.operator() == "Upsample" || call.opset < 11;
    let (default_place, default_round) =
        if old { ("asymmetric", "floor") } else { ("half_pixel", "round_prefer_floor") };
    let place = call.text("coordinate_transformation_mode", default_place);
    let round = call.text("nearest_mode", default_round);
    let size = length.saturating_mul(factor);
    if !(1..=LONGEST).contains(&size) {
        return false;
    }
    let (n, scale, last) = (length as f64, factor as f64, (size - 1) as f64);
    (0..size).all(|index| {
        let x = index as f64;
        let x = match place {
            "asymmetric" => x / scale,
            // With whole factors the symmetric one is the same.
            "half_pixel" | "tf_half_pixel_for_nn" | "half_pixel_symmetric" => (x + 0.5) / scale - 0.5,
            "pytorch_half_pixel" if size > 1 => (x + 0.5) / scale - 0.5,
            "align_corners" if size > 1 => x * (n - 1.0) / last,
            "pytorch_half_pixel" | "align_corners" => 0.0,
            _ => return false,
        };
        let x = if place == "tf_half_pixel_for_nn" { x + 0.5 } else { x };
        let nearest = match round {
            "floor" => x.floor(),
            "ceil" => x.ceil(),
            "round_prefer_floor" => (x - 0.5).ceil(),
            "round_prefer_ceil" => (x + 0.5).floor(),
            _ => return false,
        };
        nearest.clamp(0.0, n - 1.0) as usize == index / factor
    })
}
