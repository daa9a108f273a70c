//! What `ocelli evaluate` writes, and where.

use crate::commands::Usage;
use crate::commands::config::color_wanted;
use anyhow::Context;
use clap::Args;
use ocelli::dataset::Dataset;
use ocelli::evaluate::table::{TerminalOptions, csv, markdown, terminal};
use ocelli::evaluate::{Evaluation, Predictions, report};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Write all figures as JSON; - for standard output, in place of the table
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
    /// Write the classes as comma-separated values; - for standard output
    #[arg(long, value_name = "FILE|-")]
    csv: Option<PathBuf>,
    /// Write a table for a pull request; - for standard output
    #[arg(long, value_name = "FILE|-")]
    markdown: Option<PathBuf>,
    /// Write a page with curves, tables and the worst pictures: one file, no network
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the detections as COCO results, for pycocotools
    #[arg(long, value_name = "FILE.json")]
    coco_results: Option<PathBuf>,
}

impl OutputArgs {
    /// Standard output is for one of them, and a missing folder is told before the work rather than after it.
    pub fn check(&self) -> Result<(), Usage> {
        let files = [&self.json, &self.csv, &self.markdown, &self.report, &self.coco_results].into_iter().flatten();
        for path in files {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                return Err(Usage(format!("{}: there is no folder {}", path.display(), folder.display())));
            }
        }
        let outputs = [("--json", &self.json), ("--csv", &self.csv), ("--markdown", &self.markdown)];
        let on_stdout = outputs.iter().filter(|(_, path)| path.as_deref().is_some_and(is_stdout));
        match on_stdout.map(|(name, _)| *name).collect::<Vec<_>>()[..] {
            [] | [_] => Ok(()),
            [first, second, ..] => Err(Usage(format!("{first} - and {second} -: only one can have standard output"))),
        }
    }

    /// Writes what was asked for; the table, unless standard output is taken.
    pub fn write(&self, evaluation: &Evaluation, dataset: &Dataset, predictions: &Predictions) -> anyhow::Result<()> {
        if let Some(path) = &self.json {
            write_to(path, &format!("{}\n", serde_json::to_string(evaluation)?))?;
        }
        if let Some(path) = &self.csv {
            write_to(path, &csv(evaluation))?;
        }
        if let Some(path) = &self.markdown {
            write_to(path, &markdown(evaluation))?;
        }
        if let Some(path) = &self.report {
            write_to(path, &report::html(evaluation, dataset, &predictions.list))?;
        }
        if let Some(path) = &self.coco_results {
            write_to(path, &serde_json::to_string(&coco_results(dataset, predictions))?)?;
        }
        let taken = [&self.json, &self.csv, &self.markdown].into_iter().flatten().any(|path| is_stdout(path));
        if !taken {
            let out = std::io::stdout();
            write!(out.lock(), "{}", terminal(evaluation, &terminal_options(out.is_terminal())))?;
        }
        Ok(())
    }
}

/// As wide as the terminal, up to where lines are hard to read, and in colour unless <https://no-color.org> is asked for.
fn terminal_options(is_terminal: bool) -> TerminalOptions {
    let options = TerminalOptions::default();
    if !is_terminal {
        return options;
    }
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    TerminalOptions {
        width: columns.map_or(options.width, |columns| columns.clamp(40, 110)),
        color: color_wanted(),
        ..options
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn write_to(path: &Path, text: &str) -> anyhow::Result<()> {
    if is_stdout(path) {
        return Ok(std::io::stdout().lock().write_all(text.as_bytes())?);
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// A detection as pycocotools reads it.
#[derive(Serialize)]
struct CocoResult {
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
    score: f64,
}

fn coco_results(dataset: &Dataset, predictions: &Predictions) -> Vec<CocoResult> {
    let results = predictions.list.iter().map(|found| CocoResult {
        image_id: dataset.images[found.image as usize].id,
        category_id: dataset.category_ids[found.class as usize],
        bbox: [found.bbox.x, found.bbox.y, found.bbox.width, found.bbox.height],
        score: found.score,
    });
    results.collect()
}
