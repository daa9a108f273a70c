//! Tensors that do not depend on the inputs: the file's, and what is computed from them.

use crate::engine::graph::shapes;
use crate::onnx::{self, TensorValue};
use bytes::Bytes;
use half::f16;
use std::sync::Arc;

/// `TensorProto.DataType` of 8-bit signed integers.
pub(super) const INT8: i32 = 3;

/// A tensor whose numbers are known.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    /// As in the file, or that of the value which a node gives.
    pub(super) name: String,
    /// Lengths of the axes.
    pub(super) shape: Vec<usize>,
    /// `TensorProto.DataType`.
    pub(super) element: i32,
    /// Row by row.
    pub(super) numbers: Arc<Numbers>,
}

/// The numbers of a constant.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    /// 32-bit floats, little-endian.
    Floats(Bytes),
    /// 16-bit floats, little-endian.
    Halves(Bytes),
    /// Signed 8-bit integers.
    Signed(Bytes),
    /// Signed 8-bit integers, each times the scale of its row: its place along the first axis.
    Scaled {
        /// The integers.
        integers: Bytes,
        /// One for each row.
        scales: Vec<f32>,
    },
    /// Integers and truth values of any other type.
    Integers(Vec<i64>),
}

impl Constant {
    /// Reads the file's constant; says what is wrong with it.
    pub(super) fn read(tensor: &TensorValue) -> Result<Self, String> {
        if tensor.data_location == 1 || !tensor.external_data.is_empty() {
            return Err("its numbers are in another file".into());
        }
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&length| usize::try_from(length).ok()).collect();
        let shape = shape.filter(|shape| shapes::count(shape).is_some());
        let shape = shape.ok_or_else(|| format!("its shape is {:?}", tensor.dims))?;
        let numbers = numbers(tensor).ok_or_else(|| format!("its numbers are of type {}", tensor.data_type))?;
        if Some(numbers.count()) != shapes::count(&shape) {
            return Err(format!("it has {} numbers for the shape {shape:?}", numbers.count()));
        }
        Ok(Self { name: tensor.name.clone(), shape, element: tensor.data_type, numbers: Arc::new(numbers) })
    }

    /// Floats that were computed.
    pub(super) fn of_floats(name: &str, shape: Vec<usize>, numbers: &[f32]) -> Self {
        let numbers = Numbers::Floats(little_endian(numbers));
        Self { name: name.into(), shape, element: onnx::FLOAT, numbers: Arc::new(numbers) }
    }

    /// Integers that were computed.
    pub(super) fn of_integers(name: &str, shape: Vec<usize>, element: i32, numbers: Vec<i64>) -> Self {
        Self { name: name.into(), shape, element, numbers: Arc::new(Numbers::Integers(numbers)) }
    }

    /// The same numbers in another shape.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Self {
        match &*self.numbers {
            // Its scales belong to its rows.
            Numbers::Scaled { scales, .. } if scales.len() > 1 && shape.first() != self.shape.first() => {
                Self::of_floats(&self.name, shape, &self.floats().unwrap_or_default())
            }
            _ => Self { shape, ..self.clone() },
        }
    }

    /// Whether its numbers are floats.
    pub(super) fn is_float(&self) -> bool {
        matches!(&*self.numbers, Numbers::Floats(_) | Numbers::Halves(_) | Numbers::Scaled { .. })
    }

    /// The numbers, if they are floats.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        match &*self.numbers {
            Numbers::Floats(bytes) => {
                Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            }
            Numbers::Halves(bytes) => {
                Some(bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect())
            }
            Numbers::Scaled { integers, scales } => {
                let row = (integers.len() / scales.len().max(1)).max(1);
                let rows = integers.chunks(row).zip(scales);
                Some(rows.flat_map(|(row, scale)| row.iter().map(move |&b| f32::from(b as i8) * scale)).collect())
            }
            Numbers::Signed(_) | Numbers::Integers(_) => None,
        }
    }

    /// The numbers, if they are integers.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        match &*self.numbers {
            Numbers::Integers(integers) => Some(integers.clone()),
            Numbers::Signed(bytes) => Some(bytes.iter().map(|&b| i64::from(b as i8)).collect()),
            _ => None,
        }
    }
}

impl Numbers {
    fn count(&self) -> usize {
        match self {
            Self::Floats(bytes) => bytes.len() / 4,
            Self::Halves(bytes) => bytes.len() / 2,
            Self::Signed(bytes) | Self::Scaled { integers: bytes, .. } => bytes.len(),
            Self::Integers(integers) => integers.len(),
        }
    }
}

/// 32-bit floats as a file holds them.
pub(super) fn little_endian(numbers: &[f32]) -> Bytes {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>().into()
}

/// The numbers in the field that holds them; `None` for a type that no operation here works with.
fn numbers(tensor: &TensorValue) -> Option<Numbers> {
    let raw = &tensor.raw_data;
    let small = || tensor.int32_data.iter().map(|&number| i64::from(number));
    let integers = |raw: Vec<i64>, listed: Vec<i64>| Some(Numbers::Integers(if raw.is_empty() { listed } else { raw }));
    match tensor.data_type {
        onnx::FLOAT if tensor.float_data.is_empty() => Some(Numbers::Floats(raw.clone())),
        onnx::FLOAT => Some(Numbers::Floats(little_endian(&tensor.float_data))),
        onnx::FLOAT16 if tensor.int32_data.is_empty() => Some(Numbers::Halves(raw.clone())),
        onnx::FLOAT16 => {
            let bits = tensor.int32_data.iter().flat_map(|&bits| (bits as u16).to_le_bytes());
            Some(Numbers::Halves(bits.collect::<Vec<u8>>().into()))
        }
        onnx::DOUBLE => {
            let raw: Vec<f32> = words(raw, |bytes| f64::from_le_bytes(bytes) as f32);
            let listed = tensor.double_data.iter().map(|&number| number as f32);
            Some(Numbers::Floats(little_endian(&if raw.is_empty() { listed.collect() } else { raw })))
        }
        INT8 if tensor.int32_data.is_empty() => Some(Numbers::Signed(raw.clone())),
        INT8 => Some(Numbers::Signed(tensor.int32_data.iter().map(|&number| number as u8).collect::<Vec<u8>>().into())),
        onnx::UINT8 | onnx::BOOL => integers(raw.iter().map(|&byte| i64::from(byte)).collect(), small().collect()),
        onnx::INT32 => integers(words(raw, |bytes| i64::from(i32::from_le_bytes(bytes))), small().collect()),
        onnx::INT64 => integers(words(raw, i64::from_le_bytes), tensor.int64_data.clone()),
        _ => None,
    }
}

fn words<const N: usize, T>(raw: &Bytes, word: impl Fn([u8; N]) -> T) -> Vec<T> {
    raw.chunks_exact(N).filter_map(|bytes| bytes.try_into().ok()).map(word).collect()
}
