//! The training loop with a small task: what it saves, resumes, refuses and survives.

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use ocelli_training::data::DataError;
use ocelli_training::losses::Loss;
use ocelli_training::train::{
    At, BEST, CHECKPOINT, Cause, Checkpoint, Ending, Event, Log, Metric, Surroundings, Task, TrainError, TrainOptions,
    train,
};
use ocelli_training::weights::{Weights, WeightsError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Everything that has a state of its own: normalisation, dropout, two layers.
#[derive(Module, Debug)]
struct Net {
    first: Linear,
    norm: BatchNorm,
    dropout: Dropout,
    last: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.last.forward(self.dropout.forward(self.norm.forward(self.first.forward(x)).tanh()))
    }
}

struct Sum {
    hidden: usize,
    /// Steps after which somebody asks it to stop.
    stop_after: usize,
    losses: AtomicUsize,
    stop: AtomicBool,
    /// Value of the metric at each evaluation; the negative loss where absent.
    metrics: Option<Vec<f64>>,
    evaluations: AtomicUsize,
    poison: Option<usize>,
}

impl Sum {
    fn new(hidden: usize) -> Self {
        Self {
            hidden,
            stop_after: usize::MAX,
            losses: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            metrics: None,
            evaluations: AtomicUsize::new(0),
            poison: None,
        }
    }
}

fn numbers(seed: u64) -> Vec<f32> {
    (0..32).map(|i| ((seed as f32 + 1.0) * 12.9898 + i as f32 * 78.233).sin()).collect()
}

impl Task for Sum {
    type Model = Net;
    type Batch = Vec<f32>;

    fn identity(&self) -> String {
        format!("sum of four by {}", self.hidden)
    }
    fn samples(&self) -> usize {
        24
    }
    fn batch_size(&self) -> usize {
        8
    }
    fn init(&self, device: &Device) -> Net {
        let net = Net {
            first: LinearConfig::new(4, self.hidden).init(device),
            norm: BatchNormConfig::new(self.hidden).init(device),
            dropout: DropoutConfig::new(0.2).init(),
            last: LinearConfig::new(self.hidden, 1).init(device),
        };
        let _ = Weights::of(&net);
        net
    }
    fn batch(&self, at: At) -> Result<Vec<f32>, DataError> {
        if self.poison == Some(at.batch) {
            return Ok(vec![f32::INFINITY; 32]);
        }
        Ok(numbers(at.seed * 1000 + at.batch as u64))
    }
    fn loss(&self, model: &Net, batch: Vec<f32>, device: &Device) -> Result<Loss, Cause> {
        let x = Tensor::<2>::from_data(TensorData::new(batch, [8, 4]), device);
        let wanted = x.clone().sum_dim(1);
        if self.losses.fetch_add(1, Ordering::Relaxed) + 1 == self.stop_after {
            self.stop.store(true, Ordering::Relaxed);
        }
        let error = model.forward(x) - wanted;
        Ok(Loss {
            parts: vec![("square", error.clone().powi_scalar(2).mean()), ("absolute", error.abs().mean() * 0.1)],
        })
    }
    fn evaluate(&self, model: &Net, tell: &mut dyn FnMut(usize, usize)) -> Result<Vec<Metric>, Cause> {
        tell(1, 1);
        let device = model.devices()[0].clone();
        let x = Tensor::<2>::from_data(TensorData::new(numbers(7), [8, 4]), &device);
        let error = (model.forward(x.clone()) - x.sum_dim(1)).powi_scalar(2).mean().into_scalar::<f64>();
        let turn = self.evaluations.fetch_add(1, Ordering::Relaxed);
        let value = self.metrics.as_ref().map_or(-error, |metrics| metrics[turn.min(metrics.len() - 1)]);
        Ok(vec![Metric { name: "AP".into(), value: Some(value) }])
    }
}

fn options() -> TrainOptions {
    TrainOptions { epochs: 8, accumulate: 2, evaluate_every: 2, checkpoint_every: 5, seed: 3, ..Default::default() }
}

/// The back end has one generator for the whole process: trainings that are to be compared take turns.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Trains in a folder with a log, as the command does.
fn run(task: &Sum, options: &TrainOptions, folder: &Path, resume: bool) -> Result<Ending, TrainError> {
    let _turn = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    let done = if resume { Checkpoint::read(&folder.join(CHECKPOINT))?.state.step } else { 0 };
    let mut log = Log::open(&folder.join("log.jsonl"), done)?;
    let surroundings = Surroundings { folder, device: &device, stop: &task.stop, start: None };
    train(task, options, &surroundings, resume, &mut |event| log.write(event))
}

/// The log without what depends on the clock.
fn timeless(folder: &Path) -> Vec<serde_json::Value> {
    let mut lines = Log::read(&folder.join("log.jsonl")).unwrap();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        line.remove("samples_per_second");
        line.remove("seconds_left");
    }
    lines
}

/// Both folders hold the same training, to the last bit; only clocks may differ.
pub fn same_end(one: &Path, other: &Path) {
    let [one_end, other_end] = [one, other].map(|folder| Checkpoint::read(&folder.join(CHECKPOINT)).unwrap());
    assert_eq!(one_end.state, other_end.state);
    assert_eq!(one_end.model, other_end.model);
    assert_eq!(one_end.average, other_end.average);
    assert_eq!(one_end.moments, other_end.moments);
    assert_eq!(timeless(one), timeless(other));
    let [one_best, other_best] = [one, other].map(|folder| std::fs::read(folder.join(BEST)).unwrap());
    assert_eq!(one_best, other_best);
}

#[test]
fn two_runs_of_one_seed_are_equal_bit_for_bit_and_learn() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        assert_eq!(run(&Sum::new(6), &options(), folder.path(), false).unwrap(), Ending::Done);
    }
    same_end(folders[0].path(), folders[1].path());
    let lines = timeless(folders[0].path());
    let steps: Vec<_> = lines.iter().filter(|line| line["event"] == "step").collect();
    assert_eq!(steps.len(), 12);
    assert!(steps[11]["loss"].as_f64().unwrap() < steps[0]["loss"].as_f64().unwrap());
    let other = tempfile::tempdir().unwrap();
    run(&Sum::new(6), &TrainOptions { seed: 4, ..options() }, other.path(), false).unwrap();
    assert_ne!(timeless(other.path()), lines);
}

#[test]
fn a_stopped_and_resumed_run_equals_an_uninterrupted_one() {
    let [whole, parts] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    run(&Sum::new(6), &options(), whole.path(), false).unwrap();
    // In the middle of the batches of one step: it stops after that step.
    let stopped = Sum { stop_after: 9, ..Sum::new(6) };
    assert_eq!(run(&stopped, &options(), parts.path(), false).unwrap(), Ending::Stopped);
    assert_eq!(Checkpoint::read(&parts.path().join(CHECKPOINT)).unwrap().state.step, 5);
    let again = Sum { stop_after: 6, ..Sum::new(6) };
    assert_eq!(run(&again, &options(), parts.path(), true).unwrap(), Ending::Stopped);
    assert_eq!(run(&Sum::new(6), &options(), parts.path(), true).unwrap(), Ending::Done);
    same_end(whole.path(), parts.path());
}

#[test]
fn a_crash_loses_at_most_the_steps_since_the_last_checkpoint() {
    let [whole, crashed] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    run(&Sum::new(6), &options(), whole.path(), false).unwrap();
    // As if the process had died at step 7 while writing: an error ends it there, and a half-written file stays behind.
    let dying = Sum { poison: Some(14), ..Sum::new(6) };
    assert!(matches!(run(&dying, &options(), crashed.path(), false), Err(TrainError::Diverged { step: 8, .. })));
    std::fs::write(crashed.path().join("checkpoint.safetensors.part"), b"half").unwrap();
    assert_eq!(Checkpoint::read(&crashed.path().join(CHECKPOINT)).unwrap().state.step, 5);
    run(&Sum::new(6), &options(), crashed.path(), true).unwrap();
    same_end(whole.path(), crashed.path());
}

#[test]
fn it_stops_early_and_keeps_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let task = Sum { metrics: Some(vec![0.5, 0.7, 0.6, 0.7]), ..Sum::new(6) };
    let options = TrainOptions { epochs: 40, patience: 2, ..options() };
    assert_eq!(run(&task, &options, folder.path(), false).unwrap(), Ending::Early);
    assert_eq!(task.evaluations.load(Ordering::Relaxed), 4);
    let evaluations: Vec<_> =
        timeless(folder.path()).into_iter().filter(|line| line["event"] == "evaluation").collect();
    let best: Vec<bool> = evaluations.iter().map(|line| line["best"].as_bool().unwrap()).collect();
    assert_eq!(best, [true, true, false, false]);
    let (_, texts) = Weights::read(&folder.path().join(BEST)).unwrap();
    assert_eq!(texts["ocelli.step"], evaluations[1]["step"].to_string());
}

#[test]
fn what_does_not_belong_to_the_training_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    run(&Sum::new(6), &options(), folder.path(), false).unwrap();
    let before = std::fs::read(folder.path().join(CHECKPOINT)).unwrap();
    let again = run(&Sum::new(6), &options(), folder.path(), false);
    assert!(matches!(again, Err(TrainError::Occupied(_))));
    let other = run(&Sum::new(7), &options(), folder.path(), true).unwrap_err().to_string();
    assert!(other.contains("sum of four by 6") && other.contains("sum of four by 7"), "{other}");
    let seed = run(&Sum::new(6), &TrainOptions { seed: 4, ..options() }, folder.path(), true).unwrap_err().to_string();
    assert!(seed.contains("its seed is 3, not 4"), "{seed}");
    assert_eq!(std::fs::read(folder.path().join(CHECKPOINT)).unwrap(), before);
    std::fs::write(folder.path().join(CHECKPOINT), &before[..before.len() / 2]).unwrap();
    let cut = run(&Sum::new(6), &options(), folder.path(), true);
    assert!(matches!(cut, Err(TrainError::Weights(WeightsError::Malformed { .. }))), "{cut:?}");
}

#[test]
fn weights_of_another_network_are_refused_by_name() {
    let _turn = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex();
    let (small, large) = (Sum::new(6).init(&device), Sum::new(7).init(&device));
    let told = Weights::of(&small).load_into(large).unwrap_err().to_string();
    assert!(told.contains("first.bias has shape [6], the network's [7]"), "{told}");
    let mut more = Weights::of(&small);
    more.0.insert("extra".into(), TensorData::new(vec![0.0_f32], [1]));
    assert!(more.load_into(small.clone()).unwrap_err().to_string().contains("no extra"));
    let mut fewer = Weights::of(&small);
    fewer.0.remove("last.weight");
    assert!(fewer.load_into(small).unwrap_err().to_string().contains("last.weight is missing"));
}

#[test]
fn weights_come_back_from_their_file_bit_for_bit() {
    let _turn = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex();
    device.seed(5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut weights = Weights::of(&Sum::new(6).init(&device));
    let odd = Tensor::<1>::random([64], Distribution::Normal(0.0, 1e-30), &device).into_data();
    weights.0.insert("odd".into(), odd);
    weights.write(&path, &Default::default()).unwrap();
    assert_eq!(Weights::read(&path).unwrap().0, weights);
    assert!(std::fs::read_dir(folder.path()).unwrap().count() == 1, "no temporary file stays");
}

#[test]
fn a_setting_out_of_range_is_named_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (options, name) in [
        (TrainOptions { epochs: 0, ..options() }, "train.epochs"),
        (TrainOptions { average_decay: 1.0, ..options() }, "train.average_decay"),
    ] {
        let told = run(&Sum::new(6), &options, folder.path(), false).unwrap_err().to_string();
        assert!(told.contains(name), "{told}");
    }
    assert!(!folder.path().join(CHECKPOINT).exists());
}

#[test]
fn events_tell_every_step_evaluation_and_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let _turn = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    let task = Sum::new(6);
    let surroundings = Surroundings { folder: folder.path(), device: &device, stop: &task.stop, start: None };
    let (mut steps, mut evaluations, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
    train(&task, &options(), &surroundings, false, &mut |event| {
        match event {
            Event::Step(done) => {
                assert_eq!(done.steps, 12);
                assert!((done.loss - done.parts.iter().map(|(_, v)| v).sum::<f32>()).abs() < 1e-6);
                steps.push(done.step);
            }
            Event::Evaluation { step, .. } => evaluations.push(*step),
            Event::Checkpoint { step } => checkpoints.push(*step),
            Event::Evaluating { done, of } => assert!(done <= of),
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(steps, (1..=12).collect::<Vec<_>>());
    // 24 samples in an epoch, 16 in a step: epochs 2, 4, 6 and 8 end with steps 3, 6, 9 and 12.
    assert_eq!(evaluations, [3, 6, 9, 12]);
    assert_eq!(checkpoints, [5, 10, 12]);
}
