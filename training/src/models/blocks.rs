//! Layers that several networks share.

use crate::ops;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

/// Slope of the leaky ReLU for negative values, as in Darknet.
pub const SLOPE: f64 = 0.1;

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
        ConvBlock { conv, norm: BatchNormConfig::new(self.output).init(device) }
    }
}

impl ConvBlock {
    /// # Shapes
    /// `[n, input, h, w]` → `[n, output, ⌈h / stride⌉, ⌈w / stride⌉]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::norm_leaky(&self.norm, ops::convolution(&self.conv, x), SLOPE)
    }
}
