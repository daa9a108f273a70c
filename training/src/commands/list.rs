//! `ocelli-train list`.

use clap::Args;
use ocelli_training::models::registry::REGISTRY;
use ocelli_training::models::summary::{shape, thousands};
use ocelli_training::recipes::{DetectionRecipe, RECIPES};
use std::io::Write;

/// List networks and recipes
#[derive(Args)]
pub struct ListArgs {}

/// Prints a line for each network, figures for its published classes and size.
pub fn run(_: &ListArgs) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<12}  {:>12}  {:>8}  {:>9}  {:>7}  {:<50}  paper",
        "name", "parameters", "GFLOP", "input", "classes", "what it is"
    )?;
    for entry in REGISTRY {
        let summary = entry.summarize(entry.classes, entry.input)?;
        writeln!(
            out,
            "{:<12}  {:>12}  {:>8.3}  {:>9}  {:>7}  {:<50}  {}",
            entry.name,
            thousands(summary.parameters),
            summary.flops() as f64 / 1e9,
            shape(entry.input),
            entry.classes,
            entry.description,
            entry.paper,
        )?;
    }
    writeln!(out, "\nrecipe    network       input    what it is")?;
    for (name, _) in RECIPES {
        let DetectionRecipe { model, input, description, .. } = DetectionRecipe::find(name, &[])?;
        let size = format!("{}×{}", input.width, input.height);
        writeln!(out, "{name:<8}  {:<12}  {size:<7}  {description}", model.architecture.name())?;
    }
    Ok(())
}
