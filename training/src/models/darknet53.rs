//! DarkNet-53 (Redmon & Farhadi 2018, <https://arxiv.org/abs/1804.02767>, table 1): 52 convolutions in five stages of
//! residual blocks, and a last one to the classes.
//!
//! Fields stand in the order of Darknet's `cfg/darknet53.cfg`, in which its weights come.

use super::blocks::{ConvBlock, ConvBlockConfig, Stage, drawn};
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::{Device, Tensor};

/// Residual blocks of each stage.
const REPEATS: [usize; 5] = [1, 2, 8, 8, 4];

/// What detectors take of the network: no pool, no classes.
#[derive(Module, Debug)]
pub struct Backbone {
    /// 3×3 at full size.
    pub stem: ConvBlock,
    /// Strides 2, 4, 8, 16, 32.
    pub stages: Vec<Stage>,
}

impl Backbone {
    /// Random weights. `base` is the stem's channels, 32 in the paper; stage i has `base · 2^(i + 1)`.
    pub fn new(base: usize, device: &Device) -> Self {
        let stage = |(i, repeats)| Stage::new(base << i, base << (i + 1), repeats, device);
        Self {
            stem: ConvBlockConfig::new(3, base, 3).init(device),
            stages: REPEATS.into_iter().enumerate().map(stage).collect(),
        }
    }

    /// The maps of stride 8, 16 and 32.
    ///
    /// # Shapes
    /// `[n, 3, h, w]` → `[n, 8 base, h / 8, w / 8]`, `[n, 16 base, h / 16, w / 16]`, `[n, 32 base, h / 32, w / 32]`.
    pub fn forward(&self, images: Tensor<4>) -> [Tensor<4>; 3] {
        let [fine, medium, coarse] = [&self.stages[..3], &self.stages[3..4], &self.stages[4..]];
        let run = |stages: &[Stage], x| stages.iter().fold(x, |x, stage| stage.forward(x));
        let fine = run(fine, self.stem.forward(images));
        let medium = run(medium, fine.clone());
        let coarse = run(coarse, medium.clone());
        [fine, medium, coarse]
    }
}

/// The classifier.
#[derive(Module, Debug)]
pub struct Darknet53 {
    /// All but the last convolution.
    pub backbone: Backbone,
    /// 1×1 with bias, to the classes.
    pub output: Conv2d,
}

/// How to make a [`Darknet53`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Darknet53Config {
    /// Channels of the first convolution, 32 in the paper.
    pub base: usize,
    /// Classes.
    pub classes: usize,
}

impl Darknet53Config {
    /// Random weights from the device's generator, all drawn at once.
    pub fn init(&self, device: &Device) -> Darknet53 {
        drawn(Darknet53 {
            backbone: Backbone::new(self.base, device),
            output: Conv2dConfig::new([32 * self.base, self.classes], [1, 1]).init(device),
        })
    }
}

impl Darknet53 {
    /// Logits; the softmax is the loss's.
    ///
    /// # Shapes
    /// `[n, 3, h, w]` → `[n, classes]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [_, _, map] = self.backbone.forward(images);
        // The mean of each channel over the map, whatever its size.
        let pooled = map.mean_dim(3).mean_dim(2);
        self.output.forward(pooled).flatten::<3>(2, 3).flatten::<2>(1, 2)
    }
}
