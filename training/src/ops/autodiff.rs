//! The operations' backward steps in burn's automatic differentiation.

use super::extension::{NormState, Operations, convolution_gradients, norm_gradients, pool_gradient, pool_with_places};
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Flex, TensorMetadata};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use std::sync::Arc;

/// Backward step of the convolution; its parents are input, kernels and, with `N` = 3, the bias.
#[derive(Debug)]
struct Convolution;

impl<const N: usize> Backward<Flex, N> for Convolution {
    type State = (NodeId, NodeId, ConvOptions<2>);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let (x, weight, options) = ops.state;
        let [x, weight] = [x, weight].map(|id| checkpointer.retrieve_node_output::<FlexTensor>(id));
        let wanted = std::array::from_fn(|i| ops.parents.get(i).is_some_and(Option::is_some));
        let results = convolution_gradients(&x, &weight, &grad, &options, wanted);
        register(ops.parents.map(|parent| parent.map(|parent| parent.id)), results, grads);
    }
}

/// Hands the parents their gradients.
fn register<const N: usize>(parents: [Option<NodeId>; N], results: [Option<FlexTensor>; 3], grads: &mut Gradients) {
    for (parent, result) in parents.into_iter().zip(results) {
        if let Some((parent, result)) = parent.zip(result) {
            grads.register::<Flex>(parent, result);
        }
    }
}

/// Backward step of the normalisation; its parents are input, γ and β.
#[derive(Debug)]
struct NormLeaky;

impl Backward<Flex, 3> for NormLeaky {
    type State = (NodeId, NormState);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let (x, state) = ops.state;
        let x = checkpointer.retrieve_node_output::<FlexTensor>(x);
        let parents = ops.parents.map(|parent| parent.map(|parent| parent.id));
        register(parents, norm_gradients(&x, &state, grad).map(Some), grads);
    }
}

/// Backward step of max pooling.
#[derive(Debug)]
struct PoolLargest;

impl Backward<Flex, 1> for PoolLargest {
    type State = (Arc<Vec<u8>>, [usize; 4], MaxPoolOptions<2>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let (places, shape, options) = ops.state;
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            grads.register::<Flex>(parent.id, pool_gradient(&grad, &places, shape, &options));
        }
    }
}

/// Runs a convolution and records it with its parents.
macro_rules! record {
    ($x:ident, $weight:ident, $options:ident, [$($bias:ident)?], $run:ident) => {{
        let step = Convolution.prepare::<C>([$x.node(), $weight.node() $(, $bias.node())?]);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let state = (step.checkpoint(&$x), step.checkpoint(&$weight), $options.clone());
                let parts = ($x.into_primitive(), $weight.into_primitive() $(, $bias.into_primitive())?);
                step.finish(state, $run(parts, $options))
            }
            OpsKind::UnTracked(step) => {
                let parts = ($x.into_primitive(), $weight.into_primitive() $(, $bias.into_primitive())?);
                step.finish($run(parts, $options))
            }
        }
    }};
}

impl<C: CheckpointStrategy> Operations for Autodiff<Flex, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        let run = |(x, weight), options| Flex::convolve(x, weight, options);
        record!(x, weight, options, [], run)
    }

    fn convolve_biased(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        let run = |(x, weight, bias), options| Flex::convolve_biased(x, weight, bias, options);
        record!(x, weight, options, [bias], run)
    }

    fn norm_leaky(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let step = NormLeaky.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful();
        let primitives = [&x, &gamma, &beta].map(|tensor| tensor.primitive().clone());
        let [values, gamma, beta] = primitives;
        let (output, mean, variance) = Flex::norm_leaky(values, gamma.clone(), beta.clone(), epsilon, slope);
        let output = match step {
            OpsKind::Tracked(mut step) => {
                let channels = [gamma, beta, mean.clone(), variance.clone()];
                let state = (step.checkpoint(&x), NormState { channels, epsilon, slope });
                step.finish(state, output)
            }
            OpsKind::UnTracked(step) => step.finish(output),
        };
        (output, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn pool_largest(x: FloatTensor<Self>, options: MaxPoolOptions<2>) -> FloatTensor<Self> {
        let shape = x.shape().dims();
        let (values, places) = pool_with_places(x.primitive(), &options);
        match PoolLargest.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish((Arc::new(places), shape, options), values),
            OpsKind::UnTracked(step) => step.finish(values),
        }
    }
}
