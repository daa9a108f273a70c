//! Learning rates over a training.

use serde::{Deserialize, Serialize};

/// How the learning rate moves from step to step: a linear warm-up, then the curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Largest learning rate.
    pub rate: f64,
    /// Part of all steps in which it rises to that, in 0..1.
    pub warm_up: f64,
    /// What follows.
    pub curve: Curve,
}

/// The learning rate after the warm-up, as a part of the largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Curve {
    /// The same throughout.
    Constant,
    /// Half a cosine down to `last` of the largest rate (Loshchilov & Hutter 2017, <https://arxiv.org/abs/1608.03983>,
    /// without restarts).
    Cosine {
        /// Part of the largest rate that is left at the end.
        last: f64,
    },
    /// Multiplied by `factor` at each of these parts of all steps, as in Darknet's `policy=steps`.
    Steps {
        /// Where, in 0..1, rising.
        at: Vec<f64>,
        /// By what.
        factor: f64,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self { rate: 1e-3, warm_up: 0.04, curve: Curve::Cosine { last: 0.01 } }
    }
}

impl Schedule {
    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// The name of the setting and its range.
    pub fn check(&self) -> Result<(), String> {
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return Err(format!("schedule.rate is {}, not a positive number", self.rate));
        }
        if !(0.0..1.0).contains(&self.warm_up) {
            return Err(format!("schedule.warm_up is {}, not in 0..1", self.warm_up));
        }
        match &self.curve {
            Curve::Cosine { last } if !(0.0..=1.0).contains(last) => {
                Err(format!("schedule.curve.last is {last}, not in 0..=1"))
            }
            Curve::Steps { factor, .. } if !(0.0..=1.0).contains(factor) => {
                Err(format!("schedule.curve.factor is {factor}, not in 0..=1"))
            }
            Curve::Steps { at, .. } if at.iter().any(|at| !(0.0..=1.0).contains(at)) || !at.is_sorted() => {
                Err("schedule.curve.at does not rise within 0..=1".into())
            }
            _ => Ok(()),
        }
    }

    /// The learning rate of `step`, which counts from 0, of `steps`.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 steps")]
    pub fn rate_at(&self, step: usize, steps: usize) -> f64 {
        let done = step as f64 / steps.max(1) as f64;
        if done < self.warm_up {
            // The first step moves too.
            return self.rate * (step + 1) as f64 / (self.warm_up * steps as f64).ceil();
        }
        self.rate
            * match &self.curve {
                Curve::Constant => 1.0,
                Curve::Cosine { last } => {
                    let angle = std::f64::consts::PI * (done - self.warm_up) / (1.0 - self.warm_up);
                    last + (1.0 - last) * 0.5 * (1.0 + angle.cos())
                }
                Curve::Steps { at, factor } => at.iter().filter(|at| **at <= done).map(|_| factor).product(),
            }
    }
}
