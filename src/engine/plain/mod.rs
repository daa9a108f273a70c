//! The operations on tensors that lie row by row: all but convolution, which has kernels of its own.
//!
//! Shapes are those that `graph::import` computed; what does not fit them is a fault of the caller.

mod broadcast;
mod pool;
mod rearrange;
mod softmax;

pub(crate) use rearrange::rearrange;

use super::graph::{Binary, Operation};

/// Numbers, row by row, and the lengths of their axes.
pub(crate) type Rows<'a, T> = (&'a [T], &'a [usize]);

/// Fills `output`, of `shape`, with what the operation makes of the inputs. A convolution is not done here: its output
/// stays as it is.
pub(crate) fn run(operation: &Operation, inputs: &[Rows<f32>], output: &mut [f32], shape: &[usize]) {
    match (operation, inputs) {
        (Operation::Activation(activation), [(numbers, _), ..]) => {
            for (result, &x) in output.iter_mut().zip(*numbers) {
                *result = activation.apply(x);
            }
        }
        (Operation::Binary(function), [a, b, ..]) => binary(*function, [*a, *b], output, shape),
        (Operation::Softmax { axis }, [(numbers, _), ..]) => softmax::softmax(numbers, output, shape, *axis),
        (Operation::Pool(pool), [map, ..]) => pool::pool(pool, *map, output, shape),
        (Operation::GlobalAveragePool, [(numbers, _), ..]) => pool::mean(numbers, output),
        (Operation::Upsample { factor }, [map, ..]) => pool::upsample(*factor, *map, output),
        (Operation::Pad { value, .. }, _) => rearrange(operation, inputs, output, shape, *value),
        _ => rearrange(operation, inputs, output, shape, 0.0),
    }
}

/// One loop for each function, so that each can become vector instructions.
fn binary(function: Binary, inputs: [Rows<f32>; 2], output: &mut [f32], shape: &[usize]) {
    match function {
        Binary::Add => broadcast::binary(|a, b| a + b, inputs, output, shape),
        Binary::Sub => broadcast::binary(|a, b| a - b, inputs, output, shape),
        Binary::Mul => broadcast::binary(|a, b| a * b, inputs, output, shape),
        Binary::Div => broadcast::binary(|a, b| a / b, inputs, output, shape),
        Binary::Max => broadcast::binary(f32::max, inputs, output, shape),
        Binary::Min => broadcast::binary(f32::min, inputs, output, shape),
        Binary::Pow => broadcast::binary(f32::powf, inputs, output, shape),
    }
}
