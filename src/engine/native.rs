//! The native engine: a network's filters, made ready once, and a plan for each shape of inputs.

use super::graph::{self, Graph, ImportError};
use super::kernels::{Block, Format, Kernels, Memory};
use super::plan::{FilterStore, Plan, Settings};
use super::threads::{Barrier, Shares, Team};
use super::{Engine, EngineError, EngineOptions, LayerTime, Port, Precision};
use crate::onnx::Model;
use crate::tensor::{NamedTensors, Tensor};
use bytes::Bytes;
use ndarray::{ArrayD, IxDyn};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub(super) const NAME: &str = "native";

/// A network in the native engine.
pub(super) struct NativeEngine {
    plan: Plan,
    kernels: &'static Kernels,
    team: Arc<Team>,
    precision: Precision,
    choice: String,
    /// What the runs work in, one at a time.
    buffer: Mutex<Block>,
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
        let failed = |reason: String| EngineError::Load { engine: NAME, reason };
        let model = Model::from_bytes(onnx.clone(), Path::new("the network")).map_err(|e| failed(e.to_string()))?;
        let mut graph: Graph = graph::import(&model, shapes)?;
        drop(model);
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
        let plan = team.install(|| Plan::new(&graph, settings, &store)).map_err(|e| failed(e.to_string()))?;
        let port = |(name, shape): &(String, Vec<usize>)| Port {
            name: name.clone(),
            dtype: "float32".into(),
            shape: shape.clone(),
        };
        Ok(Self {
            inputs: plan.inputs.iter().map(port).collect(),
            outputs: plan.outputs.iter().map(port).collect(),
            buffer: Mutex::new(Block::new(plan.buffer).map_err(|e| failed(e.to_string()))?),
            plan,
            kernels,
            team,
            precision,
            choice,
        })
    }

    /// Runs the steps; `done` is told after each, by the first thread.
    fn steps(&self, inputs: &[Tensor], done: impl Fn(usize) + Sync) -> Result<NamedTensors, EngineError> {
        super::check(&self.inputs, inputs)?;
        let contiguous: Vec<_> =
            inputs.iter().filter_map(Tensor::as_f32).map(|array| array.as_standard_layout()).collect();
        let slices: Vec<&[f32]> = contiguous.iter().filter_map(|array| array.as_slice()).collect();
        let mut outputs: Vec<Vec<f32>> =
            self.outputs.iter().map(|port| vec![0.0; port.shape.iter().product()]).collect();
        {
            let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let memory = Memory::new(&mut buffer, &slices, &mut outputs, &self.plan.constants);
            let threads = self.team.threads();
            let shares: Vec<Shares> = self.plan.steps.iter().map(|step| Shares::new(step.items(), threads)).collect();
            let barrier = Barrier::new(threads);
            self.team.run(|thread| {
                for (index, step) in self.plan.steps.iter().enumerate() {
                    while let Some(item) = shares[index].take(thread) {
                        step.run(item, self.kernels, &memory);
                    }
                    barrier.wait(index + 1);
                    if thread == 0 {
                        done(index);
                    }
                }
            });
        }
        let named = self.outputs.iter().zip(outputs).map(|(port, numbers)| {
            let array = ArrayD::from_shape_vec(IxDyn(&port.shape), numbers);
            let array = array.map_err(|e| EngineError::Run { engine: NAME, reason: e.to_string() })?;
            Ok((port.name.clone(), Tensor::F32(array)))
        });
        named.collect()
    }
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
        self.steps(&inputs, |_| {})
    }

    fn profile(&self, inputs: Vec<Tensor>) -> Result<Vec<LayerTime>, EngineError> {
        let times = Mutex::new(vec![Instant::now()]);
        self.steps(&inputs, |_| times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now()))?;
        let times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
        let layer = |(step, times): (&super::kernels::Step, &[Instant])| LayerTime {
            name: step.name.clone(),
            kind: step.cost.kind.clone(),
            algorithm: step.cost.algorithm.into(),
            shape: step.cost.shape.clone(),
            ms: times[1].duration_since(times[0]).as_secs_f64() * 1000.0,
            multiply_adds: step.cost.multiply_adds,
        };
        Ok(self.plan.steps.iter().zip(times.windows(2)).map(layer).collect())
    }
}
