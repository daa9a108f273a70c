//! Ocelli's own small detector: DarkNet-53's blocks, thinner and fewer, with YOLOv3's pyramid reduced to one convolution
//! a scale.
//!
//! The blocks are those of Redmon & Farhadi 2018 (<https://arxiv.org/abs/1804.02767>). It departs from the paper in a
//! stem of stride 2, which leaves one stage fewer, and in one 1×1 convolution before each head in place of five.

use super::DetectionNetwork;
use super::blocks::{ConvBlock, ConvBlockConfig, Head, HeadConfig, Stage, drawn, upsample};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// The network. Outputs of stride 32, 16, 8.
#[derive(Module, Debug)]
pub struct OcelliNano {
    /// 3×3, stride 2.
    pub stem: ConvBlock,
    /// Strides 4, 8, 16, 32.
    pub stages: Vec<Stage>,
    /// 1×1 on the last stage.
    pub reduce: ConvBlock,
    /// Stride 32.
    pub coarse: Head,
    /// From stride 32 to 16.
    pub up_medium: Up,
    /// Stride 16.
    pub medium: Head,
    /// From stride 16 to 8.
    pub up_fine: Up,
    /// Stride 8.
    pub fine: Head,
}

/// A step up the pyramid: 1×1, twice the size, beside the backbone's map, 1×1.
#[derive(Module, Debug)]
pub struct Up {
    /// 1×1 before the size doubles.
    pub lateral: ConvBlock,
    /// 1×1 on both maps together.
    pub merge: ConvBlock,
}

/// How to make an [`OcelliNano`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OcelliNanoConfig {
    /// Channels of the stem and of the stages; each at least 2.
    pub widths: [usize; 5],
    /// Residual blocks of each stage.
    pub repeats: [usize; 4],
    /// Anchors of each scale.
    pub anchors: usize,
    /// Classes.
    pub classes: usize,
}

impl OcelliNanoConfig {
    /// The small one: 0.73 million parameters with three classes.
    pub const WIDTHS: [usize; 5] = [16, 24, 48, 96, 192];
    /// The one whose weights come with the program: 0.97 million parameters with three classes.
    pub const SHIPPED_WIDTHS: [usize; 5] = [16, 24, 48, 112, 224];
    /// One residual block a stage.
    pub const REPEATS: [usize; 4] = [1; 4];

    /// Random weights from the device's generator, all drawn at once.
    pub fn init(&self, device: &Device) -> OcelliNano {
        let w = self.widths;
        let head = |at: usize| {
            let config = HeadConfig { input: w[at] / 2, hidden: w[at], anchors: self.anchors, classes: self.classes };
            config.init(device)
        };
        drawn(OcelliNano {
            stem: ConvBlockConfig::new(3, w[0], 3).with_stride(2).init(device),
            stages: (0..4).map(|i| Stage::new(w[i], w[i + 1], self.repeats[i], device)).collect(),
            reduce: ConvBlockConfig::new(w[4], w[4] / 2, 1).init(device),
            coarse: head(4),
            up_medium: Up::new(w[4] / 2, w[3], device),
            medium: head(3),
            up_fine: Up::new(w[3] / 2, w[2], device),
            fine: head(2),
        })
    }
}

impl Up {
    fn new(input: usize, map: usize, device: &Device) -> Self {
        Self {
            lateral: ConvBlockConfig::new(input, map / 2, 1).init(device),
            merge: ConvBlockConfig::new(map / 2 + map, map / 2, 1).init(device),
        }
    }

    /// # Shapes
    /// `[n, input, h, w]` and the backbone's `[n, map, 2h, 2w]` → `[n, map / 2, 2h, 2w]`.
    fn forward(&self, x: Tensor<4>, map: Tensor<4>) -> Tensor<4> {
        self.merge.forward(Tensor::cat(vec![upsample(self.lateral.forward(x)), map], 1))
    }
}

impl DetectionNetwork for OcelliNano {
    fn forward(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let mut maps = vec![self.stem.forward(images)];
        for stage in &self.stages {
            maps.push(stage.forward(maps[maps.len() - 1].clone()));
        }
        let coarse = self.reduce.forward(maps[4].clone());
        let medium = self.up_medium.forward(coarse.clone(), maps[3].clone());
        let fine = self.up_fine.forward(medium.clone(), maps[2].clone());
        vec![self.coarse.forward(coarse), self.medium.forward(medium), self.fine.forward(fine)]
    }
}
