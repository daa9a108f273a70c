//! Darknet's weights files in and out of networks of convolutions.
//!
//! The file has no names: floats come convolution by convolution in the order of the cfg, and that is the order in which
//! the networks' fields stand. [`ocelli::darknet`] reads and writes the bytes.

use crate::weights::{Weights, WeightsError};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use ocelli::darknet::{Activation, Convolution, DarknetError, Header, Kind, Layer, Network, Shape};

/// More output channels than any file has: three anchors of ten thousand classes.
const MOST_OUTPUTS: usize = 1 << 15;

/// Why a file's weights could not be taken over or written.
#[derive(Debug, thiserror::Error)]
pub enum DarknetWeightsError {
    /// The network has something that Darknet's convolutions lack.
    #[error(
        "{0} is not a convolution with either batch normalisation or a bias, nor part of one: Darknet's format has no place for it"
    )]
    Foreign(String),
    /// The file does not fit.
    #[error(
        "the weights do not fit the network of {convolutions} convolutions, {wanted} floats; the file has {found} (layers below are convolutions, from 0): {source}"
    )]
    File {
        /// Convolutions of the network.
        convolutions: usize,
        /// Floats that they take.
        wanted: usize,
        /// Floats in the file.
        found: usize,
        /// What is wrong; its layers are the network's convolutions, from 0.
        source: DarknetError,
    },
    /// The weights could not be put into the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// What was taken of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Convolutions that have the file's weights now.
    pub convolutions: usize,
    /// Floats taken.
    pub floats: usize,
    /// Convolutions that keep the weights they had: those after the end of a backbone's file, and the output ones of a
    /// file for another number of classes.
    pub skipped: Vec<String>,
    /// The file's header.
    pub header: Header,
}

/// Floats of a complete weights file of the network, its header not counted: weights, biases, and of batch
/// normalisation scale, shift, mean and variance.
///
/// # Errors
/// [`DarknetWeightsError::Foreign`].
pub fn stored_floats<M: Module>(module: &M) -> Result<usize, DarknetWeightsError> {
    Ok(Skeleton::of(module)?.network(None).stored_floats())
}

/// The network with the weights of a file:
///
/// - a complete one;
/// - one that ends after any convolution, such as a backbone (`darknet53.conv.74`, `yolov3-tiny.conv.15`);
/// - a complete one for another number of classes: all but the output convolutions, which are those with biases.
///
/// # Errors
/// [`DarknetWeightsError::File`] if it is none of these, with both counts.
pub fn load<M: Module>(module: M, bytes: &[u8]) -> Result<(M, Loaded), DarknetWeightsError> {
    let skeleton = Skeleton::of(&module)?;
    let found = Header::read(bytes).map_or(0, |(_, body)| body.len() / 4);
    let outputs = skeleton.outputs_in_file(found);
    let mut network = skeleton.network(outputs);
    let read = network.read_weights(bytes).map_err(|source| {
        let own = skeleton.network(None);
        DarknetWeightsError::File { convolutions: own.layers.len(), wanted: own.stored_floats(), found, source }
    })?;
    let mut weights = Weights::of(&module);
    let mut loaded = Loaded { convolutions: 0, floats: 0, skipped: Vec::new(), header: read.header };
    for (convolution, layer) in skeleton.0.iter().zip(&network.layers) {
        match &layer.weights {
            Some(read) if convolution.norm.is_some() || outputs.is_none() => {
                convolution.put(read, &mut weights);
                loaded.convolutions += 1;
                loaded.floats += layer.stored_floats();
            }
            _ => loaded.skipped.push(convolution.name.clone()),
        }
    }
    Ok((weights.load_into(module)?, loaded))
}

/// The bytes of a weights file of the network's first `convolutions`, or of all of them.
///
/// # Errors
/// [`DarknetWeightsError::Foreign`].
pub fn write<M: Module>(
    module: &M,
    header: Header,
    convolutions: Option<usize>,
) -> Result<Vec<u8>, DarknetWeightsError> {
    let skeleton = Skeleton::of(module)?;
    let weights = Weights::of(module);
    let mut network = Network { header, ..skeleton.network(None) };
    let wanted = convolutions.unwrap_or(usize::MAX);
    for (convolution, layer) in skeleton.0.iter().zip(&mut network.layers).take(wanted) {
        layer.weights = Some(convolution.take(&weights)?);
    }
    Ok(network.write_weights())
}

/// The convolutions of a network, in the order of their fields.
#[derive(Default)]
struct Skeleton(Vec<Conv>);

/// A convolution and what normalises it, by name.
struct Conv {
    /// Path to the convolution.
    name: String,
    /// `[outputs, inputs, rows, columns]`.
    shape: Vec<usize>,
    /// Path to the batch normalisation; without it the convolution has a bias.
    norm: Option<String>,
    /// Whether it has a bias.
    bias: bool,
}

impl Skeleton {
    fn of<M: Module>(module: &M) -> Result<Self, DarknetWeightsError> {
        let mut walker = Walker { path: Vec::new(), skeleton: Self::default(), foreign: None };
        module.visit(&mut walker);
        match walker.foreign {
            Some(name) => Err(DarknetWeightsError::Foreign(name)),
            None => Ok(walker.skeleton),
        }
    }

    /// The network as Darknet would have it, with as many channels in each output convolution as asked for, or with its
    /// own. Only what decides the file's layout is true: each convolution stands for itself.
    fn network(&self, outputs: Option<usize>) -> Network {
        let shape = |channels| Shape { channels, height: 1, width: 1 };
        let layer = |conv: &Conv| {
            let channels = outputs.filter(|_| conv.norm.is_none()).unwrap_or(conv.shape[0]);
            let kind = Kind::Convolutional(Convolution {
                size: conv.shape[2],
                stride: [1; 2],
                padding: 0,
                dilation: 1,
                groups: 1,
                batch_normalize: conv.norm.is_some(),
                activation: Activation::Linear,
            });
            Layer { kind, input: shape(conv.shape[1]), output: shape(channels), weights: None }
        };
        Network { input: shape(3), layers: self.0.iter().map(layer).collect(), header: Header::default() }
    }

    /// Channels of the output convolutions in a complete file of so many floats; `None` if they are the network's own or
    /// the file is no complete one.
    fn outputs_in_file(&self, floats: usize) -> Option<usize> {
        let [fixed, with_one] = [0, 1].map(|outputs| self.network(Some(outputs)).stored_floats());
        let (rest, each) = (floats.checked_sub(fixed)?, with_one - fixed);
        let outputs = rest.checked_div(each).filter(|outputs| outputs * each == rest)?;
        let own = floats == self.network(None).stored_floats();
        (!own && (1..=MOST_OUTPUTS).contains(&outputs)).then_some(outputs)
    }
}

impl Conv {
    /// Names of the parameters in the order of the file: biases, scales, means, variances, if it has them; weights.
    fn names(&self) -> (String, Option<[String; 3]>, String) {
        let weight = format!("{}.weight", self.name);
        match &self.norm {
            None => (format!("{}.bias", self.name), None, weight),
            Some(norm) => {
                let rest = ["gamma", "running_mean", "running_var"].map(|field| format!("{norm}.{field}"));
                (format!("{norm}.beta"), Some(rest), weight)
            }
        }
    }

    fn put(&self, read: &ocelli::darknet::Weights, weights: &mut Weights) {
        let (biases, norm, kernel) = self.names();
        let mut put = |name: String, numbers: &Vec<f32>, shape: Vec<usize>| {
            weights.0.insert(name, TensorData::new(numbers.clone(), shape));
        };
        let filters = vec![self.shape[0]];
        put(biases, &read.biases, filters.clone());
        put(kernel, &read.weights, self.shape.clone());
        if let (Some(names), Some(read)) = (norm, &read.norm) {
            for (name, numbers) in names.into_iter().zip([&read.scales, &read.means, &read.variances]) {
                put(name, numbers, filters.clone());
            }
        }
    }

    fn take(&self, weights: &Weights) -> Result<ocelli::darknet::Weights, DarknetWeightsError> {
        let numbers = |name: &String| {
            let found = weights.0.get(name).and_then(|data| data.try_to_vec::<f32>().ok());
            found.ok_or_else(|| DarknetWeightsError::Foreign(self.name.clone()))
        };
        let (biases, norm, kernel) = self.names();
        let norm = match norm.as_ref().map(|names| names.each_ref().map(numbers)) {
            None => None,
            Some([scales, means, variances]) => {
                Some(ocelli::darknet::BatchNorm { scales: scales?, means: means?, variances: variances? })
            }
        };
        Ok(ocelli::darknet::Weights { biases: numbers(&biases)?, norm, weights: numbers(&kernel)? })
    }
}

/// Walks over the fields.
struct Walker {
    path: Vec<String>,
    skeleton: Skeleton,
    foreign: Option<String>,
}

impl ModuleVisitor for Walker {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some((field, path)) = self.path.split_last() else { return };
        let (path, convs) = (path.join("."), &mut self.skeleton.0);
        match (field.as_str(), D, convs.last_mut()) {
            ("weight", 4, _) => {
                convs.push(Conv { name: path, shape: param.lazy_shape().to_vec(), norm: None, bias: false });
            }
            ("bias", 1, Some(conv)) if conv.name == path => conv.bias = true,
            ("gamma" | "beta" | "running_mean" | "running_var", 1, Some(conv)) if !conv.bias => conv.norm = Some(path),
            _ => drop(self.foreign.get_or_insert_with(|| self.path.join("."))),
        }
    }
}
