//! From a network's code and weights to a checked file.

use super::pass::{Input, Pass};
use super::{ExportError, check, half, lower, trace};
use crate::weights::Weights;
use burn::module::Module;
use burn::tensor::Device;
use ocelli::metadata::Metadata;
use ocelli::onnx::Model;
use ocelli::tensor::NamedTensors;
use std::path::Path;

/// How weights are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// As 32-bit floats.
    #[default]
    Single,
    /// As 16-bit floats (see [`half()`]).
    Half,
}

impl Precision {
    /// The largest error of an output over max(1, its largest magnitude) with which a file is still the network.
    pub fn tolerance(self) -> f32 {
        match self {
            Self::Single => 1e-4,
            // A weight has 11 bits left, and the errors of ten layers and more add up: 2.7e-3 was measured on ocelli-bccd.
            Self::Half => 5e-3,
        }
    }
}

/// A network to be exported. `init` makes it anew wherever it is needed, with these weights: the one that trains is never
/// touched. `forward` is run under capture for the file and for real to check it.
pub struct Exporter<'a, I, F> {
    /// Makes the network, with any weights.
    pub init: I,
    /// Its weights.
    pub weights: &'a Weights,
    /// What it takes.
    pub inputs: &'a [Input],
    /// Takes inputs from the pass and gives it outputs.
    pub forward: F,
}

impl<M: Module, I: Fn(&Device) -> M, F: Fn(&M, &mut Pass) -> Result<(), ExportError>> Exporter<'_, I, F> {
    /// The model, unchecked and without metadata.
    ///
    /// # Errors
    /// [`ExportError`] names the operation that cannot be exported.
    pub fn model(&self) -> Result<Model, ExportError> {
        let inputs = |shape: fn(&Input) -> Vec<usize>| -> NamedTensors {
            self.inputs.iter().map(|input| input.zeros(&shape(input))).collect()
        };
        let trace = |inputs| trace::trace(&self.init, self.weights, &inputs, &self.forward);
        let first = trace(inputs(|input| input.shape.clone()))?;
        let second = match self.inputs.iter().any(|input| !input.dynamic.is_empty()) {
            true => Some(trace(inputs(Input::other_shape))?),
            false => None,
        };
        lower::to_model(&first, second.as_ref(), self.inputs)
    }

    /// What the network's own forward gives on the CPU.
    ///
    /// # Errors
    /// [`ExportError::Input`], [`ExportError::Output`] or [`ExportError::Weights`].
    pub fn run(&self, inputs: &NamedTensors) -> Result<NamedTensors, ExportError> {
        trace::run(&self.weights.load_into((self.init)(&Device::flex()))?, inputs, &self.forward)
    }

    /// Checks a model against the network's own forward on the CPU, for each set of inputs; gives the largest error (see
    /// [`check::Checker::outputs`]).
    ///
    /// # Errors
    /// [`ExportError`] says which output is off, and by how much.
    pub fn check(&self, model: &Model, cases: &[NamedTensors], tolerance: f32) -> Result<f32, ExportError> {
        check::structure(model)?;
        let network = self.weights.load_into((self.init)(&Device::flex()))?;
        let mut checker = check::Checker::new(model);
        let mut largest = 0f32;
        for inputs in cases {
            let wanted = trace::run(&network, inputs, &self.forward)?;
            largest = largest.max(checker.outputs(inputs, &wanted, tolerance)?);
        }
        Ok(largest)
    }

    /// The model with its metadata, checked on these inputs; and the largest error.
    ///
    /// # Errors
    /// As [`Self::model`] and [`Self::check`]; [`ExportError::Structure`] without inputs to check with.
    pub fn export(
        &self,
        metadata: &Metadata,
        precision: Precision,
        cases: &[NamedTensors],
    ) -> Result<(Model, f32), ExportError> {
        if cases.is_empty() {
            return Err(ExportError::Structure("no inputs to check it with".into()));
        }
        let mut model = self.model()?;
        if precision == Precision::Half {
            model = half(model)?;
        }
        metadata.write(&mut model);
        let error = self.check(&model, cases, precision.tolerance())?;
        Ok((model, error))
    }

    /// As [`Self::export`], into a file, which is there only if the check passed.
    ///
    /// # Errors
    /// As [`Self::export`]; [`ExportError::Onnx`].
    pub fn write(
        &self,
        path: &Path,
        metadata: &Metadata,
        precision: Precision,
        cases: &[NamedTensors],
    ) -> Result<f32, ExportError> {
        let (model, error) = self.export(metadata, precision, cases)?;
        model.write(path)?;
        Ok(error)
    }
}
