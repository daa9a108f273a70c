//! YOLOv3 (Redmon & Farhadi 2018, <https://arxiv.org/abs/1804.02767>): DarkNet-53, a pyramid of three scales, a head on
//! each; and YOLOv3-SPP, which pools the coarsest map at three window sizes first (after He et al. 2014,
//! <https://arxiv.org/abs/1406.4729>; `cfg/yolov3-spp.cfg` of <https://github.com/pjreddie/darknet>).
//!
//! Fields stand in the order of Darknet's cfg, in which its weights come.

use super::DetectionNetwork;
use super::blocks::{ConvBlock, ConvBlockConfig, Head, HeadConfig, drawn, max_pool, upsample};
use super::darknet53::Backbone;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// The network. Outputs of stride 32, 16, 8.
#[derive(Module, Debug)]
pub struct YoloV3 {
    /// DarkNet-53 without its classes.
    pub backbone: Backbone,
    /// Stride 32.
    pub coarse: Scale,
    /// 1×1 before the size doubles to stride 16.
    pub lateral_medium: ConvBlock,
    /// Stride 16.
    pub medium: Scale,
    /// 1×1 before the size doubles to stride 8.
    pub lateral_fine: ConvBlock,
    /// Stride 8.
    pub fine: Scale,
}

/// One scale: 1×1 and 3×3 in turn, five in all, then its head. The next scale starts from the fifth.
#[derive(Module, Debug)]
pub struct Scale {
    /// 1×1, 3×3, 1×1.
    pub before: Vec<ConvBlock>,
    /// The pools' 1×1, if there are pools.
    pub pooled: Option<ConvBlock>,
    /// 3×3, 1×1.
    pub after: Vec<ConvBlock>,
    /// To the raw numbers.
    pub head: Head,
}

/// How to make a [`YoloV3`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YoloV3Config {
    /// Channels of the first convolution, 32 in the paper; all others are multiples of it.
    pub base: usize,
    /// Whether the coarsest map is pooled (YOLOv3-SPP).
    pub spp: bool,
    /// Anchors of each scale.
    pub anchors: usize,
    /// Classes.
    pub classes: usize,
}

impl YoloV3Config {
    /// Random weights from the device's generator, all drawn at once.
    pub fn init(&self, device: &Device) -> YoloV3 {
        let base = self.base;
        let lateral = |channels: usize| ConvBlockConfig::new(channels, channels / 2, 1).init(device);
        drawn(YoloV3 {
            backbone: Backbone::new(base, device),
            coarse: self.scale(32 * base, 16 * base, self.spp, device),
            lateral_medium: lateral(16 * base),
            medium: self.scale(8 * base + 16 * base, 8 * base, false, device),
            lateral_fine: lateral(8 * base),
            fine: self.scale(4 * base + 8 * base, 4 * base, false, device),
        })
    }

    fn scale(&self, input: usize, channels: usize, spp: bool, device: &Device) -> Scale {
        let double = 2 * channels;
        let block = |input: usize, output: usize, kernel| ConvBlockConfig::new(input, output, kernel).init(device);
        let head = HeadConfig { input: channels, hidden: double, anchors: self.anchors, classes: self.classes };
        Scale {
            before: vec![block(input, channels, 1), block(channels, double, 3), block(double, channels, 1)],
            pooled: spp.then(|| block(4 * channels, channels, 1)),
            after: vec![block(channels, double, 3), block(double, channels, 1)],
            head: head.init(device),
        }
    }
}

impl Scale {
    /// The raw numbers, and what the next scale starts from.
    ///
    /// # Shapes
    /// `[n, input, h, w]` → `[n, anchors · (5 + classes), h, w]` and `[n, channels, h, w]`.
    fn forward(&self, x: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let run = |blocks: &[ConvBlock], x| blocks.iter().fold(x, |x, block| block.forward(x));
        let mut x = run(&self.before, x);
        if let Some(pooled) = &self.pooled {
            let pools = [13, 9, 5].map(|size| max_pool(x.clone(), size, 1));
            x = pooled.forward(Tensor::cat(pools.into_iter().chain([x]).collect(), 1));
        }
        let x = run(&self.after, x);
        (self.head.forward(x.clone()), x)
    }
}

impl DetectionNetwork for YoloV3 {
    fn forward(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let [fine, medium, coarse] = self.backbone.forward(images);
        let (coarse, x) = self.coarse.forward(coarse);
        let x = Tensor::cat(vec![upsample(self.lateral_medium.forward(x)), medium], 1);
        let (medium, x) = self.medium.forward(x);
        let x = Tensor::cat(vec![upsample(self.lateral_fine.forward(x)), fine], 1);
        let (fine, _) = self.fine.forward(x);
        vec![coarse, medium, fine]
    }
}
