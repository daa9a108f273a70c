//! A training in progress.

use super::{At, BEST, CHECKPOINT, Checkpoint, Ending, Event, Halt, Metric, State, StepDone};
use super::{LogError, Surroundings, Task, TrainError, TrainOptions};
use crate::average::Average;
use crate::data::seed::mixed_seed;
use crate::optimizer::Optimizer;
use crate::weights::Weights;
use burn::optim::{GradientsAccumulator, GradientsParams};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

/// Network, optimizer and everything else that a step changes.
pub struct Session<'a, T: Task> {
    task: &'a T,
    options: &'a TrainOptions,
    surroundings: &'a Surroundings<'a>,
    steps: usize,
    model: T::Model,
    optimizer: Optimizer,
    average: Average,
    state: State,
    gradients: GradientsAccumulator<T::Model>,
    /// Sums over the batches of the step in progress.
    parts: Vec<(&'static str, f32)>,
    pending: usize,
    /// Step of the last checkpoint in this process.
    saved: Option<usize>,
    speed: Speed,
}

impl<'a, T: Task> Session<'a, T> {
    /// Begins a training or takes up the folder's.
    pub fn open(
        task: &'a T,
        options: &'a TrainOptions,
        surroundings: &'a Surroundings<'a>,
        resume: bool,
    ) -> Result<Self, TrainError> {
        let path = surroundings.folder.join(CHECKPOINT);
        if !resume && path.exists() {
            return Err(TrainError::Occupied(surroundings.folder.into()));
        }
        let device = surroundings.device;
        device.seed(options.seed);
        let fresh = task.init(device);
        let per_step = task.batch_size() * options.accumulate;
        let steps = (options.epochs * task.samples()).div_ceil(per_step.max(1));
        let mut state = State { identity: task.identity(), step: 0, seed: options.seed, best: None, stale: 0 };
        let (model, optimizer, average) = if resume {
            let checkpoint = Checkpoint::read(&path)?;
            let foreign = |reason: String| TrainError::Foreign { path: path.clone(), reason };
            if checkpoint.state.identity != state.identity {
                return Err(foreign(format!("of {}, not of {}", checkpoint.state.identity, state.identity)));
            }
            if checkpoint.state.seed != state.seed {
                return Err(foreign(format!("its seed is {}, not {}", checkpoint.state.seed, state.seed)));
            }
            let done = u32::try_from(checkpoint.state.step).unwrap_or(u32::MAX);
            let inner = device.clone().inner();
            let optimizer = Optimizer::resume(options.optimizer, done, &checkpoint.moments, &inner);
            let average = Average::new(options.average_decay, checkpoint.state.step, checkpoint.average);
            state = checkpoint.state;
            (checkpoint.model.load_into(fresh)?, optimizer, average)
        } else {
            let model = match surroundings.start {
                Some(weights) => weights.load_into(fresh)?,
                None => fresh,
            };
            let average = Average::new(options.average_decay, 0, Weights::of(&model));
            (model, Optimizer::new(options.optimizer), average)
        };
        Ok(Self {
            task,
            options,
            surroundings,
            steps,
            model,
            optimizer,
            average,
            state,
            gradients: GradientsAccumulator::new(),
            parts: Vec::new(),
            pending: 0,
            saved: None,
            speed: Speed::default(),
        })
    }

    /// Batches of the whole training.
    pub fn batches(&self) -> usize {
        self.steps * self.options.accumulate
    }

    /// Batches of the steps that are done.
    pub fn batches_done(&self) -> usize {
        self.state.step * self.options.accumulate
    }

    /// Whether its patience was at an end when it was saved.
    pub fn has_ended_early(&self) -> bool {
        self.options.patience > 0 && self.state.stale >= self.options.patience
    }

    /// Whether no gradients are waiting for their step.
    pub fn is_between_steps(&self) -> bool {
        self.pending == 0
    }

    /// Learns from a batch; after the last batch of a step, takes the step and does what is due after it.
    pub fn take(&mut self, batch: T::Batch, tell: &mut dyn FnMut(&Event) -> Result<(), LogError>) -> Result<(), Halt> {
        self.learn(batch)?;
        if self.pending < self.options.accumulate {
            return Ok(());
        }
        let done = self.step()?;
        tell(&Event::Step(done))?;
        let step = self.state.step;
        let last = step == self.steps;
        if last || self.evaluations_by(step + 1) > self.evaluations_by(step) {
            self.evaluate(tell)?;
            if self.has_ended_early() && !last {
                return Err(Halt::Ending(Ending::Early));
            }
        }
        if step.is_multiple_of(self.options.checkpoint_every) {
            self.save(tell)?;
        }
        Ok(())
    }

    /// Adds a batch's gradients to those of the step.
    fn learn(&mut self, batch: T::Batch) -> Result<(), TrainError> {
        let at = At { seed: self.options.seed, batch: self.batches_done() + self.pending, batches: self.batches() };
        // Dropout and its kin draw anew for each batch, whatever was drawn before.
        self.surroundings.device.seed(mixed_seed(at.seed, at.batch));
        let loss = self.task.loss(&self.model, batch, self.surroundings.device).map_err(TrainError::Loss)?;
        let share = self.options.accumulate as f64;
        let values: Vec<(&'static str, f32)> =
            loss.parts.iter().map(|(name, part)| (*name, part.clone().into_scalar::<f32>())).collect();
        let total: f32 = values.iter().map(|(_, value)| value).sum();
        if !total.is_finite() {
            let step = self.state.step + 1;
            return Err(TrainError::Diverged { what: "loss", step, value: total.into() });
        }
        if self.pending == 0 {
            self.parts = values.iter().map(|(name, _)| (*name, 0.0)).collect();
        }
        for (sum, (_, value)) in self.parts.iter_mut().zip(&values) {
            sum.1 += value / share as f32;
        }
        if let Some(sum) = loss.total() {
            let gradients = GradientsParams::from_grads(sum.div_scalar(share).backward(), &self.model);
            self.gradients.accumulate(&self.model, gradients);
        }
        self.pending += 1;
        Ok(())
    }

    /// Moves the weights and their average.
    fn step(&mut self) -> Result<StepDone, TrainError> {
        let rate = self.options.schedule.rate_at(self.state.step, self.steps);
        let gradients = self.gradients.grads();
        let (model, norm) = self.optimizer.step(self.model.clone(), gradients, rate);
        self.model = model;
        if !norm.is_finite() {
            return Err(TrainError::Diverged { what: "norm of the gradients", step: self.state.step + 1, value: norm });
        }
        self.average.update(&Weights::of(&self.model));
        self.state.step += 1;
        self.pending = 0;
        let per_step = self.task.batch_size() * self.options.accumulate;
        let samples_per_second = self.speed.after(per_step);
        let step = self.state.step;
        Ok(StepDone {
            step,
            steps: self.steps,
            epoch: (step * per_step) as f64 / self.task.samples().max(1) as f64,
            loss: self.parts.iter().map(|(_, value)| value).sum(),
            parts: self.parts.clone(),
            rate,
            norm,
            samples_per_second,
            seconds_left: ((self.steps - step) * per_step) as f64 / samples_per_second,
        })
    }

    /// Evaluations that are due before `step`, from 1.
    fn evaluations_by(&self, step: usize) -> usize {
        let per_step = self.task.batch_size() * self.options.accumulate;
        (step - 1) * per_step / self.task.samples().max(1) / self.options.evaluate_every
    }

    /// Evaluates the averaged weights, and keeps them if they are the best.
    fn evaluate(&mut self, tell: &mut dyn FnMut(&Event) -> Result<(), LogError>) -> Result<(), TrainError> {
        let inner = self.surroundings.device.clone().inner();
        let model = self.average.weights().load_into(self.task.init(&inner))?;
        let mut told = Ok(());
        let metrics = self.task.evaluate(&model, &mut |done, of| {
            if told.is_ok() {
                told = tell(&Event::Evaluating { done, of });
            }
        });
        let metrics = metrics.map_err(TrainError::Evaluation)?;
        told?;
        self.speed.pause();
        if metrics.is_empty() {
            return Ok(());
        }
        let value = metrics.first().and_then(|metric: &Metric| metric.value);
        let best = value.is_none() || value > self.state.best;
        if best {
            self.state.best = value;
            self.state.stale = 0;
            let texts = HashMap::from([("ocelli.step".into(), self.state.step.to_string())]);
            self.average.weights().write(&self.path(BEST), &texts)?;
        } else {
            self.state.stale += 1;
        }
        Ok(tell(&Event::Evaluation { step: self.state.step, metrics, best })?)
    }

    /// Writes the checkpoint, unless it is there.
    pub fn save(&mut self, tell: &mut dyn FnMut(&Event) -> Result<(), LogError>) -> Result<(), TrainError> {
        if self.saved == Some(self.state.step) {
            return Ok(());
        }
        let checkpoint = Checkpoint {
            state: self.state.clone(),
            model: Weights::of(&self.model),
            average: self.average.weights().clone(),
            moments: self.optimizer.state(),
        };
        checkpoint.write(&self.path(CHECKPOINT))?;
        self.saved = Some(self.state.step);
        self.speed.pause();
        Ok(tell(&Event::Checkpoint { step: self.state.step })?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.surroundings.folder.join(name)
    }
}

/// Samples a second, forgetting old steps.
#[derive(Default)]
struct Speed {
    last: Option<Instant>,
    seconds: f64,
    samples: f64,
}

impl Speed {
    /// The speed after a step of `samples` samples.
    fn after(&mut self, samples: usize) -> f64 {
        const KEEP: f64 = 0.95;
        let now = Instant::now();
        if let Some(last) = self.last {
            self.seconds = self.seconds * KEEP + (now - last).as_secs_f64();
            self.samples = self.samples * KEEP + samples as f64;
        }
        self.last = Some(now);
        if self.seconds > 0.0 { self.samples / self.seconds } else { 0.0 }
    }

    /// What comes next is not counted as part of a step.
    fn pause(&mut self) {
        self.last = None;
    }
}
