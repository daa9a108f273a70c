//! The native engine: a network's filters, made ready once, and a plan for each shape of inputs.

use super::graph::{self, Grid, ImportError};
use super::kernels::{self, Block, Format, Kernels, Memory, Step};
use super::plan::{FilterStore, Plan, Settings};
use super::threads::{Barrier, Shares, Team};
use super::{Engine, EngineError, EngineOptions, LayerTime, Port, Precision};
use crate::onnx::{Model, Node, TensorValue};
use crate::tensor::{NamedTensors, Tensor};
use bytes::Bytes;
use ndarray::{ArrayD, IxDyn};
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub(super) const NAME: &str = "native";

/// Plans that are kept besides the one for the shapes at load: for pictures of other sizes, and batches.
const PLANS: usize = 4;

/// A network in the native engine.
pub(super) struct NativeEngine {
    /// The file without its large weights, from which plans for other shapes are made.
    hollow: Model,
    store: FilterStore,
    settings: Settings,
    /// For the shapes at load.
    plan: Arc<Plan>,
    /// For other shapes, the latest first.
    others: Mutex<Vec<Arc<Plan>>>,
    team: Arc<Team>,
    precision: Precision,
    choice: String,
    /// What runs work in: as many as ran at once.
    buffers: Mutex<Vec<Block>>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl NativeEngine {
    /// Prepares the network in the bytes of an ONNX file.
    ///
    /// # Errors
    /// [`EngineError::Load`] for what it does not know, [`EngineError::Input`] for an input whose shape is not known.
    pub(super) fn load(
        onnx: &Bytes,
        shapes: &[(String, Vec<usize>)],
        options: &EngineOptions,
        kernels: &'static Kernels,
        team: Arc<Team>,
        choice: String,
    ) -> Result<Self, EngineError> {
        let mut model = Model::from_bytes(onnx.clone(), Path::new("the network")).map_err(failed)?;
        let mut graph = graph::import(&model, shapes)?;
        graph::fuse(&mut graph);
        let quantized = graph.values.iter().any(|value| value.grid.is_some());
        let precision = options.precision.unwrap_or(if quantized { Precision::Int8 } else { Precision::F32 });
        if quantized != (precision == Precision::Int8) {
            let what = if quantized {
                "the file holds 8-bit integers"
            } else {
                "the file is not quantised (`ocelli quantize` does that)"
            };
            return Err(failed(format!("{precision} was asked for, and {what}")));
        }
        let float = if precision == Precision::Bf16 { Format::Bf16 } else { Format::F32 };
        let settings = Settings { kernels, threads: team.threads(), float, memory: options.memory };
        let store = FilterStore::default();
        let plan = team.install(|| Plan::new(&graph, settings, &store)).map_err(failed)?;
        hollow(&mut model).map_err(failed)?;
        Ok(Self {
            inputs: plan.inputs.iter().map(port).collect(),
            outputs: plan.outputs.iter().map(port).collect(),
            buffers: Mutex::default(),
            plan: Arc::new(plan),
            others: Mutex::default(),
            hollow: model,
            store,
            settings,
            team,
            precision,
            choice,
        })
    }

    /// The plan for these inputs.
    fn plan(&self, inputs: &[Tensor]) -> Result<Arc<Plan>, EngineError> {
        let fits = |plan: &Plan| plan.inputs.iter().map(|(_, shape)| &shape[..]).eq(inputs.iter().map(Tensor::shape));
        if inputs.len() != self.inputs.len()
            || inputs.iter().any(|tensor| tensor.as_f32().is_none())
            || fits(&self.plan)
        {
            super::check(&self.inputs, inputs)?;
            return Ok(self.plan.clone());
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.iter().position(|plan| fits(plan)) {
            let plan = others.remove(known);
            others.insert(0, plan);
        } else {
            let plan = Arc::new(self.other(inputs)?);
            others.insert(0, plan);
            others.truncate(PLANS);
        }
        Ok(others[0].clone())
    }

    /// A plan for inputs of other shapes than at load, with the same filters.
    fn other(&self, inputs: &[Tensor]) -> Result<Plan, EngineError> {
        let ports = self.inputs.iter().zip(inputs);
        let unfit = |reason: String| {
            let other = ports.clone().find(|(port, tensor)| port.shape != tensor.shape());
            let (name, shape) =
                other.map_or((String::new(), &[][..]), |(port, tensor)| (port.name.clone(), tensor.shape()));
            EngineError::Input { name, reason: format!("the network does not take {shape:?}: {reason}") }
        };
        let shapes: Vec<_> = ports.clone().map(|(port, tensor)| (port.name.clone(), tensor.shape().to_vec())).collect();
        let mut graph = graph::import(&self.hollow, &shapes).map_err(|e| unfit(e.to_string()))?;
        graph::fuse(&mut graph);
        let plan = self.team.install(|| Plan::new(&graph, self.settings, &self.store));
        plan.map_err(|e| unfit(e.to_string()))
    }

    /// A buffer that no run works in.
    fn take_buffer(&self, plan: &Plan) -> Result<Block, EngineError> {
        let free = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match free.filter(|buffer| buffer.bytes().len() >= plan.buffer) {
            Some(buffer) => Ok(buffer),
            None => Block::new(plan.buffer).map_err(|e| EngineError::Run { engine: NAME, reason: e.to_string() }),
        }
    }

    /// Runs the steps; `done` is told after each, by the first thread.
    fn steps(&self, plan: &Plan, inputs: &[Tensor], done: impl Fn(usize) + Sync) -> Result<NamedTensors, EngineError> {
        let arrays = inputs.iter().filter_map(Tensor::as_f32).map(|array| array.as_standard_layout());
        let contiguous: Vec<_> = arrays.collect();
        let slices: Vec<&[f32]> = contiguous.iter().filter_map(|array| array.as_slice()).collect();
        let numbers = |(_, shape): &(String, Vec<usize>)| vec![0.0; shape.iter().product()];
        let mut outputs: Vec<Vec<f32>> = plan.outputs.iter().map(numbers).collect();
        {
            let _turn = self.team.turn();
            let mut buffer = self.take_buffer(plan)?;
            let memory = Memory::new(&mut buffer, &slices, &mut outputs, &plan.constants);
            let threads = self.team.threads();
            let shares: Vec<Shares> = plan.steps.iter().map(|step| Shares::new(step.items(), threads)).collect();
            let barrier = Barrier::new(threads);
            self.team.run(|thread| {
                for (index, step) in plan.steps.iter().enumerate() {
                    while let Some(item) = shares[index].take(thread) {
                        step.run(item, self.settings.kernels, &memory);
                    }
                    barrier.wait(index + 1);
                    if thread == 0 {
                        done(index);
                    }
                }
            });
            self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
        let named = plan.outputs.iter().zip(outputs).map(|((name, shape), numbers)| {
            let array = ArrayD::from_shape_vec(IxDyn(shape), numbers);
            let array = array.map_err(|e| EngineError::Run { engine: NAME, reason: e.to_string() })?;
            Ok((name.clone(), Tensor::F32(array)))
        });
        named.collect()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
fn failed(reason: impl ToString) -> EngineError {
    EngineError::Load { engine: NAME, reason: reason.to_string() }
}

fn port((name, shape): &(String, Vec<usize>)) -> Port {
    Port { name: name.clone(), dtype: "float32".into(), shape: shape.clone() }
}

/// Numbers of a constant from which on it is a weight that is not kept.
const LARGE: usize = 1 << 14;

/// Takes the large filters out of a file's model, whose prepared form is all that is needed from now on: what stands in
/// their place are zeros that no page of memory is spent on.
fn hollow(model: &mut Model) -> std::io::Result<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let filters: HashSet<String> = graph.node.iter().filter_map(filters_of).map(str::to_owned).collect();
    let others = graph.node.iter().flat_map(|node| {
        let own = filters_of(node);
        node.input.iter().map(String::as_str).filter(move |name| Some(*name) != own)
    });
    let others: HashSet<String> = others.map(str::to_owned).collect();
    let large = |constant: &&mut TensorValue| {
        let name = &constant.name;
        constant.raw_data.len() >= LARGE && filters.contains(name) && !others.contains(name)
    };
    let largest = graph.initializer.iter().map(|constant| constant.raw_data.len()).max().unwrap_or(0);
    let zeros = Bytes::from_owner(Block::new(largest)?);
    for constant in graph.initializer.iter_mut().filter(large) {
        constant.raw_data = zeros.slice(..constant.raw_data.len());
    }
    // What remains must not hold on to the file.
    let keep = |bytes: &mut Bytes| *bytes = Bytes::copy_from_slice(bytes);
    graph.initializer.iter_mut().filter(|constant| !large(constant)).for_each(|constant| keep(&mut constant.raw_data));
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        keep(&mut attribute.s);
        attribute.strings.iter_mut().for_each(keep);
        attribute.t.iter_mut().for_each(|constant| keep(&mut constant.raw_data));
    }
    Ok(())
}

/// The constant that a node takes as filters, quantised ones included.
fn filters_of(node: &Node) -> Option<&str> {
    let place = match node.op_type.as_str() {
        "Conv" => 1,
        "DequantizeLinear" => 0,
        _ => return None,
    };
    node.input.get(place).map(String::as_str)
}

impl From<ImportError> for EngineError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Input { name, reason } => Self::Input { name, reason },
            ImportError::Unsupported(unsupported) => Self::Load { engine: NAME, reason: unsupported.to_string() },
        }
    }
}

impl Engine for NativeEngine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn multiply_adds(&self) -> u64 {
        self.plan.multiply_adds()
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn choice(&self) -> &str {
        &self.choice
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<NamedTensors, EngineError> {
        self.steps(&*self.plan(&inputs)?, &inputs, |_| {})
    }

    fn profile(&self, inputs: Vec<Tensor>) -> Result<Vec<LayerTime>, EngineError> {
        let plan = self.plan(&inputs)?;
        let times = Mutex::new(vec![Instant::now()]);
        let done = |_| times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        self.steps(&plan, &inputs, done)?;
        let times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
        let layer = |(step, times): (&Step, &[Instant])| LayerTime {
            name: step.name.clone(),
            kind: step.cost.kind.clone(),
            algorithm: step.cost.algorithm.into(),
            shape: step.cost.shape.clone(),
            ms: times[1].duration_since(times[0]).as_secs_f64() * 1000.0,
            multiply_adds: step.cost.multiply_adds,
        };
        Ok(plan.steps.iter().zip(times.windows(2)).map(layer).collect())
    }

    fn peak_gflops(&self) -> Option<f64> {
        let format = match self.precision {
            Precision::F32 => Format::F32,
            Precision::Bf16 => Format::Bf16,
            Precision::Int8 => Format::U8(Grid { scale: 1.0, zero_point: 0 }),
        };
        let total = Mutex::new(0.0);
        self.team.run(|_| {
            let rate = kernels::peak(self.settings.kernels, format);
            *total.lock().unwrap_or_else(PoisonError::into_inner) += rate;
        });
        total.into_inner().ok()
    }
}
