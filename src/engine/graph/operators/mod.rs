//! What each ONNX operator means here, one function each; <https://onnx.ai/onnx/operators/> is their source.

mod arithmetic;
mod convolution;
mod known;
mod layout;
mod normalize;
mod pool;
mod product;
mod quantize;
mod resize;
mod select;
mod window;

use super::call::{Call, Operand};
use super::import::Importer;
use super::{Activation, Binary, Unsupported};

/// What an operator's importer gives: its results, the first ones that the file may name.
type Results = Result<Vec<Operand>, Unsupported>;

/// Imports a node.
pub(super) fn import(importer: &mut Importer, call: &Call) -> Results {
    let one = match call.operator() {
        "Split" => return select::split(importer, call),
        "Conv" => convolution::convolution(importer, call),
        "BatchNormalization" => normalize::batch_normalization(importer, call),
        "Softmax" => normalize::softmax(importer, call),
        "MaxPool" => pool::max(importer, call),
        "AveragePool" => pool::average(importer, call),
        "GlobalAveragePool" => pool::global_average(importer, call),
        "GlobalMaxPool" => pool::global_max(importer, call),
        "ReduceMean" => pool::reduce_mean(importer, call),
        "Resize" | "Upsample" => resize::resize(importer, call),
        "MatMul" => product::mat_mul(importer, call),
        "Gemm" => product::gemm(importer, call),
        "QuantizeLinear" => quantize::quantize(importer, call),
        "DequantizeLinear" => quantize::dequantize(importer, call),
        "Add" => arithmetic::binary(importer, call, Binary::Add),
        "Sub" => arithmetic::binary(importer, call, Binary::Sub),
        "Mul" => arithmetic::binary(importer, call, Binary::Mul),
        "Div" => arithmetic::binary(importer, call, Binary::Div),
        "Pow" => arithmetic::binary(importer, call, Binary::Pow),
        "Sum" => arithmetic::several(importer, call, Binary::Add),
        "Max" => arithmetic::several(importer, call, Binary::Max),
        "Min" => arithmetic::several(importer, call, Binary::Min),
        "Concat" => layout::concat(importer, call),
        "Reshape" => layout::reshape(importer, call),
        "Flatten" => layout::flatten(importer, call),
        "Squeeze" => layout::squeeze(importer, call),
        "Unsqueeze" => layout::unsqueeze(importer, call),
        "Transpose" => layout::transpose(importer, call),
        "Expand" => layout::expand(importer, call),
        "Identity" => call.operand(0).cloned(),
        "Dropout" => arithmetic::dropout(call),
        "Slice" => select::slice(importer, call),
        "Gather" => select::gather(importer, call),
        "Pad" => select::pad(importer, call),
        operator => match activation(call)? {
            Some(activation) => arithmetic::activation(importer, call, activation),
            None => known::import(importer, call, operator),
        },
    };
    one.map(|operand| vec![operand])
}

/// The operator as a function of one number, if it is one.
fn activation(call: &Call) -> Result<Option<Activation>, Unsupported> {
    Ok(Some(match call.operator() {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::Leaky(call.float("alpha", 0.01)),
        "PRelu" => arithmetic::one_slope(call)?,
        "Clip" => arithmetic::clip(call)?,
        "Sigmoid" => Activation::Sigmoid,
        "HardSigmoid" => Activation::HardSigmoid(call.float("alpha", 0.2), call.float("beta", 0.5)),
        "HardSwish" => Activation::HardSwish,
        "Tanh" => Activation::Tanh,
        "Elu" => Activation::Elu(call.float("alpha", 1.0)),
        "Softplus" => Activation::Softplus,
        "Mish" => Activation::Mish,
        "Exp" => Activation::Exp,
        "Sqrt" => Activation::Sqrt,
        "Neg" => Activation::Neg,
        "Log" => Activation::Log,
        "Abs" => Activation::Abs,
        _ => return Ok(None),
    }))
}
