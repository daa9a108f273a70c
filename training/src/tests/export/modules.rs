//! Whole networks.

use super::{cases, count, floats, in_onnxruntime, network_agrees};
use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig, generate_autoregressive_mask};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, Lstm, LstmConfig};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData};
use ocelli_training::export::{Exporter, Input, LstmWeights, Pass, lstm};
use ocelli_training::models::DetectionNetwork;
use ocelli_training::models::blocks::{ConvBlock, ConvBlockConfig};
use ocelli_training::weights::Weights;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Moves weights of these names away from where they start.
pub(super) fn shift(weights: &mut Weights, names: &[&str]) {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    for (name, data) in &mut weights.0 {
        if names.iter().any(|own| name.ends_with(own)) {
            let shifted: Vec<f32> = data.iter::<f32>().map(|value| value + random.random_range(-0.5f32..0.5)).collect();
            *data = TensorData::new(shifted, data.shape().to_vec());
        }
    }
}

/// A small detector: a stem, two scales, a pyramid.
#[derive(Module, Debug)]
pub(super) struct Small {
    stem: ConvBlock,
    blocks: Vec<ConvBlock>,
    lateral: ConvBlock,
    heads: Vec<Conv2d>,
}

impl Small {
    pub(super) fn new(device: &Device) -> Self {
        let block = |input, output, kernel, stride| {
            ConvBlockConfig::new(input, output, kernel).with_stride(stride).init(device)
        };
        Self {
            stem: block(3, 8, 3, 2),
            blocks: vec![block(8, 12, 3, 2), block(12, 16, 3, 2)],
            lateral: block(16, 12, 1, 1),
            heads: [16, 24].map(|input| Conv2dConfig::new([input, 2 * 7], [1, 1]).init(device)).into(),
        }
    }
}

impl DetectionNetwork for Small {
    fn forward(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let fine = self.blocks[0].forward(self.stem.forward(images));
        let coarse = self.blocks[1].forward(fine.clone());
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
        let up = interpolate(self.lateral.forward(coarse.clone()), options);
        vec![self.heads[0].forward(coarse), self.heads[1].forward(Tensor::cat(vec![up, fine], 1))]
    }
}

/// The small detector after some batches, with scales and shifts of its own; always the same.
pub(super) fn trained_small() -> Weights {
    let device = Device::flex().autodiff();
    let mut weights = Weights::of(&Small::new(&device));
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for data in weights.0.values_mut().filter(|data| data.shape().num_dims() == 4) {
        let fan_in: usize = data.shape()[1..].iter().product();
        let limit = (3.0 / fan_in as f32).sqrt();
        let numbers: Vec<f32> = data.iter::<f32>().map(|_| random.random_range(-limit..limit)).collect();
        *data = TensorData::new(numbers, data.shape().to_vec());
    }
    let network = weights.load_into(Small::new(&device)).unwrap();
    for _ in 0..30 {
        let numbers: Vec<f32> = (0..4 * 3 * 32 * 48).map(|_| random.random_range(0.0..1.0)).collect();
        network.forward(Tensor::from_data(TensorData::new(numbers, [4, 3, 32, 48]), &device));
    }
    let mut weights = Weights::of(&network);
    shift(&mut weights, &["gamma", "beta"]);
    let moved = weights.0["stem.norm.running_var"].iter::<f32>().all(|variance| (variance - 1.0).abs() > 0.01);
    assert!(moved, "the statistics are trained");
    weights
}

#[test]
fn batch_norms_fold_into_the_convolutions_before_them() {
    let port = floats("images", &[2, 3, 40, 88]).open(2, "height", 56).open(3, "width", 104);
    let model = network_agrees("small", Small::new, &trained_small(), &[port], |network, pass| {
        let images = pass.float("images")?;
        network.forward(images).into_iter().zip(["coarse", "fine"]).try_for_each(|(head, name)| pass.give(name, head))
    });
    assert_eq!((count(&model, "Conv"), count(&model, "LeakyRelu"), count(&model, "BatchNormalization")), (6, 4, 0));
    let graph = model.graph.unwrap();
    let mut names: Vec<_> = graph.initializer.iter().map(|value| value.name.as_str()).collect();
    names.sort_unstable();
    let weights = ["blocks.0.conv", "blocks.1.conv", "heads.0", "heads.1", "lateral.conv", "stem.conv"];
    let mut wanted: Vec<String> =
        weights.iter().flat_map(|module| [format!("{module}.bias"), format!("{module}.weight")]).collect();
    wanted.push("constant".into());
    wanted.sort_unstable();
    assert_eq!(names, wanted);
}

/// One convolution used twice, with a normalisation behind each use and one that sees the convolution itself too.
#[derive(Module, Debug)]
struct Shared {
    conv: Conv2d,
    first: BatchNorm,
    second: BatchNorm,
}

#[test]
fn a_shared_convolution_keeps_its_weights_where_it_must() {
    let init = |device: &Device| Shared {
        conv: Conv2dConfig::new([3, 3], [3, 3]).init(device),
        first: BatchNormConfig::new(3).init(device),
        second: BatchNormConfig::new(3).init(device),
    };
    let mut weights = Weights::of(&init(&Device::flex()));
    shift(&mut weights, &["gamma", "beta", "running_mean", "running_var"]);
    let model = network_agrees("shared", init, &weights, &[floats("x", &[2, 3, 9, 10])], |network, pass| {
        let once = network.conv.forward(pass.float::<4>("x")?);
        pass.give("first", network.first.forward(once.clone()))?;
        let twice = network.conv.forward(once.clone());
        pass.give("second", network.second.forward(twice))?;
        pass.give("once", once)
    });
    assert_eq!((count(&model, "Conv"), count(&model, "BatchNormalization")), (2, 1));
}

#[derive(Module, Debug)]
struct Recurrent {
    lstm: Lstm,
    out: Linear,
}

impl Recurrent {
    fn new(device: &Device) -> Self {
        Self { lstm: LstmConfig::new(6, 16, true).init(device), out: LinearConfig::new(16, 3).init(device) }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.out.forward(self.lstm.forward(x, None).0)
    }

    /// With the LSTM as one node where there is a capture.
    fn forward_in_one(&self, x: Tensor<3>) -> Tensor<3> {
        let l = &self.lstm;
        let gates = [&l.input_gate, &l.output_gate, l.forget_gate.as_ref().unwrap(), &l.cell_gate];
        let rows = |weights: Vec<Tensor<2>>| Tensor::cat(weights, 0).unsqueeze::<3>();
        let bias = |linear: &Linear| linear.bias.as_ref().unwrap().val();
        let input = gates.iter().map(|gate| gate.input_transform.weight.val().transpose()).collect();
        let recurrent = gates.iter().map(|gate| gate.hidden_transform.weight.val().transpose()).collect();
        let biases = gates.iter().map(|gate| bias(&gate.input_transform));
        let biases = biases.chain(gates.iter().map(|gate| bias(&gate.hidden_transform))).collect();
        let weights =
            LstmWeights { input: rows(input), recurrent: rows(recurrent), bias: Tensor::cat(biases, 0).unsqueeze() };
        match lstm(&x.clone().swap_dims(0, 1), &weights) {
            Some(states) => self.out.forward(states.squeeze_dim::<3>(1).swap_dims(0, 1)),
            None => self.forward(x),
        }
    }
}

#[test]
fn recurrent_networks_agree_step_by_step_and_as_one_node() {
    let weights = Weights::of(&Recurrent::new(&Device::flex()));
    let unrolled = network_agrees("lstm", Recurrent::new, &weights, &[floats("x", &[2, 7, 6])], |network, pass| {
        let x = pass.float("x")?;
        pass.give("y", network.forward(x))
    });
    let port = floats("x", &[2, 7, 6]).open(1, "time", 11);
    let one = network_agrees("lstm node", Recurrent::new, &weights, &[port], |network, pass| {
        let x = pass.float("x")?;
        pass.give("y", network.forward_in_one(x))
    });
    assert_eq!((count(&unrolled, "LSTM"), count(&one, "LSTM")), (0, 1));
}

#[derive(Module, Debug)]
struct Attending {
    attention: MultiHeadAttention,
    encoder: TransformerEncoder,
}

#[test]
fn attention_and_transformers_agree() {
    let init = |device: &Device| Attending {
        attention: MultiHeadAttentionConfig::new(12, 2).init(device),
        encoder: TransformerEncoderConfig::new(12, 16, 2, 2).with_norm_first(true).init(device),
    };
    let weights = Weights::of(&init(&Device::flex()));
    network_agrees("transformer", init, &weights, &[floats("x", &[2, 7, 12])], |network, pass| {
        let x = pass.float::<3>("x")?;
        let mask = generate_autoregressive_mask(x.dims()[0], 7, &x.device());
        let masked = network.attention.forward(MhaInput::self_attn(x.clone()).mask_attn(mask));
        pass.give("attended", masked.context)?;
        pass.give("encoded", network.encoder.forward(TransformerEncoderInput::new(x)))
    });
}

#[test]
fn the_network_that_trains_is_not_touched_by_an_export() {
    let device = Device::flex().autodiff();
    let network = Small::new(&device);
    let batch = || Tensor::<4>::random([2, 3, 32, 32], burn::tensor::Distribution::Default, &device);
    network.forward(batch());
    let weights = Weights::of(&network);
    let inputs = [Input::floats("images", &[2, 3, 32, 48])];
    let forward = |network: &Small, pass: &mut Pass| {
        let images = pass.float("images")?;
        pass.give("head", network.forward(images).remove(0))
    };
    let exporter = Exporter { init: Small::new, weights: &weights, inputs: &inputs, forward };
    exporter.model().unwrap();
    assert_eq!(Weights::of(&network), weights);
    // Its statistics are where they were: the next step works and changes them.
    network.forward(batch());
    assert_ne!(Weights::of(&network), weights);
}

#[test]
fn half_size_weights_run_anywhere_within_two_thousandths() {
    let weights = trained_small();
    let port = floats("images", &[2, 3, 40, 88]);
    let inputs = [Input::floats("images", &[2, 3, 40, 88]).dynamic(0, "batch", 3)];
    let forward = |network: &Small, pass: &mut Pass| {
        let images = pass.float("images")?;
        network.forward(images).into_iter().zip(["coarse", "fine"]).try_for_each(|(head, name)| pass.give(name, head))
    };
    let exporter = Exporter { init: Small::new, weights: &weights, inputs: &inputs, forward };
    let full = exporter.model().unwrap();
    let half = ocelli_training::export::half(full.clone()).unwrap();
    let cases = cases(&[port]);
    let error = exporter.check(&half, &cases, 2e-3).unwrap();
    assert!(error > 1e-6, "rounded weights cannot agree to {error:e}");
    in_onnxruntime("half", &half, &cases, &exporter, 2e-3);
    let bytes = |model: &ocelli::onnx::Model| model.to_bytes().len() as f32;
    let weight_bytes = weights.count() as f32 * 4.0;
    println!("half: {} of {} bytes, error {error:e}", bytes(&half), bytes(&full));
    assert!(bytes(&half) < bytes(&full) - 0.4 * weight_bytes);
}

#[test]
fn half_size_weights_serve_recurrent_networks_too() {
    let weights = Weights::of(&Recurrent::new(&Device::flex()));
    let port = floats("x", &[2, 7, 6]);
    let inputs = [Input::floats("x", &[2, 7, 6]).dynamic(0, "batch", 3)];
    let forward = |network: &Recurrent, pass: &mut Pass| {
        let x = pass.float("x")?;
        pass.give("y", network.forward_in_one(x))
    };
    let exporter = Exporter { init: Recurrent::new, weights: &weights, inputs: &inputs, forward };
    let half = ocelli_training::export::half(exporter.model().unwrap()).unwrap();
    assert!(count(&half, "Cast") >= 4);
    let cases = cases(&[port]);
    exporter.check(&half, &cases, 2e-3).unwrap();
    in_onnxruntime("half lstm", &half, &cases, &exporter, 2e-3);
}
