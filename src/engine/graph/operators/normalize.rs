//! Normalisation over batches and along axes.

use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::constants::Constant;
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Binary, Operation, Unsupported};

/// Batch normalisation with the statistics of training, as a factor and a summand of each channel.
pub(super) fn batch_normalization(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    if call.int("training_mode", 0) != 0 || call.int("spatial", 1) != 1 {
        return Err(call.refuse("training mode, or statistics of each pixel"));
    }
    let input = call.operand(0)?;
    let [scales, biases, means, variances] = [call.floats(1)?, call.floats(2)?, call.floats(3)?, call.floats(4)?];
    let Some(&channels) = input.shape().get(1) else { return Err(call.refuse("no axis of channels")) };
    if [&scales, &biases, &means, &variances].iter().any(|list| list.len() != channels) {
        return Err(call.refuse(format!("statistics of another number of channels than {channels}")));
    }
    let epsilon = f64::from(call.float("epsilon", 1e-5));
    let (mut factors, mut summands) = (vec![], vec![]);
    for channel in 0..channels {
        let factor = f64::from(scales[channel]) / (f64::from(variances[channel]) + epsilon).sqrt();
        factors.push(factor as f32);
        summands.push((f64::from(biases[channel]) - f64::from(means[channel]) * factor) as f32);
    }
    let mut shape = vec![1; input.shape().len() - 1];
    shape[0] = channels;
    let constant = |suffix: &str, shape: Vec<usize>, numbers: &[f32]| {
        Operand::Constant(Constant::of_floats(&format!("{}.{suffix}", call.name()), shape, numbers))
    };
    let factors = constant("factors", shape.clone(), &factors);
    let summands = constant("summands", shape, &summands);
    let scaled = importer.binary(call, Binary::Mul, [input, &factors])?;
    importer.binary(call, Binary::Add, [&scaled, &summands])
}

/// Before operator set 13 over all axes from the named one on, since then along it alone.
pub(super) fn softmax(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    let input = call.operand(0)?;
    let shape = input.shape().to_vec();
    let axis = call.axis(call.int("axis", if call.opset < 13 { 1 } else { -1 }), shape.len())?;
    if call.opset >= 13 || shape[axis + 1..].iter().all(|&length| length == 1) {
        return importer.apply(call, Operation::Softmax { axis }, &[input], shape);
    }
    let rows = vec![shape[..axis].iter().product(), shape[axis..].iter().product()];
    let flat = importer.reshape(call, input, rows.clone())?;
    let result = importer.apply(call, Operation::Softmax { axis: 1 }, &[&flat], rows)?;
    importer.reshape(call, &result, shape)
}
