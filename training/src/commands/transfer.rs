//! `ocelli-train transfer`.

use super::evaluate::{evaluate, show};
use super::tell;
use super::train::{MODEL, Run, STOPPED, served};
use clap::Args;
use ocelli_training::models::Architecture;
use ocelli_training::models::nano::OcelliNanoConfig;
use ocelli_training::recipes::{Beginning, DetectionRecipe, Prepared};
use ocelli_training::train::Ending;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "Examples:\n  ocelli-train transfer --data my-pictures\n  \
    ocelli-train transfer --data my-pictures --out runs/tiny --model yolov3-tiny --weights yolov3-tiny.weights")]
pub struct TransferArgs {
    /// Labelled pictures, in any format that `ocelli evaluate` reads
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Folder for checkpoint, log, plots and model [default: runs/ and the name of the data's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The network
    #[arg(long, value_name = "NAME", default_value = "ocelli-nano", value_parser = Architecture::find)]
    model: Architecture,
    /// Weights to begin with [default for ocelli-nano: the model that ships; others begin at random]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Change a setting of the recipe; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

pub fn run(args: &TransferArgs) -> anyhow::Result<ExitCode> {
    let mut settings = vec![format!("model.architecture=\"{}\"", args.model.name())];
    settings.extend(args.settings.iter().cloned());
    let mut recipe = DetectionRecipe::find("transfer", &settings)?;
    let shipped = recipe.model.architecture == Architecture::OcelliNano && args.weights.is_none();
    if shipped && recipe.model.width == 1.0 {
        recipe.model.widths.get_or_insert(OcelliNanoConfig::SHIPPED_WIDTHS);
    }
    let prepared = Prepared::open(&args.data, &recipe)?;
    prepared.choose_sizes(&mut recipe, &args.settings);
    let input = &recipe.input;
    tell(&format!("{} at {}×{}, {} epochs", args.model.name(), input.width, input.height, recipe.train.epochs));
    let beginning = match &args.weights {
        Some(path) => Beginning::File(path.clone()),
        None if shipped => Beginning::Shipped,
        None => Beginning::Random,
    };
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(args.data.file_stem().unwrap_or_default()));
    let run = Run { out: out.clone(), resume: false, beginning };
    let (task, ending) = run.train(recipe, &args.data)?;
    if ending == Ending::Stopped {
        return Ok(ExitCode::from(STOPPED));
    }
    let model = out.join(MODEL);
    if let Some(validation) = Prepared::open(&args.data, task.recipe())?.validation {
        show(&evaluate(&model, &validation, task.recipe().data.nms_iou)?)?;
    }
    tell(&served(&out));
    Ok(ExitCode::SUCCESS)
}
