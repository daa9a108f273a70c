//! `ocelli dataset`.

use super::config::{FormatChoice, format};
use super::findings::{list, severity};
use super::{Usage, progress, tell};
use anyhow::bail;
use clap::{Args, Subcommand};
use ocelli::dataset::convert::{Target, convert};
use ocelli::dataset::{Dataset, Fault, Finding, Findings, Format, OpenOptions, Place, Severity, check, open};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ocelli dataset check data/bccd\n  ocelli dataset convert data/bccd --to yolo -o bccd-yolo"
)]
pub struct DatasetCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Count what is in a data set, and list all that is wrong with it: exit 1 if it is wrong beyond use
    #[command(after_help = "Examples:\n  ocelli dataset check data/bccd\n  \
        ocelli dataset check instances_val2017.json --json | jq '.faults[].kind'\n  \
        ocelli dataset check data.yaml --split train --strict")]
    Check(CheckCommand),
    /// Write a data set in another format
    #[command(after_help = "Example:\n  ocelli dataset convert data/bccd --split train --to coco -o bccd-coco")]
    Convert(ConvertCommand),
}

#[derive(Args)]
struct CheckCommand {
    #[command(flatten)]
    data: DataArgs,
    /// One JSON object in place of the tables
    #[arg(long)]
    json: bool,
    /// Doubtful things count as wrong
    #[arg(long)]
    strict: bool,
}

#[derive(Args)]
struct ConvertCommand {
    #[command(flatten)]
    data: DataArgs,
    /// The new format
    #[arg(long, value_name = "coco|voc|yolo", value_parser = target)]
    to: Target,
    /// A new or empty folder
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Which data set.
#[derive(Args)]
struct DataArgs {
    /// The data set's folder, or its file: COCO .json, data.yaml, Darknet .data, list of pictures, .csv
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Its format
    #[arg(long, value_name = "auto|coco|voc|yolo|darknet|csv", default_value = "auto", value_parser = format)]
    format: FormatChoice,
    /// Its part: train, val, test … [default: the validation split, or the only one]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
}

fn target(name: &str) -> Result<Target, String> {
    match name {
        "coco" => Ok(Target::Coco),
        "voc" => Ok(Target::Voc),
        "yolo" => Ok(Target::Yolo),
        _ => Err("there are coco, voc and yolo".into()),
    }
}

impl DatasetCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Check(command) => command.run(),
            Action::Convert(command) => command.run(),
        }
    }
}

impl DataArgs {
    fn open(&self) -> anyhow::Result<Dataset> {
        let options = OpenOptions { format: self.format.0, split: self.split.clone() };
        Ok(open(&self.path, &options)?)
    }
}

impl CheckCommand {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let dataset = self.data.open()?;
        let bar = progress(dataset.images.len(), "pictures")?;
        let findings = check(&dataset, &|_| bar.inc(1));
        bar.finish_and_clear();
        let classes = classes(&dataset);
        if self.json {
            print_json(&dataset, classes, &findings)?;
        } else {
            print_counts(&dataset, &classes)?;
            print_faults(&findings)?;
        }
        let wrong = match findings.worst() {
            Some(Severity::Error) => true,
            Some(Severity::Warning) => self.strict,
            None => false,
        };
        Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// What there is of one class.
#[derive(Debug, Clone, Serialize)]
struct ClassCount<'a> {
    label: &'a str,
    /// Objects.
    truths: usize,
    /// Pictures with at least one of them.
    images: usize,
}

/// Every class, in the data set's order.
fn classes(dataset: &Dataset) -> Vec<ClassCount<'_>> {
    let mut counts: Vec<_> = dataset.labels.iter().map(|label| ClassCount { label, truths: 0, images: 0 }).collect();
    let mut seen: Vec<_> = dataset.truths.iter().map(|truth| (truth.class, truth.image)).collect();
    seen.sort_unstable();
    let mut last = None;
    for place in seen {
        if let Some(count) = counts.get_mut(place.0 as usize) {
            count.truths += 1;
            count.images += usize::from(last != Some(place));
        }
        last = Some(place);
    }
    counts
}

/// The report; the order of the keys is that of the JSON.
#[derive(Serialize)]
struct Report<'a> {
    path: String,
    format: Format,
    split: Option<&'a str>,
    images: usize,
    truths: usize,
    crowds: usize,
    ignored: usize,
    classes: Vec<ClassCount<'a>>,
    faults: Vec<FaultReport<'a>>,
}

#[derive(Serialize)]
struct FaultReport<'a> {
    kind: Fault,
    severity: &'static str,
    count: usize,
    description: &'static str,
    first: &'a [Place],
}

fn print_json(dataset: &Dataset, classes: Vec<ClassCount>, findings: &Findings) -> anyhow::Result<()> {
    let faults = findings.iter().map(|(kind, Finding { count, places })| FaultReport {
        kind,
        severity: severity(kind),
        count: *count,
        description: kind.describe(),
        first: places,
    });
    let (crowds, ignored) = marked(dataset);
    let report = Report {
        path: dataset.path.display().to_string(),
        format: dataset.format,
        split: dataset.split.as_deref(),
        images: dataset.images.len(),
        truths: dataset.truths.len(),
        crowds,
        ignored,
        classes,
        faults: faults.collect(),
    };
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}

/// How many crowds there are, and how many objects that are to be ignored.
fn marked(dataset: &Dataset) -> (usize, usize) {
    let crowds = dataset.truths.iter().filter(|truth| truth.crowd).count();
    let ignored = dataset.truths.iter().filter(|truth| truth.ignore && !truth.crowd).count();
    (crowds, ignored)
}

fn print_counts(dataset: &Dataset, classes: &[ClassCount]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let (crowds, ignored) = marked(dataset);
    let used = classes.iter().filter(|class| class.truths > 0).count();
    writeln!(out, "{}", dataset.path.display())?;
    writeln!(out, "format    {}", dataset.format.name())?;
    writeln!(out, "split     {}", dataset.split.as_deref().unwrap_or("none: the data set is whole"))?;
    writeln!(out, "pictures  {}", dataset.images.len())?;
    let marks = [(crowds, "crowds"), (ignored, "to be ignored")].map(|(count, what)| match count {
        0 => String::new(),
        _ => format!(", {count} of them {what}"),
    });
    writeln!(out, "objects   {}{}", dataset.truths.len(), marks.concat())?;
    writeln!(out, "classes   {used} of {} occur", classes.len())?;
    let longest = classes.iter().map(|class| class.label.chars().count()).max().unwrap_or(0).max("class".len());
    writeln!(out, "\n  {:<longest$}  {:>8}  {:>8}", "class", "objects", "pictures")?;
    for class in classes.iter().filter(|class| class.truths > 0) {
        writeln!(out, "  {:<longest$}  {:>8}  {:>8}", class.label, class.truths, class.images)?;
    }
    Ok(())
}

fn print_faults(findings: &Findings) -> anyhow::Result<()> {
    let faults = if findings.is_empty() { "no faults\n".into() } else { list(findings, usize::MAX) };
    write!(std::io::stdout().lock(), "\n{faults}")?;
    Ok(())
}

impl ConvertCommand {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let dataset = self.data.open()?;
        if dataset.images.is_empty() {
            bail!(Usage(format!("{}: there are no pictures in it", self.data.path.display())));
        }
        let bar = progress(dataset.images.len(), "pictures")?;
        let written = convert(&dataset, self.to, &self.output, &|_| bar.inc(1))?;
        bar.finish_and_clear();
        for (fault, finding) in dataset.findings.iter() {
            tell(&format!("{}: {} × {}", severity(fault), finding.count, fault.describe()));
        }
        for loss in &written.losses {
            tell(&format!("lost: {loss}"));
        }
        let split = dataset.split.as_deref().map_or_else(String::new, |split| format!(", split {split}"));
        let from = format!("{} ({}{split})", self.data.path.display(), dataset.format.name());
        let (pictures, objects) = (written.images, written.truths);
        writeln!(
            std::io::stdout().lock(),
            "{}: {pictures} pictures and {objects} objects from {from}",
            self.output.display()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
