//! `ocelli quantize`.

use super::config::{CatalogArgs, EngineArgs, fraction};
use super::evaluate::look_here;
use super::pictures::{self, Source};
use super::{causes, progress, tell};
use anyhow::{Context, bail};
use clap::Args;
use ocelli::catalog::{Entry, ModelFile};
use ocelli::dataset::{ClassOverrides, Dataset, OpenOptions, Severity, open};
use ocelli::detector::Detector;
use ocelli::engine::quantize::{Calibration, Quantized};
use ocelli::engine::{EngineOptions, Runtime};
use ocelli::evaluate::{Evaluation, MeasureOptions, RunSettings, measure};
use ocelli::letterbox::{Letterbox, Size};
use ocelli::ordered::in_order;
use ocelli::picture::{self, Limits};
use ocelli::tensor::Tensor;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Pictures decoded at once: while one is in the network, the next one is made ready.
const WORKERS: usize = 2;

#[derive(Args)]
#[command(after_help = "Examples:\n  ocelli quantize yolo.onnx --calibrate photos -o yolo-int8.onnx\n  \
    ocelli quantize yolo.onnx --calibrate data/train --evaluate data/coco128 -o yolo-int8.onnx\n\n\
    About a hundred pictures of the kind that the model will see are enough. Where they are a labelled data set and\n\
    --evaluate names no other, the loss is measured on them.")]
pub struct QuantizeCommand {
    /// The detector to quantise, by name or file
    #[arg(value_name = "NAME|FILE")]
    model: String,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// Pictures from which the ranges are learnt: a folder, with those in it
    #[arg(long, value_name = "DIR", required = true)]
    calibrate: PathBuf,
    /// Data set on which AP is measured before and after [default: the calibration pictures, if they are labelled]
    #[arg(long, value_name = "PATH")]
    evaluate: Option<PathBuf>,
    /// The ONNX file to write, of QuantizeLinear and DequantizeLinear nodes
    #[arg(short, long, value_name = "FILE.onnx")]
    output: PathBuf,
    /// The most of the multiplications that may stay in float, where rounding loses most; 0 for the fastest model
    #[arg(long, value_name = "0..1", default_value_t = 0.3, value_parser = fraction)]
    float_share: f32,
    #[command(flatten)]
    engine: EngineArgs,
}

impl QuantizeCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let entry = self.catalog.find(&self.model)?;
        let sources = pictures::sources(std::slice::from_ref(&self.calibrate))?;
        let dataset = self.dataset()?;
        let file = entry.open()?;
        let before = file.len();
        let quantized = self.calibrate(&entry, file, &sources)?;
        if let Some(folder) = self.output.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        quantized.model.write(&self.output)?;
        let written = Entry::file(&self.output);
        let after = written.open()?.len();
        let mut out = std::io::stdout().lock();
        let megabytes = |bytes: usize| bytes as f64 / 1e6;
        let (path, convolutions) = (self.output.display(), quantized.convolutions);
        let sizes = format!("{:.1} → {:.1} MB", megabytes(before), megabytes(after));
        writeln!(out, "{path}: {convolutions} convolutions of 8-bit integers, {sizes}")?;
        if let Some(dataset) = dataset {
            let float = self.measure(&entry, &dataset)?;
            let integer = self.measure(&written, &dataset)?;
            write!(out, "{}", losses(&dataset, &float, &integer))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The labelled data, if there are some.
    fn dataset(&self) -> anyhow::Result<Option<Dataset>> {
        let options = OpenOptions::default();
        let dataset = match &self.evaluate {
            Some(path) => open(path, &options)?,
            None => match open(&self.calibrate, &options) {
                Ok(dataset) => dataset,
                Err(_) => return Ok(None),
            },
        };
        let fit = !dataset.truths.is_empty() && dataset.findings.worst() != Some(Severity::Error);
        match &self.evaluate {
            Some(path) if !fit => {
                bail!("{}: nothing can be measured with it (`ocelli dataset check` tells why)", path.display())
            }
            _ => Ok(Some(dataset).filter(|_| fit)),
        }
    }

    fn calibrate(&self, entry: &Entry, file: ModelFile, sources: &[Source]) -> anyhow::Result<Quantized> {
        let path = entry.path().display().to_string();
        let runtime = self.engine.runtime();
        let model = file.model()?;
        let detector = file.into_detector(&runtime, None)?;
        let mut calibration = Calibration::new(model, &runtime).with_context(|| path.clone())?;
        let bar = progress(sources.len(), "pictures")?;
        let mut unreadable = 0;
        in_order(
            sources,
            WORKERS,
            |source| input(source, &detector),
            |index, input| {
                match input {
                    Ok(input) => calibration.observe(input)?,
                    Err(error) => {
                        unreadable += 1;
                        bar.suspend(|| tell(&format!("left out: {}: {}", sources[index].name, causes(error.as_ref()))));
                    }
                }
                bar.inc(1);
                anyhow::Ok(())
            },
        )?;
        bar.finish_and_clear();
        if unreadable == sources.len() {
            bail!("{}: none of its pictures can be read", self.calibrate.display());
        }
        let bar = progress(0, "roundings tried")?;
        let tried = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        // What is tried is rounded here and there: a precision that was asked for does not fit it.
        let trials = Runtime::new(EngineOptions { precision: None, ..*runtime.options() });
        let quantized = calibration.finish(&trials, self.float_share.into(), &tried).with_context(|| path)?;
        bar.finish_and_clear();
        tell(&format!("calibrated with {} pictures", sources.len() - unreadable));
        if !quantized.left.is_empty() {
            let left: Vec<_> = quantized.left.iter().map(|(op, count)| format!("{count} × {op}")).collect();
            tell(&format!("left in float: {}", left.join(", ")));
        }
        Ok(quantized)
    }

    fn measure(&self, entry: &Entry, dataset: &Dataset) -> anyhow::Result<Evaluation> {
        let found = look_here(entry, &self.engine, &RunSettings::default(), dataset, &ClassOverrides::default(), None)?;
        let (predictions, findings) = found;
        Ok(measure(dataset, &predictions, None, &findings, &MeasureOptions::default(), &|_| ())?)
    }
}

/// A picture as the network's input.
fn input(source: &Source, detector: &Detector) -> anyhow::Result<Tensor> {
    let picture = picture::decode(&source.read()?, &Limits::default())?.image;
    let size = Size { width: picture.width(), height: picture.height() };
    let letterbox = Letterbox::new(detector.metadata().resize, size, detector.size());
    Ok(Tensor::F32(letterbox.apply(&picture)))
}

/// AP and AP50 before and after.
fn losses(dataset: &Dataset, float: &Evaluation, integer: &Evaluation) -> String {
    let mut text = format!("{}, {} pictures\n", dataset.path.display(), dataset.images.len());
    for name in ["AP", "AP50"] {
        if let (Some(before), Some(after)) = (float.coco.get(name), integer.coco.get(name)) {
            text += &format!("  {name:<4}  {before:.4} → {after:.4}   ({:+.4})\n", after - before);
        }
    }
    text
}
