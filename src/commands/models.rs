//! `ocelli models`.

use super::config::{CatalogArgs, EngineArgs};
use super::{Usage, complain, tell};
use anyhow::bail;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ocelli::catalog::manifest::Manifest;
use ocelli::catalog::pull::{self, Pulled};
use ocelli::catalog::{Entry, ModelFile, shipped};
use ocelli::causes::causes;
use std::io::Write;
use std::process::ExitCode;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ocelli models list\n  ocelli models pull yolov3-tiny\n  ocelli models show yolov3-tiny"
)]
pub struct ModelsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the models in the models folder, the one that ships, and those that can be pulled
    List(CatalogArgs),
    /// Tell all of one model
    Show {
        /// The model, by name or file
        #[arg(value_name = "NAME|FILE")]
        model: String,
        #[command(flatten)]
        catalog: CatalogArgs,
        #[command(flatten)]
        engine: Box<EngineArgs>,
    },
    /// Fetch a published model, verify it, and convert it into the models folder
    Pull {
        /// One of those that `models list` names
        name: String,
        #[command(flatten)]
        catalog: CatalogArgs,
    },
}

impl ModelsCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(catalog) => list(&catalog),
            Action::Pull { name, catalog } => pull(&name, &catalog),
            Action::Show { model, catalog, engine } => show(&catalog.find(&model)?.open()?, &engine),
        }
    }
}

fn list(catalog: &CatalogArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut entries = catalog.catalog().list()?;
    if entries.iter().all(|entry| entry.name != shipped::NAME) {
        entries.push(shipped::entry());
    }
    let mut done = ExitCode::SUCCESS;
    for entry in &entries {
        match entry.open() {
            Ok(file) => {
                let (megabytes, what) = (file.len() as f64 / 1e6, format!("{}{}", summary(&file), shipping(entry)));
                writeln!(out, "{:<28} {megabytes:>8.1} MB  {what}", entry.name)?;
            }
            Err(error) => {
                complain(&error.to_string());
                done = ExitCode::FAILURE;
            }
        }
    }
    for model in Manifest::embedded()?.models {
        if entries.iter().all(|entry| entry.name != model.name) {
            let megabytes = model.weights.bytes as f64 / 1e6;
            writeln!(
                out,
                "{:<28} {megabytes:>8.1} MB  not here: `ocelli models pull {0}`, {}",
                model.name, model.summary
            )?;
        }
    }
    Ok(done)
}

/// What a model has to do with the one that ships, as the end of a sentence.
fn shipping(entry: &Entry) -> &'static str {
    match entry.is_embedded() {
        true => "; ships with the program",
        false if entry.name == shipped::NAME => "; in place of the one that ships with the program",
        false => "",
    }
}

fn pull(name: &str, catalog: &CatalogArgs) -> anyhow::Result<ExitCode> {
    let models = Manifest::embedded()?.models;
    let Some(model) = models.iter().find(|model| model.name == name) else {
        let known: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
        bail!(Usage(format!("no model `{name}` can be pulled; there are {}", known.join(", "))));
    };
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")?);
    let folder = catalog.folder();
    let pulled = pull::pull(model, &folder, |url, here, bytes| {
        bar.set_length(bytes);
        bar.set_position(here);
        bar.set_message(url.rsplit('/').next().unwrap_or(url).to_owned());
    })?;
    bar.finish_and_clear();
    tell(&match pulled {
        Pulled::Fetched(path) => format!("{}: verified and converted; {}", path.display(), model.license),
        Pulled::Here(path) => format!("{}: here already; remove it to fetch it again", path.display()),
    });
    Ok(ExitCode::SUCCESS)
}

fn summary(file: &ModelFile) -> String {
    match &file.metadata.detection {
        Some(detection) => format!("detection, {} classes, {}", detection.labels.len(), axes(file)),
        None => format!("raw, {}", axes(file)),
    }
}

fn axes(file: &ModelFile) -> String {
    let axis = |size: &Option<usize>| size.map_or_else(|| "?".into(), |size| size.to_string());
    let input = |(name, axes): &(String, Vec<Option<usize>>)| {
        format!("{name} [{}]", axes.iter().map(axis).collect::<Vec<_>>().join(", "))
    };
    file.inputs.iter().map(input).collect::<Vec<_>>().join(", ")
}

/// The engine that runs the model, and why; or why none does.
fn chosen_engine(file: &ModelFile, engine: &EngineArgs) -> String {
    match file.prepare(&engine.runtime(), &file.picture_shapes(1, None)) {
        Ok(engine) => format!("{}, {}: {}", engine.name(), engine.precision(), engine.choice()),
        Err(error) => format!("none: {}", causes(&error)),
    }
}

fn show(file: &ModelFile, engine: &EngineArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut line = |key: &str, value: String| writeln!(out, "{key:<10} {value}");
    line("name", file.entry.name.clone())?;
    line("file", format!("{}, {} bytes", file.entry, file.len()))?;
    line("sha256", file.sha256.clone())?;
    line("inputs", axes(file))?;
    line(
        "task",
        if file.metadata.detection.is_some() {
            "detection".into()
        } else {
            "raw: its outputs are not interpreted".into()
        },
    )?;
    line("engine", chosen_engine(file, engine))?;
    if let Some(detection) = &file.metadata.detection {
        line("head", format!("{:?}", detection.head).to_lowercase())?;
        line("resize", format!("{:?}", detection.resize).to_lowercase())?;
        for (output, anchors) in detection.anchors.iter().enumerate() {
            let anchors: Vec<_> = anchors.iter().map(|[width, height]| format!("{width} × {height}")).collect();
            line(&format!("anchors {output}"), anchors.join(", "))?;
        }
        if detection.scale_xy.iter().any(|scale| *scale != 1.0) {
            line("scale_xy", format!("{:?}", detection.scale_xy))?;
        }
        line("labels", format!("{}: {}", detection.labels.len(), detection.labels.join(", ")))?;
    }
    line("license", file.metadata.license.clone().unwrap_or_else(|| "not stated".into()))?;
    line("source", file.metadata.source.clone().unwrap_or_else(|| "not stated".into()))?;
    Ok(ExitCode::SUCCESS)
}
