//! The kernels of convolution, normalisation and pooling against PyTorch's numbers and the framework's own operations.

use burn::backend::ir::OperationIr;
use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{DType, Device, Distribution, Tensor, TensorData, module};
use ocelli_training::models::blocks::{ConvBlockConfig, SLOPE};
use ocelli_training::ops;
use serde_json::Value;

/// The formula of `golden/ops.py`, in f64.
fn numbers<const D: usize>(seed: usize, shape: [usize; D]) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|i| (((i + 11 * seed) * 7919) % 1009) as f64 / 504.5 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex().autodiff(), DType::F64))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

#[track_caller]
fn assert_close(ours: &[f64], truth: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), truth.len(), "{what}");
    let size = truth.iter().fold(1.0_f64, |size, value| size.max(value.abs()));
    for (i, (ours, truth)) in ours.iter().zip(truth).enumerate() {
        assert!((ours - truth).abs() <= tolerance * size, "{what}, number {i}: {ours} is not {truth}");
    }
}

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/ops.json")).unwrap()
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn pair(value: &Value) -> [usize; 2] {
    [count(&value[0]), count(&value[1])]
}

/// A convolution with its sizes.
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    channels: [usize; 2],
    size: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
    bias: bool,
}

type Convolution = fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>, ConvOptions<2>) -> Tensor<4>;

fn stock(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, options: ConvOptions<2>) -> Tensor<4> {
    module::conv2d(x, weight, bias, options)
}

impl Case {
    fn options(self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1)
    }

    /// Output, and gradients of input, kernels and bias.
    fn run(self, convolution: Convolution, kind: DType) -> Vec<Vec<f64>> {
        let Self { batch, channels: [input, output], size: [height, width], kernel, .. } = self;
        let x = numbers(1, [batch, input, height, width]).cast(kind).require_grad();
        let weight = numbers(2, [output, input, kernel, kernel]).cast(kind).require_grad();
        let bias = self.bias.then(|| numbers(3, [output]).cast(kind).require_grad());
        let y = convolution(x.clone(), weight.clone(), bias.clone(), self.options());
        let gradients = (y.clone() * numbers(4, y.dims()).cast(kind)).sum().backward();
        let mut results =
            vec![values(y), values(x.grad(&gradients).unwrap()), values(weight.grad(&gradients).unwrap())];
        results.extend(bias.map(|bias| values(bias.grad(&gradients).unwrap())));
        results
    }
}

#[test]
fn a_convolution_and_its_gradients_are_pytorchs() {
    for truth in golden()["convolutions"].as_array().unwrap() {
        let case = Case {
            batch: count(&truth["batch"]),
            channels: pair(&truth["channels"]),
            size: pair(&truth["size"]),
            kernel: count(&truth["kernel"]),
            stride: count(&truth["stride"]),
            padding: count(&truth["padding"]),
            bias: !truth["bias"].is_null(),
        };
        for (kind, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-6)] {
            for (ours, name) in case.run(ops::conv2d, kind).iter().zip(["output", "x", "weight", "bias"]) {
                assert_close(ours, &list(&truth[name]), tolerance, &format!("{name} of {case:?}"));
            }
        }
    }
}

#[test]
fn a_convolution_and_its_gradients_are_the_frameworks() {
    let mut cases = Vec::new();
    for (i, kernel) in [1, 3, 5, 7].into_iter().enumerate() {
        for stride in [1, 2, 3] {
            for padding in 0..=3 {
                // All batches, channels and sizes come up with every kernel, not with every combination.
                let turn = i + stride + padding;
                let batch = [1, 2, 3, 5][turn % 4];
                let channels = [[1, 3], [3, 17], [17, 1], [3, 3], [17, 17]][turn % 5];
                let size = [[8, 9], [9, 8], [11, 7], [7, 12]][(turn + i) % 4];
                cases.push(Case { batch, channels, size, kernel, stride, padding, bias: turn % 2 == 0 });
            }
        }
    }
    let tall = Case { batch: 1, channels: [17, 3], size: [12, 300], kernel: 7, stride: 1, padding: 3, bias: true };
    // Several strips a picture; kernels so large that their gradient is shared out by channels; no height to share out.
    let large = Case { batch: 2, channels: [40, 140], size: [6, 6], kernel: 5, stride: 1, padding: 2, bias: false };
    let deep = Case { batch: 3, channels: [600, 230], size: [4, 3], kernel: 1, stride: 1, padding: 0, bias: true };
    cases.extend([tall, Case { stride: 2, padding: 2, ..tall }, large, Case { stride: 2, ..large }, deep]);
    cases.push(Case { size: [1, 40], kernel: 1, ..deep });
    for case in cases {
        let pairs = case.run(ops::conv2d, DType::F64).into_iter().zip(case.run(stock, DType::F64));
        for ((ours, truth), name) in pairs.zip(["output", "x", "weight", "bias"]) {
            assert_close(&ours, &truth, 1e-12, &format!("{name} of {case:?}"));
        }
    }
}

#[test]
fn options_without_a_kernel_of_ours_are_left_to_the_framework() {
    let (x, weight) = (numbers(1, [2, 4, 9, 8]), numbers(2, [6, 2, 3, 3]));
    let grouped = ConvOptions::new([1, 1], [1, 1], [1, 1], 2);
    let dilated = ConvOptions::new([1, 1], [1, 1], [2, 2], 2);
    let uneven = ConvOptions::new_with_padding([2, 2], [(0, 1), (1, 0)], [1, 1], 2);
    for options in [grouped, dilated, uneven] {
        let ours = ops::conv2d(x.clone(), weight.clone(), None, options.clone());
        let truth = module::conv2d(x.clone(), weight.clone(), None, options);
        assert_eq!(values(ours), values(truth));
    }
    let options = MaxPoolOptions::new([2, 2]).with_stride([1, 1]).with_padding_pairs([(0, 1), (0, 1)]);
    assert_eq!(values(ops::max_pool2d(x.clone(), options.clone())), values(module::max_pool2d(x, options)));
}

#[test]
fn an_input_without_gradient_gets_none() {
    let case = Case { batch: 2, channels: [3, 4], size: [6, 6], kernel: 3, stride: 1, padding: 1, bias: false };
    let (x, weight) = (numbers(1, [2, 3, 6, 6]), numbers(2, [4, 3, 3, 3]).require_grad());
    let y = ops::conv2d(x.clone(), weight.clone(), None, case.options());
    let gradients = (y.clone() * numbers(4, y.dims())).sum().backward();
    assert!(x.grad(&gradients).is_none());
    assert_eq!(values(weight.grad(&gradients).unwrap()), case.run(ops::conv2d, DType::F64)[2]);
}

#[test]
fn tensors_with_gaps_are_read_in_their_order() {
    let x = numbers(1, [2, 3, 7, 6]).swap_dims(2, 3);
    let weight = numbers(2, [3, 4, 3, 3]).swap_dims(0, 1);
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    let ours = ops::conv2d(x.clone(), weight.clone(), None, options.clone());
    assert_close(&values(ours), &values(module::conv2d(x.clone(), weight, None, options)), 1e-12, "convolution");
    let pool = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
    assert_eq!(values(ops::max_pool2d(x.clone(), pool.clone())), values(module::max_pool2d(x, pool)));
}

/// A layer in f64 with the numbers of `golden/ops.py`.
fn norm() -> BatchNorm {
    let layer = BatchNormConfig::new(4).init(&Device::flex().autodiff());
    BatchNorm {
        gamma: Param::from_tensor(numbers(2, [4]) + 0.2),
        beta: Param::from_tensor(numbers(3, [4]) * 0.5),
        running_mean: RunningState::new(numbers(0, [4]) * 0.0),
        running_var: RunningState::new(numbers(0, [4]) * 0.0 + 1.0),
        ..layer
    }
}

type Normalisation = fn(&BatchNorm, Tensor<4>) -> Tensor<4>;

/// Output, gradients of input, γ and β, running mean and variance after two steps.
fn normalise(normalisation: Normalisation) -> Vec<Vec<f64>> {
    let layer = norm();
    let x = (numbers(1, [3, 4, 5, 6]) * 2.0 + 0.3).detach().require_grad();
    normalisation(&layer, x.clone());
    let y = normalisation(&layer, x.clone() * 2.0);
    let gradients = (y.clone() * numbers(4, y.dims())).sum().backward();
    let [gamma, beta] = [&layer.gamma, &layer.beta].map(|parameter| parameter.val().grad(&gradients).unwrap());
    let [mean, variance] = [&layer.running_mean, &layer.running_var].map(RunningState::value_sync);
    vec![values(y), values(x.grad(&gradients).unwrap()), values(gamma), values(beta), values(mean), values(variance)]
}

fn ours(layer: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    ops::norm_leaky(layer, x, SLOPE)
}

fn composed(layer: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    leaky_relu(layer.forward(x), SLOPE)
}

#[test]
fn a_normalisation_and_its_gradients_are_pytorchs() {
    let truth = &golden()["normalisation"];
    let results = normalise(ours);
    for (ours, name) in results.iter().zip(["output", "x", "gamma", "beta", "running_mean"]) {
        assert_close(ours, &list(&truth[name]), 1e-12, name);
    }
    // PyTorch's running variance is of unbiased ones: 90 numbers, two steps from 1 with momentum 0.1.
    let start = 0.9 * 0.9;
    let unbiased: Vec<_> = results[5].iter().map(|biased| start + (biased - start) * 90.0 / 89.0).collect();
    assert_close(&unbiased, &list(&truth["running_var"]), 1e-12, "running_var");
}

#[test]
fn a_normalisation_and_its_gradients_are_the_frameworks() {
    let names = ["output", "x", "gamma", "beta", "running mean", "running variance"];
    for ((ours, truth), name) in normalise(ours).iter().zip(normalise(composed)).zip(names) {
        assert_close(ours, &truth, 1e-12, name);
    }
}

#[test]
fn a_normalisation_far_from_zero_keeps_its_digits() {
    let device = Device::flex().autodiff();
    let x = (numbers(1, [2, 3, 64, 65]) + 300.0).cast(DType::F32);
    let exact = values(x.clone().cast(DType::F64));
    let layer = BatchNormConfig::new(3).init(&device);
    let y = values(ops::norm_leaky(&layer, x, SLOPE));
    let plane = 64 * 65;
    let channel = |values: &[f64]| [&values[plane..2 * plane], &values[4 * plane..5 * plane]].concat();
    let (x, y) = (channel(&exact), channel(&y));
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
    let truth: Vec<_> = x.iter().map(|x| (x - mean) / (variance + 1e-5).sqrt()).collect();
    let truth: Vec<_> = truth.into_iter().map(|z| if z > 0.0 { z } else { SLOPE * z }).collect();
    // The mean itself, in f32, is off by up to 2⁻¹⁶.
    assert_close(&y, &truth, 3e-5, "output");
}

#[test]
fn a_frozen_normalisation_keeps_its_running_statistics() {
    let layer = norm().freeze();
    let x = numbers(1, [3, 4, 5, 6]);
    let y = values(ours(&layer, x.clone()));
    assert_eq!(values(layer.running_mean.value_sync()), [0.0; 4]);
    assert_eq!(values(layer.running_var.value_sync()), [1.0; 4]);
    assert_eq!(y, values(composed(&layer, x.clone())));
    // A device without automatic differentiation has the running statistics, too.
    let layer = norm().valid();
    assert_close(&values(ours(&layer, x.inner())), &y, 1e-12, "output");
}

#[test]
fn max_pooling_and_its_gradient_are_pytorchs() {
    for truth in golden()["poolings"].as_array().unwrap() {
        let [height, width] = pair(&truth["size"]);
        let [kernel, stride, padding] = ["kernel", "stride", "padding"].map(|name| [count(&truth[name]); 2]);
        let x = (numbers(1, [2, 3, height, width]) * 4.0).round().detach().require_grad();
        let y = ops::max_pool2d(x.clone(), MaxPoolOptions::new(kernel).with_stride(stride).with_padding(padding));
        let gradients = (y.clone() * numbers(4, y.dims())).sum().backward();
        assert_close(&values(y), &list(&truth["output"]), 0.0, "output");
        assert_close(&values(x.grad(&gradients).unwrap()), &list(&truth["x"]), 1e-12, "gradient");
    }
}

/// Output and gradients of two blocks with a pool between, as bytes.
fn two_blocks(batch: usize) -> Vec<Vec<u32>> {
    let device = Device::flex().autodiff();
    let bits = |data: TensorData| data.try_to_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let x = numbers(1, [batch, 3, 64, 48]).cast(DType::F32);
    let [first, second] = [(3, 24, 1), (24, 700, 2)].map(|(input, output, stride)| {
        let mut block = ConvBlockConfig::new(input, output, 3).with_stride(stride).init(&device);
        block.conv.weight = Param::from_tensor(numbers(2, [output, input, 3, 3]).cast(DType::F32));
        block
    });
    let pooled = ops::max_pool2d(first.forward(x), MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
    let y = second.forward(pooled);
    let gradients = (y.clone() * numbers(4, y.dims()).cast(DType::F32)).sum().backward();
    let kernels = [first, second].map(|block| bits(block.conv.weight.val().grad(&gradients).unwrap().into_data()));
    std::iter::once(bits(y.into_data())).chain(kernels).collect()
}

#[test]
fn two_runs_are_equal_to_the_bit_on_any_number_of_threads() {
    for batch in [1, 5] {
        let runs: Vec<_> = [2, 2, 3, 1]
            .into_iter()
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| two_blocks(batch))
            })
            .collect();
        assert!(runs.iter().all(|run| run == &runs[0]), "batch {batch}");
    }
}

/// The names of the operations that `forward` records.
fn captured(forward: impl FnOnce(&Device) -> Tensor<4>) -> Vec<String> {
    let device = Device::capture();
    let captured = device.capture_scope(|scope| {
        forward(&device);
        scope.complete([], [])
    });
    let name = |operation: &OperationIr| {
        let text = format!("{operation:?}");
        let end = text.match_indices(['{', ' ']).map(|(at, _)| at).next().unwrap_or(text.len());
        text[..end].to_owned()
    };
    captured.unwrap().graph.operations.iter().map(name).collect()
}

#[test]
fn a_captured_block_has_the_frameworks_operations() {
    let block = || ConvBlockConfig::new(3, 4, 3).init(&Device::flex());
    let image =
        |device: &Device| Tensor::random([1, 3, 8, 8], Distribution::Default, &Device::flex()).to_device(device);
    let ours = captured(|device| block().to_device(device).forward(image(device)));
    let truth = captured(|device| {
        let block = block().to_device(device);
        leaky_relu(block.norm.forward(block.conv.forward(image(device))), SLOPE)
    });
    assert_eq!(ours, truth);
    assert_eq!(ours.iter().filter(|name| name.contains("Conv2d")).count(), 1, "{ours:?}");
    assert_eq!(ours.iter().filter(|name| name.contains("BatchNorm")).count(), 1, "{ours:?}");
    let pool = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
    let pooled = captured(|device| ops::max_pool2d(image(device), pool));
    assert!(pooled.iter().any(|name| name.contains("MaxPool2d")), "{pooled:?}");
}
