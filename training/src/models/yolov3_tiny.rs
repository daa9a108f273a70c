//! YOLOv3-tiny: max pooling in place of strides and residual blocks, two scales.
//!
//! Redmon & Farhadi 2018 (<https://arxiv.org/abs/1804.02767>) do not describe it; it is what `cfg/yolov3-tiny.cfg` of
//! <https://github.com/pjreddie/darknet> says. Fields stand in the order of that file, in which Darknet's weights come.

use super::DetectionNetwork;
use super::blocks::{ConvBlock, ConvBlockConfig, Head, HeadConfig, drawn, max_pool, upsample};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// The network. Outputs of stride 32, 16.
#[derive(Module, Debug)]
pub struct YoloV3Tiny {
    /// 3×3, each followed by a pool: of stride 2 but for the last.
    pub backbone: Vec<ConvBlock>,
    /// 3×3 on the last map.
    pub last: ConvBlock,
    /// 1×1, what both scales start from.
    pub reduce: ConvBlock,
    /// Stride 32.
    pub coarse: Head,
    /// 1×1 before the size doubles.
    pub lateral: ConvBlock,
    /// Stride 16.
    pub fine: Head,
}

/// How to make a [`YoloV3Tiny`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YoloV3TinyConfig {
    /// Channels of the first convolution, 16 as published; all others are multiples of it.
    pub base: usize,
    /// Anchors of each scale.
    pub anchors: usize,
    /// Classes.
    pub classes: usize,
}

impl YoloV3TinyConfig {
    /// Random weights from the device's generator, all drawn at once.
    pub fn init(&self, device: &Device) -> YoloV3Tiny {
        let base = self.base;
        let block = |input: usize, output: usize, kernel| ConvBlockConfig::new(input, output, kernel).init(device);
        let head = |input: usize, hidden: usize| {
            HeadConfig { input, hidden, anchors: self.anchors, classes: self.classes }.init(device)
        };
        let widths = [3, base, 2 * base, 4 * base, 8 * base, 16 * base, 32 * base];
        drawn(YoloV3Tiny {
            backbone: widths.windows(2).map(|pair| block(pair[0], pair[1], 3)).collect(),
            last: block(32 * base, 64 * base, 3),
            reduce: block(64 * base, 16 * base, 1),
            coarse: head(16 * base, 32 * base),
            lateral: block(16 * base, 8 * base, 1),
            fine: head(8 * base + 16 * base, 16 * base),
        })
    }
}

impl DetectionNetwork for YoloV3Tiny {
    fn forward(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let last = self.backbone.len() - 1;
        let (mut x, mut map) = (images, None);
        for (i, block) in self.backbone.iter().enumerate() {
            let full = block.forward(x);
            if i + 1 == last {
                map = Some(full.clone());
            }
            x = max_pool(full, 2, if i == last { 1 } else { 2 });
        }
        let reduced = self.reduce.forward(self.last.forward(x));
        let up = upsample(self.lateral.forward(reduced.clone()));
        // The map before the last halving, at the size of the fine scale.
        let fine = Tensor::cat(std::iter::once(up).chain(map).collect(), 1);
        vec![self.coarse.forward(reduced), self.fine.forward(fine)]
    }
}
