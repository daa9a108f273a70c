//! Records an ordinary forward as a graph of burn's operations.

use super::ExportError;
use super::pass::{Pass, id};
use crate::weights::Weights;
use burn::backend::capture::{CapturedGraph, TensorId};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use ocelli::tensor::NamedTensors;
use std::collections::HashMap;

/// A forward as burn recorded it, with the names of things.
pub(super) struct Trace {
    pub(super) graph: CapturedGraph,
    /// In the order of `graph.inputs`, which is that in which they were taken.
    pub(super) inputs: Vec<String>,
    /// In the order of `graph.outputs`.
    pub(super) outputs: Vec<String>,
    /// Names of the network's parameters, such as `stem.conv.weight`.
    pub(super) parameters: HashMap<TensorId, String>,
}

/// Records the forward of a network with these weights, made anew: batch normalisation shares its running statistics
/// with its clones, and moving one to the capture device would take them from the network that trains.
pub(super) fn trace<M: Module>(
    init: impl Fn(&Device) -> M,
    weights: &Weights,
    inputs: &NamedTensors,
    forward: impl Fn(&M, &mut Pass) -> Result<(), ExportError>,
) -> Result<Trace, ExportError> {
    let network = weights.load_into(init(&Device::flex()))?;
    let device = Device::capture();
    let mut pass = Pass::new(&device, inputs, true);
    let (mut namer, mut result) = (Namer::default(), Ok(()));
    let graph = device.capture_scope(|scope| {
        let network = network.to_device(&device);
        network.visit(&mut namer);
        result = forward(&network, &mut pass);
        let taken = pass.taken.iter().filter_map(|(_, tensor)| id(tensor.clone())).collect::<Vec<_>>();
        let given = pass.given.iter().filter_map(|given| id(given.tensor.clone())).collect::<Vec<_>>();
        match result {
            Ok(()) => scope.complete(taken, given),
            Err(_) => scope.complete([], []),
        }
    });
    result?;
    let graph = graph.map_err(|e| ExportError::Capture(e.to_string()))?;
    let inputs: Vec<String> = pass.taken.iter().map(|(name, _)| name.clone()).collect();
    let outputs: Vec<String> = pass.given.iter().map(|given| given.name.clone()).collect();
    if graph.graph.inputs.len() != inputs.len() || graph.graph.outputs.len() != outputs.len() {
        return Err(ExportError::Capture("an input or an output is on another device".into()));
    }
    Ok(Trace { graph, inputs, outputs, parameters: namer.names })
}

/// The outputs of the network's own forward on real inputs.
pub(super) fn run<M: Module>(
    init: impl Fn(&Device) -> M,
    weights: &Weights,
    inputs: &NamedTensors,
    forward: impl Fn(&M, &mut Pass) -> Result<(), ExportError>,
) -> Result<NamedTensors, ExportError> {
    let device = Device::flex();
    let network = weights.load_into(init(&device))?;
    let mut pass = Pass::new(&device, inputs, false);
    forward(&network, &mut pass)?;
    Ok(pass.given.into_iter().filter_map(|given| Some((given.name, given.values?))).collect())
}

#[derive(Default)]
struct Namer {
    path: Vec<String>,
    names: HashMap<TensorId, String>,
}

impl ModuleVisitor for Namer {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(id) = id(param.val().into_dispatch()) {
            self.names.insert(id, self.path.join("."));
        }
    }
}
