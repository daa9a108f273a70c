//! `ocelli-train export`.

use super::tell;
use super::train::{RECIPE, best_weights, told};
use anyhow::bail;
use clap::Args;
use ocelli_training::export::Precision;
use ocelli_training::recipes::{DetectionRecipe, write_model};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Example:\n  ocelli-train export ocelli-nano --checkpoint runs/bccd -o bccd.onnx --half")]
pub struct ExportArgs {
    /// The network, to be sure that the folder's training is of it
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Folder of the training
    #[arg(long, value_name = "DIR")]
    checkpoint: PathBuf,
    /// The file to write
    #[arg(long, short, value_name = "FILE.onnx")]
    output: PathBuf,
    /// Store weights in 16 bits: half the size; they are computed with in 32 bits
    #[arg(long)]
    half: bool,
}

pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let recipe = DetectionRecipe::read(&args.checkpoint.join(RECIPE), &[])?;
    let own = recipe.model.architecture.name();
    if let Some(name) = args.name.as_deref().filter(|name| *name != own) {
        bail!("{} is a training of {own}, not of {name}", args.checkpoint.display());
    }
    let precision = if args.half { Precision::Half } else { Precision::Single };
    let written = write_model(&recipe, &best_weights(&args.checkpoint)?, precision, &args.output)?;
    tell(&told(&args.output, written));
    Ok(())
}
