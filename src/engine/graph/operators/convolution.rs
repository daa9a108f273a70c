//! Convolution of maps with constant filters.

use super::window::{Window, map, pair};
use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::constants::{Constant, Numbers};
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Activation, Convolution, Elements, Operation, Unsupported, Weights};

pub(super) fn convolution(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    let input = call.operand(0)?;
    let filters = call.constant(1)?;
    let [batch, channels, rows, columns] = map(call, input.shape())?;
    let shape: [usize; 4] = map(call, &filters.shape)?;
    if pair(call, "kernel_shape")?.is_some_and(|kernel| kernel != shape[2..]) {
        return Err(call.refuse(format!("kernel_shape is not that of the weights, {shape:?}")));
    }
    let groups = usize::try_from(call.int("group", 1)).unwrap_or(0);
    let fits = groups > 0 && shape[1].checked_mul(groups) == Some(channels) && shape[0].is_multiple_of(groups);
    if !fits || shape.contains(&0) {
        return Err(call.refuse(format!("weights {shape:?} in {groups} groups on {channels} channels")));
    }
    let window = Window::read(call, [rows, columns], [shape[2], shape[3]])?;
    let bias = match call.optional(2) {
        Some(_) => call.floats(2)?,
        None => vec![0.0; shape[0]],
    };
    if bias.len() != shape[0] {
        return Err(call.refuse(format!("{} biases for {} filters", bias.len(), shape[0])));
    }
    let convolution = Convolution {
        weights: weights(call, filters, shape)?,
        scale: Vec::new(),
        bias,
        stride: window.stride,
        dilation: window.dilation,
        padding: window.padding,
        groups,
        activation: Activation::Linear,
        residual: None,
    };
    let output = vec![batch, shape[0], window.output[0], window.output[1]];
    importer.apply(call, Operation::Convolution(Box::new(convolution)), &[input], output)
}

/// A constant as filters of this shape: the file's bytes as they are.
pub(super) fn weights(call: &Call, constant: &Constant, shape: [usize; 4]) -> Result<Weights, Unsupported> {
    let elements = match &*constant.numbers {
        Numbers::Floats(bytes) => Elements::F32(bytes.clone()),
        Numbers::Halves(bytes) => Elements::F16(bytes.clone()),
        Numbers::Scaled { integers, scales } => {
            let scales = if scales.len() == 1 { vec![scales[0]; shape[0]] } else { scales.clone() };
            Elements::I8 { integers: integers.clone(), scales }
        }
        Numbers::Signed(_) | Numbers::Integers(_) => return Err(call.refuse("weights that are not floats")),
    };
    Ok(Weights { shape, elements })
}
