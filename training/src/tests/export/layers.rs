//! Layers with weights, and windows that move.

use super::{Port, agrees, count, floats, network_agrees};
use burn::module::Module;
use burn::nn::conv::{
    Conv1dConfig, Conv2dConfig, Conv3dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig, ConvTranspose3dConfig,
};
use burn::nn::pool::{AvgPool1dConfig, AvgPool2dConfig, MaxPool1dConfig, MaxPool2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, EmbeddingConfig, GroupNormConfig, LayerNormConfig, LinearConfig, PReluConfig,
    PaddingConfig1d, PaddingConfig2d, PaddingConfig3d, RmsNormConfig,
};
use burn::tensor::module::{adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, attention, interpolate};
use burn::tensor::ops::{AttentionModuleOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use ocelli::onnx::Model;
use ocelli_training::weights::Weights;

/// Exports a module with its random weights.
fn layer<M: Module, const D: usize, const E: usize>(
    name: &str,
    port: Port,
    init: impl Fn(&Device) -> M,
    forward: impl Fn(&M, Tensor<D>) -> Tensor<E>,
) -> Model {
    let weights = Weights::of(&init(&Device::flex()));
    network_agrees(name, init, &weights, &[port], |module, pass| {
        let x = pass.float("x")?;
        pass.give("y", forward(module, x))
    })
}

/// Batch normalisation that has seen a few batches, with a scale and shift of its own.
fn trained_norm(features: usize) -> Weights {
    let device = Device::flex().autodiff();
    let norm: BatchNorm = BatchNormConfig::new(features).init(&device);
    for step in 0..20 {
        let batch = Tensor::<2>::random([32, features], burn::tensor::Distribution::Default, &device);
        norm.forward(batch * f64::from(step % 3 + 1) - 0.7);
    }
    let mut weights = Weights::of(&norm);
    super::modules::shift(&mut weights, &["gamma", "beta"]);
    weights
}

#[test]
fn convolutions_agree() {
    layer(
        "conv1d",
        floats("x", &[2, 3, 11]),
        |device| Conv1dConfig::new(3, 4, 3).with_stride(2).with_padding(PaddingConfig1d::Explicit(2, 1)).init(device),
        |conv, x| conv.forward(x),
    );
    let model = layer(
        "conv2d",
        floats("x", &[2, 3, 11, 14]).open(2, "height", 13).open(3, "width", 17),
        |device| {
            let padding = PaddingConfig2d::Explicit(1, 2, 3, 0);
            Conv2dConfig::new([3, 4], [3, 5]).with_stride([2, 1]).with_padding(padding).init(device)
        },
        |conv, x| conv.forward(x),
    );
    let graph = model.graph.unwrap();
    assert_eq!(graph.initializer.iter().map(|value| value.name.as_str()).collect::<Vec<_>>(), ["weight", "bias"]);
    layer(
        "dilated groups",
        floats("x", &[2, 4, 11, 14]),
        |device| Conv2dConfig::new([4, 6], [3, 3]).with_dilation([2, 3]).with_groups(2).with_bias(false).init(device),
        |conv, x| conv.forward(x),
    );
    layer(
        "conv3d",
        floats("x", &[2, 3, 5, 6, 7]),
        |device| {
            let padding = PaddingConfig3d::Explicit(1, 0, 2);
            Conv3dConfig::new([3, 4], [3, 2, 3]).with_padding(padding).init(device)
        },
        |conv, x| conv.forward(x),
    );
}

#[test]
fn transposed_convolutions_agree() {
    layer(
        "conv_transpose1d",
        floats("x", &[2, 3, 7]),
        |device| ConvTranspose1dConfig::new([3, 4], 3).with_stride(2).with_padding(1).init(device),
        |conv, x| conv.forward(x),
    );
    layer(
        "conv_transpose2d",
        floats("x", &[2, 4, 5, 7]).open(2, "height", 11).open(3, "width", 13),
        |device| {
            let config = ConvTranspose2dConfig::new([4, 6], [3, 2]).with_stride([2, 3]).with_padding([1, 0]);
            config.with_padding_out([1, 1]).with_groups(2).init(device)
        },
        |conv, x| conv.forward(x),
    );
    layer(
        "conv_transpose3d",
        floats("x", &[2, 3, 3, 4, 5]),
        |device| ConvTranspose3dConfig::new([3, 2], [2, 2, 3]).with_stride([2, 1, 2]).init(device),
        |conv, x| conv.forward(x),
    );
}

#[test]
fn pooling_agrees() {
    layer(
        "max_pool1d",
        floats("x", &[2, 3, 11]),
        |_| MaxPool1dConfig::new(3).with_stride(2).with_padding(PaddingConfig1d::Explicit(1, 1)).init(),
        |pool, x| pool.forward(x),
    );
    layer(
        "max_pool2d",
        floats("x", &[2, 3, 11, 14]).open(2, "height", 13).open(3, "width", 17),
        |_| {
            MaxPool2dConfig::new([3, 2]).with_strides([1, 2]).with_padding(PaddingConfig2d::Explicit(1, 0, 1, 0)).init()
        },
        |pool, x| pool.forward(x),
    );
    layer(
        "max_pool2d of stride 1 that keeps the size",
        floats("x", &[2, 3, 11, 14]),
        |_| {
            MaxPool2dConfig::new([2, 2]).with_strides([1, 1]).with_padding(PaddingConfig2d::Explicit(0, 0, 1, 1)).init()
        },
        |pool, x| pool.forward(x),
    );
    layer(
        "max_pool2d with ceil_mode",
        floats("x", &[2, 3, 10, 13]),
        |_| MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_ceil_mode(true).init(),
        |pool, x| pool.forward(x),
    );
    layer(
        "avg_pool1d",
        floats("x", &[2, 3, 11]),
        |_| AvgPool1dConfig::new(3).with_stride(2).with_padding(PaddingConfig1d::Explicit(1, 1)).init(),
        |pool, x| pool.forward(x),
    );
    for counted in [false, true] {
        layer(
            "avg_pool2d",
            floats("x", &[2, 3, 11, 14]),
            |_| {
                let config = AvgPool2dConfig::new([3, 2]).with_strides([2, 2]);
                config.with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).with_count_include_pad(counted).init()
            },
            |pool, x| pool.forward(x),
        );
    }
}

#[test]
fn adaptive_pooling_agrees() {
    agrees("adaptive", &[floats("x", &[2, 3, 6, 8])], |pass| {
        let x = pass.float::<4>("x")?;
        pass.give("one", adaptive_avg_pool2d(x.clone(), [1, 1]))?;
        pass.give("few", adaptive_avg_pool2d(x.clone(), [3, 2]))?;
        pass.give("line", adaptive_avg_pool1d(x.clone().flatten::<3>(2, 3), 6))?;
        pass.give("volume", adaptive_avg_pool3d(x.unsqueeze_dim(2), [1, 1, 1]))
    });
}

#[test]
fn normalisation_agrees() {
    let model = network_agrees(
        "batch norm alone",
        |device| BatchNormConfig::new(5).init(device),
        &trained_norm(5),
        &[floats("x", &[2, 5, 4, 3]).open(2, "height", 7)],
        |norm: &BatchNorm, pass| {
            let x = pass.float::<4>("x")?;
            pass.give("y", norm.forward(x))
        },
    );
    assert_eq!(count(&model, "BatchNormalization"), 1);
    layer(
        "layer_norm",
        floats("x", &[2, 5, 4]),
        |d| LayerNormConfig::new(4).init(d),
        |norm, x: Tensor<3>| norm.forward(x),
    );
    layer(
        "layer_norm without bias",
        floats("x", &[2, 5, 4]),
        |device| LayerNormConfig::new(4).with_bias(false).init(device),
        |norm, x: Tensor<3>| norm.forward(x),
    );
    layer(
        "group_norm",
        floats("x", &[2, 6, 4]),
        |d| GroupNormConfig::new(3, 6).init(d),
        |norm, x: Tensor<3>| norm.forward(x),
    );
    layer("rms_norm", floats("x", &[2, 5, 4]), |d| RmsNormConfig::new(4).init(d), |norm, x: Tensor<3>| norm.forward(x));
    layer(
        "prelu",
        floats("x", &[2, 5, 4]),
        |_| PReluConfig::new().init(&Device::flex()),
        |prelu, x: Tensor<3>| prelu.forward(x),
    );
}

#[test]
fn linear_layers_and_embeddings_agree() {
    layer(
        "linear",
        floats("x", &[2, 5, 4]),
        |d| LinearConfig::new(4, 3).init(d),
        |linear, x: Tensor<3>| linear.forward(x),
    );
    // burn folds the rows of some shapes and not of others.
    for (rows, width) in [(7, 12), (1, 4), (33, 40), (2, 96)] {
        let init = |device: &Device| LinearConfig::new(width, 5).init(device);
        let model =
            layer("linear of any rows", floats("x", &[2, rows, width]), init, |linear, x: Tensor<3>| linear.forward(x));
        assert_eq!((count(&model, "MatMul"), count(&model, "Add"), count(&model, "Reshape")), (1, 1, 0));
    }
    layer(
        "linear of rows",
        floats("x", &[2, 4]),
        |d| LinearConfig::new(4, 3).with_bias(false).init(d),
        |linear, x: Tensor<2>| linear.forward(x),
    );
    let init = |device: &Device| EmbeddingConfig::new(9, 4).init(device);
    let weights = Weights::of(&init(&Device::flex()));
    network_agrees("embedding", init, &weights, &[floats("x", &[2, 5]).below(9)], |embedding, pass| {
        let x = pass.integers::<2>("x")?;
        pass.give("y", embedding.forward(x))
    });
}

#[test]
fn matrix_products_agree() {
    agrees("matmul", &[floats("x", &[2, 7, 5, 4]), floats("z", &[2, 7, 4, 3])], |pass| {
        let (x, z) = (pass.float::<4>("x")?, pass.float::<4>("z")?);
        pass.give("y", x.matmul(z))
    });
}

fn resized(name: &str, port: Port, options: &InterpolateOptions) -> Model {
    agrees(name, &[port], |pass| {
        let x = pass.float::<4>("x")?;
        pass.give("y", interpolate(x, options.clone()))
    })
}

fn bilinear(down: f32, across: f32, aligned: bool) -> InterpolateOptions {
    let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_scale_factor([down, across]);
    options.with_align_corners(aligned)
}

#[test]
fn upsampling_holds_for_any_size() {
    let open = || floats("x", &[2, 3, 5, 7]).open(2, "height", 11).open(3, "width", 13);
    let doubled = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
    let model = resized("nearest", open(), &doubled);
    let graph = model.graph.unwrap();
    assert_eq!(graph.node[0].op_type, "Resize");
    assert_eq!(graph.node[0].input.len(), 3, "scales, not sizes");
    resized("bilinear", open(), &bilinear(2.0, 3.0, false));
    resized("bilinear with aligned corners", open(), &bilinear(2.0, 2.0, true));
}

#[test]
fn resizing_to_a_size_agrees() {
    let fixed = || floats("x", &[2, 3, 5, 7]);
    let sized = |mode| InterpolateOptions::new(mode).with_output_size([8, 10]);
    resized("nearest to a size", fixed(), &sized(InterpolateMode::Nearest));
    resized("bilinear to a size", fixed(), &sized(InterpolateMode::Bilinear));
}

#[test]
fn attention_agrees() {
    let ports = [
        floats("query", &[2, 2, 5, 4]),
        floats("key", &[2, 2, 7, 4]),
        floats("value", &[2, 2, 7, 3]),
        floats("mask", &[2, 2, 5, 7]),
        floats("bias", &[2, 2, 5, 7]),
    ];
    agrees("attention", &ports, |pass| {
        let (query, key, value) = (pass.float("query")?, pass.float("key")?, pass.float("value")?);
        let (mask, bias) = (pass.float::<4>("mask")?.greater_scalar(1.0), pass.float::<4>("bias")?);
        let plain = attention(query.clone(), key.clone(), value.clone(), None, None, AttentionModuleOptions::default());
        pass.give("plain", plain)?;
        let options = AttentionModuleOptions { scale: Some(0.3), softcap: Some(2.0), is_causal: false };
        pass.give("full", attention(query, key, value, Some(mask), Some(bias), options))
    });
}
