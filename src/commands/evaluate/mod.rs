//! `ocelli evaluate`.

mod output;

use super::config::{CatalogArgs, EngineArgs, FormatChoice, format, fraction};
use super::findings::list;
use super::protocol::ProtocolArgs;
use super::{Usage, complain, progress, tell};
use anyhow::bail;
use clap::Args;
use ocelli::catalog::Entry;
use ocelli::dataset::classes::ClassMap;
use ocelli::dataset::{ClassOverrides, Dataset, Fault, Findings, Image, OpenOptions, Severity, open, results};
use ocelli::engine::{EngineOptions, Runtime};
use ocelli::evaluate::endpoint::Endpoint;
use ocelli::evaluate::gates::{self, Baseline, Gate};
use ocelli::evaluate::local;
use ocelli::evaluate::run::{Look, RunError, RunHeader, RunLog, run};
use ocelli::evaluate::{BootstrapOptions, Evaluation, MeasureOptions, Predictions, RunSettings, measure};
use output::OutputArgs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exit code of a missed gate.
const GATE_MISSED: u8 = 3;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ocelli evaluate --data data/coco128 --model yolo-fastest-1.1-xl --report report.html\n  \
    ocelli evaluate --truth instances_val2017.json --detections results.json --json -\n  \
    ocelli evaluate --data data/bccd --endpoint http://127.0.0.1:8080 --fail-under AP50=0.85 --baseline last.json --max-drop 0.5\n  \
    ocelli evaluate --truth val.json --detections new.json --against old.json --bootstrap 1000\n\n\
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a gate was missed."
)]
pub struct EvaluateCommand {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
    #[command(flatten)]
    certainty: CertaintyArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    gates: GateArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Data")]
struct DataArgs {
    /// The data set's folder, or its file: COCO .json, data.yaml, Darknet .data, list of pictures, .csv
    #[arg(long, value_name = "PATH", required_unless_present = "truth")]
    data: Option<PathBuf>,
    /// The same, for detections that were made elsewhere
    #[arg(long, value_name = "PATH", conflicts_with = "data", requires = "detections")]
    truth: Option<PathBuf>,
    /// Such detections; no model is run: COCO results, `ocelli detect --json` lines, a folder of VOC's or YOLO's, .csv
    #[arg(long, value_name = "PATH", conflicts_with_all = ["model", "endpoint"])]
    detections: Option<PathBuf>,
    /// The data set's format
    #[arg(long, value_name = "auto|coco|voc|yolo|darknet|csv", default_value = "auto", value_parser = format)]
    format: FormatChoice,
    /// Its part: train, val, test … [default: the validation split, or the only one]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Which class of the model is which of the data set: lines `model label = data set label`
    #[arg(long, value_name = "FILE")]
    class_map: Option<PathBuf>,
    /// Doubtful data are an error
    #[arg(long)]
    strict: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Model")]
struct ModelArgs {
    /// The model, by name or file [default: the only one in the models folder, or the one that ships]; at an endpoint by name
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// Ask a running server in place of a model here
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Key of that server
    #[arg(long, value_name = "KEY", env = "OCELLI_API_KEY", hide_env_values = true, requires = "endpoint")]
    api_key: Option<String>,
    #[command(flatten)]
    catalog: CatalogArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Detections of at most this confidence are not asked for
    #[arg(long, value_name = "0..1", default_value_t = RunSettings::default().confidence, value_parser = fraction)]
    confidence: f32,
    /// Overlap (IoU) from which two boxes are the same object, in the model's suppression
    #[arg(long, value_name = "0..1", default_value_t = RunSettings::default().nms_iou, value_parser = fraction)]
    nms_iou: f32,
    /// Most detections that are asked for of a picture
    #[arg(long, value_name = "N", default_value_t = most_detections())]
    detections_per_image: NonZeroUsize,
    /// Write the detections to this file as JSON lines; a run that was cut short goes on where it ended
    #[arg(long, value_name = "FILE.jsonl")]
    detections_out: Option<PathBuf>,
}

#[derive(Args)]
#[command(next_help_heading = "Certainty")]
struct CertaintyArgs {
    /// Intervals of the COCO figures from so many resampled sets of pictures, such as 1000
    #[arg(long, value_name = "N")]
    bootstrap: Option<NonZeroUsize>,
    /// Seed of the resampling
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// Other detections of the same data, to tell by how much these are better
    #[arg(long, value_name = "PATH", requires = "bootstrap")]
    against: Option<PathBuf>,
}

#[derive(Args)]
#[command(next_help_heading = "Gates")]
struct GateArgs {
    /// Exit with 3 if a figure is lower: any of the COCO figures, voc2007, voc2010, darknet, precision, recall, f1; repeatable
    #[arg(long, value_name = "AP50=0.6", value_parser = |text: &str| Gate::parse(text).map_err(|error| error.to_string()))]
    fail_under: Vec<Gate>,
    /// JSON of an earlier evaluation to compare with
    #[arg(long, value_name = "FILE.json", requires = "max_drop")]
    baseline: Option<PathBuf>,
    /// Exit with 3 if AP, AP50 or AP75 fell by more than so many points (hundredths)
    #[arg(long, value_name = "POINTS", requires = "baseline")]
    max_drop: Option<f64>,
}

impl EvaluateCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let options = self.measure_options()?;
        self.output.check()?;
        let baseline = self.gates.baseline.as_deref().map(Baseline::read).transpose()?;
        let dataset = self.data.open()?;
        let overrides = match &self.data.class_map {
            Some(path) => ClassOverrides::read(path)?,
            None => ClassOverrides::default(),
        };
        let (predictions, found) = match &self.data.detections {
            Some(path) => self.read(path, &dataset, &overrides)?,
            None => self.look(&dataset, &overrides)?,
        };
        let other = match &self.certainty.against {
            Some(path) => Some(self.read(path, &dataset, &overrides)?),
            None => None,
        };
        let mut findings = dataset.findings.clone();
        if self.data.detections.is_some() {
            // Nobody looks at the pictures.
            findings.remove(Fault::MissingPicture);
        }
        findings.extend(found);
        let (other, others) = other.unzip();
        findings.extend(others.unwrap_or_default());
        self.data.judge(&findings)?;
        let bar = progress(self.certainty.bootstrap.map_or(0, NonZeroUsize::get), "resampled sets")?;
        let evaluation = measure(&dataset, &predictions, other.as_ref(), &findings, &options, &|_| bar.inc(1))
            .map_err(|error| Usage(error.to_string()))?;
        bar.finish_and_clear();
        self.output.write(&evaluation, &dataset, &predictions)?;
        self.gates.judge(&evaluation, baseline.as_ref())
    }

    fn measure_options(&self) -> anyhow::Result<MeasureOptions> {
        let CertaintyArgs { bootstrap, seed, .. } = self.certainty;
        let bootstrap = bootstrap.map(|replicates| BootstrapOptions {
            replicates: replicates.get(),
            seed,
            ..BootstrapOptions::default()
        });
        Ok(MeasureOptions { bootstrap, ..self.protocol.options()? })
    }

    /// Reads detections that were made elsewhere.
    fn read(
        &self,
        path: &Path,
        dataset: &Dataset,
        overrides: &ClassOverrides,
    ) -> anyhow::Result<(Predictions, Findings)> {
        let results = results::read(path, dataset, overrides)?;
        if let Some(mapping) = &results.mapping {
            check_mapping(mapping, dataset)?;
        }
        let name = results.model.unwrap_or_else(|| path.display().to_string());
        let predictions = Predictions { name, list: results.predictions, run: None, mapping: results.mapping };
        Ok((predictions, results.findings))
    }

    /// Runs a model, or asks a server.
    fn look(&self, dataset: &Dataset, overrides: &ClassOverrides) -> anyhow::Result<(Predictions, Findings)> {
        let model = &self.model;
        let settings = RunSettings {
            confidence: model.confidence,
            nms_iou: model.nms_iou,
            max_detections: model.detections_per_image.get(),
        };
        let out = model.detections_out.as_deref();
        match &model.endpoint {
            Some(url) => {
                let endpoint = Endpoint::connect(url, model.model.as_deref(), model.api_key.clone(), settings)?;
                // A server shares out its work by itself: enough requests to keep it busy, and none waits for long.
                let look = |image: &Image, bytes: &[u8]| endpoint.look(image, bytes);
                run_all(dataset, overrides, endpoint.header(), processors(), out, look)
            }
            None => {
                let entry = model.catalog.choose(model.model.as_deref())?;
                look_here(&entry, &model.engine, &settings, dataset, overrides, out)
            }
        }
    }
}

/// What a model in this process finds in a data set; `out` is a file that keeps it, line by line.
pub fn look_here(
    entry: &Entry,
    engine: &EngineArgs,
    settings: &RunSettings,
    dataset: &Dataset,
    overrides: &ClassOverrides,
    out: Option<&Path>,
) -> anyhow::Result<(Predictions, Findings)> {
    let file = entry.open()?;
    let sha256 = file.sha256.clone();
    // One thread a picture, and as many pictures as processors: quicker than to share out each picture.
    let threads = engine.threads.unwrap_or(NonZeroUsize::MIN);
    let runtime = Runtime::new(EngineOptions { threads, ..engine.options() });
    let detector = file.into_detector(&runtime, None)?;
    let header = local::header(&detector, sha256, settings.clone());
    let workers = (processors() / threads.get()).max(1);
    let look = |image: &Image, bytes: &[u8]| local::look(&detector, settings, image, bytes);
    run_all(dataset, overrides, header, workers, out, look)
}

/// What something finds in a data set, picture by picture.
fn run_all(
    dataset: &Dataset,
    overrides: &ClassOverrides,
    header: RunHeader,
    workers: usize,
    out: Option<&Path>,
    look: impl Fn(&Image, &[u8]) -> Result<Look, RunError> + Sync,
) -> anyhow::Result<(Predictions, Findings)> {
    check_mapping(&ClassMap::new(&header.labels, &dataset.labels, overrides)?, dataset)?;
    let mut log = RunLog::open(out, &header)?;
    let done = log.done();
    if done > 0 {
        tell(&format!("{done} of {} pictures are done already", dataset.images.len()));
    }
    let bar = progress(dataset.images.len(), "pictures")?;
    bar.set_position(done as u64);
    bar.reset_eta();
    let missing = run(dataset, &mut log, workers, look, || bar.inc(1))?;
    bar.finish_and_clear();
    let path = out.unwrap_or(Path::new("detections"));
    let mut results = results::parse_lines(log.lines(), path, dataset, overrides)?;
    results.findings.extend(missing);
    // A run that was cut short has its pictures in another order, by which equal confidences are ranked.
    results.predictions.sort_by_key(|found| found.image);
    let RunHeader { model: name, settings, .. } = header;
    let predictions = Predictions { name, list: results.predictions, run: Some(settings), mapping: results.mapping };
    Ok((predictions, results.findings))
}

fn most_detections() -> NonZeroUsize {
    NonZeroUsize::new(RunSettings::default().max_detections).unwrap_or(NonZeroUsize::MIN)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Tells which class was taken for which, where that is not plain. If none was taken for any, figures would mean nothing.
fn check_mapping(mapping: &ClassMap, dataset: &Dataset) -> anyhow::Result<()> {
    let left_over: Vec<&str> = mapping.left_over().collect();
    if !left_over.is_empty() && mapping.pairs().next().is_none() {
        let (own, theirs) = (few(&left_over), few(&dataset.labels));
        bail!(
            "the classes of the detections ({own}) are none of the data set's ({theirs})\n\
             if some are the same by other names, say so with --class-map"
        );
    }
    let pairs = mapping.pairs().filter(|pair| pair.from != pair.to);
    let pairs: Vec<String> = pairs.map(|pair| format!("{} → {} (by {})", pair.from, pair.to, pair.how)).collect();
    if !pairs.is_empty() {
        tell(&format!("classes of other names: {}", pairs.join(", ")));
    }
    if !left_over.is_empty() {
        tell(&format!("the data set does not have, and detections of which are left out: {}", left_over.join(", ")));
    }
    Ok(())
}

/// The first three of some names.
fn few<S: AsRef<str>>(names: &[S]) -> String {
    let first: Vec<&str> = names.iter().take(3).map(AsRef::as_ref).collect();
    let more = if names.len() > first.len() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

impl DataArgs {
    fn open(&self) -> anyhow::Result<Dataset> {
        let Some(path) = self.truth.as_ref().or(self.data.as_ref()) else {
            bail!(Usage("which data? name them with --data".into()));
        };
        let options = OpenOptions { format: self.format.0, split: self.split.clone() };
        let dataset = open(path, &options)?;
        let split = dataset.split.as_deref().map_or_else(String::new, |split| format!(", split {split}"));
        tell(&format!("{}: {}{split}, {} pictures", path.display(), dataset.format.name(), dataset.images.len()));
        if dataset.images.is_empty() {
            bail!("{}: there are no pictures in it", path.display());
        }
        Ok(dataset)
    }

    /// Tells what is wrong with the data, and refuses what would make figures meaningless.
    fn judge(&self, findings: &Findings) -> anyhow::Result<()> {
        let told = list(findings, 1);
        if !told.is_empty() {
            tell(told.trim_end());
        }
        match findings.worst() {
            Some(Severity::Error) => bail!("figures would mean nothing with such data"),
            Some(Severity::Warning) if self.strict => bail!("--strict: such data are not accepted"),
            _ => Ok(()),
        }
    }
}

impl GateArgs {
    fn judge(&self, evaluation: &Evaluation, baseline: Option<&Baseline>) -> anyhow::Result<ExitCode> {
        let mut missed = gates::check(evaluation, &self.fail_under);
        if let (Some(baseline), Some(max_drop)) = (baseline, self.max_drop) {
            missed.extend(baseline.check(evaluation, max_drop).map_err(|error| Usage(error.to_string()))?);
        }
        missed.iter().for_each(|missed| complain(&missed.to_string()));
        Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(GATE_MISSED) })
    }
}
