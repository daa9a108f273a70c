//! The one training loop. It knows a task's network, data, loss and metric through [`Task`] alone.
//!
//! A batch is a function of the seed and its number, so that a resumed training sees what an uninterrupted one would.

mod checkpoint;
mod curves;
mod event;
mod log;
mod options;
mod session;

pub use checkpoint::{Checkpoint, State};
pub use curves::draw as draw_curves;
pub use event::{Event, Metric, StepDone};
pub use log::{Log, LogError};
pub use options::TrainOptions;

pub use crate::data::At;
use crate::data::DataError;
use crate::losses::Loss;
use crate::weights::{Weights, WeightsError};
use burn::module::Module;
use burn::tensor::Device;
use ocelli::ordered::in_order;
use session::Session;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Name of the checkpoint in a training's folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// Name of the best averaged weights in a training's folder.
pub const BEST: &str = "best.safetensors";

/// Something that can be trained.
pub trait Task: Sync {
    /// The network.
    type Model: Module;
    /// What a step looks at.
    type Batch: Send;

    /// The architecture and everything else that a checkpoint must agree with.
    fn identity(&self) -> String;
    /// Samples in a pass over the data.
    fn samples(&self) -> usize;
    /// Samples in a batch.
    fn batch_size(&self) -> usize;
    /// A network with random weights, on the device, from the device's generator.
    fn init(&self, device: &Device) -> Self::Model;
    /// The batch of a number: always the same for the same arguments.
    ///
    /// # Errors
    /// [`DataError`] if a sample cannot be had.
    fn batch(&self, at: At) -> Result<Self::Batch, DataError>;
    /// The loss of a batch.
    ///
    /// # Errors
    /// What the loss says of outputs or settings that it cannot work with.
    fn loss(&self, model: &Self::Model, batch: Self::Batch, device: &Device) -> Result<Loss, Cause>;
    /// Figures of a network on held-out data; empty if there is none.
    ///
    /// # Errors
    /// What stands in the way: a picture that cannot be had, outputs that are none of the task's.
    fn evaluate(&self, model: &Self::Model, tell: &mut dyn FnMut(usize, usize)) -> Result<Vec<Metric>, Cause>;
}

/// The error of a loss or an evaluation, whichever it is.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a training could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting is out of its range.
    #[error("{0}")]
    Options(String),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of weights, or a checkpoint.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The loss cannot work with the network's outputs or its settings.
    #[error("the loss: {0}")]
    Loss(Cause),
    /// The evaluation failed.
    #[error("the evaluation: {0}")]
    Evaluation(Cause),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The checkpoint is that of another training.
    #[error("{path} was made by another training: {reason}")]
    Foreign {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// The loss or its gradient is infinite or no number.
    #[error(
        "the {what} is {value} at step {step}: a smaller learning rate (train.schedule.rate) or a longer warm-up may help; \
         the last checkpoint is kept"
    )]
    Diverged {
        /// Of what.
        what: &'static str,
        /// The step.
        step: usize,
        /// Its value.
        value: f64,
    },
    /// The folder has a training already.
    #[error("{0} holds a training already: go on with --resume, or choose another folder")]
    Occupied(PathBuf),
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All steps are done.
    Done,
    /// No better result came for the patience given.
    Early,
    /// It was asked to stop, and saved.
    Stopped,
}

/// Where a training lives and how it is watched.
pub struct Surroundings<'a> {
    /// Folder of the checkpoint and the best weights; it exists.
    pub folder: &'a Path,
    /// A device with automatic differentiation.
    pub device: &'a Device,
    /// Set by somebody who wants it to save and stop.
    pub stop: &'a AtomicBool,
    /// Weights to begin with, where they are not random.
    pub start: Option<&'a Weights>,
}

/// Trains from the beginning, or from the folder's checkpoint with `resume`. After it the folder holds a checkpoint and,
/// as soon as there was an evaluation, the averaged weights that did best in it.
///
/// # Errors
/// [`TrainError`]; what was saved before stays.
pub fn train<T: Task>(
    task: &T,
    options: &TrainOptions,
    surroundings: &Surroundings,
    resume: bool,
    tell: &mut dyn FnMut(&Event) -> Result<(), LogError>,
) -> Result<Ending, TrainError> {
    options.check().map_err(TrainError::Options)?;
    let mut session = Session::open(task, options, surroundings, resume)?;
    if session.has_ended_early() {
        return Ok(Ending::Early);
    }
    let batches: Vec<usize> = (session.batches_done()..session.batches()).collect();
    let at = |batch: &usize| At { seed: options.seed, batch: *batch, batches: session.batches() };
    let positions: Vec<At> = batches.iter().map(at).collect();
    let ended = in_order(
        &positions,
        options.workers,
        |at| task.batch(*at),
        |_, batch| {
            session.take(batch?, tell)?;
            match surroundings.stop.load(Ordering::Relaxed) && session.is_between_steps() {
                true => Err(Halt::Ending(Ending::Stopped)),
                false => Ok(()),
            }
        },
    );
    let ending = match ended {
        Ok(()) => Ending::Done,
        Err(Halt::Ending(ending)) => ending,
        Err(Halt::Error(error)) => return Err(error),
    };
    session.save(tell)?;
    Ok(ending)
}

/// Why the loop ends before its last step.
enum Halt {
    Ending(Ending),
    Error(TrainError),
}

impl<E: Into<TrainError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}
