//! The operations as an extension of burn's `flex` backend.

use super::geometry::Geometry;
use super::norm::Norm;
use super::pool::Windows;
use super::real::Real;
use super::{conv, gradient, norm, pool};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::DType;
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};

/// The operations; what they mean stands with the functions of [`super`].
#[backend_extension(Flex, Autodiff)]
pub(super) trait Operations: Backend {
    /// [`super::conv2d`] without bias, for one group without dilation and with equal padding on opposite sides.
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self>;

    /// The same with a bias; the framework's extensions cannot take an optional tensor.
    fn convolve_biased(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;

    /// [`super::norm_leaky`] with the batch's statistics: the result, and mean and biased variance of each channel,
    /// which have no gradients.
    fn norm_leaky(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// [`super::max_pool2d`], without dilation and with equal padding on opposite sides.
    fn pool_largest(x: FloatTensor<Self>, options: MaxPoolOptions<2>) -> FloatTensor<Self>;
}

/// Calls a generic kernel with the type of the tensor's numbers; only f32 and f64 come here.
macro_rules! by_type {
    ($tensor:expr, $call:ident($($argument:expr),*)) => {
        match $tensor.dtype() {
            DType::F64 => $call::<f64>($($argument),*),
            _ => $call::<f32>($($argument),*),
        }
    };
}

impl Operations for Flex {
    fn convolve(x: FlexTensor, weight: FlexTensor, options: ConvOptions<2>) -> FlexTensor {
        by_type!(x, convolve(&x, &weight, None, &options))
    }

    fn convolve_biased(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, options: ConvOptions<2>) -> FlexTensor {
        by_type!(x, convolve(&x, &weight, Some(&bias), &options))
    }

    fn norm_leaky(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
        slope: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        by_type!(x, norm_leaky(&x, &gamma, &beta, epsilon, slope))
    }

    fn pool_largest(x: FlexTensor, options: MaxPoolOptions<2>) -> FlexTensor {
        pool_with_places(&x, &options).0
    }
}

fn convolve<E: Real>(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    options: &ConvOptions<2>,
) -> FlexTensor {
    let g = Geometry::new(x.shape().dims(), weight.shape().dims(), options);
    let [x, weight] = [x, weight].map(FlexTensor::to_contiguous);
    let bias = bias.map(FlexTensor::to_contiguous);
    let out = conv::convolve(E::slice(&x), E::slice(&weight), bias.as_ref().map(E::slice), &g);
    E::tensor(out, [g.batch, g.channels[1], g.output[0], g.output[1]])
}

fn norm_leaky<E: Real>(
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
    epsilon: f64,
    slope: f64,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let shape: [usize; 4] = x.shape().dims();
    let [x, gamma, beta] = [x, gamma, beta].map(FlexTensor::to_contiguous);
    let result = norm::forward(E::slice(&x), E::slice(&gamma), E::slice(&beta), norm_of(shape, epsilon, slope));
    let [mean, variance] = [result.mean, result.variance].map(|values| E::tensor(values, [shape[1]]));
    (E::tensor(result.output, shape), mean, variance)
}

fn norm_of([_, channels, height, width]: [usize; 4], epsilon: f64, slope: f64) -> Norm {
    Norm { channels, plane: height * width, epsilon, slope }
}

/// The pooled values, and where in their windows they were, as bytes.
pub(super) fn pool_with_places(x: &FlexTensor, options: &MaxPoolOptions<2>) -> (FlexTensor, Vec<u8>) {
    by_type!(x, pool_forward(x, options))
}

fn pool_forward<E: Real>(x: &FlexTensor, options: &MaxPoolOptions<2>) -> (FlexTensor, Vec<u8>) {
    let shape: [usize; 4] = x.shape().dims();
    let windows = Windows::new(shape, options);
    let (values, places) = pool::forward(E::slice(&x.to_contiguous()), &windows);
    (E::tensor(values, [shape[0], shape[1], windows.output[0], windows.output[1]]), places)
}

/// The gradient of the pooled tensor, whose shape was `shape`.
pub(super) fn pool_gradient(
    grad: &FlexTensor,
    places: &[u8],
    shape: [usize; 4],
    options: &MaxPoolOptions<2>,
) -> FlexTensor {
    by_type!(grad, pool_backward(grad, places, shape, options))
}

fn pool_backward<E: Real>(
    grad: &FlexTensor,
    places: &[u8],
    shape: [usize; 4],
    options: &MaxPoolOptions<2>,
) -> FlexTensor {
    let windows = Windows::new(shape, options);
    E::tensor(pool::backward(E::slice(&grad.to_contiguous()), places, &windows), shape)
}

/// Which gradients of a convolution are wanted: the input's, the kernels', the bias's.
pub(super) type Wanted = [bool; 3];

/// The wanted gradients of a convolution.
pub(super) fn convolution_gradients(
    x: &FlexTensor,
    weight: &FlexTensor,
    grad: &FlexTensor,
    options: &ConvOptions<2>,
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    by_type!(x, convolution_backward(x, weight, grad, options, wanted))
}

fn convolution_backward<E: Real>(
    x: &FlexTensor,
    weight: &FlexTensor,
    grad: &FlexTensor,
    options: &ConvOptions<2>,
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    let shapes: [[usize; 4]; 2] = [x.shape().dims(), weight.shape().dims()];
    let g = Geometry::new(shapes[0], shapes[1], options);
    let [x, weight, grad] = [x, weight, grad].map(FlexTensor::to_contiguous);
    let [x, weight, grad] = [&x, &weight, &grad].map(|tensor| E::slice(tensor));
    [
        wanted[0].then(|| E::tensor(gradient::input_gradient(weight, grad, &g), shapes[0])),
        wanted[1].then(|| E::tensor(gradient::weight_gradient(x, grad, &g), shapes[1])),
        wanted[2].then(|| E::tensor(gradient::bias_gradient(grad, &g), [g.channels[1]])),
    ]
}

/// What the backward pass of the normalisation needs from the forward one.
#[derive(Debug, Clone)]
pub(super) struct NormState {
    /// γ, β, mean, variance.
    pub(super) channels: [FlexTensor; 4],
    /// ε.
    pub(super) epsilon: f64,
    /// Slope of the leaky ReLU.
    pub(super) slope: f64,
}

/// The gradients of the input, of γ and of β.
pub(super) fn norm_gradients(x: &FlexTensor, state: &NormState, grad: FlexTensor) -> [FlexTensor; 3] {
    by_type!(x, norm_backward(x, state, grad))
}

fn norm_backward<E: Real>(x: &FlexTensor, state: &NormState, mut grad: FlexTensor) -> [FlexTensor; 3] {
    let shape: [usize; 4] = x.shape().dims();
    let norm = norm_of(shape, state.epsilon, state.slope);
    let x = x.to_contiguous();
    let channels = state.channels.each_ref().map(|tensor| tensor.to_contiguous());
    let channels = channels.each_ref().map(|tensor| E::slice(tensor));
    // In place if nobody else holds the output's gradient.
    let in_place = E::slice_mut(&mut grad).map(|grad| norm::backward(E::slice(&x), channels, norm, grad));
    let ((gamma, beta), grad) = match in_place {
        Some(sums) => (sums, grad),
        None => {
            let mut copy = E::slice(&grad.to_contiguous()).to_vec();
            (norm::backward(E::slice(&x), channels, norm, &mut copy), E::tensor(copy, shape))
        }
    };
    let [gamma, beta] = [gamma, beta].map(|sums| E::tensor(sums, [shape[1]]));
    [grad, gamma, beta]
}
