//! Runs networks: named tensors in, named tensors out. Nothing here knows what the numbers mean.

mod graph;
pub mod quantize;
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
}

/// Which engine runs a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The quickest that can.
    #[default]
    Auto,
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
}

impl Default for EngineOptions {
    /// As many threads as there are processors.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { kind: EngineKind::Auto, threads }
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
        #[cfg(feature = "tract")]
        return Ok(Box::new(tract::TractEngine::load(onnx, shapes, &self.tract)?));
        #[cfg(not(feature = "tract"))]
        return Err(EngineError::Load { engine: "native", reason: "not yet".into() });
    }
}
