//! `ocelli detect`.

use super::config::{CatalogArgs, DetectionArgs, EngineArgs};
use super::pictures::{Source, sources};
use super::{causes, complain, progress};
use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use ocelli::detection::DetectionReport;
use ocelli::detector::{Detector, Sight};
use ocelli::draw::annotate;
use ocelli::nms::NmsOptions;
use ocelli::ordered::in_order;
use ocelli::picture::{self, Encoding, Limits};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Pictures looked at at once: while one is in the network, the next one is decoded.
const WORKERS: usize = 2;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ocelli detect models/samples\n  ocelli detect --model yolo.onnx dog.jpg --save annotated\n  \
    ocelli detect --model yolo.onnx photos --json > detections.jsonl\n  cat dog.jpg | ocelli detect --model yolo.onnx -"
)]
pub struct DetectCommand {
    /// Pictures, folders of pictures, or - for a picture from standard input
    #[arg(value_name = "IMAGE|DIR|-", required = true)]
    pictures: Vec<PathBuf>,
    /// The model, by name or file [default: the only one in the models folder, or the one that ships]
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    #[command(flatten)]
    catalog: CatalogArgs,
    #[command(flatten)]
    detection: DetectionArgs,
    /// One JSON object a picture, one a line
    #[arg(long)]
    json: bool,
    /// Write annotated pictures into this folder
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Largest picture, in pixels
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_pixels)]
    max_pixels: u64,
    #[command(flatten)]
    engine: EngineArgs,
}

impl DetectCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let sources = sources(&self.pictures)?;
        let detector = self.detector()?;
        let options = self.detection.options(&detector.metadata().labels)?;
        if let Some(folder) = &self.save {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let limits = Limits { max_pixels: self.max_pixels };
        let progress = if sources.len() > 1 { progress(sources.len(), "pictures")? } else { ProgressBar::hidden() };
        let mut saver = Saver { folder: self.save.as_deref(), taken: HashSet::new() };
        let mut failures = 0;
        in_order(
            &sources,
            WORKERS,
            |source| look_at(source, &detector, &limits, &options),
            |index, sight| {
                let source = &sources[index];
                let told = sight.and_then(|sight| {
                    progress
                        .suspend(|| if self.json { print_json(&sight.report) } else { print_table(&sight.report) })?;
                    saver.save(&source.name, sight)
                });
                progress.inc(1);
                match told {
                    Err(error) if error.is::<std::io::Error>() => return Err(error),
                    Err(error) => {
                        failures += 1;
                        progress.suspend(|| complain(&format!("{}: {}", source.name, causes(error.as_ref()))));
                    }
                    Ok(()) => {}
                }
                Ok(())
            },
        )?;
        progress.finish_and_clear();
        Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn detector(&self) -> anyhow::Result<Detector> {
        let entry = self.catalog.choose(self.model.as_deref())?;
        Ok(entry.open()?.into_detector(&self.engine.runtime(), None)?)
    }
}

fn look_at(source: &Source, detector: &Detector, limits: &Limits, options: &NmsOptions) -> anyhow::Result<Sight> {
    Ok(detector.detect(&source.read()?, Some(source.name.clone()), limits, options)?)
}

fn print_json(report: &DetectionReport) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string(report)?)?;
    Ok(())
}

fn print_table(report: &DetectionReport) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let (image, count) = (&report.image, report.detections.len());
    let objects = if count == 1 { "object" } else { "objects" };
    let name = image.name.as_deref().unwrap_or("-");
    writeln!(out, "{name}  {} × {}  {count} {objects}  {:.0} ms", image.width, image.height, report.timings_ms.total)?;
    let longest = report.detections.iter().map(|found| found.label.chars().count()).max().unwrap_or(0);
    for found in &report.detections {
        let (label, percent, at) = (&found.label, found.confidence * 100.0, found.bbox);
        writeln!(
            out,
            "  {label:<longest$}  {percent:5.1} %   x {:6.1}  y {:6.1}   {:6.1} × {:.1}",
            at.x, at.y, at.width, at.height
        )?;
    }
    for warning in &report.warnings {
        writeln!(out, "  note: {warning}")?;
    }
    Ok(())
}

/// Writes annotated pictures under names that do not collide.
struct Saver<'a> {
    folder: Option<&'a Path>,
    taken: HashSet<PathBuf>,
}

impl Saver<'_> {
    fn save(&mut self, name: &str, mut sight: Sight) -> anyhow::Result<()> {
        let Some(folder) = self.folder else { return Ok(()) };
        let name = Path::new(if name == "-" { "stdin.jpg" } else { name });
        let is_png = name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
        let (encoding, extension) = if is_png { (Encoding::Png, "png") } else { (Encoding::Jpeg, "jpg") };
        let mut path = folder.join(name).with_extension(extension);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut number = 2;
        while !self.taken.insert(path.clone()) {
            path.set_file_name(format!("{stem}-{number}.{extension}"));
            number += 1;
        }
        annotate(&mut sight.image, &sight.report.detections);
        let bytes = picture::encode(&sight.image, encoding)?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())
    }
}
