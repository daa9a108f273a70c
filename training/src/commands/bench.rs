//! `ocelli-train bench`.

use anyhow::{Context, ensure};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor};
use clap::Args;
use ocelli_training::models::{Architecture, DetectionNetwork, Detector, DetectorConfig};
use ocelli_training::optimizer::{Optimizer, OptimizerOptions, Rule};
use serde::Serialize;
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Measure a detector's training step on the CPU: forward, sum of squares of all outputs, backward, SGD with momentum
#[derive(Args)]
#[command(after_help = "Example:\n  ocelli-train bench yolov3-tiny --batch 8 --size 416 --threads 2")]
pub struct BenchArgs {
    /// One of the detectors that `list` names
    name: String,
    /// Pictures in a step
    #[arg(long, value_name = "N", default_value = "8")]
    batch: NonZeroUsize,
    /// Side of the pictures, a multiple of 32
    #[arg(long, value_name = "N", default_value = "416")]
    size: NonZeroUsize,
    /// Number of classes
    #[arg(long, value_name = "N", default_value = "80")]
    classes: NonZeroUsize,
    /// Measured steps, after one that is not
    #[arg(long, value_name = "N", default_value = "10")]
    steps: NonZeroUsize,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// One JSON object in place of the table
    #[arg(long)]
    json: bool,
}

/// What was measured; the order of the keys is that of the JSON.
#[derive(Serialize)]
struct Figures {
    network: String,
    parameters: usize,
    batch: usize,
    size: usize,
    classes: usize,
    threads: usize,
    steps: usize,
    median_ms: f64,
    min_ms: f64,
    max_ms: f64,
    /// Medians of the parts.
    forward_ms: f64,
    backward_ms: f64,
    update_ms: f64,
    /// Every measured step, sorted.
    times_ms: Vec<f64>,
}

/// Runs the steps and prints the figures.
pub fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let architecture = Architecture::find(&args.name).map_err(anyhow::Error::msg)?;
    let config = DetectorConfig::new(architecture, args.classes.get());
    config.check().map_err(anyhow::Error::msg)?;
    let multiple = config.size_multiple();
    ensure!(args.size.get().is_multiple_of(multiple as usize), "--size {} is no multiple of {multiple}", args.size);
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global()?;
    }
    let device = Device::flex().autodiff();
    device.seed(1);
    let network = config.init(&device);
    let mut parameters = Trained(0);
    network.visit(&mut parameters);
    let times = measure(network, args, &device)?;
    let total = sorted(times.iter().map(|parts| parts.iter().sum()));
    let part = |i: usize| median(&sorted(times.iter().map(|parts| parts[i])));
    let figures = Figures {
        network: args.name.clone(),
        parameters: parameters.0,
        batch: args.batch.get(),
        size: args.size.get(),
        classes: args.classes.get(),
        threads: rayon::current_num_threads(),
        steps: args.steps.get(),
        median_ms: median(&total),
        min_ms: total.first().copied().unwrap_or(f64::NAN),
        max_ms: total.last().copied().unwrap_or(f64::NAN),
        forward_ms: part(0),
        backward_ms: part(1),
        update_ms: part(2),
        times_ms: total,
    };
    print(&figures, args.json)
}

/// Counts the numbers that training moves: no running statistics.
struct Trained(usize);

impl ModuleVisitor for Trained {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() {
            self.0 += param.val().shape().num_elements();
        }
    }
}

/// Milliseconds of forward pass with loss, backward pass and update of each measured step.
fn measure(mut network: Detector, args: &BenchArgs, device: &Device) -> anyhow::Result<Vec<[f64; 3]>> {
    let shape = [args.batch.get(), 3, args.size.get(), args.size.get()];
    let images = Tensor::<4>::random(shape, Distribution::Uniform(0.0, 1.0), device);
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let mut optimizer = Optimizer::new(OptimizerOptions { rule, decay: 0.0, clip_norm: None });
    let mut times = Vec::new();
    for _ in 0..=args.steps.get() {
        let start = Instant::now();
        let squares = network.forward(images.clone()).into_iter().map(|output| output.powi_scalar(2).sum());
        let loss = squares.reduce(Tensor::add).context("a network without outputs")?;
        let value = loss.clone().into_scalar::<f32>();
        let forward = start.elapsed();
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        let backward = start.elapsed();
        // So small a step that the numbers stay where they are.
        (network, _) = optimizer.step(network, gradients, 1e-9);
        ensure!(value.is_finite(), "the loss is {value}");
        times.push([forward, backward - forward, start.elapsed() - backward].map(milliseconds));
    }
    // The first step fetches memory from the system that later ones have.
    Ok(times.split_off(1))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn sorted(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut times: Vec<_> = times.collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The middle of sorted numbers, the upper one of two.
fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(figures: &Figures, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, figures)?;
        return Ok(writeln!(out)?);
    }
    let Figures { network, parameters, batch, size, threads, steps, .. } = figures;
    writeln!(out, "{network}, {parameters} parameters, batch {batch} at {size}×{size}, {threads} threads")?;
    writeln!(out, "step      {:9.1} ms (median of {steps})", figures.median_ms)?;
    writeln!(out, "          {:9.1} ms to {:.1} ms", figures.min_ms, figures.max_ms)?;
    writeln!(out, "forward   {:9.1} ms", figures.forward_ms)?;
    writeln!(out, "backward  {:9.1} ms", figures.backward_ms)?;
    writeln!(out, "update    {:9.1} ms", figures.update_ms)?;
    Ok(())
}
