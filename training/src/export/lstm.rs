//! An LSTM as one node of the file, in place of the operations of every step.

use super::pass::id;
use burn::backend::capture::CaptureBackend;
use burn::backend::ir::{CustomOpIr, OperationIr, ScalarIr, TensorIr};
use burn::tensor::{DType, Shape, Tensor};
use burn_router::RouterClient;

/// The operation's name in a capture.
pub(super) const LSTM: &str = "onnx.LSTM";

/// Weights of an LSTM of one direction as ONNX has them, gates in the order input, output, forget, cell.
#[derive(Debug, Clone)]
pub struct LstmWeights {
    /// \[1, 4 · hidden, input\].
    pub input: Tensor<3>,
    /// \[1, 4 · hidden, hidden\].
    pub recurrent: Tensor<3>,
    /// \[1, 8 · hidden\]: those of the input, then those of the state.
    pub bias: Tensor<2>,
}

/// Puts an LSTM that starts from zeros into a capture, as one node; `None` anywhere but on a capture device, where the
/// module is to compute it.
///
/// # Shapes
/// `steps`: \[time, batch, input\]; the result: \[time, 1, batch, hidden\].
pub fn lstm(steps: &Tensor<3>, weights: &LstmWeights) -> Option<Tensor<4>> {
    id(steps.clone().into_dispatch())?;
    let [time, batch, _] = steps.dims();
    let [_, _, hidden] = weights.recurrent.dims();
    let primitive = |tensor: &Tensor<3>| tensor.clone().try_into_primitive::<CaptureBackend>().ok();
    let steps = primitive(steps)?;
    let bias = weights.bias.clone().try_into_primitive::<CaptureBackend>().ok()?;
    let client = steps.client.clone();
    let out = TensorIr::uninit(client.create_empty_handle(), Shape::from([time, 1, batch, hidden]), DType::F32);
    let inputs = [steps, primitive(&weights.input)?, primitive(&weights.recurrent)?, bias].map(|t| t.into_ir());
    let op = CustomOpIr::with_scalars(LSTM, &inputs, &[out], vec![ScalarIr::Int(hidden as i64)]);
    let out = client.register(OperationIr::Custom(op)).pop()?;
    Some(Tensor::from_primitive::<CaptureBackend>(out))
}
