//! The networks by name.

use super::darknet53::Darknet53Config;
use super::summary::{Summary, SummaryError};
use super::{Architecture, DetectionNetwork, DetectorConfig};
use burn::tensor::Tensor;

/// A network that can be asked for by name.
#[derive(Debug)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What it is, in a line.
    pub description: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// Classes of the published network.
    pub classes: usize,
    /// Shape of one input of the published network, such as channels, rows, columns.
    pub input: &'static [usize],
    /// Its layers for so many classes and an input of this shape.
    summarize: fn(usize, &[usize]) -> Result<Summary, SummaryError>,
}

/// All of them.
pub const REGISTRY: &[Entry] = &[
    Entry {
        name: "ocelli-nano",
        description: "small detector; the model inside is a wider one",
        paper: "this project, of YOLOv3's blocks",
        classes: 3,
        input: &[3, 256, 320],
        summarize: |classes, input| detector(Architecture::OcelliNano, classes, input),
    },
    Entry {
        name: "yolov3",
        description: "detector: DarkNet-53, pyramid of three scales",
        paper: "Redmon & Farhadi 2018, arXiv:1804.02767",
        classes: 80,
        input: &[3, 416, 416],
        summarize: |classes, input| detector(Architecture::YoloV3, classes, input),
    },
    Entry {
        name: "yolov3-spp",
        description: "YOLOv3 with its coarsest map pooled at three sizes",
        paper: "Redmon's cfg, after He et al. 2014, arXiv:1406.4729",
        classes: 80,
        input: &[3, 608, 608],
        summarize: |classes, input| detector(Architecture::YoloV3Spp, classes, input),
    },
    Entry {
        name: "yolov3-tiny",
        description: "small detector of two scales",
        paper: "Redmon's cfg to arXiv:1804.02767",
        classes: 80,
        input: &[3, 416, 416],
        summarize: |classes, input| detector(Architecture::YoloV3Tiny, classes, input),
    },
    Entry {
        name: "darknet53",
        description: "classifier, YOLOv3's backbone",
        paper: "Redmon & Farhadi 2018, arXiv:1804.02767",
        classes: 1000,
        input: &[3, 256, 256],
        summarize: |classes, input| {
            let config = Darknet53Config { base: 32, classes };
            Summary::of(
                |device| config.init(device),
                |network, device| drop(network.forward(Tensor::zeros(batch(input), device))),
            )
        },
    },
];

/// The network of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.name == name)
}

impl Entry {
    /// Its layers for so many classes and an input of this shape, for which [`input`](Self::input) is the example.
    ///
    /// # Errors
    /// See [`Summary::of`].
    pub fn summarize(&self, classes: usize, input: &[usize]) -> Result<Summary, SummaryError> {
        (self.summarize)(classes, input)
    }
}

fn detector(architecture: Architecture, classes: usize, input: &[usize]) -> Result<Summary, SummaryError> {
    let config = DetectorConfig::new(architecture, classes);
    Summary::of(
        |device| config.init(device),
        |network, device| drop(network.forward(Tensor::zeros(batch(input), device))),
    )
}

/// A batch of one input.
fn batch(input: &[usize]) -> [usize; 4] {
    let side = |axis: usize| input.get(axis).copied().unwrap_or(1);
    [1, side(0), side(1), side(2)]
}
