//! The detectors by name: what a configuration says of one.

use super::DetectionNetwork;
use super::nano::{OcelliNano, OcelliNanoConfig};
use super::yolov3::{YoloV3, YoloV3Config};
use super::yolov3_tiny::{YoloV3Tiny, YoloV3TinyConfig};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Largest number of classes, anchors a scale, channels or repeats that a configuration may ask for: far above any
/// published network, far below what overflows.
const LARGEST: usize = 1 << 14;

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// [`OcelliNano`]
    OcelliNano,
    /// [`YoloV3`]
    #[serde(rename = "yolov3")]
    YoloV3,
    /// [`YoloV3`] with pooled coarsest map
    #[serde(rename = "yolov3-spp")]
    YoloV3Spp,
    /// [`YoloV3Tiny`]
    #[serde(rename = "yolov3-tiny")]
    YoloV3Tiny,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OcelliNano, Self::YoloV3, Self::YoloV3Spp, Self::YoloV3Tiny];

    /// The one of a name; otherwise the names that there are.
    ///
    /// # Errors
    /// A sentence with all names.
    pub fn find(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| format!("no detector is called {name}; there are {}", names()))
    }

    /// Its name in recipes and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::OcelliNano => "ocelli-nano",
            Self::YoloV3 => "yolov3",
            Self::YoloV3Spp => "yolov3-spp",
            Self::YoloV3Tiny => "yolov3-tiny",
        }
    }
}

/// How to make a detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// Which network.
    pub architecture: Architecture,
    /// Number of classes.
    pub classes: usize,
    /// Anchors of each scale.
    #[serde(default = "three")]
    pub anchors_per_scale: usize,
    /// Factor of all channels but those of input and output.
    #[serde(default = "one")]
    pub width: f64,
    /// `ocelli-nano` alone: channels of the stem and the four stages; [`OcelliNanoConfig::WIDTHS`] if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widths: Option<[usize; 5]>,
    /// `ocelli-nano` alone: residual blocks of each stage; [`OcelliNanoConfig::REPEATS`] if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<[usize; 4]>,
}

fn three() -> usize {
    3
}

fn one() -> f64 {
    1.0
}

impl DetectorConfig {
    /// A network as published, with three anchors a scale.
    pub fn new(architecture: Architecture, classes: usize) -> Self {
        Self { architecture, classes, anchors_per_scale: 3, width: 1.0, widths: None, repeats: None }
    }

    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// The name of the setting and its range.
    pub fn check(&self) -> Result<(), String> {
        let count = |name: &str, value: usize, least: usize| match (least..=LARGEST).contains(&value) {
            true => Ok(()),
            false => Err(format!("{name} is {value}, not in {least}..={LARGEST}")),
        };
        count("classes", self.classes, 1)?;
        count("anchors_per_scale", self.anchors_per_scale, 1)?;
        if !(self.width > 0.0 && self.width <= 16.0) {
            return Err(format!("width is {}, not above 0 and at most 16", self.width));
        }
        let nano = self.architecture == Architecture::OcelliNano;
        if !nano && (self.widths.is_some() || self.repeats.is_some()) {
            return Err("widths and repeats are settings of ocelli-nano alone; use width".into());
        }
        self.widths.into_iter().flatten().try_for_each(|width| count("widths", width, 2))?;
        self.repeats.into_iter().flatten().try_for_each(|repeats| count("repeats", repeats, 0))
    }

    /// Random weights from the device's generator, all of them drawn at once: after `device.seed(s)`, `s` decides every
    /// number. The configuration is one that [`check`](Self::check) finds no fault with.
    pub fn init(&self, device: &Device) -> Detector {
        let (anchors, classes) = (self.anchors_per_scale, self.classes);
        let yolov3 = |spp| YoloV3Config { base: self.scaled(32), spp, anchors, classes }.init(device);
        match self.architecture {
            Architecture::OcelliNano => Detector::OcelliNano(self.nano().init(device)),
            Architecture::YoloV3 => Detector::YoloV3(yolov3(false)),
            Architecture::YoloV3Spp => Detector::YoloV3(yolov3(true)),
            Architecture::YoloV3Tiny => {
                Detector::YoloV3Tiny(YoloV3TinyConfig { base: self.scaled(16), anchors, classes }.init(device))
            }
        }
    }

    fn nano(&self) -> OcelliNanoConfig {
        OcelliNanoConfig {
            widths: self.widths.unwrap_or(OcelliNanoConfig::WIDTHS).map(|width| self.scaled(width)),
            repeats: self.repeats.unwrap_or(OcelliNanoConfig::REPEATS),
            anchors: self.anchors_per_scale,
            classes: self.classes,
        }
    }

    /// Channels after the factor; no fewer than 2, since residual blocks halve them.
    fn scaled(&self, channels: usize) -> usize {
        ((channels as f64 * self.width).round() as usize).max(2)
    }

    /// Pixels of the picture for each cell of each output, in the order of the outputs: the coarsest grid first, as
    /// Darknet has it.
    pub fn strides(&self) -> Vec<u32> {
        match self.architecture {
            Architecture::YoloV3Tiny => vec![32, 16],
            _ => vec![32, 16, 8],
        }
    }

    /// Height and width of a picture are multiples of this.
    pub fn size_multiple(&self) -> u32 {
        32
    }
}

/// A detector of any architecture.
#[derive(Module, Debug)]
// There are few of them and each owns megabytes elsewhere: a box would save nothing.
#[allow(clippy::large_enum_variant)]
pub enum Detector {
    /// The small one.
    OcelliNano(OcelliNano),
    /// With or without pooled coarsest map.
    YoloV3(YoloV3),
    /// The one of two scales.
    YoloV3Tiny(YoloV3Tiny),
}

impl DetectionNetwork for Detector {
    fn forward(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        match self {
            Self::OcelliNano(network) => network.forward(images),
            Self::YoloV3(network) => network.forward(images),
            Self::YoloV3Tiny(network) => network.forward(images),
        }
    }
}
