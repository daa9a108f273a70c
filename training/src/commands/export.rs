//! `ocelli-train export`.

use super::tell;
use super::train::{RECIPE, best_weights};
use clap::Args;
use ocelli_training::recipes::{DetectionRecipe, ModelFile};
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
    let file = ModelFile::new(&recipe, &best_weights(&args.checkpoint)?)?;
    let written = if args.half { file.half()? } else { file }.write(&args.output)?;
    tell(&format!(
        "{}: {:.2} MB; differs from the training's own forward by {:.1e}",
        args.output.display(),
        written.bytes as f64 / 1e6,
        written.error
    ));
    Ok(())
}
