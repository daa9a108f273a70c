//! `ocelli bench`.

use super::Usage;
use super::config::{CatalogArgs, EngineArgs};
use super::layers::{self, Layer};
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ocelli::engine::{Engine, Precision};
use ocelli::tensor::Tensor;
use serde::Serialize;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Args)]
#[command(after_help = "Example:\n  \
    ocelli convert --cfg yolov3.cfg --random-weights 1 -o yolov3.onnx && ocelli bench --model yolov3.onnx --size 608\n  \
    ocelli bench --model yolov3.onnx --layers --plot layers.svg")]
pub struct BenchCommand {
    /// The model, by name or file [default: the only one in the models folder, or the one that ships]
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// Sides of the input, in pixels [default: the file's]
    #[arg(long, value_name = "N")]
    size: Option<NonZeroUsize>,
    /// Pictures in one run
    #[arg(long, value_name = "N", default_value = "1")]
    batch: NonZeroUsize,
    /// Measured runs, after one that is not
    #[arg(long, value_name = "N", default_value = "20")]
    runs: NonZeroUsize,
    /// Tell how long each layer takes, too
    #[arg(long)]
    layers: bool,
    /// Draw the layers as bars
    #[arg(long, value_name = "FILE.svg", requires = "layers")]
    plot: Option<PathBuf>,
    /// One JSON object in place of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// What was measured; the order of the keys is that of the JSON.
#[derive(Serialize)]
struct Figures {
    model: String,
    engine: &'static str,
    precision: Precision,
    threads: usize,
    batch: usize,
    input: Vec<usize>,
    runs: usize,
    median_ms: f64,
    min_ms: f64,
    max_ms: f64,
    /// Of one run of the whole batch, two for a multiply-add.
    gflop: f64,
    gflops: f64,
    load_ms: f64,
    rss_mb: f64,
    peak_rss_mb: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Layer>>,
}

impl BenchCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let began = Instant::now();
        let runtime = self.engine.runtime();
        let file = self.catalog.choose(self.model.as_deref())?.open()?;
        let model = file.entry.name.clone();
        let shapes = file.picture_shapes(self.batch.get(), self.size.map(NonZeroUsize::get));
        if shapes.is_empty() && (self.size.is_some() || self.batch.get() > 1) {
            let reason = "--size and --batch need a picture input [batch, channels, height, width] with known channels";
            return Err(Usage(reason.into()).into());
        }
        let engine = file.prepare(&runtime, &shapes)?;
        drop(file);
        let load_ms = milliseconds(began.elapsed());
        let inputs: Vec<Tensor> = engine.inputs().iter().map(|port| Tensor::filled(&port.shape, 0.5)).collect();
        let mut times = self.measure(engine.as_ref(), &inputs)?;
        times.sort_by(f64::total_cmp);
        let gflop = 2.0 * engine.multiply_adds() as f64 / 1e9;
        let median_ms = median(&times);
        let figures = Figures {
            model,
            engine: engine.name(),
            precision: engine.precision(),
            threads: runtime.options().threads.get(),
            batch: self.batch.get(),
            input: engine.inputs().first().map(|port| port.shape.clone()).unwrap_or_default(),
            runs: times.len(),
            median_ms,
            min_ms: times[0],
            max_ms: times[times.len() - 1],
            gflop,
            gflops: gflop / (median_ms / 1000.0),
            load_ms,
            rss_mb: memory_mb("VmRSS")?,
            peak_rss_mb: memory_mb("VmHWM")?,
            layers: self.layers.then(|| layers::measure(engine.as_ref(), &inputs, self.runs.get())).transpose()?,
        };
        self.print(&figures, engine.peak_gflops())?;
        if let (Some(path), Some(layers)) = (&self.plot, &figures.layers) {
            layers::plot(&figures.model, layers, path)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Milliseconds of each run.
    fn measure(&self, engine: &dyn Engine, inputs: &[Tensor]) -> anyhow::Result<Vec<f64>> {
        engine.run(inputs.to_vec())?;
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left")?;
        let progress = ProgressBar::new(self.runs.get() as u64).with_style(style);
        let mut times = Vec::with_capacity(self.runs.get());
        for _ in 0..self.runs.get() {
            let inputs = inputs.to_vec();
            let began = Instant::now();
            engine.run(inputs)?;
            times.push(milliseconds(began.elapsed()));
            progress.inc(1);
        }
        progress.finish_and_clear();
        Ok(times)
    }

    /// `peak`: what the engine says that the machine can do, in GFLOP/s.
    fn print(&self, figures: &Figures, peak: Option<f64>) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(figures)?)?;
            return Ok(());
        }
        let Figures { model, engine, precision, threads, input, runs, .. } = figures;
        writeln!(out, "{model}, input {input:?}, {engine} {precision}, {threads} threads, {runs} runs")?;
        let Figures { median_ms, min_ms, max_ms, gflop, gflops, load_ms, rss_mb, peak_rss_mb, .. } = figures;
        writeln!(out, "  median  {median_ms:9.2} ms   (min {min_ms:.2}, max {max_ms:.2})")?;
        writeln!(out, "  speed   {gflops:9.1} GFLOP/s   ({gflop:.3} GFLOP a run)")?;
        writeln!(out, "  load    {load_ms:9.0} ms")?;
        writeln!(out, "  memory  {rss_mb:9.0} MB   (peak {peak_rss_mb:.0})")?;
        if let Some(layers) = &figures.layers {
            writeln!(out)?;
            layers::print(layers, peak, &mut out)?;
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The middle one of sorted values, of which there is one at least.
pub fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// A figure of this process from Linux's `/proc/self/status`, in 10⁶ bytes.
fn memory_mb(key: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kibibytes.map(|k| k * 1024.0 / 1e6).with_context(|| format!("/proc/self/status has no {key}"))
}
