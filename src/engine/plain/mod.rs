//! temp
use super::graph::Operation;
pub(crate) fn run(operation: &Operation, inputs: &[(&[f32], &[usize])], output: &mut [f32], _shape: &[usize]) {
    if let Operation::Reshape = operation { output.copy_from_slice(inputs[0].0) } else { todo!() }
}
