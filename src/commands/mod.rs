//! One file a command. Standard output is data; everything else goes to standard error.

mod bench;
mod config;
mod convert;
mod dataset;
mod detect;
mod engine;
mod evaluate;
mod findings;
mod healthcheck;
mod infer;
mod layers;
mod models;
mod openapi;
mod pictures;
mod protocol;
mod quantize;
mod serve;
mod thresholds;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ocelli::causes::causes;
use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Real-time object detection: YOLO models from ONNX, on the command line and over HTTP.
#[derive(Parser)]
#[command(name = "ocelli", version, propagate_version = true, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve models over HTTP.
    Serve(serve::ServeCommand),
    /// Find the objects in pictures.
    Detect(detect::DetectCommand),
    /// Measure how good a model is on a data set: AP by several protocols, and what goes wrong.
    Evaluate(Box<evaluate::EvaluateCommand>),
    /// Make an ONNX model of a Darknet .cfg and .weights.
    Convert(convert::ConvertCommand),
    /// Make an 8-bit model of a detector.
    Quantize(quantize::QuantizeCommand),
    /// Check a data set, or write it in another format.
    Dataset(dataset::DatasetCommand),
    /// Run any ONNX model on NumPy tensors.
    Infer(infer::InferCommand),
    /// List models, or tell all of one.
    Models(models::ModelsCommand),
    /// Measure how fast a model runs here.
    Bench(bench::BenchCommand),
    /// Ask a server whether it is ready: exit 0 when it is.
    Healthcheck(healthcheck::HealthcheckCommand),
    /// Print the OpenAPI specification of the server.
    #[command(after_help = "Example:\n  ocelli openapi > openapi.json")]
    Openapi,
}

/// The arguments were understood, and ask for something impossible: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Parses the command line and runs it. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a gate was missed.
pub fn run() -> ExitCode {
    ocelli::engine::keep_freed_memory();
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Serve(command) => command.run(),
        Command::Detect(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Convert(command) => command.run(),
        Command::Quantize(command) => command.run(),
        Command::Dataset(command) => command.run(),
        Command::Infer(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Healthcheck(command) => command.run(),
        Command::Openapi => openapi::run(),
    };
    match done {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&causes(error.as_ref()));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// Whoever read the output has had enough: `ocelli detect … | head -1`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref()).any(|e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe)
}

/// Says what went wrong, on standard error.
#[expect(clippy::print_stderr, reason = "this is the one place that does")]
fn complain(message: &str) {
    let word =
        if std::io::stderr().is_terminal() && config::color_wanted() { "\x1b[1;31merror\x1b[0m" } else { "error" };
    eprintln!("{word}: {message}");
}

/// Says something that is neither data nor an error, on standard error.
#[expect(clippy::print_stderr, reason = "this is the one place that does")]
fn tell(message: &str) {
    eprintln!("{message}");
}

/// A bar over `count` of something; it shows on terminals alone.
fn progress(count: usize, what: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {what}, {{per_sec}}, {{eta}} left"))?;
    Ok(ProgressBar::new(count as u64).with_style(style))
}

/// Sends logs to standard error: for people on a terminal, as JSON lines otherwise. `filter` is as in `RUST_LOG`.
fn start_logging(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.compact().with_target(false).init();
    } else {
        logs.json().flatten_event(true).with_target(false).with_span_list(false).init();
    }
}
