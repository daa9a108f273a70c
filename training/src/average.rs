//! An exponential moving average of the weights: what is evaluated and exported.

use crate::weights::Weights;
use burn::tensor::TensorData;

/// Averages weights over steps (Polyak & Juditsky 1992, with forgetting).
///
/// Step `t`, from 1, weighs the average with `min(decay, (1 + t) / (10 + t))`, so that it follows closely at first.
#[derive(Debug, Clone)]
pub struct Average {
    decay: f64,
    steps: usize,
    weights: Weights,
}

impl Average {
    /// One that begins with `weights`, after `steps` steps.
    pub fn new(decay: f64, steps: usize, weights: Weights) -> Self {
        Self { decay, steps, weights }
    }

    /// Takes in the weights after a step; their names and shapes are those that it began with.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "weights are f32")]
    pub fn update(&mut self, weights: &Weights) {
        self.steps += 1;
        let steps = self.steps as f64;
        let keep = self.decay.min((1.0 + steps) / (10.0 + steps)) as f32;
        for (name, average) in &mut self.weights.0 {
            let Some(new) = weights.0.get(name) else { continue };
            let (Ok(old), Ok(new)) = (average.as_slice::<f32>(), new.as_slice::<f32>()) else { continue };
            let mixed: Vec<f32> = old.iter().zip(new).map(|(old, new)| old * keep + new * (1.0 - keep)).collect();
            *average = TensorData::new(mixed, average.shape().clone());
        }
    }

    /// The average as it stands.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }
}
