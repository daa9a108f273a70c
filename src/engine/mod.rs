//! Runs networks: named tensors in, named tensors out. Nothing here knows what the numbers mean.

mod graph;
mod kernels;
mod native;
mod plain;
mod plan;
pub mod quantize;
#[cfg(test)]
mod tests;
mod threads;
#[cfg(feature = "tract")]
mod tract;

pub use kernels::keep_freed_memory;

use crate::tensor::{NamedTensors, Tensor};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

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

    /// The numbers that its convolutions compute with.
    fn precision(&self) -> Precision;

    /// Why this engine runs the network, in a few words: `asked for`.
    fn choice(&self) -> &str;

    /// Runs the network once, and tells how long each layer took, in the order of the run.
    ///
    /// # Errors
    /// As [`Self::run`], and [`EngineError::Run`] if the engine does not tell.
    fn profile(&self, inputs: Vec<Tensor>) -> Result<Vec<LayerTime>, EngineError> {
        drop(inputs);
        Err(EngineError::Run { engine: self.name(), reason: "it does not tell how long each layer takes".into() })
    }

    /// The most that this machine can do at this precision with the engine's threads, in 10⁹ operations a second, if the
    /// engine knows; a multiplication and its addition are two.
    fn peak_gflops(&self) -> Option<f64> {
        None
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

/// How long a layer took.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTime {
    /// The node's name.
    pub name: String,
    /// What it does, such as `conv3x3s1`.
    pub kind: String,
    /// How it does it, such as `winograd4`.
    pub algorithm: String,
    /// The output's `[channels, rows, columns]`, or whatever axes it has after the batch.
    pub shape: Vec<usize>,
    /// Milliseconds.
    pub ms: f64,
    /// Multiplications, each with its addition, counted as for the plain sum of products whatever the algorithm; 0 for what
    /// is no convolution or matrix product.
    pub multiply_adds: u64,
}

/// Which engine runs a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The project's own if it knows every operation of the network, else tract.
    #[default]
    Auto,
    /// The project's own, for convolutional networks.
    Native,
    /// [tract](https://github.com/sonos/tract), for every network.
    Tract,
}

/// The numbers that convolutions compute with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum Precision {
    /// 32-bit floats: exact to about 7 digits.
    F32,
    /// bfloat16, 32-bit sums: half the memory, exact to 2 to 3 digits.
    Bf16,
    /// 8-bit integers, 32-bit sums: needs a file with the scales, as `ocelli quantize` writes.
    Int8,
}

impl Precision {
    /// As it is written everywhere: `f32`, `bf16`, `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The instructions that the native engine's inner loops are made of. Each set contains the ones below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelSet {
    /// Tiles of bfloat16 and bytes (Intel AMX).
    Amx,
    /// Vectors of 512 bits.
    Avx512,
    /// Vectors of 256 bits with fused multiplication and addition.
    Avx2,
    /// No vector instructions: the reference of the others.
    Scalar,
}

impl KernelSet {
    /// As it is written everywhere: `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amx => "amx",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Scalar => "scalar",
        }
    }
}

/// What matters more, time or memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memory {
    /// Time: weights may be kept in a larger form that is quicker.
    #[default]
    Normal,
    /// Memory: weights are kept in their smallest form.
    Low,
}

/// How networks are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// Which engine.
    pub kind: EngineKind,
    /// Threads that share the work of one run.
    pub threads: NonZeroUsize,
    /// The numbers to compute with; `None` for those that the file holds: int8 for a quantised one, else f32.
    pub precision: Option<Precision>,
    /// The instructions to use, for a diagnosis; `None` for the best that the machine has.
    pub kernels: Option<KernelSet>,
    /// What matters more.
    pub memory: Memory,
    /// Whether each thread stays on a processor of its own.
    pub pin: bool,
}

impl Default for EngineOptions {
    /// As many threads as there are processors, not pinned; all else is chosen by the engine.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { kind: EngineKind::Auto, threads, precision: None, kernels: None, memory: Memory::Normal, pin: false }
    }
}

/// The threads that all networks of a process share.
pub struct Runtime {
    options: EngineOptions,
    team: OnceLock<Result<Arc<threads::Team>, String>>,
    #[cfg(feature = "tract")]
    tract: tract::Threads,
}

impl Runtime {
    /// Starts the threads.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            #[cfg(feature = "tract")]
            tract: tract::Threads::new(options.threads),
            team: OnceLock::new(),
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
        let (choice, required) = match self.options.kind {
            EngineKind::Tract => return self.load_tract(onnx, shapes, "asked for"),
            EngineKind::Native => ("asked for", true),
            // What tract cannot do must not be passed on to it.
            EngineKind::Auto => {
                ("it knows every operation", self.options.precision.is_some_and(|p| p != Precision::F32))
            }
        };
        match self.load_native(onnx, shapes, choice) {
            Err(EngineError::Load { reason, .. }) if !required => {
                self.load_tract(onnx, shapes, &format!("the native engine cannot: {reason}"))
            }
            result => result,
        }
    }

    fn load_native(
        &self,
        onnx: &Bytes,
        shapes: &[(String, Vec<usize>)],
        choice: &str,
    ) -> Result<Box<dyn Engine>, EngineError> {
        let failed = |reason: String| EngineError::Load { engine: native::NAME, reason };
        let kernels = match self.options.kernels {
            None => kernels::best(),
            Some(set) => kernels::of(set).ok_or_else(|| failed(format!("this processor has no {}", set.name())))?,
        };
        let start = || threads::Team::new(self.options.threads, self.options.pin).map(Arc::new);
        let team = self.team.get_or_init(start).clone().map_err(failed)?;
        Ok(Box::new(native::NativeEngine::load(onnx, shapes, &self.options, kernels, team, choice.into())?))
    }

    /// `choice`: why this engine.
    #[cfg(feature = "tract")]
    fn load_tract(
        &self,
        onnx: &Bytes,
        shapes: &[(String, Vec<usize>)],
        choice: &str,
    ) -> Result<Box<dyn Engine>, EngineError> {
        let other = self.options.precision.filter(|precision| *precision != Precision::F32);
        if let (EngineKind::Tract, Some(precision)) = (self.options.kind, other) {
            let reason = format!("it computes in f32 alone, and {precision} was asked for");
            return Err(EngineError::Load { engine: "tract", reason });
        }
        Ok(Box::new(tract::TractEngine::load(onnx, shapes, &self.tract, choice.into())?))
    }

    #[cfg(not(feature = "tract"))]
    #[expect(clippy::unused_self, reason = "as with tract")]
    fn load_tract(&self, _: &Bytes, _: &[(String, Vec<usize>)], _: &str) -> Result<Box<dyn Engine>, EngineError> {
        Err(EngineError::Load { engine: "tract", reason: "this program was built without it".into() })
    }
}
