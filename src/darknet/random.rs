//! Weights for a network that was never trained: enough to measure speed and to test what comes after.

use super::Network;
use super::activation::Activation;
use super::layer::{Convolution, Kind, Layer};
use super::weights::{BatchNorm, Weights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

impl Network {
    /// Fills the layers from number `from_layer` on with random weights; those before it stay as they are. One seed
    /// gives the same floats on every machine.
    ///
    /// Weights are normal with variance 2 / inputs, or 1 / inputs where no rectifier follows (He et al. 2015,
    /// <https://arxiv.org/abs/1502.01852>), which keeps numbers of one size through any depth. Each shortcut adds a
    /// branch to that; the last layer of the branch is divided by √(number of shortcuts), so that all of them together
    /// grow the variance by e at most (after Zhang et al. 2019, <https://arxiv.org/abs/1901.09321>).
    /// Biases are 0; batch normalisation does nothing (scale 1, mean 0, variance 1).
    pub fn randomize(&mut self, seed: u64, from_layer: usize) {
        let branch_ends = self.branch_ends();
        for (index, layer) in self.layers.iter_mut().enumerate().skip(from_layer) {
            let Some(fan_in) = layer.fan_in() else { continue };
            let damping = if branch_ends.contains(&index) { branch_ends.len() as f64 } else { 1.0 };
            let deviation = (gain(layer) / (fan_in as f64 * damping)).sqrt();
            // A stream of its own, so that a layer's weights do not hang on where the filling began.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(index as u64);
            let filters = layer.output.channels;
            let norm = layer.batch_normalize().then(|| BatchNorm {
                scales: vec![1.0; filters],
                means: vec![0.0; filters],
                variances: vec![1.0; filters],
            });
            let weights = (0..filters * fan_in).map(|_| (normal(&mut rng) * deviation) as f32).collect();
            layer.weights = Some(Weights { biases: vec![0.0; filters], norm, weights });
        }
    }

    /// The layers whose result is what a shortcut adds: the last with weights before each.
    fn branch_ends(&self) -> Vec<usize> {
        let is_shortcut = |layer: &Layer| matches!(layer.kind, Kind::Shortcut { .. });
        let shortcuts = self.layers.iter().enumerate().filter(|(_, layer)| is_shortcut(layer));
        shortcuts.filter_map(|(at, _)| self.layers[..at].iter().rposition(|layer| layer.fan_in().is_some())).collect()
    }
}

/// By how much a layer's activation shrinks the second moment.
fn gain(layer: &Layer) -> f64 {
    match layer.kind {
        Kind::Convolutional(Convolution { activation, .. }) | Kind::Connected { activation, .. } => match activation {
            Activation::Linear | Activation::Logistic | Activation::HardSigmoid | Activation::Tanh => 1.0,
            _ => 2.0,
        },
        _ => 1.0,
    }
}

/// A number of mean 0 and variance 1, nearly normal: the sum of 12 uniform ones. Unlike the exact methods it needs no
/// logarithm, whose last bit differs between systems.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let uniforms = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
    let sum: u64 = uniforms.iter().flat_map(|bits| [0, 16, 32, 48].map(|shift| (bits >> shift) & 0xffff)).sum();
    (sum as f64 - 12.0 * 32767.5) / 65536.0
}
