//! `ocelli-train export`.

use super::tell;
use super::train::{RECIPE, best_weights, told};
use anyhow::{Context, bail};
use burn::tensor::Device;
use clap::Args;
use ocelli::darknet::Header;
use ocelli_training::export::Precision;
use ocelli_training::models::{Architecture, darknet_weights};
use ocelli_training::recipes::{DetectionRecipe, FileOptions, write_model};
use ocelli_training::weights::{Weights, write_whole};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Example:\n  ocelli-train export ocelli-nano --checkpoint runs/bccd -o bccd.onnx --half")]
pub struct ExportArgs {
    /// The network, to be sure that the folder's training is of it
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Folder of the training
    #[arg(long, value_name = "DIR")]
    checkpoint: PathBuf,
    /// The file to write: a model, or a YOLOv3's weights for Darknet
    #[arg(long, short, value_name = "FILE.onnx|FILE.weights")]
    output: PathBuf,
    /// Store weights in 16 bits: half the size; they are computed with in 32 bits
    #[arg(long)]
    half: bool,
    /// Leave height and width open in the file, for runtimes that can be told them
    #[arg(long)]
    open_sides: bool,
}

pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let recipe = DetectionRecipe::read(&args.checkpoint.join(RECIPE), &[])?;
    let own = recipe.model.architecture.name();
    if let Some(name) = args.name.as_deref().filter(|name| *name != own) {
        bail!("{} is a training of {own}, not of {name}", args.checkpoint.display());
    }
    let weights = best_weights(&args.checkpoint)?;
    if args.output.extension().is_some_and(|extension| extension == "weights") {
        return write_darknet(&recipe, &weights, &args.output);
    }
    let precision = if args.half { Precision::Half } else { Precision::Single };
    let file = FileOptions { precision, open_sides: args.open_sides };
    let written = write_model(&recipe, &weights, file, &args.output)?;
    tell(&told(&args.output, written));
    Ok(())
}

/// The format's version that Darknet writes; how many pictures were seen is not told.
const HEADER: Header = Header { major: 0, minor: 2, revision: 0, seen: 0 };

/// Writes weights as Darknet reads them beside the .cfg of the same network.
fn write_darknet(recipe: &DetectionRecipe, weights: &Weights, path: &Path) -> anyhow::Result<()> {
    if recipe.model.architecture == Architecture::OcelliNano {
        bail!("Darknet has no ocelli-nano: write it as .onnx");
    }
    let network = weights.load_into(recipe.model.init(&Device::flex()))?;
    let bytes = darknet_weights::write(&network, HEADER, None)?;
    write_whole(path, &bytes).with_context(|| path.display().to_string())?;
    tell(&format!("{}: {:.2} MB", path.display(), bytes.len() as f64 / 1e6));
    Ok(())
}
