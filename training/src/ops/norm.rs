//! Batch normalisation and the leaky ReLU behind it, in two passes over the numbers each way.
//!
//! Forward `z = γ (x − μ) / σ + β`, `y = z > 0 ? z : slope · z`, with the batch's mean μ and biased variance `σ² − ε`
//! (Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>). Channels are shared out over threads.

use super::real::Real;
use rayon::prelude::*;

/// Numbers summed up in their own precision before the sum goes on in f64.
const BLOCK: usize = 2048;

/// Sums that are kept side by side, so that the compiler can use vectors.
const LANES: usize = 16;

/// Sizes and constants of a normalisation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    /// Channels.
    pub(super) channels: usize,
    /// Elements of one channel of one picture.
    pub(super) plane: usize,
    /// ε.
    pub(super) epsilon: f64,
    /// Slope of the leaky ReLU for negative values.
    pub(super) slope: f64,
}

/// What the forward pass gives.
#[derive(Debug)]
pub(super) struct Normalised<E> {
    /// The result, as large as the input.
    pub(super) output: Vec<E>,
    /// Mean of each channel.
    pub(super) mean: Vec<E>,
    /// Biased variance of each channel.
    pub(super) variance: Vec<E>,
}

/// One channel's constants.
#[derive(Debug, Clone, Copy)]
struct Channel<E> {
    mean: E,
    /// γ / σ
    scale: E,
    beta: E,
    slope: E,
}

impl<E: Real> Channel<E> {
    /// The difference from the mean, and whether the leaky ReLU lets the normalised value pass.
    fn centre(self, x: E) -> (E, bool) {
        let centred = x - self.mean;
        (centred, centred * self.scale + self.beta > E::default())
    }

    /// The forward pass of one number.
    fn apply(self, x: E) -> E {
        let z = (x - self.mean) * self.scale + self.beta;
        if z > E::default() { z } else { z * self.slope }
    }
}

/// The forward pass.
///
/// # Shapes
/// `x`: `[n, channels, plane]`; `gamma`, `beta`: `[channels]`.
pub(super) fn forward<E: Real>(x: &[E], gamma: &[E], beta: &[E], norm: Norm) -> Normalised<E> {
    let mut output = vec![E::default(); x.len()];
    let planes = by_channel(&mut output, norm);
    let statistics: Vec<_> = planes
        .into_par_iter()
        .enumerate()
        .map(|(c, outs)| {
            let inputs: Vec<_> = planes_of(x, c, norm).collect();
            let (mean, variance) = statistics(&inputs);
            let channel = norm.channel(gamma[c], beta[c], mean, variance);
            for (out, input) in outs.into_iter().zip(inputs) {
                out.iter_mut().zip(input).for_each(|(out, x)| *out = channel.apply(*x));
            }
            (E::of(mean), E::of(variance))
        })
        .collect();
    let (mean, variance) = statistics.into_iter().unzip();
    Normalised { output, mean, variance }
}

/// The backward pass: `grad` becomes the input's gradient; those of γ and β are given back.
///
/// # Shapes
/// `x`, `grad`: `[n, channels, plane]`; all others: `[channels]`.
pub(super) fn backward<E: Real>(
    x: &[E],
    [gamma, beta, mean, variance]: [&[E]; 4],
    norm: Norm,
    grad: &mut [E],
) -> (Vec<E>, Vec<E>) {
    let count = (x.len() / norm.channels) as f64;
    let sums: Vec<_> = by_channel(grad, norm)
        .into_par_iter()
        .enumerate()
        .map(|(c, mut grads)| {
            let (mean, variance) = (mean[c].as_f64(), variance[c].as_f64());
            let channel = norm.channel(gamma[c], beta[c], mean, variance);
            let deviation = (variance + norm.epsilon).sqrt();
            let (sum, product) = gradient_sums(&grads, planes_of(x, c, norm), channel);
            let factor = product / (count * deviation * deviation);
            let [average, factor] = [sum / count, factor].map(E::of);
            for (grad, x) in grads.iter_mut().zip(planes_of(x, c, norm)) {
                for (grad, x) in grad.iter_mut().zip(x) {
                    let (centred, passes) = channel.centre(*x);
                    let through = if passes { *grad } else { *grad * channel.slope };
                    *grad = channel.scale * (through - average - centred * factor);
                }
            }
            (E::of(product / deviation), E::of(sum))
        })
        .collect();
    sums.into_iter().unzip()
}

impl Norm {
    fn channel<E: Real>(&self, gamma: E, beta: E, mean: f64, variance: f64) -> Channel<E> {
        let scale = E::of(gamma.as_f64() / (variance + self.epsilon).sqrt());
        Channel { mean: E::of(mean), scale, beta, slope: E::of(self.slope) }
    }
}

/// The planes of one channel, picture by picture.
fn planes_of<E>(values: &[E], channel: usize, norm: Norm) -> impl Iterator<Item = &[E]> {
    values.chunks_exact(norm.plane).skip(channel).step_by(norm.channels)
}

/// The planes of all channels, sorted by channel.
fn by_channel<E>(values: &mut [E], norm: Norm) -> Vec<Vec<&mut [E]>> {
    let mut channels: Vec<_> = (0..norm.channels).map(|_| Vec::new()).collect();
    for (i, plane) in values.chunks_exact_mut(norm.plane).enumerate() {
        channels[i % norm.channels].push(plane);
    }
    channels
}

/// Mean and biased variance.
fn statistics<E: Real>(planes: &[&[E]]) -> (f64, f64) {
    // Differences from some value of the channel: the squares lose less than those of the values themselves.
    let origin = planes.first().and_then(|plane| plane.first()).copied().unwrap_or_default();
    let (mut sum, mut squares) = (0.0, 0.0);
    for block in planes.iter().flat_map(|plane| plane.chunks(BLOCK)) {
        let [a, b] = add_up(block, block, |x, _| {
            let difference = x - origin;
            [difference, difference * difference]
        });
        sum += a;
        squares += b;
    }
    let count = planes.iter().map(|plane| plane.len()).sum::<usize>() as f64;
    let mean = sum / count;
    (origin.as_f64() + mean, (squares / count - mean * mean).max(0.0))
}

/// Sums of the gradient behind the leaky ReLU, and of its product with the centred input.
fn gradient_sums<'a, E: Real>(
    grads: &[&mut [E]],
    inputs: impl Iterator<Item = &'a [E]>,
    channel: Channel<E>,
) -> (f64, f64) {
    let (mut sum, mut product) = (0.0, 0.0);
    for (grad, x) in grads.iter().zip(inputs) {
        for (grad, x) in grad.chunks(BLOCK).zip(x.chunks(BLOCK)) {
            let [a, b] = add_up(grad, x, |grad, x| {
                let (centred, passes) = channel.centre(x);
                let through = if passes { grad } else { grad * channel.slope };
                [through, through * centred]
            });
            sum += a;
            product += b;
        }
    }
    (sum, product)
}

/// Sums of both of `terms`' results over pairs.
fn add_up<E: Real>(a: &[E], b: &[E], terms: impl Fn(E, E) -> [E; 2]) -> [f64; 2] {
    let mut lanes = [[E::default(); LANES]; 2];
    let (chunks_a, chunks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = chunks_a.remainder().iter().zip(chunks_b.remainder());
    let mut sums = rest.fold([0.0; 2], |[first, second], (a, b)| {
        let [x, y] = terms(*a, *b);
        [first + x.as_f64(), second + y.as_f64()]
    });
    for (a, b) in chunks_a.zip(chunks_b) {
        for i in 0..LANES {
            let [x, y] = terms(a[i], b[i]);
            lanes[0][i] += x;
            lanes[1][i] += y;
        }
    }
    for (sum, lanes) in sums.iter_mut().zip(lanes) {
        *sum += lanes.into_iter().map(E::as_f64).sum::<f64>();
    }
    sums
}
