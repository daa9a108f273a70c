//! Products of matrices with a constant one, as convolutions of maps of one pixel.

use super::convolution::weights;
use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::constants::Constant;
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Activation, Binary, Convolution, Operation, Unsupported};

type Result1 = Result<Operand, Unsupported>;

pub(super) fn mat_mul(importer: &mut Importer, call: &Call) -> Result1 {
    let operand = call.operand(0)?;
    let (Some((&inner, outer)), &[rows, columns]) = (operand.shape().split_last(), call.constant(1)?.shape.as_slice())
    else {
        return Err(call.refuse("a second factor that is not a matrix"));
    };
    if inner != rows {
        return Err(call.refuse(format!("rows of {inner} for {rows} columns")));
    }
    let matrix = transposed(importer, call, call.operand(1)?)?;
    let shape = [outer, &[columns]].concat();
    let count = outer.iter().product();
    let result = product(importer, call, operand, [count, inner, columns], &matrix, [&[], &vec![0.0; columns]])?;
    importer.reshape(call, &result, shape)
}

pub(super) fn gemm(importer: &mut Importer, call: &Call) -> Result1 {
    let mut operand = call.operand(0)?.clone();
    if call.int("transA", 0) != 0 {
        operand = transposed(importer, call, &operand)?;
    }
    let mut matrix = call.operand(1)?.clone();
    if call.int("transB", 0) == 0 {
        matrix = transposed(importer, call, &matrix)?;
    }
    let (&[count, inner], &[columns, rows]) = (operand.shape(), matrix.shape()) else {
        return Err(call.refuse("a factor that is not a matrix"));
    };
    if inner != rows {
        return Err(call.refuse(format!("rows of {inner} for {rows} columns")));
    }
    let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
    let scale = if alpha == 1.0 { vec![] } else { vec![alpha; columns] };
    let (bias, rest) = bias(call, columns, beta)?;
    let bias = bias.unwrap_or_else(|| vec![0.0; columns]);
    let result = product(importer, call, &operand, [count, inner, columns], &matrix, [&scale, &bias])?;
    let result = importer.reshape(call, &result, vec![count, columns])?;
    let Some(rest) = rest else { return Ok(result) };
    let rest = match beta {
        1.0 => rest,
        _ => {
            let beta = Operand::Constant(Constant::of_floats("beta", vec![], &[beta]));
            importer.binary(call, Binary::Mul, [&rest, &beta])?
        }
    };
    let sum = importer.binary(call, Binary::Add, [&result, &rest])?;
    if sum.shape() == [count, columns] { Ok(sum) } else { Err(call.refuse("a summand larger than the product")) }
}

/// Gemm's summand: as biases of the columns, or as what is to be added.
fn bias(call: &Call, columns: usize, beta: f32) -> Result<(Option<Vec<f32>>, Option<Operand>), Unsupported> {
    let Some(operand) = call.optional(2) else { return Ok((None, None)) };
    let one = matches!(operand.shape(), [] | [1] | [1, 1]);
    let row = matches!(operand.shape(), [n] | [1, n] if *n == columns);
    if operand.constant().is_none() || !(one || row) {
        return Ok((None, Some(operand.clone())));
    }
    let numbers = call.floats(2)?;
    let bias = if row { numbers } else { vec![numbers[0]; columns] };
    Ok((Some(bias.into_iter().map(|number| number * beta).collect()), None))
}

fn transposed(importer: &mut Importer, call: &Call, operand: &Operand) -> Result1 {
    let &[rows, columns] = operand.shape() else { return Err(call.refuse("a factor that is not a matrix")) };
    if rows == 1 || columns == 1 {
        return importer.reshape(call, operand, vec![columns, rows]);
    }
    importer.apply(call, Operation::Transpose { order: vec![1, 0] }, &[operand], vec![columns, rows])
}

/// `count` rows of `inner` numbers times a matrix `[columns, inner]`: `[count, columns, 1, 1]`.
fn product(
    importer: &mut Importer,
    call: &Call,
    operand: &Operand,
    [count, inner, columns]: [usize; 3],
    matrix: &Operand,
    [scale, bias]: [&[f32]; 2],
) -> Result1 {
    let matrix = matrix.constant().ok_or_else(|| call.refuse("the second factor depends on the inputs"))?;
    if inner == 0 || columns == 0 {
        return Err(call.refuse("an empty matrix"));
    }
    let convolution = Convolution {
        weights: weights(call, matrix, [columns, inner, 1, 1])?,
        scale: scale.to_vec(),
        bias: bias.to_vec(),
        stride: [1, 1],
        dilation: [1, 1],
        padding: [0; 4],
        groups: 1,
        activation: Activation::Linear,
        residual: None,
    };
    let maps = importer.reshape(call, operand, vec![count, inner, 1, 1])?;
    importer.apply(call, Operation::Convolution(Box::new(convolution)), &[&maps], vec![count, columns, 1, 1])
}
