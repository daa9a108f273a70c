//! Weights as 16-bit floats: half the file, for any engine, which computes with 32-bit ones as before.

use super::ExportError;
use half::f16;
use ocelli::onnx::{Attribute, FLOAT, FLOAT16, Model, Node, TensorValue};

/// Constants of this many numbers or fewer stay as they are.
const SMALL: usize = 64;

/// The model with its weights rounded to 16 bits (11 significant ones), each behind a node that casts it back.
///
/// # Errors
/// [`ExportError::Half`] if a weight is beyond ±65504 or no number.
pub fn half(mut model: Model) -> Result<Model, ExportError> {
    let Some(graph) = &mut model.graph else { return Ok(model) };
    let mut casts = Vec::new();
    for value in &mut graph.initializer {
        let numbers = value.raw_data.as_chunks::<4>().0;
        if value.data_type != FLOAT || numbers.len() <= SMALL {
            continue;
        }
        let mut halves = Vec::with_capacity(numbers.len() * 2);
        for number in numbers {
            let number = f32::from_le_bytes(*number);
            let rounded = f16::from_f32(number);
            if !rounded.is_finite() {
                return Err(ExportError::Half { name: value.name.clone(), value: number });
            }
            halves.extend(rounded.to_le_bytes());
        }
        let name = format!("{}.half", value.name);
        casts.push(Node::new("Cast", vec![name.clone()], &value.name, vec![Attribute::int("to", FLOAT.into())]));
        *value = TensorValue::raw(&name, value.dims.clone(), FLOAT16, halves);
    }
    casts.append(&mut graph.node);
    graph.node = casts;
    Ok(model)
}
