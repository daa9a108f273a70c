//! Every operation that the export knows: made with burn, exported, run in tract and in onnxruntime at sizes other than
//! the traced ones, and compared with burn's own forward.

mod files;
mod functions;
mod layers;
mod modules;
mod onnxruntime;
mod shapes;

use burn::module::Module;
use burn::nn::Relu;
use burn::tensor::Device;
use ndarray::{ArrayD, IxDyn};
use ocelli::onnx::Model;
use ocelli::tensor::{NamedTensors, Tensor};
use ocelli_training::export::{ExportError, Exporter, Input, Pass};
use ocelli_training::weights::Weights;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// An input with the sizes at which the file is run beside the traced ones.
#[derive(Clone)]
pub(super) struct Port {
    name: &'static str,
    shape: Vec<usize>,
    dynamic: Vec<(usize, &'static str, usize)>,
    /// Integers below this, not floats.
    below: Option<i64>,
    /// Numbers in 0.1..=0.9, not in -2..=2.
    positive: bool,
}

/// Floats with a dynamic first axis, which is 2 and then 3 in the traces.
pub(super) fn floats(name: &'static str, shape: &[usize]) -> Port {
    let dynamic = if shape[0] == 2 { vec![(0, "batch", 3)] } else { vec![] };
    Port { name, shape: shape.into(), dynamic, below: None, positive: false }
}

impl Port {
    pub(super) fn below(self, below: i64) -> Self {
        Self { below: Some(below), ..self }
    }

    pub(super) fn positive(self) -> Self {
        Self { positive: true, ..self }
    }

    /// An axis of any size.
    pub(super) fn open(mut self, axis: usize, name: &'static str, other: usize) -> Self {
        self.dynamic.push((axis, name, other));
        self
    }

    fn input(&self) -> Input {
        let input = match self.below {
            Some(_) => Input::integers(self.name, &self.shape),
            None => Input::floats(self.name, &self.shape),
        };
        self.dynamic.iter().fold(input, |input, (axis, name, other)| input.dynamic(*axis, name, *other))
    }

    /// Random numbers; the dynamic axes are `batch` long and as the second trace has them.
    fn random(&self, batch: usize, random: &mut ChaCha8Rng) -> (String, Tensor) {
        let mut shape = self.shape.clone();
        for (axis, name, other) in &self.dynamic {
            shape[*axis] = if *name == "batch" { batch } else { *other };
        }
        let shape = IxDyn(&shape);
        let tensor: Tensor = match self.below {
            Some(below) => ArrayD::from_shape_simple_fn(shape, || random.random_range(0..below)).into(),
            None if self.positive => ArrayD::from_shape_simple_fn(shape, || random.random_range(0.1f32..0.9)).into(),
            None => ArrayD::from_shape_simple_fn(shape, || random.random_range(-2f32..2.0)).into(),
        };
        (self.name.into(), tensor)
    }
}

/// Inputs of one, two and five in a batch.
pub(super) fn cases(ports: &[Port]) -> Vec<NamedTensors> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    [1, 2, 5].map(|batch| ports.iter().map(|port| port.random(batch, &mut random)).collect()).into()
}

/// Exports operations that have no weights and checks the file.
pub(super) fn agrees(name: &str, ports: &[Port], forward: impl Fn(&mut Pass) -> Result<(), ExportError>) -> Model {
    network_agrees(name, |_| Relu::new(), &Weights::default(), ports, |_, pass| forward(pass))
}

/// Exports a network and checks the file in the project's engines and in onnxruntime.
pub(super) fn network_agrees<M: Module>(
    name: &str,
    init: impl Fn(&Device) -> M,
    weights: &Weights,
    ports: &[Port],
    forward: impl Fn(&M, &mut Pass) -> Result<(), ExportError>,
) -> Model {
    let inputs: Vec<Input> = ports.iter().map(Port::input).collect();
    let exporter = Exporter { init: &init, weights, inputs: &inputs, forward: &forward };
    let model = exporter.model().unwrap_or_else(|error| panic!("{name}: {error}"));
    let cases = cases(ports);
    let error = exporter.check(&model, &cases, 1e-4).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(error <= 1e-4);
    in_onnxruntime(name, &model, &cases, &exporter, 1e-4);
    model
}

/// Checks a model in onnxruntime against the network's own forward.
pub(super) fn in_onnxruntime<M, I, F>(
    name: &str,
    model: &Model,
    cases: &[NamedTensors],
    exporter: &Exporter<I, F>,
    tolerance: f32,
) where
    M: Module,
    I: Fn(&Device) -> M,
    F: Fn(&M, &mut Pass) -> Result<(), ExportError>,
{
    match error_in_onnxruntime(model, cases, exporter) {
        Some(Ok(error)) => assert!(error <= tolerance, "{name} in onnxruntime: off by {error:e}"),
        Some(Err(reason)) => panic!("{name} in onnxruntime: {reason}"),
        None => {}
    }
}

/// The largest error of onnxruntime's outputs over max(1, largest magnitude).
pub(super) fn error_in_onnxruntime<M, I, F>(
    model: &Model,
    cases: &[NamedTensors],
    exporter: &Exporter<I, F>,
) -> Option<Result<f32, String>>
where
    M: Module,
    I: Fn(&Device) -> M,
    F: Fn(&M, &mut Pass) -> Result<(), ExportError>,
{
    let folder = tempfile::tempdir().unwrap();
    model.write(&folder.path().join("model.onnx")).unwrap();
    for (index, inputs) in cases.iter().enumerate() {
        let case = folder.path().join(format!("case{index}"));
        save(&case.join("inputs"), inputs);
        save(&case.join("outputs"), &exporter.run(inputs).unwrap());
    }
    onnxruntime::compare(folder.path())
}

fn save(folder: &Path, tensors: &NamedTensors) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, tensor) in tensors {
        tensor.write_npy(&folder.join(format!("{name}.npy"))).unwrap();
    }
}

/// How many nodes of a kind a model has.
pub(super) fn count(model: &Model, op_type: &str) -> usize {
    model.graph.as_ref().unwrap().node.iter().filter(|node| node.op_type == op_type).count()
}
