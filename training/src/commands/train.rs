//! `ocelli-train train`.

use super::progress::{Display, pictures};
use super::tell;
use anyhow::{Context, bail};
use burn::tensor::Device;
use clap::Args;
use ocelli_training::recipes::{
    Beginning, DetectionRecipe, DetectionTask, FileOptions, Fingerprint, Prepared, Written, write_model,
};
use ocelli_training::train::{BEST, CHECKPOINT, Checkpoint, Ending, Log, Surroundings, TrainError};
use ocelli_training::train::{draw_curves, train};
use ocelli_training::weights::{Weights, WeightsError, write_whole};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A training's recipe, every setting named, in its folder.
pub const RECIPE: &str = "recipe.toml";
/// A training's log in its folder.
pub const LOG: &str = "log.jsonl";
/// Its model in its folder.
pub const MODEL: &str = "model.onnx";
/// Exit code of a training that was asked to stop, as shells have it for SIGINT.
pub const STOPPED: u8 = 130;

#[derive(Args)]
#[command(after_help = "Examples:\n  ocelli-train train bccd --data BCCD --out runs/bccd\n  \
    ocelli-train train bccd --data BCCD --out runs/longer --set train.epochs=200 --set loss.form=paper\n  \
    ocelli-train train --out runs/bccd --resume\n\n\
    Ctrl-C saves and stops; --resume goes on as if it had never stopped.")]
pub struct TrainArgs {
    /// The recipe: a name (ocelli-train list) or a .toml file
    #[arg(value_name = "NAME|FILE.toml", required_unless_present = "resume")]
    recipe: Option<String>,
    /// Labelled pictures, in any format that `ocelli evaluate` reads [default with --resume: those of the beginning]
    #[arg(long, value_name = "PATH", required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// Folder for checkpoint, log, plots and model; made if absent
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on from the folder's checkpoint
    #[arg(long, conflicts_with_all = ["settings", "weights"])]
    resume: bool,
    /// Change a setting of the recipe; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Begin with these weights: .safetensors of an earlier training, or Darknet's .weights (whole, or a backbone)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

pub fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let beginning = args.weights.clone().map_or(Beginning::Random, Beginning::File);
    let run = Run { out: args.out.clone(), resume: args.resume, beginning };
    let (recipe, data) = if args.resume {
        if !args.out.join(CHECKPOINT).exists() {
            bail!("{} has no {CHECKPOINT} to go on from: begin it without --resume", args.out.display());
        }
        let recipe = DetectionRecipe::read(&args.out.join(RECIPE), &[])?;
        if let Some(name) = &args.recipe {
            let (own, named) = (recipe.model.architecture, DetectionRecipe::find(name, &[])?.model.architecture);
            if own != named {
                bail!("{} is a training of {}, not of {}", args.out.display(), own.name(), named.name());
            }
        }
        let fingerprint = Fingerprint::read(&args.out)?;
        (recipe, args.data.clone().unwrap_or(fingerprint.path))
    } else {
        let (Some(name), Some(data)) = (&args.recipe, &args.data) else { bail!("which recipe, and which data?") };
        let recipe = DetectionRecipe::find(name, &args.settings)?;
        let written = args.out.join(RECIPE);
        if written.exists() && Path::new(name).canonicalize().ok() == written.canonicalize().ok() {
            bail!("{name} would be overwritten by the training's own {RECIPE}: choose another folder");
        }
        (recipe, data.clone())
    };
    let (_, ending) = run.train(recipe, &data)?;
    if ending == Ending::Stopped {
        return Ok(ExitCode::from(STOPPED));
    }
    tell(&served(&args.out));
    Ok(ExitCode::SUCCESS)
}

/// A training and its folder.
pub struct Run {
    /// The folder.
    pub out: PathBuf,
    /// Whether the folder's training goes on.
    pub resume: bool,
    /// Where it begins.
    pub beginning: Beginning,
}

impl Run {
    /// Trains, then draws the curves and exports the model.
    pub fn train(&self, recipe: DetectionRecipe, data: &Path) -> anyhow::Result<(DetectionTask, Ending)> {
        if !self.resume && self.out.join(CHECKPOINT).exists() {
            return Err(TrainError::Occupied(self.out.clone()).into());
        }
        if !self.resume && self.out.join(MODEL).exists() {
            bail!("{} holds a {MODEL} of another origin: choose another folder", self.out.display());
        }
        let prepared = Prepared::open(data, &recipe)?;
        let bar = pictures(prepared.pictures())?;
        let fingerprint = Fingerprint::of(data, &prepared)?;
        if self.resume {
            fingerprint.check(&Fingerprint::read(&self.out)?)?;
        }
        tell(&fingerprint.to_string());
        prepared.doubts().iter().for_each(|doubt| tell(&format!("warning: {doubt}")));
        let task = DetectionTask::new(recipe, prepared, &|_, _| bar.inc(1))?;
        bar.finish_and_clear();
        let start = self.beginning.weights(&task.recipe().model, task.recipe().train.seed)?;
        if let Some(start) = &start {
            tell(&start.description);
        }
        if !self.resume {
            std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
            write(&self.out.join(RECIPE), &task.recipe().to_toml()?)?;
            fingerprint.write(&self.out)?;
        }
        let ending = self.train_task(&task, start.as_ref().map(|start| &start.weights))?;
        draw_curves(&Log::read(&self.out.join(LOG))?, &self.out)?;
        if ending == Ending::Stopped {
            tell(&format!("stopped and saved; go on with: ocelli-train train --out {} --resume", self.out.display()));
        } else {
            self.export(task.recipe())?;
        }
        Ok((task, ending))
    }

    fn train_task(&self, task: &DetectionTask, start: Option<&Weights>) -> anyhow::Result<Ending> {
        let done = match self.resume {
            true => Checkpoint::read(&self.out.join(CHECKPOINT))?.state.step,
            false => 0,
        };
        // Opened by the first event: a training that is refused leaves the log as it was.
        let mut log = None;
        let mut display = Display::new()?;
        let stop = stop_on_signal()?;
        let device = Device::flex().autodiff();
        let surroundings = Surroundings { folder: &self.out, device: &device, stop: &stop, start };
        let ending = train(task, &task.recipe().train, &surroundings, self.resume, &mut |event| {
            display.show(event);
            let log = match &mut log {
                Some(log) => log,
                none => none.insert(Log::open(&self.out.join(LOG), done)?),
            };
            log.write(event)
        });
        display.finish();
        let failed = matches!(ending, Err(TrainError::Log(_) | TrainError::Weights(WeightsError::File { .. })));
        if failed && self.out.join(CHECKPOINT).exists() {
            tell("what was saved before stays; --resume goes on from there");
        }
        Ok(ending?)
    }

    fn export(&self, recipe: &DetectionRecipe) -> anyhow::Result<()> {
        let path = self.out.join(MODEL);
        let written = write_model(recipe, &best_weights(&self.out)?, FileOptions::default(), &path)?;
        tell(&told(&path, written));
        Ok(())
    }
}

/// How the model in a training's folder is served.
pub fn served(folder: &Path) -> String {
    format!("serve it with: ocelli serve --model {}", folder.join(MODEL).display())
}

/// What is said of a written model.
pub fn told(path: &Path, written: Written) -> String {
    let Written { bytes, error } = written;
    let megabytes = bytes as f64 / 1e6;
    format!("{}: {megabytes:.2} MB; its outputs differ from the training's own by {error:.1e}", path.display())
}

/// The best weights of a training's folder; without a validation split, the last averaged ones.
pub fn best_weights(folder: &Path) -> anyhow::Result<Weights> {
    let best = folder.join(BEST);
    match best.exists() {
        true => Ok(Weights::read(&best)?.0),
        false => Ok(Checkpoint::read(&folder.join(CHECKPOINT))?.average),
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    write_whole(path, text.as_bytes()).with_context(|| path.display().to_string())
}

/// Set by the first SIGINT or SIGTERM; the second ends the process.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(STOPPED));
        }
        tell("stopping after this step; once more to stop at once");
    })?;
    Ok(stop)
}
