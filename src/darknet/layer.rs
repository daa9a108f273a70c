//! Layers as such: what kind, what shape, which weights.

use super::activation::Activation;
use super::weights::Weights;
use crate::metadata::HeadKind;

/// The most numbers in one map, and the most weights in one network: 4-byte floats in an ONNX file, which Protocol
/// Buffers limit to 2 GiB.
pub(super) const LARGEST_TENSOR: usize = 1 << 29;

/// Channels, rows and columns of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// One section of a cfg after `[net]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What it does.
    pub kind: Kind,
    /// What it gets from the layer before it.
    pub input: Shape,
    /// What it gives.
    pub output: Shape,
    /// Its weights, once they are read; always `None` for a layer that has none.
    pub weights: Option<Weights>,
}

/// What a layer does. Layers are referred to by their numbers, from 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `[convolutional]`
    Convolutional(Convolution),
    /// `[connected]`: each output looks at the whole map.
    Connected {
        /// Whether batch normalisation comes between sum and activation.
        batch_normalize: bool,
        /// Applied last.
        activation: Activation,
    },
    /// `[maxpool]`
    MaxPool(MaxPool),
    /// `[avgpool]`: the mean of each channel.
    AvgPool,
    /// `[upsample]`: each number becomes a square.
    Upsample {
        /// Side of the square.
        stride: usize,
        /// Factor for all numbers.
        scale: f32,
    },
    /// `[route]`: maps stacked along the channels.
    Route {
        /// The layers whose maps they are.
        layers: Vec<usize>,
        /// Each map is cut into this many groups of channels …
        groups: usize,
        /// … of which this one is taken.
        group_id: usize,
    },
    /// `[shortcut]`: the sum of two maps. Where they differ, `from` is taken at every n-th row and column, and the
    /// channels that it lacks are 0.
    Shortcut {
        /// The other layer.
        from: usize,
        /// Applied to the sum.
        activation: Activation,
    },
    /// `[scale_channels]`: each channel of `from` times this layer's input for it.
    ScaleChannels {
        /// The layer whose map is scaled.
        from: usize,
        /// Applied to the product.
        activation: Activation,
    },
    /// `[sam]`: the product of two maps of one shape (spatial attention).
    Sam {
        /// The other layer.
        from: usize,
        /// Applied to the product.
        activation: Activation,
    },
    /// `[softmax]` over the whole map.
    Softmax,
    /// `[reorg]`: rows and columns become channels, in Darknet's own order (see [`Network::to_onnx`]).
    ///
    /// [`Network::to_onnx`]: super::Network::to_onnx
    Reorg {
        /// By how much the sides shrink.
        stride: usize,
    },
    /// `[dropout]`: nothing, outside of training.
    Dropout,
    /// `[cost]`: nothing, outside of training.
    Cost,
    /// `[yolo]` or `[region]`: its input is an output of the network.
    Head(Head),
}

/// A window moved over the map, a weighted sum at each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Side of the window.
    pub size: usize,
    /// Steps down and across.
    pub stride: [usize; 2],
    /// Zeros around the map, in pixels on each side.
    pub padding: usize,
    /// Distance between neighbours in the window.
    pub dilation: usize,
    /// Input and output channels are cut into this many groups that do not see each other.
    pub groups: usize,
    /// Whether batch normalisation comes between sum and activation.
    pub batch_normalize: bool,
    /// Applied last.
    pub activation: Activation,
}

/// A window moved over the map, the largest number at each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool {
    /// Side of the window.
    pub size: usize,
    /// Steps down and across.
    pub stride: [usize; 2],
    /// Rows and columns beyond the map, before and after it together; the smaller half comes before.
    pub padding: usize,
}

/// How the boxes of an output are encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The encoding.
    pub kind: HeadKind,
    /// [width, height] of each anchor in input pixels.
    pub anchors: Vec<[f32; 2]>,
    /// Number of classes.
    pub classes: usize,
    /// Darknet's `scale_x_y`: how far a centre may leave its cell.
    pub scale_xy: f32,
}

impl Shape {
    /// A map of this shape, unless it is empty or absurdly large.
    pub(super) fn checked(channels: usize, height: usize, width: usize) -> Option<Self> {
        let numbers = channels.checked_mul(height)?.checked_mul(width)?;
        (1..=LARGEST_TENSOR).contains(&numbers).then_some(Self { channels, height, width })
    }

    /// Numbers in the map.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether it holds no number; no map of a parsed network is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {} × {}", self.channels, self.height, self.width)
    }
}

impl Layer {
    /// Numbers that each output is the weighted sum of; `None` for a layer without weights.
    pub(super) fn fan_in(&self) -> Option<usize> {
        match self.kind {
            Kind::Convolutional(c) => Some(self.input.channels / c.groups * c.size * c.size),
            Kind::Connected { .. } => Some(self.input.len()),
            _ => None,
        }
    }

    /// Whether batch normalisation is part of the layer.
    pub(super) fn batch_normalize(&self) -> bool {
        match self.kind {
            Kind::Convolutional(Convolution { batch_normalize, .. }) | Kind::Connected { batch_normalize, .. } => {
                batch_normalize
            }
            _ => false,
        }
    }

    /// Floats that the layer takes from a weights file.
    pub fn stored_floats(&self) -> usize {
        let per_filter = if self.batch_normalize() { 4 } else { 1 };
        self.fan_in().map_or(0, |fan_in| self.output.channels * (per_filter + fan_in))
    }

    /// Floating-point operations for one picture (see [`Network::flops`](super::Network::flops)).
    pub fn flops(&self) -> f64 {
        self.fan_in().map_or(0.0, |fan_in| 2.0 * fan_in as f64 * self.output.len() as f64)
    }
}

impl Kind {
    /// The word in brackets.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Convolutional(_) => "convolutional",
            Self::Connected { .. } => "connected",
            Self::MaxPool(_) => "maxpool",
            Self::AvgPool => "avgpool",
            Self::Upsample { .. } => "upsample",
            Self::Route { .. } => "route",
            Self::Shortcut { .. } => "shortcut",
            Self::ScaleChannels { .. } => "scale_channels",
            Self::Sam { .. } => "sam",
            Self::Softmax => "softmax",
            Self::Reorg { .. } => "reorg",
            Self::Dropout => "dropout",
            Self::Cost => "cost",
            Self::Head(Head { kind: HeadKind::YoloV3, .. }) => "yolo",
            Self::Head(Head { kind: HeadKind::YoloV2, .. }) => "region",
        }
    }
}
