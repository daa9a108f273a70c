//! The settings of a training, whatever is trained.

use crate::optimizer::OptimizerOptions;
use crate::schedule::Schedule;
use serde::{Deserialize, Serialize};

/// Far more than any training has, and few enough for their batches to be counted.
const MOST_EPOCHS: usize = 1_000_000;

/// How to train. Lengths are in epochs: passes over the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainOptions {
    /// How long.
    pub epochs: usize,
    /// Batches whose gradients are averaged for one step.
    pub accumulate: usize,
    /// Forgetting of the average of weights, in 0..1.
    pub average_decay: f64,
    /// What makes the run what it is: initial weights, order of samples, augmentation.
    pub seed: u64,
    /// Epochs between evaluations; the last step is always followed by one.
    pub evaluate_every: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
    /// Evaluations without a better result after which it stops; 0 for never.
    pub patience: usize,
    /// Threads that prepare batches beside the training.
    pub workers: usize,
    /// The rule of a step.
    pub optimizer: OptimizerOptions,
    /// Learning rates.
    pub schedule: Schedule,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 100,
            accumulate: 1,
            average_decay: 0.99,
            seed: 1,
            evaluate_every: 10,
            checkpoint_every: 100,
            patience: 0,
            workers: 1,
            optimizer: OptimizerOptions::default(),
            schedule: Schedule::default(),
        }
    }
}

impl TrainOptions {
    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// The name of the setting and its range.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            ("epochs", self.epochs),
            ("accumulate", self.accumulate),
            ("evaluate_every", self.evaluate_every),
            ("checkpoint_every", self.checkpoint_every),
            ("workers", self.workers),
        ];
        if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(format!("train.{name} is 0, which must be at least 1"));
        }
        for (name, count, most) in [("accumulate", self.accumulate, 1 << 16), ("workers", self.workers, 1 << 10)] {
            if count > most {
                return Err(format!("train.{name} is {count}, which must be at most {most}"));
            }
        }
        if self.epochs > MOST_EPOCHS {
            return Err(format!("train.epochs is {}, which must be at most {MOST_EPOCHS}", self.epochs));
        }
        if !(0.0..1.0).contains(&self.average_decay) {
            return Err(format!("train.average_decay is {}, not in 0..1", self.average_decay));
        }
        let inner = self.optimizer.check().and_then(|()| self.schedule.check());
        inner.map_err(|reason| format!("train.{reason}"))
    }
}
