//! Operations with faster forward and backward passes on the CPU than the framework's: convolution, batch normalisation
//! with the leaky ReLU behind it, max pooling.
//!
//! They run where a tensor lies on burn's `flex` device and holds f32 or f64; anywhere else (a GPU, the capture device of
//! the ONNX export) and for options that they do not know, the framework's own operation runs. A captured graph therefore
//! has the ordinary operations in it. The parameters stay in burn's modules.
//!
//! Results do not depend on how threads are scheduled: two runs on the same number of threads are equal to the bit.

mod autodiff;
mod conv;
mod extension;
mod gemm;
mod geometry;
mod gradient;
mod norm;
mod pool;
mod real;
mod unfold;

use burn::backend::{Dispatch, DispatchDevice};
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, PaddingConfig2d};
use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{DType, Tensor, module};
use extension::Operations;

/// A convolution of two dimensions.
///
/// # Shapes
/// `x`: `[n, input, h, w]`, `weight`: `[output, input / groups, kh, kw]`, `bias`: `[output]`;
/// the result: `[n, output, (h + padding − dilation · (kh − 1) − 1) / stride + 1, …]`, rounded down.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, options: ConvOptions<2>) -> Tensor<4> {
    let plain = options.groups == 1
        && options.dilation == [1, 1]
        && options.padding.iter().all(|(begin, end)| begin == end)
        && geometry::Geometry::fits(x.dims(), weight.dims(), &options);
    if !plain || !is_ours(&x) {
        return module::conv2d(x, weight, bias, options);
    }
    let [x, weight] = [x, weight].map(Tensor::into_dispatch);
    Tensor::from_dispatch(match bias {
        Some(bias) => Dispatch::convolve_biased(x, weight, bias.into_dispatch(), options),
        None => Dispatch::convolve(x, weight, options),
    })
}

/// The forward pass of burn's convolution by [`conv2d`].
///
/// # Shapes
/// As [`Conv2d::forward`].
pub fn convolution(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let padding = match layer.padding {
        PaddingConfig2d::Valid => [(0, 0), (0, 0)],
        PaddingConfig2d::Explicit(top, left, bottom, right) => [(top, bottom), (left, right)],
        PaddingConfig2d::Same => return layer.forward(x),
    };
    let options = ConvOptions::new_with_padding(layer.stride, padding, layer.dilation, layer.groups);
    conv2d(x, layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()), options)
}

/// Batch normalisation, then a leaky ReLU with `slope` for negative values.
///
/// Where burn's layer would train (a device with automatic differentiation, a layer that is not frozen), the statistics are
/// those of the batch, and the running ones move towards them: biased variance, as burn's, where PyTorch's is unbiased.
///
/// # Shapes
/// `[n, channels, h, w]` → the same.
pub fn norm_leaky(layer: &BatchNorm, x: Tensor<4>, slope: f64) -> Tensor<4> {
    if !(x.device().is_autodiff() && layer.training.is_enabled() && is_ours(&x)) {
        return leaky_relu(layer.forward(x), slope);
    }
    let [gamma, beta] = [&layer.gamma, &layer.beta].map(|parameter| parameter.val().into_dispatch());
    let (output, mean, variance) = Dispatch::norm_leaky(x.into_dispatch(), gamma, beta, layer.epsilon, slope);
    for (running, new) in [(&layer.running_mean, mean), (&layer.running_var, variance)] {
        let new = Tensor::<1>::from_dispatch(new);
        let old = running.value_sync().to_device(&new.device()).mul_scalar(1.0 - layer.momentum);
        running.update(old.add(new.mul_scalar(layer.momentum)).detach());
    }
    Tensor::from_dispatch(output)
}

/// The largest value in each window. Of equal ones the first takes the gradient.
///
/// # Shapes
/// `[n, channels, h, w]` → `[n, channels, (h + padding − kernel) / stride + 1, …]`, rounded down.
pub fn max_pool2d(x: Tensor<4>, options: MaxPoolOptions<2>) -> Tensor<4> {
    let plain = options.dilation == [1, 1]
        && !options.ceil_mode
        && options.kernel_size.iter().product::<usize>() <= pool::LARGEST_WINDOW
        && options
            .padding
            .iter()
            .zip(options.kernel_size)
            .all(|((begin, end), kernel)| begin == end && 2 * begin <= kernel)
        && pool::Windows::fit(x.dims(), &options);
    if !plain || !is_ours(&x) {
        return module::max_pool2d(x, options);
    }
    Tensor::from_dispatch(Dispatch::pool_largest(x.into_dispatch(), options))
}

/// Whether the tensor lies where this module's kernels run.
fn is_ours(x: &Tensor<4>) -> bool {
    matches!(x.dtype(), DType::F32 | DType::F64) && matches!(x.device().inner().as_dispatch(), DispatchDevice::Flex(_))
}
