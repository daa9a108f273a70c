//! One file a command. Standard output is data; everything else goes to standard error.

mod anchors;
mod augment;
mod bench;
mod evaluate;
mod export;
mod gradcheck;
mod list;
mod progress;
mod summary;
mod train;
mod transfer;

use clap::{Parser, Subcommand};
use ocelli::causes::causes;
use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;

/// Training of Ocelli's networks, and their export to the ONNX files that `ocelli` serves.
#[derive(Parser)]
#[command(name = "ocelli-train", version, propagate_version = true, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List recipes and networks.
    List(list::ListArgs),
    /// Layers of a network: shapes, parameters, operations.
    Summary(summary::SummaryArgs),
    /// Fit anchors to a data set's boxes.
    Anchors(anchors::AnchorsArgs),
    /// Show each augmentation on pictures of a data set.
    Augment(augment::AugmentArgs),
    /// Train by a recipe.
    Train(train::TrainArgs),
    /// Fine-tune a detector on a folder of labelled pictures: data, anchors, training, evaluation and export in one.
    Transfer(transfer::TransferArgs),
    /// Measure a training's best weights on a data set, as `ocelli evaluate` does.
    Evaluate(evaluate::EvaluateArgs),
    /// Write a training's best weights as an ONNX model.
    Export(export::ExportArgs),
    /// Compare a network's gradients with central differences.
    Gradcheck(gradcheck::GradcheckArgs),
    /// Time training steps.
    Bench(bench::BenchArgs),
}

/// Parses the command line and runs it. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped and saved.
pub fn run() -> ExitCode {
    ocelli::engine::keep_freed_memory();
    let done = match Arguments::parse().command {
        Command::List(args) => list::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Summary(args) => summary::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Anchors(args) => anchors::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Augment(args) => augment::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Train(args) => train::run(&args),
        Command::Transfer(args) => transfer::run(&args),
        Command::Evaluate(args) => evaluate::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Export(args) => export::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Gradcheck(args) => gradcheck::run(&args),
        Command::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&causes(error.as_ref()));
            ExitCode::from(1)
        }
    }
}

/// Whoever read the output has had enough: `ocelli-train list | head -1`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref()).any(|e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe)
}

/// Says what went wrong, on standard error.
#[expect(clippy::print_stderr, reason = "this is the one place that does")]
fn complain(message: &str) {
    let word = if std::io::stderr().is_terminal() { "\x1b[1;31merror\x1b[0m" } else { "error" };
    eprintln!("{word}: {message}");
}

/// Says something that is neither data nor an error, on standard error.
#[expect(clippy::print_stderr, reason = "this is the one place that does")]
fn tell(message: &str) {
    eprintln!("{message}");
}
