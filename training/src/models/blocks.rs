//! Layers that several networks share.

use crate::ops;
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};
use ocelli::darknet::BATCH_NORM_EPSILON;

/// Slope of the leaky ReLU for negative values, as in Darknet.
pub const SLOPE: f64 = 0.1;

/// Share of a batch's statistics in the new running ones. Darknet's is 0.01; at this crate's few thousand steps that
/// would leave the start in them.
const MOMENTUM: f64 = 0.1;

/// Convolution without bias, batch normalisation, leaky ReLU: Darknet's building block.
#[derive(Module, Debug)]
pub struct ConvBlock {
    /// The convolution, padded so that stride 1 keeps the size.
    pub conv: Conv2d,
    /// Its normalisation.
    pub norm: BatchNorm,
}

/// How to make a [`ConvBlock`].
#[derive(Debug, Clone, Copy)]
pub struct ConvBlockConfig {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Side of the kernel, odd.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
}

impl ConvBlockConfig {
    /// A block with stride 1.
    pub fn new(input: usize, output: usize, kernel: usize) -> Self {
        Self { input, output, kernel, stride: 1 }
    }

    /// With another stride.
    #[must_use]
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Random weights from the device's generator.
    pub fn init(&self, device: &Device) -> ConvBlock {
        let pad = self.kernel / 2;
        let conv = Conv2dConfig::new([self.input, self.output], [self.kernel, self.kernel])
            .with_stride([self.stride, self.stride])
            .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
            .with_bias(false)
            .init(device);
        let norm = BatchNormConfig::new(self.output).with_epsilon(BATCH_NORM_EPSILON).with_momentum(MOMENTUM);
        ConvBlock { conv, norm: norm.init(device) }
    }
}

impl ConvBlock {
    /// # Shapes
    /// `[n, input, h, w]` → `[n, output, ⌈h / stride⌉, ⌈w / stride⌉]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::norm_leaky(&self.norm, ops::convolution(&self.conv, x), SLOPE)
    }
}

/// What a residual network adds: `x + 3×3(1×1(x))`, the 1×1 convolution halving the channels (Redmon & Farhadi 2018).
#[derive(Module, Debug)]
pub struct Residual {
    /// 1×1, to half the channels.
    pub reduce: ConvBlock,
    /// 3×3, back to all of them.
    pub expand: ConvBlock,
}

impl Residual {
    /// Random weights; `channels` is at least 2.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            reduce: ConvBlockConfig::new(channels, channels / 2, 1).init(device),
            expand: ConvBlockConfig::new(channels / 2, channels, 3).init(device),
        }
    }

    /// # Shapes
    /// `[n, channels, h, w]` → the same.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        x.clone() + self.expand.forward(self.reduce.forward(x))
    }
}

/// A 3×3 convolution of stride 2, then residual blocks.
#[derive(Module, Debug)]
pub struct Stage {
    /// Halves the sides.
    pub down: ConvBlock,
    /// What follows, at one size.
    pub residuals: Vec<Residual>,
}

impl Stage {
    /// Random weights.
    pub fn new(input: usize, output: usize, repeats: usize, device: &Device) -> Self {
        Self {
            down: ConvBlockConfig::new(input, output, 3).with_stride(2).init(device),
            residuals: (0..repeats).map(|_| Residual::new(output, device)).collect(),
        }
    }

    /// # Shapes
    /// `[n, input, h, w]` → `[n, output, ⌈h / 2⌉, ⌈w / 2⌉]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.residuals.iter().fold(self.down.forward(x), |x, residual| residual.forward(x))
    }
}

/// A 3×3 block, then a plain 1×1 convolution to the raw numbers of every anchor: the end of each scale.
#[derive(Module, Debug)]
pub struct Head {
    /// 3×3.
    pub expand: ConvBlock,
    /// 1×1 with bias, to `anchors · (5 + classes)` channels.
    pub output: Conv2d,
}

/// How to make a [`Head`].
#[derive(Debug, Clone, Copy)]
pub struct HeadConfig {
    /// Channels in.
    pub input: usize,
    /// Channels between the two convolutions.
    pub hidden: usize,
    /// Anchors of the scale.
    pub anchors: usize,
    /// Classes.
    pub classes: usize,
}

/// Bias of an untrained head's objectness: σ(−4.6) = 0.01, about the share of cells that hold an object. From 0 the
/// first steps would do nothing but push thousands of empty cells down (Lin et al. 2017, <https://arxiv.org/abs/1708.02002>).
pub const OBJECTNESS_BIAS: f32 = -4.6;

impl HeadConfig {
    /// Random weights: N(0, 0.01) for the last convolution, so that every box starts as its anchor; its biases are 0
    /// but for [`OBJECTNESS_BIAS`].
    pub fn init(&self, device: &Device) -> Head {
        let numbers = 5 + self.classes;
        let channels = self.anchors * numbers;
        let mut output = Conv2dConfig::new([self.hidden, channels], [1, 1])
            .with_initializer(Initializer::Normal { mean: 0.0, std: 0.01 })
            .init(device);
        let biases = (0..channels).map(|i| if i % numbers == 4 { OBJECTNESS_BIAS } else { 0.0 }).collect();
        output.bias = Some(Param::from_data(TensorData::new(biases, [channels]), device));
        Head { expand: ConvBlockConfig::new(self.input, self.hidden, 3).init(device), output }
    }
}

impl Head {
    /// # Shapes
    /// `[n, input, h, w]` → `[n, anchors · (5 + classes), h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::convolution(&self.output, self.expand.forward(x))
    }
}

/// The largest number of each window, with Darknet's padding: `size − 1` rows and columns that never win, the smaller
/// half before the map. With stride 1 the sides stay; for a window of 2 the padding lies below and on the right.
///
/// # Shapes
/// `[n, c, h, w]` → `[n, c, ⌈h / stride⌉, ⌈w / stride⌉]`.
pub fn max_pool(x: Tensor<4>, size: usize, stride: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let before = (size - 1) / 2;
    // Padding that no window reaches is left out: it would cost a copy of the map.
    let pair = |side: usize| (before, ((side.div_ceil(stride) - 1) * stride + size).saturating_sub(before + side));
    let options = MaxPoolOptions::new([size; 2]).with_stride([stride; 2]);
    ops::max_pool2d(x, options.with_padding_pairs([pair(height), pair(width)]))
}

/// Twice the sides, each number becoming a square of four.
///
/// # Shapes
/// `[n, c, h, w]` → `[n, c, 2h, 2w]`.
pub fn upsample(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let options = InterpolateOptions::new(InterpolateMode::Nearest).with_align_corners(false);
    interpolate(x, options.with_output_size([2 * height, 2 * width]))
}

/// The module with every parameter drawn. burn draws a parameter at its first use, so that without this the order of
/// use, not the seed alone, would decide what it is.
pub fn drawn<M: Module>(module: M) -> M {
    struct Draw;
    impl ModuleVisitor for Draw {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            param.val();
        }
    }
    module.visit(&mut Draw);
    module
}
