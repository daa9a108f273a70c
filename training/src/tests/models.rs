//! The networks: counts, shapes, initialisation.

use burn::tensor::{Device, Distribution, Tensor};
use ocelli_training::models::{Architecture, DetectionNetwork, DetectorConfig};

fn tiny_config(architecture: Architecture) -> DetectorConfig {
    DetectorConfig { width: 0.125, ..DetectorConfig::new(architecture, 4) }
}

const ALL: [Architecture; 4] =
    [Architecture::OcelliNano, Architecture::YoloV3, Architecture::YoloV3Spp, Architecture::YoloV3Tiny];

#[test]
fn outputs_have_the_grids_of_the_strides_and_the_channels_of_the_anchors() {
    let device = Device::flex();
    for architecture in ALL {
        let config = tiny_config(architecture);
        let outputs = config.init(&device).forward(Tensor::random([2, 3, 64, 96], Distribution::Default, &device));
        let shapes: Vec<_> = outputs.iter().map(Tensor::dims).collect();
        let grid = |stride: u32| [2, 3 * (5 + 4), 64 / stride as usize, 96 / stride as usize];
        assert_eq!(shapes, config.strides().into_iter().map(grid).collect::<Vec<_>>(), "{architecture:?}");
    }
}
