//! `ocelli-train summary`.

use anyhow::{Context, bail};
use clap::Args;
use ocelli_training::models::registry::{REGISTRY, find};
use std::io::Write;

/// Print a network's layers with shapes, parameters and operations
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ocelli-train summary ocelli-nano\n  ocelli-train summary yolov3 --classes 3 --size 608"
)]
pub struct SummaryArgs {
    /// One of those that `list` names
    name: String,
    /// Number of classes [default: as published]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=16384))]
    classes: Option<u32>,
    /// Side of the picture, a multiple of 32, or HEIGHTxWIDTH [default: as published]
    #[arg(long, value_parser = parse_size)]
    size: Option<[usize; 2]>,
}

fn parse_size(text: &str) -> Result<[usize; 2], String> {
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    let side = |text: &str| match text.parse::<usize>() {
        Ok(side) if (32..=8192).contains(&side) && side % 32 == 0 => Ok(side),
        _ => Err(format!("`{text}` is no multiple of 32 in 32..=8192")),
    };
    Ok([side(height)?, side(width)?])
}

/// Prints one network's table.
pub fn run(args: &SummaryArgs) -> anyhow::Result<()> {
    let Some(entry) = find(&args.name) else {
        let names: Vec<&str> = REGISTRY.iter().map(|entry| entry.name).collect();
        bail!("no network is called `{}`; there are {}", args.name, names.join(", "));
    };
    let mut input = entry.input.to_vec();
    if let Some(size) = args.size {
        let sides = input.get_mut(1..3).with_context(|| format!("the input of {} is no picture", entry.name))?;
        sides.copy_from_slice(&size);
    }
    let classes = args.classes.map_or(entry.classes, |classes| classes as usize);
    write!(std::io::stdout().lock(), "{}", entry.summarize(classes, &input)?)?;
    Ok(())
}
