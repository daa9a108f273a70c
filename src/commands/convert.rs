//! `ocelli convert`.

use super::{Usage, tell};
use anyhow::Context;
use clap::{Args, ValueEnum};
use ocelli::darknet::{ExportOptions, Loaded, Network};
use ocelli::metadata::Resize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "Example:\n  \
    ocelli convert --cfg yolov3.cfg --weights yolov3.weights --names coco.names -o models/yolov3.onnx")]
pub struct ConvertCommand {
    /// The network
    #[arg(long, value_name = "FILE")]
    cfg: PathBuf,
    /// Its weights; a partial file fills the first layers
    #[arg(long, value_name = "FILE", required_unless_present = "random_weights")]
    weights: Option<PathBuf>,
    /// Random weights for what no file fills; the same seed gives the same weights
    #[arg(long, value_name = "SEED")]
    random_weights: Option<u64>,
    /// Names of the classes, one a line [default: class_0, class_1 …]
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// How pictures are brought to the network's size
    #[arg(long, value_enum, default_value = "letterbox")]
    resize: ResizeName,
    /// Terms under which the weights may be used, kept in the file
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,
    /// Where the weights come from, kept in the file
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// The ONNX file to write
    #[arg(short, long, value_name = "FILE.onnx")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum ResizeName {
    /// Keep the aspect ratio and pad with grey, as Darknet's `detector test`.
    Letterbox,
    /// Fill the input, as Darknet's `detector map`.
    Stretch,
}

impl ConvertCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(folder) = self.output.parent() {
            std::fs::create_dir_all(folder).with_context(|| show(folder))?;
        }
        let cfg = std::fs::read(&self.cfg).with_context(|| show(&self.cfg))?;
        let mut network = Network::parse(&String::from_utf8_lossy(&cfg)).with_context(|| show(&self.cfg))?;
        let unfilled = match &self.weights {
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| show(path))?;
                let loaded = network.read_weights(&bytes).with_context(|| show(path))?;
                tell(&describe(&loaded));
                loaded.first_unfilled
            }
            None => Some(0),
        };
        if let Some(layer) = unfilled {
            let seed = self.random_weights.ok_or_else(|| {
                let path = self.weights.as_deref().map(show).unwrap_or_default();
                Usage(format!(
                    "{path} fills only the layers before layer {layer}; --random-weights SEED would fill the others"
                ))
            })?;
            network.randomize(seed, layer);
            tell(&format!(
                "random weights (seed {seed}) from layer {layer} on: a model for measuring and training, not for use"
            ));
        }
        self.write(&network)
    }

    fn write(self, network: &Network) -> anyhow::Result<ExitCode> {
        let labels = self.names.as_deref().map(read_names).transpose()?;
        let resize = match self.resize {
            ResizeName::Letterbox => Resize::Letterbox,
            ResizeName::Stretch => Resize::Stretch,
        };
        let options = ExportOptions { labels, resize, license: self.license, source: self.source };
        let model = network.to_onnx(options).with_context(|| show(&self.cfg))?;
        model.write(&self.output)?;
        let size = std::fs::metadata(&self.output).with_context(|| show(&self.output))?.len();
        tell(&format!(
            "{}: {} layers, {} stored floats, {:.3} GFLOP at {} × {}, {:.1} MB",
            show(&self.output),
            network.layers.len(),
            network.stored_floats(),
            network.flops() / 1e9,
            network.input.width,
            network.input.height,
            size as f64 / 1e6,
        ));
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(loaded: &Loaded) -> String {
    let of = format!("{} of the {} layers with weights", loaded.layers_filled, loaded.layers_total);
    format!("{} floats fill {of}; trained on {} pictures", loaded.floats, loaded.header.seen)
}

fn read_names(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| show(path))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
