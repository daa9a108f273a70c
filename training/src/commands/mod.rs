//! One file a command. Standard output is data; everything else goes to standard error.

mod bench;
mod memory;
mod progress;
mod train;

use clap::{Parser, Subcommand};
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
    /// Measure a network's training step.
    Bench(bench::BenchArgs),
    /// Train by a recipe.
    Train(train::TrainArgs),
}

/// Parses the command line and runs it. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped and saved.
pub fn run() -> ExitCode {
    memory::keep();
    let done = match Arguments::parse().command {
        Command::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Train(args) => train::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
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
