//! `ocelli models`.

use super::config::CatalogArgs;
use clap::{Args, Subcommand};
use ocelli::catalog::ModelFile;
use std::io::Write;
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "Examples:\n  ocelli models list\n  ocelli models show yolov3")]
pub struct ModelsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the models in the models folder
    List(CatalogArgs),
    /// Tell all of one model
    Show {
        /// The model, by name or file
        #[arg(value_name = "NAME|FILE")]
        model: String,
        #[command(flatten)]
        catalog: CatalogArgs,
    },
}

impl ModelsCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(catalog) => list(&catalog),
            Action::Show { model, catalog } => show(&catalog.catalog().find(&model)?.open()?),
        }
    }
}

fn list(catalog: &CatalogArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let catalog = catalog.catalog();
    let entries = catalog.list()?;
    for entry in &entries {
        let file = entry.open()?;
        writeln!(out, "{:<28} {:>8.1} MB  {}", entry.name, file.len() as f64 / 1e6, summary(&file))?;
    }
    if entries.is_empty() {
        let folders: Vec<_> = catalog.folders.iter().map(|folder| folder.display().to_string()).collect();
        super::tell(&format!("no models in {}; `ocelli convert` makes one", folders.join(", ")));
    }
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

fn show(file: &ModelFile) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut line = |key: &str, value: String| writeln!(out, "{key:<10} {value}");
    line("name", file.entry.name.clone())?;
    line("file", format!("{}, {} bytes", file.entry.path.display(), file.len()))?;
    line("sha256", file.sha256.clone())?;
    line("inputs", axes(file))?;
    line("task", if file.metadata.detection.is_some() { "detection".into() } else { "raw: its outputs are not interpreted".into() })?;
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
