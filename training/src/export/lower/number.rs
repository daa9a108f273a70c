//! burn's numbers as ONNX has them.

use super::{Refusal, refuse};
use burn::backend::ir::ScalarIr;
use burn::tensor::{DType, TensorData};
use ocelli::onnx::{BOOL, DOUBLE, FLOAT, INT32, INT64, TensorValue, UINT8};

/// `TensorProto.DataType` of a type of burn's.
pub(super) fn element(dtype: DType) -> Result<i32, Refusal> {
    match dtype {
        DType::F32 | DType::Flex32 => Ok(FLOAT),
        DType::F64 => Ok(DOUBLE),
        DType::I32 => Ok(INT32),
        DType::I64 => Ok(INT64),
        DType::U8 => Ok(UINT8),
        DType::Bool(_) => Ok(BOOL),
        other => refuse(format!("numbers of type {other:?} are not exported")),
    }
}

/// A number of a type, little-endian.
pub(super) fn scalar_bytes(dtype: DType, value: ScalarIr) -> Result<Vec<u8>, Refusal> {
    match dtype {
        DType::F32 | DType::Flex32 => Ok(value.elem::<f32>().to_le_bytes().into()),
        DType::F64 => Ok(value.elem::<f64>().to_le_bytes().into()),
        DType::I32 => Ok(value.elem::<i32>().to_le_bytes().into()),
        DType::I64 => Ok(value.elem::<i64>().to_le_bytes().into()),
        DType::U8 => Ok(vec![value.elem::<u8>()]),
        DType::Bool(_) => Ok(vec![u8::from(value.elem::<bool>())]),
        other => refuse(format!("numbers of type {other:?} are not exported")),
    }
}

/// A tensor's numbers; `None` if they are of a type that is not exported.
pub(super) fn constant(name: &str, data: &TensorData) -> Option<TensorValue> {
    let dims = data.shape().iter().map(|size| *size as i64).collect();
    let bytes = match data.dtype() {
        DType::Bool(_) => data.iter::<bool>().map(u8::from).collect(),
        _ => data.as_bytes().to_vec(),
    };
    Some(TensorValue::raw(name, dims, element(data.dtype()).ok()?, bytes))
}
