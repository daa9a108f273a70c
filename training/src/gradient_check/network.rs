//! Whole networks by name: narrow ones, on a few small random pictures, under the loss that they are trained with.

use super::{GradientReport, check_module};
use crate::data::LabelledBox;
use crate::losses::yolo::{LossError, Targets, YoloLossOptions};
use crate::models::blocks::drawn;
use crate::models::darknet53::Darknet53Config;
use crate::models::registry::REGISTRY;
use crate::models::{Architecture, DetectionNetwork, DetectorConfig};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use ocelli::geometry::BBox;
use ocelli::letterbox::Size;
use ocelli::metadata::{DetectionMetadata, HeadKind, Resize};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cell::OnceCell;
use std::ops::Add;

/// Pictures: batch normalisation over two numbers would have no gradient.
const PICTURES: usize = 3;
const SIDE: u32 = 64;
const CLASSES: usize = 2;
/// Entries of each parameter: every one costs two forward passes or more.
const ENTRIES: usize = 4;

/// Why a network could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No network is called so.
    #[error("no network is called `{name}`; there are {}", REGISTRY.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The heads of a detector do not fit its own configuration.
    #[error(transparent)]
    Loss(#[from] LossError),
}

/// Checks the gradients of a network of the registry, parameter by parameter.
///
/// Widths and pictures are as small as they can be. `plant_fault` halves the gradient, not the value, of the first
/// output: what a check that works must find.
///
/// # Errors
/// [`NetworkError`] if there is no such network.
pub fn check_network(name: &str, plant_fault: bool, seed: u64) -> Result<Vec<GradientReport>, NetworkError> {
    let device = Device::flex().autodiff();
    device.seed(seed);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    if name == "darknet53" {
        return Ok(classifier(&device, plant_fault, &mut random));
    }
    let architecture = Architecture::find(name).map_err(|_| NetworkError::Unknown { name: name.into() })?;
    detector(architecture, &device, plant_fault, &mut random)
}

fn detector(
    architecture: Architecture,
    device: &Device,
    plant_fault: bool,
    random: &mut ChaCha8Rng,
) -> Result<Vec<GradientReport>, NetworkError> {
    // Of a single channel between two normalisations no scale has a gradient: two are the fewest.
    let width = if architecture == Architecture::OcelliNano { 0.25 } else { 1.0 / 16.0 };
    let config = DetectorConfig { width, ..DetectorConfig::new(architecture, CLASSES) };
    let network = awake(config.init(device));
    let images = pictures(device, random);
    let truths: Vec<Vec<LabelledBox>> = (0..PICTURES).map(|_| (0..3).map(|_| truth(random)).collect()).collect();
    // Anchors as large as the cells or twice that.
    let anchors = |stride: &u32| (2..5).map(|i| [*stride as f32 * i as f32 / 2.0, *stride as f32]).collect();
    let metadata = DetectionMetadata {
        head: HeadKind::YoloV3,
        labels: (0..CLASSES).map(|class| class.to_string()).collect(),
        anchors: config.strides().iter().map(anchors).collect(),
        scale_xy: vec![1.0; config.strides().len()],
        resize: Resize::Letterbox,
    };
    let size = Size { width: SIDE, height: SIDE };
    // The first call, of the network as it is, decides what all others are held against.
    let targets = OnceCell::new();
    let loss = |outputs: &[Tensor<4>]| {
        let new = || Targets::new(outputs, &truths, &metadata, size, &YoloLossOptions::default());
        let targets: &Result<Targets, LossError> = targets.get_or_init(new);
        targets.as_ref().ok()?.loss(outputs).ok()?.total()
    };
    let reports = check_module(network, ENTRIES, |network| {
        let mut outputs = network.forward(images.clone());
        if plant_fault && let Some(first) = outputs.first_mut() {
            *first = halved(first);
        }
        // Without targets the reports are thrown away below.
        loss(&outputs)
            .unwrap_or_else(|| outputs.iter().map(|output| output.clone().sum()).fold(nothing(device), Add::add))
    });
    match targets.into_inner() {
        Some(Err(error)) => Err(error.into()),
        _ => Ok(reports),
    }
}

fn classifier(device: &Device, plant_fault: bool, random: &mut ChaCha8Rng) -> Vec<GradientReport> {
    let network = drawn(Darknet53Config { base: 2, classes: CLASSES }.init(device));
    let images = pictures(device, random);
    let classes: Vec<i64> = (0..PICTURES).map(|picture| i64::from(picture % 2 == 0)).collect();
    let classes = Tensor::<2, Int>::from_data(TensorData::new(classes, [PICTURES, 1]), device);
    check_module(network, ENTRIES, |network| {
        let mut logits = network.forward(images.clone());
        if plant_fault {
            logits = halved(&logits);
        }
        log_softmax(logits, 1).gather(1, classes.clone()).sum().neg()
    })
}

/// The same value with half the gradient.
fn halved<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    (tensor.clone() + tensor.clone().detach()) / 2.0
}

fn nothing(device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(vec![0.0], [1]), (device, DType::F64))
}

/// Random pictures, `[pictures, 3, side, side]`.
fn pictures(device: &Device, random: &mut ChaCha8Rng) -> Tensor<4> {
    let shape = [PICTURES, 3, SIDE as usize, SIDE as usize];
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| random.random_range(0.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F64))
}

fn truth(random: &mut ChaCha8Rng) -> LabelledBox {
    let (width, height) = (random.random_range(6.0..40.0), random.random_range(6.0..40.0));
    let limit = f64::from(SIDE);
    let (x, y) = (random.random_range(0.0..limit - width), random.random_range(0.0..limit - height));
    LabelledBox { bbox: BBox::new(x, y, width, height), class_id: random.random_range(0..CLASSES) }
}

/// A detector starts with heads near 0, behind which gradients are so small that rounding drowns them: here they are
/// larger.
fn awake<M: Module>(module: M) -> M {
    struct Awake(Vec<String>);
    impl ModuleMapper for Awake {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.into());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !self.0.join(".").ends_with("output.weight") {
                return param;
            }
            param.map(|tensor| {
                let tracked = tensor.is_require_grad();
                (tensor.detach() * 20.0).detach().set_require_grad(tracked)
            })
        }
    }
    module.map(&mut Awake(Vec::new()))
}
