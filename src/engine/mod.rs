//! Runs networks: named tensors in, named tensors out. Nothing here knows what the numbers mean.

mod graph;
mod kernels;
mod native;
mod plain;
mod plan;
mod threads;
#[cfg(feature = "tract")]
mod tract;

use crate::tensor::{NamedTensors, Tensor};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// Why a network could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is not a network that the engine can run.
    #[error("the {engine} engine cannot load this network: {reason}")]
    Load {
        /// The engine's name.
        engine: &'static str,
        /// What it said.
        reason: String,
    },
    /// An input was left out, is unknown, or is of another type or shape than the network was prepared for.
    #[error("input `{name}`: {reason}")]
    Input {
        /// The input's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The network failed while it ran.
    #[error("the {engine} engine failed: {reason}")]
    Run {
        /// The engine's name.
        engine: &'static str,
        /// What it said.
        reason: String,
    },
}

/// An input or output of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Element type, as NumPy spells it.
    pub dtype: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
}

/// A network, ready to run on inputs of fixed shapes. It can be run from several threads at once.
pub trait Engine: Send + Sync {
    /// Name of the engine.
    fn name(&self) -> &'static str;

    /// The inputs, in the network's order.
    fn inputs(&self) -> &[Port];

    /// The outputs, in the network's order.
    fn outputs(&self) -> &[Port];

    /// Multiplications of the network's convolutions and matrix products, each with its addition.
    fn multiply_adds(&self) -> u64;

    /// Runs the network on all its inputs, in the network's order.
    ///
    /// # Errors
    /// [`EngineError::Input`] for inputs it was not prepared for, [`EngineError::Run`].
    fn run(&self, inputs: Vec<Tensor>) -> Result<NamedTensors, EngineError>;

    /// Runs it, and tells how long each layer took.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn profile(&self, inputs: Vec<Tensor>) -> Result<Vec<LayerTime>, EngineError> {
        drop(inputs);
        Err(EngineError::Run { engine: self.name(), reason: "it does not tell the time of its layers".into() })
    }
}

/// Whether these are the tensors that an engine was prepared for.
fn check(ports: &[Port], inputs: &[Tensor]) -> Result<(), EngineError> {
    if inputs.len() != ports.len() {
        let reason = format!("{} tensors for the network's {} inputs", inputs.len(), ports.len());
        return Err(EngineError::Input { name: String::new(), reason });
    }
    for (port, tensor) in ports.iter().zip(inputs) {
        if port.dtype != tensor.dtype() || port.shape != tensor.shape() {
            let (found, shape) = (tensor.dtype(), tensor.shape());
            let reason = format!("{found} {shape:?} in place of {} {:?}", port.dtype, port.shape);
            return Err(EngineError::Input { name: port.name.clone(), reason });
        }
    }
    Ok(())
}

/// Time that a layer took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerTime {
    /// The node's name.
    pub name: String,
    /// The operation: `conv3x3s1`.
    pub kind: String,
    /// How it is done.
    pub algorithm: String,
    /// Shape of the output, without the batch.
    pub shape: Vec<usize>,
    /// Milliseconds.
    pub ms: f64,
    /// Multiplications, each with its addition.
    pub multiply_adds: u64,
}

/// How exact the arithmetic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// bfloat16.
    Bf16,
    /// 8-bit integers.
    Int8,
}

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelSet {
    /// AMX.
    Amx,
    /// AVX-512.
    Avx512,
    /// AVX2.
    Avx2,
    /// Any.
    Scalar,
}

/// Which engine runs a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The quickest that can.
    #[default]
    Auto,
    /// This project's own.
    Native,
    /// [tract](https://github.com/sonos/tract).
    Tract,
}

/// How networks are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// Which engine.
    pub kind: EngineKind,
    /// Threads that share the work of one run.
    pub threads: NonZeroUsize,
    /// How exact; `None`: as the file is.
    pub precision: Option<Precision>,
    /// Instruction set; `None`: the best there is.
    pub kernels: Option<KernelSet>,
    /// Whether each thread has a processor of its own.
    pub pin: bool,
}

impl Default for EngineOptions {
    /// As many threads as there are processors.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { kind: EngineKind::Auto, threads, precision: None, kernels: None, pin: false }
    }
}

/// The threads that all networks of a process share.
pub struct Runtime {
    options: EngineOptions,
    #[cfg(feature = "tract")]
    tract: tract::Threads,
}

impl Runtime {
    /// Starts the threads.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            #[cfg(feature = "tract")]
            tract: tract::Threads::new(options.threads),
            options,
        }
    }

    /// How networks are run.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Prepares the network in the bytes of an ONNX file.
    ///
    /// `shapes` fixes inputs by name; an input that is not named must have a fixed shape in the file, but for a first
    /// axis of any size, which becomes 1.
    ///
    /// # Errors
    /// [`EngineError::Load`], or [`EngineError::Input`] for an input whose shape is not known.
    pub fn load(&self, onnx: &Bytes, shapes: &[(String, Vec<usize>)]) -> Result<Box<dyn Engine>, EngineError> {
        if self.options.kind != EngineKind::Tract {
            let kernels = self.options.kernels.map_or_else(|| Some(kernels::best()), kernels::of).unwrap();
            let team = std::sync::Arc::new(threads::Team::new(self.options.threads, self.options.pin).unwrap());
            return Ok(Box::new(
                native::NativeEngine::load(onnx, shapes, self.options.precision, kernels, &team).unwrap(),
            ));
        }
        #[cfg(feature = "tract")]
        return Ok(Box::new(tract::TractEngine::load(onnx, shapes, &self.tract)?));
        #[cfg(not(feature = "tract"))]
        return Err(EngineError::Load { engine: "native", reason: "not yet".into() });
    }
}
// TEMP
#[allow(missing_docs, clippy::all)]
pub fn interpret(
    onnx: &Bytes,
    shapes: &[(String, Vec<usize>)],
    inputs: Option<&[Vec<f32>]>,
    fused: bool,
) -> Result<(String, Vec<(String, Vec<usize>, Vec<f32>)>), String> {
    let model = crate::onnx::Model::from_bytes(onnx.clone(), std::path::Path::new("x")).map_err(|e| e.to_string())?;
    let mut g = graph::import(&model, shapes).map_err(|e| format!("{e:?}"))?;
    if fused {
        graph::fuse(&mut g);
    }
    let s = graph::interpret::stats(&g);
    Ok((s, inputs.map(|i| graph::interpret::interpret(&g, i)).unwrap_or_default()))
}
// TEMP END
