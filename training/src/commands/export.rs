//! `ocelli-train export`.

use super::tell;
use super::train::{RECIPE, best_weights, told};
use clap::Args;
use ocelli_training::export::Precision;
use ocelli_training::recipes::{DetectionRecipe, write_model};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Example:\n  ocelli-train export --checkpoint runs/bccd -o bccd.onnx --half")]
pub struct ExportArgs {
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
    let precision = if args.half { Precision::Half } else { Precision::Single };
    let written = write_model(&recipe, &best_weights(&args.checkpoint)?, precision, &args.output)?;
    tell(&told(&args.output, written));
    Ok(())
}
