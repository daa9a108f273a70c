//! `ocelli-train gradcheck`.

use clap::Args;
use ocelli_training::gradient_check::{CORRECT, GradientReport, WRONG, check_network};
use std::io::Write;
use std::process::ExitCode;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ocelli-train gradcheck yolov3-tiny\n  ocelli-train gradcheck ocelli-nano --plant-fault\n\n\
    The network is narrow and its pictures are small, the loss is the real one. Exit code 1 if an error is 1e-7 or more."
)]
pub struct GradcheckArgs {
    /// One of those that `list` names
    name: String,
    /// Halve the gradient of the first output on the way back, to see what a fault looks like
    #[arg(long)]
    plant_fault: bool,
    /// Seed of weights, pictures and boxes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON: an array with an object for each parameter
    #[arg(long)]
    json: bool,
}

/// Prints a line for each parameter.
pub fn run(args: &GradcheckArgs) -> anyhow::Result<ExitCode> {
    let reports = check_network(&args.name, args.plant_fault, args.seed)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&reports)?)?;
    } else {
        table(&mut out, &reports)?;
    }
    let correct = !reports.is_empty() && reports.iter().all(GradientReport::is_correct);
    Ok(if correct { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn table(out: &mut impl Write, reports: &[GradientReport]) -> std::io::Result<()> {
    let width = reports.iter().map(|report| report.name.len()).max().unwrap_or(0).max("parameter".len());
    writeln!(
        out,
        "{:<width$}  {:>15}  {:>5}  {:>9}  {:>7}  {:>9}  verdict",
        "parameter", "entries", "kinks", "gradient", "step", "error"
    )?;
    for report in reports {
        let GradientReport { name, entries, of, kinks, error, step, norm } = report;
        let entries = format!("{entries} of {of}");
        writeln!(
            out,
            "{name:<width$}  {entries:>15}  {kinks:>5}  {norm:>9.2e}  {step:>7.0e}  {error:>9.1e}  {}",
            verdict(report)
        )?;
    }
    let faulty = reports.iter().filter(|report| !report.is_correct()).count();
    let worst = reports.iter().map(|report| report.error).fold(0.0, f64::max);
    writeln!(out, "\n{} parameters, {faulty} not correct; largest error {worst:.1e}", reports.len())
}

fn verdict(report: &GradientReport) -> &'static str {
    match report.error {
        error if error < CORRECT => "correct",
        error if error > WRONG => "WRONG",
        error if error.is_nan() => "NOT TOLD",
        _ => "DOUBTFUL",
    }
}
