//! Why an export failed.

use crate::weights::WeightsError;
use ocelli::engine::EngineError;
use ocelli::metadata::MetadataError;
use ocelli::onnx::OnnxError;

/// Why a network could not become an ONNX file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// burn could not record the forward.
    #[error("the forward could not be captured: {0}")]
    Capture(String),
    /// The forward asks for an input that was not declared, or as something that it is not.
    #[error("input `{name}`: {reason}")]
    Input {
        /// The input's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The forward gave an output that cannot be used.
    #[error("output `{name}`: {reason}")]
    Output {
        /// The output's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An operation of the forward has no counterpart in the file.
    #[error("{operation} of shape {shape:?} cannot be exported: {reason}")]
    Unsupported {
        /// burn's name of the operation.
        operation: String,
        /// Shape of its result.
        shape: Vec<usize>,
        /// Why.
        reason: String,
    },
    /// The forward does something else at other sizes of the dynamic axes, or computes nothing of an axis that it
    /// declares.
    #[error("the forward depends on the sizes of the dynamic axes: {0}")]
    Sizes(String),
    /// The file's graph contradicts itself.
    #[error("the graph is broken: {0}")]
    Structure(String),
    /// The file's outputs are not the network's.
    #[error("output `{output}` of engine {engine} is off by {error:e} of its largest value, more than {tolerance:e}")]
    Differs {
        /// The output's name.
        output: String,
        /// The engine that ran the file.
        engine: &'static str,
        /// Largest error over max(1, largest magnitude of the output).
        error: f32,
        /// The largest allowed.
        tolerance: f32,
    },
    /// A weight does not fit a 16-bit float.
    #[error("{name} holds {value}, which a 16-bit float cannot")]
    Half {
        /// The tensor.
        name: String,
        /// Its number.
        value: f32,
    },
    /// The weights are not those of the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// An engine cannot run the file.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file's metadata cannot be read back.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The file could not be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}
