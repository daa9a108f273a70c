//! What a training tells of itself.

use serde::Serialize;

/// A figure of an evaluation, such as AP. The first of several decides which weights are the best; more is better.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its value; absent where it is undefined.
    pub value: Option<f64>,
}

/// Something that happened. Steps count from 1 here: the number of steps done.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A step was taken.
    Step(StepDone),
    /// Some of the pictures of an evaluation are done.
    #[serde(skip)]
    Evaluating {
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// The averaged weights were evaluated.
    Evaluation {
        /// After which step.
        step: usize,
        /// The figures.
        metrics: Vec<Metric>,
        /// Whether they are the best so far.
        best: bool,
    },
    /// A checkpoint was written.
    #[serde(skip)]
    Checkpoint {
        /// After which step.
        step: usize,
    },
}

/// A step's figures.
#[derive(Debug, Clone, Serialize)]
pub struct StepDone {
    /// Steps done.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
    /// Passes over the data done.
    pub epoch: f64,
    /// The loss: the sum of its parts.
    pub loss: f32,
    /// Each part's name and value.
    pub parts: Vec<(&'static str, f32)>,
    /// The learning rate.
    pub rate: f64,
    /// Norm of all gradients, before clipping.
    pub norm: f64,
    /// Samples a second, over the last steps.
    pub samples_per_second: f64,
    /// Seconds until the last step, at that speed, without evaluations.
    pub seconds_left: f64,
}
