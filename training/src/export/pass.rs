//! One run of a forward, recorded or real: where it takes its inputs from and leaves its outputs.

use super::ExportError;
use burn::backend::capture::{CaptureBackend, TensorId};
use burn::backend::{BackendTensor, DispatchKindConversion, DispatchTensor};
use burn::tensor::kind::Basic;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use ndarray::{ArrayD, IxDyn};
use ocelli::tensor::{NamedTensors, Tensor as Values};

/// An input of a network: its name, its type, its sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) integers: bool,
    pub(super) dynamic: Vec<DynamicAxis>,
}

/// An axis of any size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DynamicAxis {
    pub(super) axis: usize,
    pub(super) name: String,
    /// Its size in the second trace.
    pub(super) other: usize,
}

impl Input {
    /// 32-bit floats. The sizes are those of the first trace, and the file's where an axis is not dynamic.
    pub fn floats(name: &str, shape: &[usize]) -> Self {
        Self { name: name.into(), shape: shape.into(), integers: false, dynamic: Vec::new() }
    }

    /// 64-bit integers, as [`Self::floats`].
    pub fn integers(name: &str, shape: &[usize]) -> Self {
        Self { integers: true, ..Self::floats(name, shape) }
    }

    /// Leaves an axis open, under a name. `other` is its size in the second trace: what follows from the axis is told
    /// from what is fixed by the difference. The two sizes must differ from each other, from 1 and from those of other
    /// axes, and be no multiples of one another.
    #[must_use]
    pub fn dynamic(mut self, axis: usize, name: &str, other: usize) -> Self {
        self.dynamic.push(DynamicAxis { axis, name: name.into(), other });
        self
    }

    /// The sizes in the second trace.
    pub(super) fn other_shape(&self) -> Vec<usize> {
        let mut shape = self.shape.clone();
        for dynamic in &self.dynamic {
            if let Some(size) = shape.get_mut(dynamic.axis) {
                *size = dynamic.other;
            }
        }
        shape
    }

    /// Zeros of a shape: what a trace is fed with, which looks at no value.
    pub(super) fn zeros(&self, shape: &[usize]) -> (String, Values) {
        let values = if self.integers { ArrayD::<i64>::zeros(IxDyn(shape)).into() } else { Values::filled(shape, 0.0) };
        (self.name.clone(), values)
    }
}

/// One run of a forward: hands the inputs out and takes the outputs.
pub struct Pass<'a> {
    device: &'a Device,
    inputs: &'a NamedTensors,
    captured: bool,
    /// Kept to the end, so that no operation may overwrite them.
    pub(super) taken: Vec<(String, DispatchTensor)>,
    pub(super) given: Vec<Given>,
}

/// An output: what stands for it in a capture, or its numbers.
pub(super) struct Given {
    pub(super) name: String,
    pub(super) tensor: DispatchTensor,
    pub(super) values: Option<Values>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(device: &'a Device, inputs: &'a NamedTensors, captured: bool) -> Self {
        Self { device, inputs, captured, taken: Vec::new(), given: Vec::new() }
    }

    /// An input of floats, of rank `D`.
    ///
    /// # Errors
    /// [`ExportError::Input`] if there is none of that name, type and rank.
    pub fn float<const D: usize>(&mut self, name: &str) -> Result<Tensor<D>, ExportError> {
        let Values::F32(array) = self.find::<D>(name)? else {
            return Err(wrong(name, "it does not hold 32-bit floats"));
        };
        let data = TensorData::new(array.iter().copied().collect(), array.shape().to_vec());
        let tensor = Tensor::<D>::from_data(data, self.device);
        self.taken.push((name.into(), tensor.clone().into_dispatch()));
        Ok(tensor)
    }

    /// An input of integers, of rank `D`.
    ///
    /// # Errors
    /// As [`Self::float`].
    pub fn integers<const D: usize>(&mut self, name: &str) -> Result<Tensor<D, Int>, ExportError> {
        let Values::I64(array) = self.find::<D>(name)? else {
            return Err(wrong(name, "it does not hold 64-bit integers"));
        };
        let data = TensorData::new(array.iter().copied().collect(), array.shape().to_vec());
        let tensor = Tensor::<D, Int>::from_data(data, self.device);
        self.taken.push((name.into(), tensor.clone().into_dispatch()));
        Ok(tensor)
    }

    /// Takes an output, which the file gives under this name and in this order.
    ///
    /// # Errors
    /// [`ExportError::Output`] if its numbers cannot be had.
    pub fn give<const D: usize, K: Basic>(&mut self, name: &str, tensor: Tensor<D, K>) -> Result<(), ExportError> {
        let values = if self.captured { None } else { Some(values(name, tensor.clone())?) };
        self.given.push(Given { name: name.into(), tensor: tensor.into_dispatch(), values });
        Ok(())
    }

    fn find<const D: usize>(&self, name: &str) -> Result<&'a Values, ExportError> {
        let found = self.inputs.iter().find(|(own, _)| own == name);
        let (_, values) = found.ok_or_else(|| wrong(name, "it was not declared"))?;
        if values.shape().len() != D {
            return Err(wrong(name, &format!("it has shape {:?}, which is not of rank {D}", values.shape())));
        }
        Ok(values)
    }
}

fn wrong(name: &str, reason: &str) -> ExportError {
    ExportError::Input { name: name.into(), reason: reason.into() }
}

fn values<const D: usize, K: Basic>(name: &str, tensor: Tensor<D, K>) -> Result<Values, ExportError> {
    let failed = |reason: String| ExportError::Output { name: name.into(), reason };
    let data = tensor.try_into_data().map_err(|e| failed(format!("{e:?}")))?;
    let shape = IxDyn(&data.shape().to_vec());
    let values: Option<Values> = match data.dtype() {
        DType::F32 => ArrayD::from_shape_vec(shape, data.iter::<f32>().collect()).ok().map(Values::F32),
        DType::Bool(_) => ArrayD::from_shape_vec(shape, data.iter::<bool>().collect()).ok().map(Values::Bool),
        dtype if dtype.is_int() => ArrayD::from_shape_vec(shape, data.iter::<i64>().collect()).ok().map(Values::I64),
        _ => None,
    };
    values.ok_or_else(|| failed(format!("it is of type {:?}", data.dtype())))
}

/// What a tensor is called in the capture that it belongs to; `None` if it belongs to none.
pub(super) fn id(tensor: DispatchTensor) -> Option<TensorId> {
    match <DispatchTensor as DispatchKindConversion<CaptureBackend>>::try_into_backend(tensor) {
        Ok(BackendTensor::Float(tensor) | BackendTensor::Int(tensor) | BackendTensor::Bool(tensor)) => {
            Some(tensor.id())
        }
        _ => None,
    }
}
