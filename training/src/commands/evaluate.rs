//! `ocelli-train evaluate`.

use super::progress::pictures;
use super::tell;
use super::train::{RECIPE, best_weights};
use anyhow::Context;
use clap::Args;
use ocelli::catalog::{Entry, ModelFile};
use ocelli::dataset::{ClassOverrides, Dataset, OpenOptions, open, results};
use ocelli::engine::{EngineOptions, Runtime};
use ocelli::evaluate::run::{RunLog, run as run_all};
use ocelli::evaluate::table::{TerminalOptions, terminal};
use ocelli::evaluate::{Evaluation, MeasureOptions, Predictions, RunSettings, local, measure};
use ocelli_training::recipes::{DetectionRecipe, FileOptions, write_model};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Example:\n  ocelli-train evaluate --checkpoint runs/bccd --data BCCD --split test\n\n\
    For reports, gates, intervals and comparisons: ocelli evaluate --model runs/bccd/model.onnx --data …")]
pub struct EvaluateArgs {
    /// Folder of the training
    #[arg(long, value_name = "DIR")]
    checkpoint: PathBuf,
    /// Labelled pictures
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Their part [default: the validation split, or the only one]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Write all figures as JSON; - for standard output, in place of the table
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
}

pub fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let recipe = DetectionRecipe::read(&args.checkpoint.join(RECIPE), &[])?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.onnx");
    write_model(&recipe, &best_weights(&args.checkpoint)?, FileOptions::default(), &path)?;
    let dataset = open(&args.data, &OpenOptions { format: None, split: args.split.clone() })?;
    let evaluation = evaluate(&path, &dataset, recipe.data.nms_iou)?;
    match args.json.as_deref() {
        None => show(&evaluation),
        Some(path) if path == Path::new("-") => {
            Ok(writeln!(std::io::stdout().lock(), "{}", serde_json::to_string(&evaluation)?)?)
        }
        Some(path) => {
            std::fs::write(path, serde_json::to_string(&evaluation)?).with_context(|| path.display().to_string())?;
            show(&evaluation)
        }
    }
}

/// The table on standard output.
pub fn show(evaluation: &Evaluation) -> anyhow::Result<()> {
    Ok(write!(std::io::stdout().lock(), "{}", terminal(evaluation, &TerminalOptions::default()))?)
}

/// Runs a model file over a data set, as `ocelli evaluate` does.
pub fn evaluate(model: &Path, dataset: &Dataset, nms_iou: f32) -> anyhow::Result<Evaluation> {
    let file: ModelFile = Entry::file(model).open()?;
    let sha256 = file.sha256.clone();
    let runtime = Runtime::new(EngineOptions { threads: NonZeroUsize::MIN, ..EngineOptions::default() });
    let detector = file.into_detector(&runtime, None)?;
    let settings = RunSettings { confidence: 0.001, nms_iou, max_detections: 100 };
    let header = local::header(&detector, sha256, settings.clone());
    let split = dataset.split.as_deref().map_or_else(String::new, |split| format!(", split {split}"));
    tell(&format!("{}{split}: {} pictures", dataset.path.display(), dataset.images.len()));
    let bar = pictures(dataset.images.len())?;
    let mut log = RunLog::open(None, &header)?;
    let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let look = |image: &_, bytes: &[u8]| local::look(&detector, &settings, image, bytes);
    let mut findings = run_all(dataset, &mut log, workers, look, || bar.inc(1))?;
    bar.finish_and_clear();
    let results = results::parse_lines(log.lines(), model, dataset, &ClassOverrides::default())?;
    findings.extend(results.findings);
    let list = results.predictions;
    let predictions = Predictions { name: header.model, list, run: Some(settings), mapping: results.mapping };
    Ok(measure(dataset, &predictions, None, &findings, &MeasureOptions::default(), &|_| {})?)
}
