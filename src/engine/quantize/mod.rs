//! Post-training static quantisation: a float model and pictures become a model of 8-bit integers.
//!
//! ```text
//! Model ─Calibration::new─► engine with every value as an output ─observe, a picture at a time─► histograms of channels
//!  ─equalize─► channels of one range ─plan─► a grid for each value ─probe─► what each rounding loses ─exempt─► the worst
//!  are left out ─emit─► Model with QuantizeLinear and DequantizeLinear
//! ```
//!
//! Activations are unsigned with a zero point, one grid a tensor; weights are signed, symmetric, with a scale for each
//! filter; a bias has 32 bits and the scale of what is added to it. That is what onnxruntime and OpenVINO turn into
//! integer kernels (Krishnamoorthi 2018, <https://arxiv.org/abs/1806.08342>). The outputs stay float, and so does what
//! is computed for them alone.

mod emit;
mod equalize;
mod exempt;
mod filters;
mod grid;
mod histogram;
mod network;
mod plan;
mod probe;

use super::{Engine, EngineError, Runtime};
use crate::onnx::{Graph, Model, Node, ValueInfo};
use crate::tensor::Tensor;
use histogram::Channels;
use network::{Network, Role};
use std::collections::BTreeMap;

/// Why a model could not be quantised.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// It holds integers already.
    #[error("the model is quantised already")]
    Already,
    /// Its operator set has no scales for channels.
    #[error(
        "the model is of ONNX operator set {found}, and 8-bit weights with a scale for each channel need 13 or later"
    )]
    Opset {
        /// What the file says.
        found: i64,
    },
    /// More inputs than one, or none.
    #[error("the model has {count} inputs in place of one")]
    Inputs {
        /// How many.
        count: usize,
    },
    /// Nothing to quantise.
    #[error("the model has no convolution with weights of 32-bit floats, and it is convolutions that are quantised")]
    NoConvolution,
    /// A node contradicts itself.
    #[error("node `{node}`: {reason}")]
    Malformed {
        /// Its name.
        node: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No picture was observed.
    #[error("no picture to calibrate with")]
    NoPictures,
    /// The float network cannot be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl QuantizeError {
    fn malformed(node: &Node, reason: &'static str) -> Self {
        Self::Malformed { node: node.name.clone(), reason }
    }
}

/// A float model, and what was observed of its values so far.
pub struct Calibration {
    model: Model,
    network: Network,
    engine: Box<dyn Engine>,
    observed: BTreeMap<String, Channels>,
    /// The first of the inputs.
    pictures: Vec<Tensor>,
}

/// A quantised model.
#[derive(Debug, Clone)]
pub struct Quantized {
    /// The model, of the same inputs, outputs and metadata.
    pub model: Model,
    /// Convolutions whose weights are 8-bit integers now.
    pub convolutions: usize,
    /// Operators of which some nodes stay in float, with how many.
    pub left: BTreeMap<String, usize>,
}

impl Calibration {
    /// Prepares a model of one input, whose shape its file gives.
    ///
    /// # Errors
    /// [`QuantizeError`] for a model that cannot be quantised, or not be run.
    pub fn new(model: Model, runtime: &Runtime) -> Result<Self, QuantizeError> {
        let network = Network::new(&model)?;
        let outputs = network.observed().into_iter().filter(|value| *value != network.image);
        let output = outputs.map(|name| ValueInfo { name, ..ValueInfo::default() }).collect();
        let exposed = Model { graph: Some(Graph { output, ..network.graph.clone() }), ..model.clone() };
        let engine = runtime.load(&exposed.to_bytes(), &[])?;
        Ok(Self { model, network, engine, observed: BTreeMap::new(), pictures: Vec::new() })
    }

    /// Runs the float model on an input and notes how large the numbers of each channel are.
    ///
    /// # Errors
    /// [`QuantizeError::Engine`].
    pub fn observe(&mut self, input: Tensor) -> Result<(), QuantizeError> {
        let image = (self.network.image.clone(), input.clone());
        if self.pictures.len() < probe::PICTURES {
            self.pictures.push(input.clone());
        }
        let values = self.engine.run(vec![input])?;
        for (name, tensor) in values.into_iter().chain([image]) {
            if let Some(tensor) = tensor.as_f32() {
                self.observed.entry(name).or_default().observe(tensor);
            }
        }
        Ok(())
    }

    /// The quantised model.
    ///
    /// Up to `float_share` of the multiplications, from 0 to 1, stay in float where rounding loses most. Unless that is 0, all
    /// roundings are tried one by one, for which the float model is run again; `progress` gets what is done of what.
    ///
    /// # Errors
    /// [`QuantizeError::NoPictures`], [`QuantizeError::Malformed`], [`QuantizeError::Engine`].
    pub fn finish(
        self,
        runtime: &Runtime,
        float_share: f64,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Quantized, QuantizeError> {
        let Self { mut model, mut network, observed, pictures, .. } = self;
        if observed.is_empty() {
            return Err(QuantizeError::NoPictures);
        }
        let divisors = equalize::equalize(&mut network, &observed)?;
        let mut grids = plan::grids(&network, &observed, &divisors);
        if float_share > 0.0 {
            let losses = probe::losses(&model, &network, &grids, runtime, &pictures, progress)?;
            for value in exempt::exempt(&network, &grids, &observed, losses, float_share)? {
                grids.remove(&value);
            }
        }
        let graph = emit::emit(&network, &grids, &means(&observed, &divisors))?;
        model.graph = Some(graph);
        "ocelli".clone_into(&mut model.producer_name);
        env!("CARGO_PKG_VERSION").clone_into(&mut model.producer_version);
        let is_convolution = |index: &usize| matches!(network.roles[*index], Some(Role::Convolution { .. }));
        let nodes = || (0..network.roles.len()).filter(|index| plan::is_integer(&network, &grids, *index));
        let mut left: BTreeMap<String, usize> = BTreeMap::new();
        for (index, node) in network.graph.node.iter().enumerate() {
            if !plan::is_integer(&network, &grids, index) && node.op_type != "Identity" {
                *left.entry(node.op_type.clone()).or_default() += 1;
            }
        }
        Ok(Quantized { model, convolutions: nodes().filter(is_convolution).count(), left })
    }
}

/// Mean of each channel of each value, as it is after division.
fn means(observed: &BTreeMap<String, Channels>, divisors: &BTreeMap<String, Vec<f32>>) -> BTreeMap<String, Vec<f64>> {
    let mean = |(value, channels): (&String, &Channels)| {
        let divisors = divisors.get(value)?;
        let means = channels.0.iter().zip(divisors).map(|(channel, divisor)| channel.mean() / f64::from(*divisor));
        Some((value.clone(), means.collect()))
    };
    observed.iter().filter_map(mean).collect()
}
